//! Reads the headers of images: the format and the number of pixels.
//!
//! Nothing is decoded here. An image with an inconsistent header, or one that would take much more memory than its
//! bytes suggest, is refused before a process is started for it.

use std::borrow::Cow;

use super::OcrLimits;
use super::error::{damaged, too_large};
use crate::ports::fetch::FetchError;

mod gif;
mod jpeg;
mod tiff;
mod webp;

/// Maximum side in pixels: Tesseract's own limit, a signed 16-bit number.
const MAX_SIDE: u64 = 32_767;

/// An image within the limits, for the program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CheckedImage<'a> {
    /// The bytes for the program, in two parts.
    pub(super) parts: [Cow<'a, [u8]>; 2],
}

/// Width and height in pixels.
type Dimensions = (u64, u64);

/// An image's header.
struct ImageHeader<'a> {
    /// The dimensions of each page.
    pages: Vec<Dimensions>,
    /// The bytes for the program, in two parts.
    parts: [Cow<'a, [u8]>; 2],
}

impl<'a> ImageHeader<'a> {
    fn of_one_page(dimensions: Dimensions, bytes: &'a [u8]) -> Self {
        Self { pages: vec![dimensions], parts: [bytes.into(), Cow::default()] }
    }
}

impl<'a> ImageHeader<'a> {
    /// Turns a JPEG as its Exif data say.
    fn of_jpeg(frame: &jpeg::Frame, bytes: &'a [u8]) -> Self {
        let start = jpeg::oriented(frame, bytes.len()).unwrap_or_default();
        Self { pages: vec![frame.dimensions], parts: [start.into(), bytes.into()] }
    }
}

/// The reason why a header cannot be read, as text that follows "the PNG image".
type HeaderError = &'static str;

const TRUNCATED: HeaderError = "is truncated in its header";

/// Reads the header of an image and checks the limits.
pub(super) fn inspect<'a>(
    body: &'a [u8],
    limits: &OcrLimits,
) -> Result<CheckedImage<'a>, FetchError> {
    if body.is_empty() {
        return Err(damaged("the image is empty"));
    }
    if body.len() > limits.max_image_bytes {
        let (size, limit) = (body.len(), limits.max_image_bytes);
        return Err(too_large(format!(
            "an image of {size} bytes is over the limit of {limit}: raise `max_image_bytes`"
        )));
    }
    let (format, header) = match body {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("PNG", png(body)),
        [0xff, 0xd8, 0xff, ..] => {
            ("JPEG", jpeg::frame(body).map(|frame| ImageHeader::of_jpeg(&frame, body)))
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ("GIF", gif::header(body)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            ("WebP", webp::dimensions(body).map(|size| ImageHeader::of_one_page(size, body)))
        }
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
            let pages = tiff::pages(body, limits.max_pages);
            ("TIFF", pages.map(|pages| ImageHeader { pages, parts: [body.into(), Cow::default()] }))
        }
        _ => {
            return Err(damaged(
                "the document is not a PNG, JPEG, WebP, TIFF or GIF image: convert it, or use mode `auto`",
            ));
        }
    };
    let header = header.map_err(|error| damaged(format!("the {format} image {error}")))?;
    check_limits(&header.pages, limits)?;
    let opaque = if format == "TIFF" { tiff::opaque(body) } else { None };
    let parts = opaque.map_or(header.parts, |it| [it.into(), Cow::default()]);
    Ok(CheckedImage { parts })
}

fn check_limits(pages: &[Dimensions], limits: &OcrLimits) -> Result<(), FetchError> {
    if pages.len() > limits.max_pages {
        let limit = limits.max_pages;
        return Err(too_large(format!("the image has more than {limit} pages: raise `max_pages`")));
    }
    let mut pixels = 0_u64;
    for &(width, height) in pages {
        if width == 0 || height == 0 {
            return Err(damaged("the image has no pixels"));
        }
        if width.max(height) > MAX_SIDE {
            let message = format!(
                "an image of {width} by {height} pixels is over the limit of {MAX_SIDE} per side: scale it down"
            );
            return Err(too_large(message));
        }
        pixels += width * height;
    }
    if pixels > limits.max_pixels {
        let limit = limits.max_pixels;
        let message =
            format!("an image of {pixels} pixels is over the limit of {limit}: raise `max_pixels`");
        return Err(too_large(message));
    }
    Ok(())
}

/// Reads the header chunk, which always comes first.
fn png(body: &[u8]) -> Result<ImageHeader<'_>, HeaderError> {
    let chunk = body.get(12..24).ok_or(TRUNCATED)?;
    let (name, sizes) = chunk.split_at(4);
    if name != b"IHDR" {
        return Err("has no header");
    }
    let (width, height) = sizes.split_at(4);
    Ok(ImageHeader::of_one_page((big_endian(width), big_endian(height)), body))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
