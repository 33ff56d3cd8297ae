//! Rewrites a chunked body with lines that end in CR LF, without extensions and trailers.
//!
//! Servers end the lines with LF alone, put blanks behind the size, or leave out the last line break. Nothing reads
//! extensions or trailers, so they are dropped.

use std::io;

/// The most bytes of extensions, blanks and trailers of one body. hyper has the same limit.
const MAX_EXTRA_BYTES: usize = 16_384;
/// The most hexadecimal digits of a size without its leading zeros.
const MAX_DIGITS: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The digits of a size.
    Size {
        value: u64,
        digits: u32,
    },
    /// The rest of a size's line.
    Extension {
        value: u64,
    },
    Data {
        left: u64,
    },
    /// The line break behind the data; `true` after its CR.
    DataEnd {
        after_cr: bool,
    },
    /// The lines behind the last chunk; `true` if the current one has a character.
    Trailer {
        in_line: bool,
    },
    Over,
}

/// The position in a chunked body.
#[derive(Debug)]
pub(super) struct Chunks {
    part: Part,
    extra: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { part: Part::Size { value: 0, digits: 0 }, extra: 0 }
    }
}

impl Chunks {
    /// Returns `true` if the last chunk was read.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.part, Part::Trailer { .. } | Part::Over)
    }

    /// Returns `true` if the trailer was read, too.
    pub(super) fn is_over(&self) -> bool {
        self.part == Part::Over
    }

    /// Appends the normalized form of `bytes` to `out` and returns the bytes behind the body.
    pub(super) fn receive<'a>(
        &mut self,
        mut bytes: &'a [u8],
        out: &mut Vec<u8>,
    ) -> io::Result<&'a [u8]> {
        while let [first, rest @ ..] = bytes {
            if let Part::Data { left } = self.part {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                out.extend_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
                self.part = match left - count as u64 {
                    0 => Part::DataEnd { after_cr: false },
                    left => Part::Data { left },
                };
                continue;
            }
            if self.part == Part::Over {
                break;
            }
            self.part = self.next(*first, out)?;
            bytes = rest;
        }
        Ok(bytes)
    }

    /// Returns the part after a byte that is not data.
    fn next(&mut self, byte: u8, out: &mut Vec<u8>) -> io::Result<Part> {
        Ok(match (self.part, byte) {
            (Part::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                let digits = if value == 0 { 1 } else { digits + 1 };
                if digits > MAX_DIGITS {
                    return Err(damaged("a chunk's size is too large"));
                }
                Part::Size { value: value << 4 | u64::from(digit), digits }
            }
            (Part::Size { digits: 0, .. }, b' ' | b'\t') => {
                self.count_extra()?;
                self.part
            }
            (Part::Size { digits: 0, .. }, _) => return Err(damaged("a chunk has no size")),
            (Part::Size { value, .. } | Part::Extension { value }, b'\n') => after_size(value, out),
            (Part::Size { value, .. }, b';' | b' ' | b'\t' | b'\r') => Part::Extension { value },
            (Part::Size { .. }, _) => return Err(damaged("a chunk's size is not a number")),
            (Part::Extension { value }, _) => {
                self.count_extra()?;
                Part::Extension { value }
            }
            (Part::DataEnd { after_cr: false }, b'\r') => Part::DataEnd { after_cr: true },
            (Part::DataEnd { .. }, b'\n') => {
                out.extend_from_slice(b"\r\n");
                Part::Size { value: 0, digits: 0 }
            }
            (Part::DataEnd { .. }, _) => return Err(damaged("a chunk is longer than its size")),
            (Part::Trailer { in_line: false }, b'\n') => Part::Over,
            (Part::Trailer { in_line }, _) => {
                self.count_extra()?;
                Part::Trailer { in_line: byte != b'\n' && (in_line || byte != b'\r') }
            }
            (part @ (Part::Data { .. } | Part::Over), _) => part,
        })
    }

    fn count_extra(&mut self) -> io::Result<()> {
        self.extra += 1;
        if self.extra > MAX_EXTRA_BYTES {
            return Err(damaged("the chunks carry too many extensions or trailers"));
        }
        Ok(())
    }
}

/// Writes the line of a size. The last chunk is written with its end: a server may leave that out.
fn after_size(value: u64, out: &mut Vec<u8>) -> Part {
    if value == 0 {
        out.extend_from_slice(b"0\r\n\r\n");
        return Part::Trailer { in_line: false };
    }
    out.extend_from_slice(format!("{value:X}\r\n").as_bytes());
    Part::Data { left: value }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the chunked body is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<(String, String), String> {
        let (mut chunks, mut out) = (Chunks::default(), Vec::new());
        let rest = chunks.receive(body, &mut out).map_err(|it| it.to_string())?;
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        Ok((text(&out), text(rest)))
    }

    #[test]
    fn lines_of_any_form_are_normalized() {
        let normal = "5\r\nhello\r\n0\r\n\r\n";
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "5\nhello\n0\n\n",
            "005 \r\nhello\n0\r\n",
            " 5;ext=\"a\"\r\nhello\r\n0;last\r\nTrailer: x\r\nMore: y\n\r\n",
            "5\r\nhello\r\n000\r\n\r\n",
        ] {
            let read = read(body.as_bytes());
            assert_eq!(read, Ok((normal.to_owned(), String::new())), "{body:?}");
        }
    }

    #[test]
    fn bytes_behind_the_body_are_left() {
        let read = read(b"0\r\n\r\nHTTP/1.1").expect("chunks");

        assert_eq!(read, ("0\r\n\r\n".to_owned(), "HTTP/1.1".to_owned()));
    }

    #[test]
    fn chunks_that_contradict_themselves_are_damaged() {
        for body in ["\r\nx", "x\r\n", "5g\r\n", "-5\r\n", "1\r\nab\r\n", "11111111111111111\r\n"] {
            assert!(read(body.as_bytes()).is_err(), "{body:?}");
        }
        let endless = format!("5;{}", "x".repeat(2 * MAX_EXTRA_BYTES));
        assert!(read(endless.as_bytes()).is_err());
    }
}
