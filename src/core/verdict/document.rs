//! Detects the kind of a document: its first bytes take precedence over its header.

use crate::core::verdict::{DocumentKind, Response};

/// Returns the kind of the document, or `None` for an HTML page.
pub(super) fn kind(response: &Response<'_>) -> Option<DocumentKind> {
    let body = response.body;
    if let Some(kind) = sniff(body) {
        return Some(kind);
    }
    let media = media_type(response);
    let start = start(body);
    let html = [&b"<!doctype html"[..], b"<html", b"<head", b"<body"]
        .iter()
        .any(|it| start.len() >= it.len() && start[..it.len()].eq_ignore_ascii_case(it));
    match media.as_str() {
        "text/html" | "application/xhtml+xml" => json(body).then_some(DocumentKind::Json),
        // Servers label error pages with the type of the requested document.
        _ if html && media != "text/plain" => None,
        "application/json" | "text/json" => Some(DocumentKind::Json),
        it if it.ends_with("+json") => Some(DocumentKind::Json),
        it if it.starts_with("text/") || it.ends_with("xml") => Some(DocumentKind::Text),
        "application/javascript" | "application/yaml" => Some(DocumentKind::Text),
        "" => unlabelled(body),
        _ => Some(DocumentKind::Binary),
    }
}

/// Detects the kind of a document by its first bytes; `None` if they are of no known kind.
pub fn sniff(body: &[u8]) -> Option<DocumentKind> {
    // Readers accept a PDF's mark anywhere in the first kilobyte; some servers put bytes before it.
    if body.starts_with(b"%PDF-") || start(body).starts_with(b"%PDF-") {
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

/// Returns the media type in lower case without parameters; empty if the header is missing.
fn media_type(response: &Response<'_>) -> String {
    let value = response.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn unlabelled(body: &[u8]) -> Option<DocumentKind> {
    if json(body) {
        return Some(DocumentKind::Json);
    }
    let head = &body[..body.len().min(1_024)];
    if head.contains(&0) && !wide(body) {
        return Some(DocumentKind::Binary);
    }
    // Anything with a tag is read as a page, as browsers do.
    let page =
        head.windows(2).any(|it| it[0] == b'<' && (it[1].is_ascii_alphabetic() || it[1] == b'!'));
    (!page && !start(body).starts_with(b"<")).then_some(DocumentKind::Text)
}

/// Returns `true` if the body opens with the byte order mark of UTF-16, whose text contains zero bytes.
fn wide(body: &[u8]) -> bool {
    body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff")
}

/// Returns `true` if the body starts and ends like one JSON object or array.
fn json(body: &[u8]) -> bool {
    let body = start(body).trim_ascii_end();
    matches!(
        (body.first(), body.get(1), body.last()),
        (Some(b'{'), Some(b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t'), Some(b'}'))
            | (Some(b'['), Some(_), Some(b']'))
    )
}

/// The body after a byte order mark and white space.
fn start(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("application/wasm", DocumentKind::Binary),
        ] {
            assert_eq!(read(label, b"some words"), Some(kind), "{label}");
        }
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
