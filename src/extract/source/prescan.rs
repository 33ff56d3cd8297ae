//! Reads the encoding that a page declares in its first bytes, by the algorithm of the HTML standard.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::memmem::find;

/// Returns the encoding that a `meta` element or an XML declaration names.
pub(crate) fn encoding(head: &[u8]) -> Option<&'static Encoding> {
    if let Some(found) = declared(head) {
        return Some(found);
    }
    let mut scan = Prescan { head, at: 0 };
    while scan.at < head.len() {
        let rest = scan.rest();
        if rest.starts_with(b"<!--") {
            // The dashes that open it may close it.
            scan.at += find(rest.get(2..)?, b"-->")? + 4;
        } else if is_meta(rest) {
            scan.at += 6;
            if let Some(found) = scan.meta() {
                return Some(found);
            }
        } else if is_tag(rest) {
            scan.at += rest.iter().position(|it| it.is_ascii_whitespace() || *it == b'>')?;
            while scan.attribute().is_some() {}
        } else if rest.starts_with(b"<!") || rest.starts_with(b"</") || rest.starts_with(b"<?") {
            scan.at += rest.iter().position(|it| *it == b'>')?;
        } else {
            let next = rest.iter().skip(1).position(|it| *it == b'<')?;
            scan.at += next;
        }
        scan.at += 1;
    }
    None
}

/// Returns the encoding of an XML declaration, which can only be at the very start.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let line = head.strip_prefix(b"<?xml")?;
    let line = line.get(..find(line, b"?>")?)?;
    let after = line.get(find(line, b"encoding")? + 8..)?.trim_ascii_start();
    let value = after.strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|it| matches!(it, b'"' | b'\''))?;
    let value = value.get(1..)?;
    Some(as_read(Encoding::for_label(value.split(|it| *it == quote).next()?)?))
}

fn is_meta(rest: &[u8]) -> bool {
    rest.get(..5).is_some_and(|it| it.eq_ignore_ascii_case(b"<meta"))
        && rest.get(5).is_some_and(|it| it.is_ascii_whitespace() || *it == b'/')
}

fn is_tag(rest: &[u8]) -> bool {
    let name = rest.strip_prefix(b"</").or_else(|| rest.strip_prefix(b"<"));
    name.and_then(|it| it.first()).is_some_and(u8::is_ascii_alphabetic)
}

/// Corrects a declared encoding: a page that could be scanned is not UTF-16.
fn as_read(found: &'static Encoding) -> &'static Encoding {
    match found {
        it if it == UTF_16LE || it == UTF_16BE => UTF_8,
        it if it.name() == "x-user-defined" => WINDOWS_1252,
        it => it,
    }
}

struct Prescan<'a> {
    head: &'a [u8],
    at: usize,
}

impl Prescan<'_> {
    fn rest(&self) -> &[u8] {
        self.head.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.head.get(self.at).copied()
    }

    fn skip(&mut self, skipped: fn(u8) -> bool) {
        while self.byte().is_some_and(skipped) {
            self.at += 1;
        }
    }

    /// Returns the encoding that a `meta` element names; each attribute counts once.
    fn meta(&mut self) -> Option<&'static Encoding> {
        // Of all that a tag may hold, these count.
        let mut left: Vec<&[u8]> = vec![b"http-equiv", b"content", b"charset"];
        let (mut is_type, mut needs_type) = (false, None);
        let mut found = None;
        while let Some((name, value)) = self.attribute() {
            let Some(place) = left.iter().position(|it| *it == name) else { continue };
            left.swap_remove(place);
            match name.as_slice() {
                b"http-equiv" => is_type |= value == b"content-type",
                b"content" if found.is_none() => {
                    if let Some(encoding) = in_content(&value) {
                        found = Some(encoding);
                        needs_type = Some(true);
                    }
                }
                b"charset" => {
                    found = Encoding::for_label(&value);
                    needs_type = Some(false);
                }
                _ => {}
            }
        }
        // A tag that does not end here is not one.
        self.byte()?;
        match needs_type {
            Some(true) if !is_type => None,
            Some(_) => found.map(as_read),
            None => None,
        }
    }

    /// Reads the next attribute of a tag in lower case. Returns `None` at the end of the tag.
    fn attribute(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.skip(|it| it.is_ascii_whitespace() || it == b'/');
        if self.byte()? == b'>' {
            return None;
        }
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            match self.byte()? {
                b'=' if !name.is_empty() => break,
                it if it.is_ascii_whitespace() => {
                    self.skip(|it| it.is_ascii_whitespace());
                    break;
                }
                b'/' | b'>' => return Some((name, value)),
                it => name.push(it.to_ascii_lowercase()),
            }
            self.at += 1;
        }
        if self.byte()? != b'=' {
            return Some((name, value));
        }
        self.at += 1;
        self.skip(|it| it.is_ascii_whitespace());
        let first = self.byte()?;
        let quote = matches!(first, b'"' | b'\'').then_some(first);
        self.at += usize::from(quote.is_some());
        loop {
            let byte = self.byte()?;
            match quote {
                Some(quote) if byte == quote => {
                    self.at += 1;
                    return Some((name, value));
                }
                None if byte.is_ascii_whitespace() || byte == b'>' => return Some((name, value)),
                _ => value.push(byte.to_ascii_lowercase()),
            }
            self.at += 1;
        }
    }
}

/// Returns the encoding that the `content` of a `meta` element names.
fn in_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut rest = content;
    loop {
        rest = rest.get(find(rest, b"charset")? + 7..)?;
        let Some(value) = rest.trim_ascii_start().strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let label = match value.first()? {
            quote @ (b'"' | b'\'') => {
                let value = value.get(1..)?;
                value.get(..value.iter().position(|it| it == quote)?)?
            }
            _ => value.split(|it| it.is_ascii_whitespace() || *it == b';').next()?,
        };
        return Encoding::for_label(label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: &str) -> Option<&'static str> {
        encoding(head.as_bytes()).map(Encoding::name)
    }

    #[test]
    fn a_page_names_its_encoding_in_a_meta_element_or_a_declaration() {
        for head in [
            "<meta charset=koi8-r>",
            "<META  CHARSET = 'KOI8-R' />",
            "<title>a</title><meta http-equiv=content-type content='text/html; charset=koi8-r'>",
            "<meta content='text/html; charset=\"koi8-r\"' http-equiv=Content-Type>",
            "<?xml version='1.0' encoding='koi8-r'?><html>",
            "<!-- <meta charset=utf-8> --><meta charset=koi8-r>",
            "<a title='<meta charset=utf-8>'><meta charset=koi8-r>",
        ] {
            assert_eq!(name(head), Some("KOI8-R"), "{head}");
        }
    }

    #[test]
    fn what_only_looks_like_it_names_nothing() {
        for head in [
            "<metacharset=koi8-r>",
            "<meta charset=koi8-r",
            "<meta content='text/html; charset=koi8-r'>",
            "<meta http-equiv=Content-Style-Type content='text/html; charset=koi8-r'>",
            "<!-- <meta charset=koi8-r>",
            "<p title=\"><meta charset=koi8-r>",
            "<meta charset=no-such-encoding>",
            "charset=koi8-r",
        ] {
            assert_eq!(name(head), None, "{head}");
        }
    }

    #[test]
    fn a_page_that_could_be_scanned_is_no_wide_one() {
        assert_eq!(name("<meta charset=utf-16>"), Some("UTF-8"));
        assert_eq!(name("<meta charset=x-user-defined>"), Some("windows-1252"));
    }
}
