//! WebP: lossy, lossless, or an extended format around either.

use super::{Dimensions, HeaderError, TRUNCATED, little_endian};

pub(super) fn dimensions(body: &[u8]) -> Result<Dimensions, HeaderError> {
    let kind = body.get(12..16).ok_or(TRUNCATED)?;
    let data = body.get(20..30).ok_or(TRUNCATED)?;
    match kind {
        b"VP8 " if data[3..6] == [0x9d, 0x01, 0x2a] => {
            let side = |bytes: &[u8]| little_endian(bytes) & 0x3fff;
            Ok((side(&data[6..8]), side(&data[8..10])))
        }
        b"VP8L" if data[0] == 0x2f => {
            let bits = little_endian(&data[1..5]);
            Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" if data[0] & 0x02 != 0 => Err("is animated, which Tesseract does not read"),
        b"VP8X" => Ok((little_endian(&data[4..7]) + 1, little_endian(&data[7..10]) + 1)),
        _ => Err("has no header"),
    }
}
