//! What an image says of itself in its first bytes: its format and how many pixels it will take.
//!
//! Nothing is decoded here. A head that does not add up is refused, and so is an image that would
//! take more memory than its bytes let one expect, before a process is started for it.

use super::OcrLimits;
use super::error::{damaged, too_large};
use crate::ports::fetch::FetchError;

mod gif;
mod jpeg;
mod tiff;
mod webp;

/// The longest side that Tesseract takes.
const MAX_SIDE: u64 = 32_767;

/// An image that may be given to the program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// Its bytes, one part after the other.
    pub(super) bytes: [&'a [u8]; 2],
}

/// Width and height.
type Size = (u64, u64);

/// What a head holds.
struct Head<'a> {
    /// The size of each page.
    pages: Vec<Size>,
    bytes: [&'a [u8]; 2],
}

impl<'a> Head<'a> {
    fn of_one(size: Size, bytes: &'a [u8]) -> Self {
        Self { pages: vec![size], bytes: [bytes, b""] }
    }
}

/// A head that cannot be read, in words that follow the format's name.
type ValidationError = &'static str;

/// The head is cut off.
const CUT: ValidationError = "is cut off in its head";

/// Reads the head of an image and holds it to the limits.
pub(super) fn look<'a>(body: &'a [u8], limits: &OcrLimits) -> Result<Image<'a>, FetchError> {
    if body.is_empty() {
        return Err(damaged("there are no bytes to read as an image"));
    }
    if body.len() > limits.max_bytes {
        let (has, most) = (body.len(), limits.max_bytes);
        return Err(too_large(format!("an image of {has} bytes is over the limit of {most}")));
    }
    let (format, head) = match body {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("PNG", png(body)),
        [0xff, 0xd8, 0xff, ..] => ("JPEG", jpeg::size(body).map(|it| Head::of_one(it, body))),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ("GIF", gif::head(body)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            ("WebP", webp::size(body).map(|it| Head::of_one(it, body)))
        }
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
            let pages = tiff::pages(body, limits.max_pages);
            ("TIFF", pages.map(|pages| Head { pages, bytes: [body, b""] }))
        }
        _ => {
            let why = "the document is no PNG, JPEG, WebP, TIFF or GIF image";
            return Err(damaged(why));
        }
    };
    let head = head.map_err(|flaw| damaged(format!("the {format} image {flaw}")))?;
    fits(&head.pages, limits)?;
    Ok(Image { bytes: head.bytes })
}

fn fits(pages: &[Size], limits: &OcrLimits) -> Result<(), FetchError> {
    if pages.len() > limits.max_pages {
        let most = limits.max_pages;
        return Err(too_large(format!("an image of more than {most} pages is over the limit")));
    }
    let mut pixels = 0_u64;
    for &(width, height) in pages {
        if width == 0 || height == 0 {
            return Err(damaged("the image has no pixels"));
        }
        if width.max(height) > MAX_SIDE {
            let why = format!("an image of {width} by {height} is over {MAX_SIDE} pixels a side");
            return Err(too_large(why));
        }
        pixels += width * height;
    }
    if pixels > limits.max_pixels {
        let most = limits.max_pixels;
        return Err(too_large(format!("an image of {pixels} pixels is over the limit of {most}")));
    }
    Ok(())
}

/// The header chunk always comes first.
fn png(body: &[u8]) -> Result<Head<'_>, ValidationError> {
    let chunk = body.get(12..24).ok_or(CUT)?;
    let (name, sizes) = chunk.split_at(4);
    if name != b"IHDR" {
        return Err("has no header");
    }
    let (width, height) = sizes.split_at(4);
    Ok(Head::of_one((big(width), big(height)), body))
}

/// A number, its greatest byte first.
fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, it| sum << 8 | u64::from(*it))
}

/// A number, its least byte first.
fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, it| sum << 8 | u64::from(*it))
}

#[cfg(test)]
mod tests;
