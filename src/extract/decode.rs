//! Bytes to text: byte order mark, then header, then the page's own word, then a guess.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a page it may name its encoding (the HTML standard's own bound).
const PRESCAN: usize = 1_024;

/// A body as text, and how it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text; what could not be decoded is U+FFFD.
    pub text: Cow<'a, str>,
    /// The encoding's name in the WHATWG standard.
    pub encoding: &'static str,
}

/// Decodes a body by its byte order mark, the header, its own word, or a guess, in this order.
pub fn decode<'a>(body: &'a [u8], content_type: Option<&str>) -> Decoded<'a> {
    let (encoding, text) = if let Some((encoding, _)) = Encoding::for_bom(body) {
        (encoding, encoding.decode(body).0)
    } else {
        let encoding = content_type
            .and_then(charset)
            .or_else(|| named(body.get(..PRESCAN).unwrap_or(body)))
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

/// What a `meta` element near the start says. A page that could be scanned for it is no UTF-16,
/// whatever it says, so that is taken as UTF-8.
fn named(head: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut rest = head.as_str();
    while let Some(at) = rest.find("<meta") {
        let tag = rest.get(at..)?;
        let end = tag.find('>').unwrap_or(tag.len());
        if let Some(found) = charset(tag.get(..end)?) {
            return Some(match found {
                it if it == UTF_16LE || it == UTF_16BE => UTF_8,
                it if it.name() == "x-user-defined" => WINDOWS_1252,
                it => it,
            });
        }
        rest = tag.get(end..)?;
    }
    None
}

fn guess(body: &[u8]) -> &'static Encoding {
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
    fn an_undeclared_page_is_guessed() {
        let (russian, ..) = encoding_rs::WINDOWS_1251.encode("Привет, мир! Как дела сегодня?");

        assert_eq!(text(&russian, None), "Привет, мир! Как дела сегодня?");
        assert_eq!(text("naïve".as_bytes(), None), "naïve");
    }
}
