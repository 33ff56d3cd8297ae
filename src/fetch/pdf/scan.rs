//! The images of a page that has no text: most likely a scan of one.

use hayro_interpret::kurbo::{Affine, Point};
use hayro_interpret::{Image, ImageData};

/// The most images of one page.
const MAX_IMAGES: usize = 8;
/// The most pixels of one image; a page of A4 at 600 dots an inch has 35 million.
const MAX_PIXELS: u64 = 40_000_000;
/// An image with a side below this is a bullet or a rule, and holds no line of text.
const MIN_SIDE: u32 = 16;

/// What to do with the images that a page draws.
#[derive(Debug, Default)]
pub(super) enum Images {
    /// Only whether there are any.
    #[default]
    Unseen,
    /// There are some.
    Seen,
    /// Keep them, as TIFF.
    Kept(Vec<Vec<u8>>),
}

impl Images {
    pub(super) fn see(&mut self, image: &Image<'_, '_>, at: Affine) {
        let (width, height) = (image.width(), image.height());
        if width.min(height) < MIN_SIDE {
            return;
        }
        let Self::Kept(kept) = self else {
            *self = Self::Seen;
            return;
        };
        let pixels = u64::from(width) * u64::from(height);
        if kept.len() < MAX_IMAGES && pixels <= MAX_PIXELS {
            kept.extend(grey(image).map(|it| it.turned(quarter_turns(at)).tiff()));
        }
    }
}

/// How often an image is turned right, by where its first row points on the page.
fn quarter_turns(at: Affine) -> usize {
    let along = at * Point::new(1.0, 0.0) - at * Point::ZERO;
    match (along.x.abs() >= along.y.abs(), along.x >= 0.0, along.y >= 0.0) {
        (true, true, _) => 0,
        (true, false, _) => 2,
        (false, _, true) => 1,
        (false, _, false) => 3,
    }
}

/// A picture in shades of grey, row by row.
#[derive(Debug, PartialEq, Eq)]
struct Grey {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

fn grey(image: &Image<'_, '_>) -> Option<Grey> {
    let mut made = None;
    match image {
        Image::Stencil(it) => it.with_stencil(
            |luma, _| {
                // Where a stencil is full, it paints; on paper that is black.
                let pixels = luma.data.iter().map(|it| u8::MAX - it).collect();
                made = Some(Grey { width: luma.width, height: luma.height, pixels });
            },
            None,
        ),
        Image::Raster(it) => it.with_rgba(
            |data, _| {
                let (width, height) = (data.width(), data.height());
                let pixels = match data {
                    ImageData::Luma(it) => it.data,
                    ImageData::Rgb(it) => {
                        it.data.as_chunks().0.iter().map(|it| luma(*it)).collect()
                    }
                };
                made = Some(Grey { width, height, pixels });
            },
            None,
        ),
    }
    let is_whole = |it: &Grey| it.pixels.len() as u64 == u64::from(it.width) * u64::from(it.height);
    made.filter(|it| is_whole(it) && it.pixels.len() as u64 <= MAX_PIXELS)
}

/// How bright a colour is to the eye, in the weights of ITU-R BT.601.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1_000).unwrap_or(u8::MAX)
}

impl Grey {
    /// The same turned right by quarters.
    fn turned(self, quarters: usize) -> Self {
        (0..quarters % 4).fold(self, |it, _| it.turned_once())
    }

    fn turned_once(self) -> Self {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for column in 0..width {
            pixels.extend((0..height).rev().map(|row| self.pixels[row * width + column]));
        }
        Self { width: self.height, height: self.width, pixels }
    }

    /// The picture as a TIFF of one strip, not compressed: it goes to a reader on this machine.
    fn tiff(&self) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const HEAD: u32 = 8;
        let length = u32::try_from(self.pixels.len()).expect("the pixels are counted above");
        let fields: [(u16, u16, u32); 9] = [
            (256, LONG, self.width),
            (257, LONG, self.height),
            (258, SHORT, 8),          // bits a pixel
            (259, SHORT, 1),          // not compressed
            (262, SHORT, 1),          // nothing is black
            (273, LONG, HEAD),        // where the strip is
            (277, SHORT, 1),          // one value a pixel
            (278, LONG, self.height), // rows in the strip
            (279, LONG, length),
        ];
        let mut out = b"II*\0".to_vec();
        out.extend((HEAD + length + length % 2).to_le_bytes());
        out.extend(&self.pixels);
        // The directory begins at an even place.
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
    fn a_quarter_turn_right_puts_the_first_column_on_top() {
        let picture = Grey { width: 2, height: 3, pixels: vec![1, 2, 3, 4, 5, 6] };

        let turned = picture.turned(1);

        assert_eq!(turned, Grey { width: 3, height: 2, pixels: vec![5, 3, 1, 6, 4, 2] });
    }

    #[test]
    fn the_directory_of_a_tiff_lies_behind_its_pixels() {
        let tiff = Grey { width: 3, height: 1, pixels: vec![7, 8, 9] }.tiff();

        assert_eq!(tiff[4..8], 12_u32.to_le_bytes());
        assert_eq!(tiff[8..11], [7, 8, 9]);
        assert_eq!(tiff[12..14], [9, 0]);
    }
}
