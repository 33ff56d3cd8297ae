//! Decodes bodies: by the byte order mark, the header, the page's own declaration, or a guess.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::extract::source::prescan;

/// Bytes in which a page may name its encoding. The standard asks for the first kilobyte and lets a
/// parser begin again when it meets the name later; a page is decoded once here.
const PRESCAN: usize = 65_536;
/// Bytes that are checked for UTF-16 without a mark.
const WIDE: usize = 512;

/// The text of a body, and the encoding it was decoded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text; bytes that could not be decoded are U+FFFD.
    pub text: Cow<'a, str>,
    /// The encoding's name in the WHATWG standard.
    pub encoding: &'static str,
}

/// Decodes a body by its byte order mark, the header, its own declaration, or a guess, in this order.
pub fn decode<'a>(body: &'a [u8], content_type: Option<&str>) -> Decoded<'a> {
    let (encoding, text) = if let Some((encoding, _)) = Encoding::for_bom(body) {
        (encoding, encoding.decode(body).0)
    } else {
        let encoding = content_type
            .and_then(charset)
            .or_else(|| wide(body.get(..WIDE).unwrap_or(body)))
            .or_else(|| prescan::encoding(body.get(..PRESCAN).unwrap_or(body)))
            .unwrap_or_else(|| guess(body));
        (encoding, encoding.decode_without_bom_handling(body).0)
    };
    Decoded { text, encoding: encoding.name() }
}

fn charset(header: &str) -> Option<&'static Encoding> {
    let at = header.to_ascii_lowercase().find("charset=")?;
    let label = header.get(at + 8..)?.trim_start_matches(['"', '\'']);
    let end = label.find(['"', '\'', ';', ' ', '>', '/']).unwrap_or(label.len());
    Encoding::for_label(label.get(..end)?.as_bytes())
}

/// Detects UTF-16 without a mark: every other byte of mostly Latin text is zero.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|it| **it == 0).count();
    if head.len() < 16 {
        return None;
    }
    let (even, odd) = (zeros(0), zeros(1));
    let most = |this: usize, other: usize| this * 5 > head.len() && other * 10 <= this;
    match (most(even, odd), most(odd, even)) {
        (true, _) => Some(UTF_16BE),
        (_, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// Returns `true` if a body is UTF-8 but for a few bytes, as a page that was put together from parts is.
fn is_damaged_utf8(body: &[u8]) -> bool {
    let (mut wide, mut broken) = (0_usize, 0_usize);
    for chunk in body.utf8_chunks() {
        wide += chunk.valid().chars().filter(|it| !it.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    wide >= 5 && broken * 20 <= wide
}

fn guess(body: &[u8]) -> &'static Encoding {
    // Nothing else reads as UTF-8 by chance, and to ask first is twenty times as fast as to guess.
    // An escape may begin a Japanese page, all of whose bytes are ASCII.
    if std::str::from_utf8(body).is_ok() && !body.contains(&0x1b) {
        return UTF_8;
    }
    if is_damaged_utf8(body) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(body, true);
    detector.guess(None, Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(body: &'a [u8], content_type: Option<&str>) -> Cow<'a, str> {
        decode(body, content_type).text
    }

    #[test]
    fn the_byte_order_mark_wins_over_the_header_and_the_header_over_the_page() {
        let latin = b"<meta charset=utf-8>caf\xe9";

        assert_eq!(text(b"\xef\xbb\xbfcaf\xc3\xa9", Some("text/html; charset=latin1")), "café");
        assert!(text(latin, Some("text/html; charset=\"ISO-8859-1\"")).ends_with("café"));
        assert!(text(b"<meta charset='windows-1252'>caf\xe9", None).ends_with("café"));
        assert!(text(b"<meta charset=utf-16>caf\xc3\xa9", None).ends_with("café"));
    }

    #[test]
    fn wide_text_needs_no_mark() {
        let little: Vec<u8> = "<p>naïve</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "<p>naïve</p>".encode_utf16().flat_map(u16::to_be_bytes).collect();

        assert_eq!(decode(&little, None).encoding, "UTF-16LE");
        assert_eq!(text(&big, None), "<p>naïve</p>");
        assert_eq!(decode(b"a\0b", None).encoding, "UTF-8");
    }

    #[test]
    fn an_undeclared_page_is_guessed() {
        let (russian, ..) = encoding_rs::WINDOWS_1251.encode("Привет, мир! Как дела сегодня?");

        assert_eq!(text(&russian, None), "Привет, мир! Как дела сегодня?");
        assert_eq!(text("naïve".as_bytes(), None), "naïve");
    }
}
