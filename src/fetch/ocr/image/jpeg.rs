//! JPEG: the frame header follows any number of other segments.

use super::{Dimensions, HeaderError, TRUNCATED, big_endian};

pub(super) fn dimensions(body: &[u8]) -> Result<Dimensions, HeaderError> {
    let mut at = 2;
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
                let sizes = body.get(at + 3..at + 7).ok_or(TRUNCATED)?;
                let (height, width) = sizes.split_at(2);
                return Ok((big_endian(width), big_endian(height)));
            }
            _ => {
                let length = body.get(at..at + 2).ok_or(TRUNCATED)?;
                // At least the two bytes of the length itself, or the loop would never end.
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
            }
        }
    }
}
