//! TIFF: a chain of pages, each with a directory of its properties.

use super::{CUT, Size, ValidationError, big, little};

const WIDTH: u64 = 256;
const HEIGHT: u64 = 257;

/// The size of each page; one more than `most` where there are more, which also ends a chain that
/// leads in a circle.
pub(super) fn pages(body: &[u8], most: usize) -> Result<Vec<Size>, ValidationError> {
    let number = if body.starts_with(b"MM") { big } else { little };
    let read = |at: u64, length: u64| {
        let at = usize::try_from(at).map_err(|_| CUT)?;
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let end = at.checked_add(length).ok_or(CUT)?;
        body.get(at..end).map(number).ok_or(CUT)
    };
    let mut pages = Vec::new();
    let mut at = read(4, 4)?;
    while at != 0 && pages.len() <= most {
        let entries = read(at, 2)?;
        let (mut width, mut height) = (None, None);
        for entry in (0..entries).map(|it| at + 2 + it * 12) {
            let (tag, kind) = (read(entry, 2)?, read(entry + 2, 2)?);
            let side = match tag {
                WIDTH => &mut width,
                HEIGHT => &mut height,
                _ => continue,
            };
            // A short or a long number; there is no other kind of side.
            *side = match kind {
                3 => Some(read(entry + 8, 2)?),
                4 => Some(read(entry + 8, 4)?),
                _ => None,
            };
        }
        let (Some(width), Some(height)) = (width, height) else { return Err("has no size") };
        pages.push((width, height));
        at = read(at + 2 + entries * 12, 4)?;
    }
    if pages.is_empty() { Err("has no page") } else { Ok(pages) }
}
