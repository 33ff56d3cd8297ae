//! GIF: only the first frame is passed on.
//!
//! The program's decoder reads every frame into memory before it uses the first, and each has its own size. An
//! animation is therefore cut after its first frame.

use super::{HeaderError, ImageHeader, TRUNCATED, little_endian};

/// The byte that ends a GIF.
const TRAILER: &[u8] = b";";

pub(super) fn header(body: &[u8]) -> Result<ImageHeader<'_>, HeaderError> {
    let screen = *body.get(10).ok_or(TRUNCATED)?;
    let mut at = 13 + color_table_bytes(screen);
    loop {
        match *body.get(at).ok_or(TRUNCATED)? {
            // An extension: a label, then sub-blocks.
            b'!' => at = after_sub_blocks(body, at + 2)?,
            b',' => break,
            b';' => return Err("has no frame"),
            _ => return Err("has an unknown block"),
        }
    }
    let frame = body.get(at + 1..at + 10).ok_or(TRUNCATED)?;
    let size = (little_endian(&frame[4..6]), little_endian(&frame[6..8]));
    let pixels = at + 10 + color_table_bytes(frame[8]);
    // The color table is followed by the LZW code size. Truncated pixels are left to the decoder.
    let end = after_sub_blocks(body, pixels + 1).unwrap_or(body.len());
    Ok(ImageHeader { pages: vec![size], parts: [body[..end].into(), TRAILER.into()] })
}

/// Returns the size of a color table from the flags that announce it.
fn color_table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Returns the position after a list of sub-blocks. Each starts with its length; length 0 ends the list.
fn after_sub_blocks(body: &[u8], mut at: usize) -> Result<usize, HeaderError> {
    loop {
        let length = usize::from(*body.get(at).ok_or(TRUNCATED)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
