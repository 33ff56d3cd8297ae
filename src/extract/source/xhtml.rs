//! Elements that XHTML closes in their own tag, given an end tag: the parser reads HTML, in which
//! `<script src="a.js"/>` is open up to the next `</script>`.

use std::borrow::Cow;

/// Elements that have no end tag in HTML either.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements whose content is text, so that one left open swallows the page.
const RAW: [&str; 6] = ["iframe", "script", "style", "textarea", "title", "xmp"];

/// Bytes of one tag; what is longer is none.
const MAX_TAG: usize = 65_536;

/// Returns `true` if a document is XML by its declared type or its first line.
pub(crate) fn is_xhtml(content_type: Option<&str>, source: &str) -> bool {
    let declared = content_type.is_some_and(|it| it.trim_start().starts_with("application/xhtml"));
    declared || source.trim_start_matches('\u{feff}').trim_start().starts_with("<?xml")
}

/// Adds the end tags that the parser needs.
pub(crate) fn closed(source: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|it| it.find('<')) {
        let begin = at + found;
        let rest = source.get(begin..).unwrap_or_default();
        if let Some(length) = skipped(rest) {
            at = begin + length;
            continue;
        }
        let name = name_of(rest);
        let end = tag_end(rest);
        at = begin + end.max(1);
        if name.is_empty() {
            continue;
        }
        let tag = rest.get(..end).unwrap_or_default();
        if tag.ends_with("/>") {
            if !VOID.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                let open = tag.trim_end_matches("/>");
                out.push_str(source.get(kept..begin).unwrap_or_default());
                out.push_str(&format!("{open}></{name}>"));
                kept = at;
            }
        } else if RAW.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            // What looks like a tag inside is text.
            let close = format!("</{name}");
            let content = source.get(at..).unwrap_or_default();
            at += content.find(&close).unwrap_or(content.len());
        }
    }
    if kept == 0 {
        return Cow::Borrowed(source);
    }
    out.push_str(source.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

/// Returns the length of a comment or a CDATA section that begins here.
fn skipped(rest: &str) -> Option<usize> {
    let (open, close) =
        [("<!--", "-->"), ("<![CDATA[", "]]>")].into_iter().find(|it| rest.starts_with(it.0))?;
    let end = rest.get(open.len()..)?.find(close);
    Some(end.map_or(rest.len(), |it| open.len() + it + close.len()))
}

/// Returns the name of a start tag, or nothing.
fn name_of(rest: &str) -> &str {
    let name = rest.get(1..).unwrap_or_default();
    if !name.starts_with(|it: char| it.is_ascii_alphabetic()) {
        return "";
    }
    let end = name.find(|it: char| !(it.is_ascii_alphanumeric() || matches!(it, '-' | ':' | '_')));
    name.get(..end.unwrap_or(name.len())).unwrap_or_default()
}

/// Returns the length of a tag; a `>` in an attribute does not end it.
fn tag_end(rest: &str) -> usize {
    let mut quote = None;
    for (at, byte) in rest.bytes().take(MAX_TAG).enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_closed_in_their_own_tag_get_an_end_tag() {
        for (source, is) in [
            ("<script src='a.js' /><p>x</p>", "<script src='a.js' ></script><p>x</p>"),
            ("<a id=\"x>\"/>y<br/>", "<a id=\"x>\"></a>y<br/>"),
            (
                "<!-- <div/> --><script>a = '<b/>'</script>",
                "<!-- <div/> --><script>a = '<b/>'</script>",
            ),
            ("a < b <1/> </p", "a < b <1/> </p"),
        ] {
            assert_eq!(closed(source), is);
        }
    }
}
