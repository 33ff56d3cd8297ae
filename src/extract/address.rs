//! Addresses in a page, made to work from anywhere.

use std::borrow::Cow;

use url::Url;

use crate::extract::doc::Doc;
use crate::extract::tag::Tag;

/// What a page's relative addresses are relative to; without one they stay as they are written.
#[derive(Debug, Default)]
pub(super) struct Base {
    url: Option<Url>,
    /// Scheme and host, for addresses that begin with a slash.
    origin: String,
}

impl Base {
    /// The page's own address, changed by its `base` element.
    pub(super) fn of(doc: &Doc<'_>, page: Option<&str>) -> Self {
        let own = page.and_then(|it| Url::parse(it).ok());
        let said = (0..doc.len()).find(|it| doc.tag(*it) == Tag::Base);
        let said = said.and_then(|it| doc.attr(it, "href"));
        let url = match (own, said) {
            (Some(own), Some(said)) => own.join(said).ok().or(Some(own)),
            (own, _) => own,
        };
        let web = url.as_ref().filter(|it| it.has_host());
        let origin = web.map(|it| it.origin().ascii_serialization()).unwrap_or_default();
        Self { url, origin }
    }

    /// An address that works from anywhere; `None` for what is no address of a page.
    pub(super) fn absolute(&self, address: &str) -> Option<String> {
        let address = address.trim();
        if address.is_empty() {
            return None;
        }
        if let Some(scheme) = scheme(address) {
            let known = ["http", "https", "mailto", "tel"];
            return known.iter().any(|it| scheme.eq_ignore_ascii_case(it)).then(|| clean(address));
        }
        let Some(url) = &self.url else { return Some(clean(address)) };
        // Most links of most pages are of this kind, and need no parser.
        if is_plain_path(address) && !self.origin.is_empty() {
            return Some(format!("{}{address}", self.origin));
        }
        url.join(address).ok().map(String::from)
    }
}

/// What stands before the colon, where the colon comes before any slash.
fn scheme(address: &str) -> Option<&str> {
    let end = address.find([':', '/', '?', '#'])?;
    let scheme = address.get(..end)?;
    let named = address.get(end..)?.starts_with(':')
        && scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
    // A line end inside a scheme is ignored by browsers, so that must not hide one either.
    let torn = scheme.contains(['\n', '\r', '\t']);
    (named || torn).then_some(scheme)
}

/// Whether joining would change nothing of it.
fn is_plain_path(address: &str) -> bool {
    let safe = |it: u8| it.is_ascii_alphanumeric() || b"/-_.~%?=&#+,:;@!$*".contains(&it);
    address.starts_with('/')
        && !address.starts_with("//")
        && !address.contains("/.")
        && address.bytes().all(safe)
}

/// Blanks and controls as an address may hold them.
fn clean(address: &str) -> String {
    if !address.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return address.to_owned();
    }
    let mut out = String::with_capacity(address.len());
    for symbol in address.chars() {
        match symbol {
            '\n' | '\r' | '\t' => {}
            it if it.is_whitespace() || it.is_control() => out.push_str("%20"),
            it => out.push(it),
        }
    }
    out
}

/// An address as the target of a link in markdown.
pub(super) fn as_target(address: &str) -> Cow<'_, str> {
    let mut depth = 0_i32;
    let mut balanced = true;
    for symbol in address.bytes() {
        depth += i32::from(symbol == b'(') - i32::from(symbol == b')');
        balanced &= depth >= 0;
    }
    let tame = balanced && depth == 0 && !address.contains(['<', '>', '\\', '*', '_', '`']);
    if tame {
        return Cow::Borrowed(address);
    }
    let mut out = String::with_capacity(address.len() + 8);
    for symbol in address.chars() {
        match symbol {
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            it => out.push(it),
        }
    }
    Cow::Owned(out)
}
