//! Detects the kind of a document: its first bytes take precedence over its header.

use memchr::memmem::find;

use crate::core::verdict::{DocumentKind, Response};

/// Beginnings of a page: the tags by which browsers detect HTML, and the other common ones of fragments.
const HTML_TAGS: [&str; 34] = [
    "a", "article", "b", "base", "body", "br", "center", "dd", "div", "dl", "dt", "font", "footer",
    "form", "h1", "h2", "h3", "h4", "head", "header", "html", "iframe", "link", "main", "meta",
    "nav", "p", "script", "section", "span", "style", "table", "title", "ul",
];
/// Ends of elements by which a fragment that begins with text is detected.
const HTML_ENDS: [&str; 6] = ["</p>", "</div>", "</a>", "</h1>", "</h2>", "</li>"];
/// The number of such ends that make a fragment.
const MIN_HTML_ENDS: usize = 2;
/// Subtypes of `application/...` that are JSON, beside those that end in `+json`.
const JSON_SUBTYPES: [&str; 4] = ["json", "json5", "x-javascript+json", "x-json"];
/// Subtypes of `application/...` that are text.
const TEXT_SUBTYPES: [&str; 14] = [
    "csv",
    "ecmascript",
    "javascript",
    "json-seq",
    "jsonl",
    "ndjson",
    "sql",
    "toml",
    "x-javascript",
    "x-jsonlines",
    "x-ndjson",
    "x-sh",
    "x-yaml",
    "yaml",
];
/// The bytes by which a body without a usable label is judged.
const SNIFFED_BYTES: usize = 1_024;
/// The bytes in which a second line of JSON lines begins.
const JSON_LINE_BYTES: usize = 65_536;
/// The bytes behind a PDF's mark in which its first object begins.
const PDF_START_BYTES: usize = 2_048;

/// Returns the kind of the document, or `None` for an HTML page.
pub(super) fn kind(response: &Response<'_>) -> Option<DocumentKind> {
    classify(content_type(response.headers).as_deref(), response.body)
}

/// Returns the kind of a document by its bytes and its `Content-Type`, or `None` for an HTML page.
///
/// The marks of PDFs, images and archives take precedence over the header. A header that says text, JSON or HTML is
/// believed, but XML whose root is `html` is a page. With any other header the bytes decide.
pub fn classify(content_type: Option<&str>, body: &[u8]) -> Option<DocumentKind> {
    if let Some(kind) = sniff(body) {
        return Some(kind);
    }
    let media = content_type.and_then(essence).unwrap_or_default();
    let (main, subtype) = media.split_once('/').unwrap_or_default();
    if matches!(subtype, "html" | "xhtml+xml" | "vnd.wap.xhtml+xml") {
        return json(body).then_some(DocumentKind::Json);
    }
    if subtype.ends_with("xml") {
        return (!is_xhtml(body)).then_some(DocumentKind::Text);
    }
    // Servers label error pages with the type of the requested document.
    if media != "text/plain" && starts_as_document(body) {
        return None;
    }
    match (main, subtype) {
        (_, it) if it.ends_with("+json") || JSON_SUBTYPES.contains(&it) => Some(DocumentKind::Json),
        ("text" | "message", _) => Some(DocumentKind::Text),
        ("application", it) if TEXT_SUBTYPES.contains(&it) => Some(DocumentKind::Text),
        ("audio", it) if it.ends_with("mpegurl") => Some(DocumentKind::Text),
        ("", _) => unlabelled(body),
        ("image" | "audio" | "video" | "font", _) => Some(DocumentKind::Binary),
        _ => mislabelled(body),
    }
}

/// Returns the `Content-Type` that counts: the last valid one, of several headers and of several values in one
/// header, as in browsers.
pub fn content_type(headers: &[(String, String)]) -> Option<String> {
    let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let values = named.flat_map(|(_, value)| value.split(',')).map(str::trim);
    let mut valid = values.filter(|it| essence(it).is_some_and(|it| it != "*/*"));
    valid.next_back().map(str::to_owned)
}

/// Returns the media type in lower case without parameters; `None` if the value does not begin with one.
fn essence(value: &str) -> Option<String> {
    let end = value.find([';', ' ', '\t', '(', ',']).unwrap_or(value.len());
    let media = value[..end].trim_matches('"').to_ascii_lowercase();
    let (main, subtype) = media.split_once('/')?;
    let is_token = |it: &str| {
        !it.is_empty()
            && it.bytes().all(|it| it.is_ascii_graphic() && !b"/()<>@,;:\\\"[]?=".contains(&it))
    };
    (is_token(main) && is_token(subtype)).then_some(media)
}

/// Detects the kind of a document by its first bytes; `None` if they are of no known kind.
pub fn sniff(body: &[u8]) -> Option<DocumentKind> {
    if is_pdf(body) {
        return Some(DocumentKind::Pdf);
    }
    let webp = body.len() > 12 && body.starts_with(b"RIFF") && &body[8..12] == b"WEBP";
    let image: [&[u8]; 6] =
        [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"];
    if webp || image.iter().any(|it| body.starts_with(it)) {
        return Some(DocumentKind::Image);
    }
    let binary: [&[u8]; 6] =
        [b"PK\x03\x04", b"\x1f\x8b", b"\x7fELF", b"OggS", b"ID3", b"Rar!\x1a\x07"];
    let video = body.len() > 12 && &body[4..8] == b"ftyp";
    (video || binary.iter().any(|it| body.starts_with(it))).then_some(DocumentKind::Binary)
}

/// Returns `true` for a PDF. Readers accept its mark anywhere in the first kilobyte, and some servers put bytes before
/// it; a text that only mentions the mark has no object behind it.
fn is_pdf(body: &[u8]) -> bool {
    if body.starts_with(b"%PDF-") || start(body).starts_with(b"%PDF-") {
        return true;
    }
    let head = &body[..body.len().min(SNIFFED_BYTES)];
    let Some(at) = find(head, b"%PDF-") else { return false };
    let behind = &body[at..body.len().min(at + PDF_START_BYTES)];
    find(behind, b" obj").is_some() && !starts_as_page(body)
}

/// Returns `true` if the body begins as a whole HTML document. Texts such as Markdown may begin with other tags.
fn starts_as_document(body: &[u8]) -> bool {
    let rest = start(body);
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|it| is_prefix(rest, it))
}

/// Returns `true` if the body begins as an HTML page or fragment, comments aside.
fn starts_as_page(body: &[u8]) -> bool {
    let mut rest = start(body);
    while let Some(comment) = rest.strip_prefix(b"<!--") {
        let Some(end) = find(comment, b"-->") else { return true };
        rest = comment[end + 3..].trim_ascii_start();
    }
    if is_prefix(rest, "<!doctype html") {
        return true;
    }
    if rest.starts_with(b"<?xml") {
        return is_xhtml(rest);
    }
    let Some(tag) = rest.strip_prefix(b"<") else { return false };
    let length = tag.iter().take_while(|it| it.is_ascii_alphanumeric()).count();
    let ends =
        tag.get(length).is_none_or(|it| matches!(it, b' ' | b'>' | b'/' | b'\t' | b'\n' | b'\r'));
    ends && HTML_TAGS.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(&tag[..length]))
}

fn is_prefix(text: &[u8], start: &str) -> bool {
    text.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start.as_bytes()))
}

/// Returns `true` if the root of an XML document is `html`.
fn is_xhtml(body: &[u8]) -> bool {
    let mut rest = start(body);
    loop {
        let end = match rest {
            [b'<', b'?', ..] => b"?>".as_slice(),
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'!', ..] if is_prefix(rest, "<!doctype html") => return true,
            [b'<', b'!', ..] => b">",
            _ => break,
        };
        let Some(at) = find(rest, end) else { return false };
        rest = rest[at + end.len()..].trim_ascii_start();
    }
    is_prefix(rest, "<html")
        && rest.get(5).is_some_and(|it| it.is_ascii_whitespace() || *it == b'>')
}

/// Judges a body whose label does not tell, such as `application/octet-stream`.
fn mislabelled(body: &[u8]) -> Option<DocumentKind> {
    if !is_text(body) {
        return Some(DocumentKind::Binary);
    }
    if json(body) {
        return Some(DocumentKind::Json);
    }
    if starts_as_page(body) || wide(body) && starts_as_page(&narrowed(body)) {
        return None;
    }
    let head = String::from_utf8_lossy(&body[..body.len().min(SNIFFED_BYTES)]).to_ascii_lowercase();
    let ends: usize = HTML_ENDS.iter().map(|it| head.matches(it).count()).sum();
    (ends < MIN_HTML_ENDS).then_some(DocumentKind::Text)
}

/// Returns `true` if the beginning is text in any encoding: no control characters but those of texts.
fn is_text(body: &[u8]) -> bool {
    let head = &body[..body.len().min(SNIFFED_BYTES)];
    let is_control = |it: &u8| *it < b' ' && !matches!(it, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    wide(body) || !head.is_empty() && !head.iter().any(is_control)
}

fn unlabelled(body: &[u8]) -> Option<DocumentKind> {
    if json(body) {
        return Some(DocumentKind::Json);
    }
    let head = &body[..body.len().min(SNIFFED_BYTES)];
    if head.contains(&0) && !wide(body) {
        return Some(DocumentKind::Binary);
    }
    // Anything with a tag is read as a page, as browsers do.
    let page =
        head.windows(2).any(|it| it[0] == b'<' && (it[1].is_ascii_alphabetic() || it[1] == b'!'));
    let is_xml = start(body).starts_with(b"<?xml") && !is_xhtml(body);
    (is_xml || !page && !start(body).starts_with(b"<")).then_some(DocumentKind::Text)
}

/// Returns `true` if the body opens with the byte order mark of UTF-16, whose text contains zero bytes.
fn wide(body: &[u8]) -> bool {
    body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff")
}

/// Returns the beginning of a UTF-16 text without its byte order mark and zero bytes: its ASCII characters are read.
fn narrowed(body: &[u8]) -> Vec<u8> {
    let head = &body[..body.len().min(2 * SNIFFED_BYTES)];
    head.iter().skip(2).copied().filter(|it| *it != 0).collect()
}

/// Returns `true` if the body starts and ends like one JSON object or array. Several objects, one per line, are text.
fn json(body: &[u8]) -> bool {
    let body = start(body).trim_ascii_end();
    let is_closed = matches!(
        (body.first(), body.get(1), body.last()),
        (Some(b'{'), Some(b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t'), Some(b'}'))
            | (Some(b'['), Some(_), Some(b']'))
    );
    // Only what is closed like JSON is searched for lines: most bodies are pages.
    let head = &body[..body.len().min(JSON_LINE_BYTES)];
    is_closed && find(head, b"}\n{").is_none() && find(head, b"}\r\n{").is_none()
}

/// Returns `true` if the body opens like one JSON object or array, whether or not it is closed.
pub fn opens_as_json(body: &[u8]) -> bool {
    let body = start(body);
    let Some((first, rest)) = body.split_first() else { return false };
    let next = rest.trim_ascii_start().first();
    let is_open = match first {
        b'{' => matches!(next, Some(b'"' | b'}')),
        b'[' => matches!(next, Some(b'{' | b'[' | b'"')),
        _ => false,
    };
    let head = &body[..body.len().min(JSON_LINE_BYTES)];
    is_open && find(head, b"}\n{").is_none() && find(head, b"}\r\n{").is_none()
}

/// The body after a byte order mark and white space.
fn start(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_beginning() {
        for body in ["{\"a\": 1, \"b", " [{\"a\": 1},", "\u{feff}{ \"a\"", "[[1, 2]", "[\"a\""] {
            assert!(opens_as_json(body.as_bytes()), "{body}");
        }
        for body in ["{\"a\": 1}\n{\"a\": 2}", "[1] Bread", "{{name}}", "<p>", "a,b", "", "{"] {
            assert!(!opens_as_json(body.as_bytes()), "{body}");
        }
    }

    fn read(label: &str, body: &[u8]) -> Option<DocumentKind> {
        let headers = [("Content-Type".to_owned(), label.to_owned())];
        kind(&Response { status: 200, headers: &headers, body, rendered: false })
    }

    #[test]
    fn a_mark_counts_behind_white_space_too_and_before_any_label() {
        assert_eq!(read("text/html", b"\n%PDF-1.7"), Some(DocumentKind::Pdf));
        assert_eq!(read("text/html", b"PK\x03\x04"), Some(DocumentKind::Binary));
        assert_eq!(read("text/html", b"\0\0\0\x18ftypmp42\0"), Some(DocumentKind::Binary));
    }

    #[test]
    fn a_header_with_nothing_behind_it_is_no_image_and_no_video() {
        assert_eq!(read("text/plain", b"RIFF\0\0\0\0WEBP"), Some(DocumentKind::Text));
        assert_eq!(read("text/plain", b"RIFF\0\0\0\0WEBPV"), Some(DocumentKind::Image));
        assert_eq!(read("text/html", b"\0\0\0\x18ftypmp42"), None);
    }

    #[test]
    fn a_label_decides_where_the_bytes_do_not() {
        for (label, kind) in [
            ("application/javascript; charset=utf-8", DocumentKind::Text),
            ("Application/YAML", DocumentKind::Text),
            ("application/rss+xml", DocumentKind::Text),
            ("application/json", DocumentKind::Json),
            ("application/x-ndjson", DocumentKind::Text),
            ("application/x-sh", DocumentKind::Text),
            ("application/x-json", DocumentKind::Json),
            ("message/rfc822", DocumentKind::Text),
            ("audio/x-mpegurl", DocumentKind::Text),
            ("image/x-icon", DocumentKind::Binary),
        ] {
            assert_eq!(read(label, b"some words"), Some(kind), "{label}");
        }
    }

    #[test]
    fn with_a_label_that_does_not_tell_the_bytes_decide() {
        for label in
            ["application/octet-stream", "binary/octet-stream", "x/unknown", "application/sql-dump"]
        {
            for (body, kind) in [
                (&b"<!-- remark -->\n<!DOCTYPE html><p>x"[..], None),
                (b"<title>Harbor</title><h1>Hours</h1>", None),
                (b"<div class=a>x</div>", None),
                (b"Some words and <p>more</p> of <a href=x>them</a>", None),
                (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", None),
                (b"{\"a\": 1}", Some(DocumentKind::Json)),
                (b"{\"a\": 1}\n{\"a\": 2}", Some(DocumentKind::Text)),
                (b"User-agent: *\nDisallow: /", Some(DocumentKind::Text)),
                (b"select a from b where a <b and b> 1;", Some(DocumentKind::Text)),
                (b"#!/bin/sh\ncat <EOF >x\n", Some(DocumentKind::Text)),
                (b"\xfe\xff\0<\0p\0>", None),
                (b"\xff\xfeh\0i\0", Some(DocumentKind::Text)),
                (b"\0\x01\x02", Some(DocumentKind::Binary)),
                (b"", Some(DocumentKind::Binary)),
            ] {
                let shown = String::from_utf8_lossy(body);
                assert_eq!(read(label, body), kind, "{label} {shown}");
            }
        }
    }

    #[test]
    fn xml_is_a_page_if_its_root_is_html() {
        let page =
            b"<?xml version=\"1.0\"?><!-- x -->\n<html xmlns=\"http://www.w3.org/1999/xhtml\">";
        let feed = b"<?xml version=\"1.0\"?><rss><html/></rss>";
        for label in ["application/xml", "text/xml", ""] {
            assert_eq!(read(label, page), None, "{label}");
            assert_eq!(read(label, feed), Some(DocumentKind::Text), "{label}");
        }
    }

    #[test]
    fn the_last_valid_type_counts() {
        let header = |value: &str| ("Content-Type".to_owned(), value.to_owned());
        for (values, expected) in [
            (&["text/plain", "text/html"][..], Some("text/html")),
            (&["application/json, application/json"], Some("application/json")),
            (&["text/html; charset=utf-8", "nonsense"], Some("text/html; charset=utf-8")),
            (&["text/html charset=utf-8"], Some("text/html charset=utf-8")),
            (&["text/html", "*/*"], Some("text/html")),
            (&["", "x"], None),
        ] {
            let headers: Vec<_> = values.iter().map(|it| header(it)).collect();
            assert_eq!(content_type(&headers).as_deref(), expected, "{values:?}");
        }
        assert_eq!(read("text/html charset=utf-8", b"words"), None);
    }

    #[test]
    fn bytes_before_the_mark_of_a_pdf_are_skipped() {
        let pdf = b"%PDF-1.4\n1 0 obj\n<< >>";
        let junk = [b"HTTP/1.1 200 OK\r\n\r\n".repeat(15), pdf.to_vec()].concat();
        let far = [vec![b' '; 2_000], b"x".to_vec(), pdf.to_vec()].concat();
        let prose = b"<p>A PDF begins with %PDF-1.4 and then 1 0 obj follows</p>";

        assert_eq!(read("application/octet-stream", &junk), Some(DocumentKind::Pdf));
        assert_eq!(read("text/plain", &far), Some(DocumentKind::Text));
        assert_eq!(read("text/html", prose), None);
        assert_eq!(read("text/plain", b"The mark is %PDF-1.4."), Some(DocumentKind::Text));
    }

    #[test]
    fn without_a_label_the_bytes_decide() {
        for (body, kind) in [
            (&b"words, and then <p>a tag"[..], None),
            (b"words, and then <!-- a remark", None),
            (b"<5 is how it begins", None),
            (b"1 < 2 and nothing else", Some(DocumentKind::Text)),
            (b"words\0more", Some(DocumentKind::Binary)),
            (b"\xff\xfeh\0i\0", Some(DocumentKind::Text)),
            (b"\xfe\xff\0h\0i", Some(DocumentKind::Text)),
        ] {
            assert_eq!(read("", body), kind, "{body:?}");
        }
    }
}
