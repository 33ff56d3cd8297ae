//! The images of a page without text, which is most likely a scan.

use hayro_interpret::kurbo::{Affine, Point};
use hayro_interpret::{Image, ImageData};

/// Maximum number of images extracted from one page.
const MAX_IMAGES: usize = 8;
/// Maximum number of pixels of one image. A page of A4 at 600 dpi has 35 million.
const MAX_PIXELS: u64 = 40_000_000;
/// Minimum side in pixels. A smaller image is a bullet or a rule and contains no line of text.
const MIN_SIDE: u32 = 16;

/// The images that a page draws: their presence, or the images themselves.
#[derive(Debug, Default)]
pub(super) enum ScanImages {
    /// The page drew no image so far.
    #[default]
    Absent,
    /// The page drew an image.
    Present,
    /// The images, as TIFF.
    Extracted(Vec<Vec<u8>>),
}

impl ScanImages {
    /// Adds an image that the page draws, unless it is too small to contain text.
    pub(super) fn add(&mut self, image: &Image<'_, '_>, transform: Affine) {
        let (width, height) = (image.width(), image.height());
        if width.min(height) < MIN_SIDE {
            return;
        }
        let Self::Extracted(images) = self else {
            *self = Self::Present;
            return;
        };
        let pixels = u64::from(width) * u64::from(height);
        if images.len() < MAX_IMAGES && pixels <= MAX_PIXELS {
            let gray = to_gray(image);
            images.extend(gray.map(|gray| gray.rotated(quarter_turns(transform)).to_tiff()));
        }
    }
}

/// Returns the clockwise quarter turns of an image, from the direction of its first row on the page.
fn quarter_turns(transform: Affine) -> usize {
    let row = transform * Point::new(1.0, 0.0) - transform * Point::ZERO;
    match (row.x.abs() >= row.y.abs(), row.x >= 0.0, row.y >= 0.0) {
        (true, true, _) => 0,
        (true, false, _) => 2,
        (false, _, true) => 1,
        (false, _, false) => 3,
    }
}

/// A grayscale image, row by row.
#[derive(Debug, PartialEq, Eq)]
struct GrayImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

fn to_gray(image: &Image<'_, '_>) -> Option<GrayImage> {
    let mut gray = None;
    match image {
        Image::Stencil(stencil) => stencil.with_stencil(
            |luma, _| {
                // A stencil paints where it is opaque, which is black on paper.
                let pixels = luma.data.iter().map(|opacity| u8::MAX - opacity).collect();
                gray = Some(GrayImage { width: luma.width, height: luma.height, pixels });
            },
            None,
        ),
        Image::Raster(raster) => raster.with_rgba(
            |data, _| {
                let (width, height) = (data.width(), data.height());
                let pixels = match data {
                    ImageData::Luma(luma) => luma.data,
                    ImageData::Rgb(rgb) => {
                        rgb.data.as_chunks().0.iter().map(|color| luma(*color)).collect()
                    }
                };
                gray = Some(GrayImage { width, height, pixels });
            },
            None,
        ),
    }
    gray.filter(|gray| {
        let pixels = u64::from(gray.width) * u64::from(gray.height);
        gray.pixels.len() as u64 == pixels && pixels <= MAX_PIXELS
    })
}

/// Returns the luma of a color, with the weights of ITU-R BT.601.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1_000).unwrap_or(u8::MAX)
}

impl GrayImage {
    /// Rotates the image clockwise by quarter turns.
    fn rotated(self, quarter_turns: usize) -> Self {
        (0..quarter_turns % 4).fold(self, |image, _| image.rotated_once())
    }

    fn rotated_once(self) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for column in 0..width {
            pixels.extend((0..height).rev().map(|row| self.pixels[row * width + column]));
        }
        Self { width: self.height, height: self.width, pixels }
    }

    /// Encodes the image as an uncompressed TIFF of one strip, for a reader on this machine.
    fn to_tiff(&self) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const HEADER_BYTES: u32 = 8;
        let length = u32::try_from(self.pixels.len()).expect("the pixels are limited above");
        let fields: [(u16, u16, u32); 9] = [
            (256, LONG, self.width),
            (257, LONG, self.height),
            (258, SHORT, 8),           // bits per sample
            (259, SHORT, 1),           // compression: none
            (262, SHORT, 1),           // 0 is black
            (273, LONG, HEADER_BYTES), // offset of the strip
            (277, SHORT, 1),           // samples per pixel
            (278, LONG, self.height),  // rows per strip
            (279, LONG, length),
        ];
        let mut out = b"II*\0".to_vec();
        out.extend((HEADER_BYTES + length + length % 2).to_le_bytes());
        out.extend(&self.pixels);
        // The directory starts at an even offset.
        out.extend(std::iter::repeat_n(0, self.pixels.len() % 2));
        out.extend([9, 0]);
        for (tag, kind, value) in fields {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        out.extend(0_u32.to_le_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clockwise_quarter_turn_puts_the_first_column_on_top() {
        let image = GrayImage { width: 2, height: 3, pixels: vec![1, 2, 3, 4, 5, 6] };

        let rotated = image.rotated(1);

        assert_eq!(rotated, GrayImage { width: 3, height: 2, pixels: vec![5, 3, 1, 6, 4, 2] });
    }

    #[test]
    fn the_directory_of_a_tiff_follows_its_pixels() {
        let tiff = GrayImage { width: 3, height: 1, pixels: vec![7, 8, 9] }.to_tiff();

        assert_eq!(tiff[4..8], 12_u32.to_le_bytes());
        assert_eq!(tiff[8..11], [7, 8, 9]);
        assert_eq!(tiff[12..14], [9, 0]);
    }
}
