//! TIFF: a chain of pages, each with a directory of tags.

use super::{Dimensions, HeaderError, TRUNCATED, big_endian, little_endian};

/// Tag of a page's width.
const WIDTH: u64 = 256;
/// Tag of a page's height.
const HEIGHT: u64 = 257;
/// Type of a 16-bit value.
const SHORT: u64 = 3;
/// Type of a 32-bit value.
const LONG: u64 = 4;

/// Tag of the orientation.
const ORIENTATION: u64 = 274;
/// Maximum number of tags of a directory that are searched.
const MAX_TAGS: u64 = 512;

/// A number at a position of a TIFF, in its byte order; `None` beyond its end.
fn number(body: &[u8], at: u64, length: u64) -> Option<u64> {
    let from = usize::try_from(at).ok()?;
    let bytes = body.get(from..from.checked_add(usize::try_from(length).ok()?)?)?;
    Some(if body.starts_with(b"MM") { big_endian(bytes) } else { little_endian(bytes) })
}

/// The first value of a tag in the first directory, and its number of values with the position of the list.
fn tag(body: &[u8], wanted: u64) -> Option<(u64, u64, u64)> {
    let directory = number(body, 4, 4)?;
    let entries = number(body, directory, 2)?.min(MAX_TAGS);
    let entry = (0..entries)
        .map(|index| directory + 2 + index * 12)
        .find(|&entry| number(body, entry, 2) == Some(wanted))?;
    let size = match number(body, entry + 2, 2)? {
        SHORT => 2,
        LONG => 4,
        _ => return None,
    };
    let count = number(body, entry + 4, 4)?;
    let is_inline = count.checked_mul(size)? <= 4;
    let at = if is_inline { entry + 8 } else { number(body, entry + 8, 4)? };
    Some((number(body, at, size)?, count, at))
}

/// Returns the orientation of a TIFF or of Exif data, which has the same form, if it is one of 1 to 8.
pub(super) fn orientation(body: &[u8]) -> Option<u64> {
    let (orientation, ..) = tag(body, ORIENTATION)?;
    (1..=8).contains(&orientation).then_some(orientation)
}

/// Returns a TIFF whose transparent pixels are white, which the program takes for black; `None` if it has none or is
/// compressed. Only the first page is changed.
pub(super) fn opaque(body: &[u8]) -> Option<Vec<u8>> {
    const COMPRESSION: u64 = 259;
    const STRIP_OFFSETS: u64 = 273;
    const SAMPLES: u64 = 277;
    const STRIP_SIZES: u64 = 279;
    const PLANES: u64 = 284;
    const EXTRA_SAMPLES: u64 = 338;
    const BITS: u64 = 258;
    let first = |wanted| tag(body, wanted).map(|(value, ..)| value);
    let samples = usize::try_from(first(SAMPLES)?).ok()?;
    // Associated alpha has the colors multiplied already.
    let is_associated = match first(EXTRA_SAMPLES)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let is_plain = first(COMPRESSION).unwrap_or(1) == 1
        && first(BITS)? == 8
        && first(PLANES).unwrap_or(1) == 1
        && matches!(samples, 2 | 4);
    if !is_plain {
        return None;
    }
    let ((_, count, offsets), (_, sizes_count, sizes)) =
        (tag(body, STRIP_OFFSETS)?, tag(body, STRIP_SIZES)?);
    let width_of = |wanted| {
        let directory = number(body, 4, 4)?;
        let entries = number(body, directory, 2)?.min(MAX_TAGS);
        let mut all = (0..entries).map(|index| directory + 2 + index * 12);
        let entry = all.find(|&entry| number(body, entry, 2) == Some(wanted))?;
        Some(if number(body, entry + 2, 2)? == SHORT { 2 } else { 4 })
    };
    let (offset_bytes, size_bytes) = (width_of(STRIP_OFFSETS)?, width_of(STRIP_SIZES)?);
    let mut changed = body.to_vec();
    // Strips that overlap would be work without end.
    let mut left = body.len();
    for strip in 0..count.min(sizes_count) {
        let from =
            usize::try_from(number(body, offsets + strip * offset_bytes, offset_bytes)?).ok()?;
        let length = usize::try_from(number(body, sizes + strip * size_bytes, size_bytes)?).ok()?;
        left = left.checked_sub(length)?;
        let pixels = changed.get_mut(from..from.checked_add(length)?)?;
        for pixel in pixels.chunks_exact_mut(samples) {
            let (alpha, colors) = pixel.split_last_mut()?;
            let white = u16::from(u8::MAX - *alpha);
            for color in colors {
                let own = u16::from(*color);
                let own = if is_associated { own } else { own * u16::from(*alpha) / 255 };
                *color = u8::try_from(own + white).unwrap_or(u8::MAX);
            }
            *alpha = u8::MAX;
        }
    }
    Some(changed)
}

/// Returns the dimensions of each page. Reading stops after `max_pages + 1` pages, which also ends a circular chain.
pub(super) fn pages(body: &[u8], max_pages: usize) -> Result<Vec<Dimensions>, HeaderError> {
    let number = if body.starts_with(b"MM") { big_endian } else { little_endian };
    let read = |at: u64, length: u64| {
        let at = usize::try_from(at).map_err(|_| TRUNCATED)?;
        let length = usize::try_from(length).map_err(|_| TRUNCATED)?;
        let end = at.checked_add(length).ok_or(TRUNCATED)?;
        body.get(at..end).map(number).ok_or(TRUNCATED)
    };
    let mut pages = Vec::new();
    let mut at = read(4, 4)?;
    while at != 0 && pages.len() <= max_pages {
        let entries = read(at, 2)?;
        let (mut width, mut height) = (None, None);
        for entry in (0..entries).map(|index| at + 2 + index * 12) {
            let (tag, kind) = (read(entry, 2)?, read(entry + 2, 2)?);
            let side = match tag {
                WIDTH => &mut width,
                HEIGHT => &mut height,
                _ => continue,
            };
            *side = match kind {
                SHORT => Some(read(entry + 8, 2)?),
                LONG => Some(read(entry + 8, 4)?),
                _ => None,
            };
        }
        let (Some(width), Some(height)) = (width, height) else {
            return Err("has a page without dimensions");
        };
        pages.push((width, height));
        at = read(at + 2 + entries * 12, 4)?;
    }
    if pages.is_empty() { Err("has no page") } else { Ok(pages) }
}
