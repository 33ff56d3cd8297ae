//! Reads tags: names and attributes.

use crate::extract::reader::StartTag;
use crate::extract::reader::names::Name;
use crate::extract::reader::page::{Attributes, Page, Span};
use crate::extract::reader::references::Place;

/// Returns `true` for a byte that ends the name of a tag.
#[inline]
pub(crate) fn ends_name(byte: u8) -> bool {
    ENDS_NAME[usize::from(byte)]
}

static ENDS_NAME: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        ends[byte as usize] = byte.is_ascii_whitespace() || byte == b'>' || byte == b'/';
        byte += 1;
    }
    ends
};

/// The name of a tag as it was read.
pub(super) struct TagName {
    pub(super) name: Name,
    pub(super) text: Span,
    /// The place behind the name.
    pub(super) end: usize,
}

/// Reads the name of a tag that begins at `begin`.
pub(super) fn name(page: &mut Page<'_>, begin: usize) -> TagName {
    let rest = page.source.as_bytes().get(begin..).unwrap_or_default();
    let length = rest.iter().position(|it| ends_name(*it)).unwrap_or(rest.len());
    let source = rest.get(..length).unwrap_or_default();
    let end = begin + length;
    if !source.iter().any(u8::is_ascii_uppercase) {
        return TagName { name: Name::of(source), text: Span::of(begin, end), end };
    }
    let text = lower_case(page, begin, end);
    TagName { name: Name::of(page.text(text).as_bytes()), text, end }
}

/// Returns a part of the source in lower case.
fn lower_case(page: &mut Page<'_>, start: usize, end: usize) -> Span {
    let text = page.source.get(start..end).unwrap_or_default();
    if text.bytes().any(|it| it.is_ascii_uppercase()) {
        return page.keep(|out| {
            let begin = out.len();
            out.push_str(text);
            if let Some(new) = out.get_mut(begin..) {
                new.make_ascii_lowercase();
            }
        });
    }
    Span::of(start, end)
}

/// Reads the start tag at `at`. Returns it and the place behind it; `None` if the page ends first.
pub(super) fn start(page: &mut Page<'_>, at: usize) -> Option<(StartTag, usize)> {
    let TagName { name, text, end } = name(page, at + 1);
    let begin = page.attributes.len();
    let end = attributes(page, end)?;
    if page.attributes.len() > begin + 1 {
        sort(page, begin);
    }
    let attributes = Attributes {
        start: u32::try_from(begin).unwrap_or(u32::MAX),
        end: u32::try_from(page.attributes.len()).unwrap_or(u32::MAX),
    };
    Some((StartTag { name, text, attributes }, end))
}

/// Reads the rest of the end tag whose name ends at `at` and returns the place behind it; `None` if the page ends
/// first.
pub(super) fn end(page: &mut Page<'_>, at: usize) -> Option<usize> {
    let begin = page.attributes.len();
    let end = attributes(page, at);
    page.attributes.truncate(begin);
    end
}

/// Orders the attributes of one tag by name, as html5ever's tree has them, and keeps the first of each name.
fn sort(page: &mut Page<'_>, begin: usize) {
    let mut attributes = std::mem::take(&mut page.attributes);
    if let Some(own) = attributes.get_mut(begin..) {
        own.sort_by(|left, right| page.text(left.0).cmp(page.text(right.0)));
    }
    let mut kept = begin + 1;
    for at in begin + 1..attributes.len() {
        if page.text(attributes[at].0) != page.text(attributes[kept - 1].0) {
            attributes[kept] = attributes[at];
            kept += 1;
        }
    }
    attributes.truncate(kept);
    page.attributes = attributes;
}

/// Reads the attributes of the tag whose name ends at `at`. Returns the place behind the tag.
fn attributes(page: &mut Page<'_>, mut at: usize) -> Option<usize> {
    let bytes = page.source.as_bytes();
    if bytes.get(at) == Some(&b'>') {
        return Some(at + 1);
    }
    let skip_blanks = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let until = |mut at: usize, ends: fn(u8) -> bool| {
        while bytes.get(at).is_some_and(|it| !ends(*it)) {
            at += 1;
        }
        at
    };
    loop {
        while bytes.get(at).is_some_and(|it| it.is_ascii_whitespace() || *it == b'/') {
            at += 1;
        }
        if *bytes.get(at)? == b'>' {
            return Some(at + 1);
        }
        let begin = at;
        // An equals sign at the beginning is a part of the name.
        at = until(at + 1, |it| ends_name(it) || it == b'=');
        let name = lower_case(page, begin, at);
        at = skip_blanks(at);
        let mut value = Span::default();
        if bytes.get(at) == Some(&b'=') {
            at = skip_blanks(at + 1);
            let from;
            match *bytes.get(at)? {
                quote @ (b'"' | b'\'') => {
                    from = at + 1;
                    let end = from + memchr::memchr(quote, bytes.get(from..)?)?;
                    value = page.decoded(from, end, Place::Attribute);
                    at = end + 1;
                }
                b'>' => {}
                _ => {
                    from = at;
                    at = until(at, |it| it.is_ascii_whitespace() || it == b'>');
                    value = page.decoded(from, at, Place::Attribute);
                }
            }
        }
        page.attributes.push((name, value));
    }
}
