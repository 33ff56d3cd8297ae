//! JPEG: the frame header follows any number of other segments.
//!
//! A camera writes the pixels as its sensor has them, and the orientation into the Exif data, which the program does not
//! read. It does read the orientation of a TIFF, and a TIFF may hold a whole JPEG as its pixels: a turned photograph is
//! passed in that form.

use super::{Dimensions, HeaderError, TRUNCATED, big_endian, tiff};

/// A JPEG's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) dimensions: Dimensions,
    /// The number of color components: 1 for gray, 3 for color.
    pub(super) components: u8,
    /// The horizontal and vertical sampling of the first component, four bits each.
    pub(super) sampling: u8,
    /// The orientation of the Exif data, 1 to 8; 1 if there is none.
    pub(super) orientation: u64,
}

pub(super) fn frame(body: &[u8]) -> Result<Frame, HeaderError> {
    let mut at = 2;
    let mut orientation = 1;
    loop {
        // Decoders skip bytes between segments.
        while *body.get(at).ok_or(TRUNCATED)? != 0xff {
            at += 1;
        }
        while *body.get(at).ok_or(TRUNCATED)? == 0xff {
            at += 1;
        }
        let marker = body[at];
        at += 1;
        match marker {
            // Stuffing, and markers without a segment.
            0 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 | 0xda => return Err("has no frame"),
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let frame = body.get(at + 3..at + 8).ok_or(TRUNCATED)?;
                let (height, width) = frame[..4].split_at(2);
                return Ok(Frame {
                    dimensions: (big_endian(width), big_endian(height)),
                    components: frame[4],
                    sampling: body.get(at + 9).copied().unwrap_or(0x11),
                    orientation,
                });
            }
            _ => {
                let length = body.get(at..at + 2).ok_or(TRUNCATED)?;
                // At least the two bytes of the length itself, or the loop would never end.
                let end = at + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                let exif = body.get(at + 2..end).and_then(|it| it.strip_prefix(b"Exif\0\0"));
                if marker == 0xe1
                    && let Some(found) = exif.and_then(tiff::orientation)
                {
                    orientation = found;
                }
                at = end;
            }
        }
    }
}

/// Returns the beginning of a TIFF that shows a JPEG of `length` bytes, which follows, in its orientation; `None` if it
/// needs no turning or has an unusual form.
pub(super) fn oriented(frame: &Frame, length: usize) -> Option<Vec<u8>> {
    const SHORT: u32 = 3;
    const LONG: u32 = 4;
    const HEADER_BYTES: u32 = 8;
    const JPEG_COMPRESSION: u32 = 7;
    let is_color = match frame.components {
        1 => false,
        3 => true,
        _ => return None,
    };
    if !(2..=8).contains(&frame.orientation) {
        return None;
    }
    let (width, height) = frame.dimensions;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let components = u32::from(frame.components);
    let sampling = u32::from(frame.sampling >> 4) | u32::from(frame.sampling & 15) << 16;
    let entries = if is_color { 11 } else { 10 };
    let bits_at = HEADER_BYTES + 2 + 12 * entries + 4;
    let pixels_at = bits_at + 8;
    let mut tags = vec![
        (256, LONG, 1, width),
        (257, LONG, 1, height),
        (258, SHORT, components, if is_color { bits_at } else { 8 }),
        (259, SHORT, 1, JPEG_COMPRESSION),
        // Black is zero, or the color space of JPEGs.
        (262, SHORT, 1, if is_color { 6 } else { 1 }),
        (273, LONG, 1, pixels_at),
        (274, SHORT, 1, u32::try_from(frame.orientation).ok()?),
        (277, SHORT, 1, components),
        (278, LONG, 1, height),
        (279, LONG, 1, u32::try_from(length).ok()?),
    ];
    if is_color {
        tags.push((530, SHORT, 2, sampling));
    }
    let mut start = b"II*\0".to_vec();
    start.extend(HEADER_BYTES.to_le_bytes());
    start.extend(u16::try_from(entries).ok()?.to_le_bytes());
    for (tag, kind, count, value) in tags {
        start.extend(u16::try_from(tag).ok()?.to_le_bytes());
        start.extend(u16::try_from(kind).ok()?.to_le_bytes());
        start.extend(count.to_le_bytes());
        start.extend(value.to_le_bytes());
    }
    // No further page, and the bits of up to four components.
    start.extend([0; 4]);
    start.extend([8, 0, 8, 0, 8, 0, 8, 0]);
    Some(start)
}
