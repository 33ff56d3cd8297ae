//! GIF: the first picture is read, and no other is passed on.
//!
//! The reader below takes every frame into memory before it looks at the first, and each has a size
//! of its own. So an animation is cut behind its first frame.

use super::{CUT, Head, ValidationError, little};

/// The end of the pictures.
const TRAILER: &[u8] = b";";

pub(super) fn head(body: &[u8]) -> Result<Head<'_>, ValidationError> {
    let screen = *body.get(10).ok_or(CUT)?;
    let mut at = 13 + colours(screen);
    loop {
        match *body.get(at).ok_or(CUT)? {
            // An extension: a label, then blocks.
            b'!' => at = behind_blocks(body, at + 2)?,
            b',' => break,
            b';' => return Err("has no picture"),
            _ => return Err("does not add up"),
        }
    }
    let picture = body.get(at + 1..at + 10).ok_or(CUT)?;
    let size = (little(&picture[4..6]), little(&picture[6..8]));
    let pixels = at + 10 + colours(picture[8]);
    // Behind the colours stands the size of the first codes. What is cut off in its pixels is for
    // the decoder to judge.
    let end = behind_blocks(body, pixels + 1).unwrap_or(body.len());
    Ok(Head { pages: vec![size], bytes: [&body[..end], TRAILER] })
}

/// The bytes of a colour table, by the flags that announce it.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where a row of blocks ends: each says its length, and one without any is the last.
fn behind_blocks(body: &[u8], mut at: usize) -> Result<usize, ValidationError> {
    loop {
        let length = usize::from(*body.get(at).ok_or(CUT)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
