//! Bytes to text, under every name that an encoding has.
//!
//! The first byte selects the declaration of the response, or that the first line of the input is the declaration. The
//! rest is the body. Independent code computes the expected text where it exists.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use rungs::extract::{Decoded, decode};

use super::bytes::Bytes;

/// Names of encodings in responses, and the encodings that they mean.
const DECLARED: [(&str, &str); 24] = [
    ("text/html; charset=utf-8", "UTF-8"),
    ("text/html; charset=utf-16", "UTF-16LE"),
    ("text/html; charset=UTF-16BE", "UTF-16BE"),
    ("text/html; charset=\"ISO-8859-1\"", "windows-1252"),
    ("text/plain;charset=us-ascii", "windows-1252"),
    ("text/html; charset=iso-8859-2", "ISO-8859-2"),
    ("text/html; charset=iso-8859-8-i", "ISO-8859-8-I"),
    ("text/html; charset=windows-1251; q=1", "windows-1251"),
    ("text/html; charset=windows-874", "windows-874"),
    ("text/html; Charset='koi8-r'", "KOI8-R"),
    ("text/html; charset=macintosh", "macintosh"),
    ("text/html; charset=ibm866", "IBM866"),
    ("text/html; charset=gbk", "GBK"),
    ("text/html; charset=gb18030", "gb18030"),
    ("text/html; charset=big5", "Big5"),
    ("text/html; charset=euc-jp", "EUC-JP"),
    ("text/html; charset=shift_jis", "Shift_JIS"),
    ("text/html; charset=iso-2022-jp", "ISO-2022-JP"),
    ("text/html; charset=euc-kr", "EUC-KR"),
    ("text/html; charset=x-user-defined", "x-user-defined"),
    // Names of encodings that the standard treats as unsafe: their bodies are not decoded.
    ("text/html; charset=iso-2022-kr", "replacement"),
    ("text/html; charset=no-such-encoding", ""),
    ("text/html; charset=", ""),
    ("text/html", ""),
];
/// Bytes of UTF-8 that one byte of any encoding becomes at most.
const MAX_GROWTH: usize = 3;
/// The byte order marks and their encodings.
const MARKS: [(&[u8], &str); 3] =
    [(b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16LE"), (b"\xfe\xff", "UTF-16BE")];

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let choice = bytes.below(DECLARED.len() + 2);
    let line;
    let (declared, named) = match choice.checked_sub(DECLARED.len()) {
        None => (Some(DECLARED[choice].0), DECLARED[choice].1),
        Some(0) => (None, ""),
        Some(_) => {
            line = String::from_utf8_lossy(bytes.line()).into_owned();
            (Some(line.as_str()), "")
        }
    };
    let body = bytes.rest();

    let read = decode(body, declared);

    assert_eq!(decode(body, declared), read, "the same bytes were read in two ways");
    assert!(read.text.len() <= body.len() * MAX_GROWTH, "{} bytes", read.text.len());
    let mark = MARKS.iter().find(|(mark, _)| body.starts_with(mark));
    let rest = mark.map_or(body, |(mark, _)| &body[mark.len()..]);
    match mark {
        Some((_, encoding)) => assert_eq!(read.encoding, *encoding, "the mark wins"),
        None if !named.is_empty() => assert_eq!(read.encoding, named, "{declared:?} wins"),
        None => says_itself(body, declared),
    }
    is_what_the_encoding_gives(&read, rest);
    is_read_again(&read.text);
}

/// Checks the encoding that the page declares itself. UTF-8 needs no declaration.
fn says_itself(body: &[u8], declared: Option<&str>) {
    let charset = declared.is_some_and(|it| it.to_ascii_lowercase().contains("charset"));
    if charset || body.contains(&0) {
        return;
    }
    let mut named = b"<meta charset=koi8-u>".to_vec();
    named.extend(body);
    assert_eq!(
        decode(&named, declared).encoding,
        "KOI8-U",
        "the page's own word wins over a guess"
    );
    let silent = !body.contains(&b'<') && !body.contains(&0x1b);
    if let (true, Ok(text)) = (silent, std::str::from_utf8(body)) {
        let read = decode(body, declared);
        assert_eq!(read, Decoded { text: Cow::Borrowed(text), encoding: "UTF-8" });
    }
}

fn is_what_the_encoding_gives(read: &Decoded<'_>, body: &[u8]) {
    let encoding = Encoding::for_label(read.encoding.as_bytes());
    match read.encoding {
        "UTF-8" => assert_eq!(read.text, String::from_utf8_lossy(body)),
        "UTF-16LE" => assert_eq!(read.text, wide(body, u16::from_le_bytes)),
        "UTF-16BE" => assert_eq!(read.text, wide(body, u16::from_be_bytes)),
        // It has no label, so that no page can select it.
        "replacement" => assert_eq!(read.text, if body.is_empty() { "" } else { "\u{fffd}" }),
        name => {
            let encoding = encoding.expect("the name of an encoding is a label of it");
            assert_eq!(encoding.name(), name);
            assert_eq!(read.text, encoding.decode_without_bom_handling(body).0);
            if encoding.is_single_byte() {
                assert_eq!(read.text.chars().count(), body.len(), "{name}");
            }
        }
    }
}

/// UTF-16 by the standard library.
fn wide(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = body.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units: Vec<u16> = pairs.map(|it| unit([it[0], it[1]])).collect();
    let mut text: String = char::decode_utf16(units.iter().copied())
        .map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    // Half a symbol and half of its other half are one that is missing.
    let half = units.last().is_some_and(|it| (0xd800..0xdc00).contains(it));
    if odd && !half {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

/// A text that was read is UTF-8, and to read it as that changes nothing but a mark at its beginning.
fn is_read_again(text: &str) {
    let read = decode(text.as_bytes(), Some("text/html; charset=utf-8"));
    assert_eq!(read.encoding, UTF_8.name());
    assert_eq!(read.text, text.strip_prefix('\u{feff}').unwrap_or(text));
}
