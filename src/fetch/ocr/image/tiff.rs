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
