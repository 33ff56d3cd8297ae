//! Resolves the addresses in a page.

use std::borrow::Cow;
use std::cell::Cell;

use url::Url;

use crate::extract::dom::doc::Doc;
use crate::extract::dom::tag::Tag;

/// Bytes that all relative addresses of a page may gain: a page of short links below a long base would
/// otherwise be written hundreds of times larger than it is.
const MAX_GAIN: usize = 16 * 1_024 * 1_024;
/// Bytes of a base address.
const MAX_BASE: usize = 4_096;
const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// The base of a page's relative addresses. Without one they stay as they are written.
#[derive(Debug, Default)]
pub(crate) struct Base {
    url: Option<Url>,
    /// Scheme and host, for addresses that begin with a slash.
    origin: String,
    /// Bytes that addresses have gained so far.
    gained: Cell<usize>,
}

impl Base {
    /// Combines the page's own address with its `base` element.
    pub(crate) fn of(doc: &Doc<'_>, page: Option<&str>) -> Self {
        let own = page.and_then(|it| Url::parse(it).ok());
        let bases = (0..doc.len()).filter(|it| doc.tag(*it) == Tag::Base);
        let declared = bases.into_iter().find_map(|it| doc.attr(it, "href"));
        let declared = declared.filter(|it| it.len() <= MAX_BASE);
        let url = match (own, declared) {
            (Some(own), Some(declared)) => {
                let declared =
                    own.join(declared).ok().filter(|it| matches!(it.scheme(), "http" | "https"));
                declared.or(Some(own))
            }
            (own, _) => own,
        };
        let web = url.as_ref().filter(|it| it.has_host());
        let origin = web.map(|it| it.origin().ascii_serialization()).unwrap_or_default();
        Self { url, origin, gained: Cell::default() }
    }

    /// Returns the address of the page.
    pub(crate) fn page(&self) -> Option<&str> {
        self.url.as_ref().map(Url::as_str)
    }

    /// Returns an absolute address. Returns `None` if it is not the address of a page.
    pub(crate) fn absolute(&self, address: &str) -> Option<String> {
        let address = address.trim();
        if address.is_empty() {
            return None;
        }
        if let Some(scheme) = scheme(address) {
            return SCHEMES
                .iter()
                .any(|it| scheme.eq_ignore_ascii_case(it))
                .then(|| clean(address));
        }
        let Some(url) = &self.url else { return Some(clean(address)) };
        // Most links of most pages are of this kind, and need no parser.
        let joined = if is_plain_path(address) && !self.origin.is_empty() {
            [self.origin.as_str(), address].concat()
        } else {
            let joined = url.join(address).ok()?;
            // The parser ignores controls in front of a scheme, so one may appear only now.
            SCHEMES.contains(&joined.scheme()).then(|| joined.into())?
        };
        let gained = self.gained.get() + joined.len().saturating_sub(address.len());
        if gained > MAX_GAIN {
            return Some(clean(address));
        }
        self.gained.set(gained);
        Some(joined)
    }
}

/// Returns the part before the colon if no slash precedes it.
fn scheme(address: &str) -> Option<&str> {
    let end = address.find([':', '/', '?', '#'])?;
    let scheme = address.get(..end)?;
    let named = address.get(end..)?.starts_with(':')
        && scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
    // Browsers ignore a line end inside a scheme, so it must not hide one.
    let torn = scheme.contains(['\n', '\r', '\t']);
    (named || torn).then_some(scheme)
}

/// Returns `true` if joining would only put the origin in front.
fn is_plain_path(address: &str) -> bool {
    let mut before = 0;
    let mut stays = |it: u8| {
        let is_dot = before == b'/' && it == b'.';
        before = it;
        IS_PLAIN[usize::from(it)] && !is_dot
    };
    address.starts_with('/') && !address.starts_with("//") && address.bytes().all(&mut stays)
}

/// The bytes that joining leaves as they are.
static IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let signs = b"/-_.~%?=&#+,:;@!$*";
    let mut at = 0;
    while at < signs.len() {
        plain[signs[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Percent-encodes blanks and controls, and removes line ends.
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

/// Writes an address as the target of a link in markdown. Brackets that do not match stay as they are,
/// between `<` and `>`.
pub(crate) fn as_target(address: &str) -> Cow<'_, str> {
    if !address.bytes().any(|it| matches!(it, b'(' | b')' | b'<' | b'>' | b'\\' | b'`')) {
        return Cow::Borrowed(address);
    }
    let mut depth = 0_i32;
    let mut balanced = true;
    for symbol in address.bytes() {
        depth += i32::from(symbol == b'(') - i32::from(symbol == b')');
        balanced &= depth >= 0;
    }
    let balanced = balanced && depth == 0;
    if balanced && !address.contains(['<', '>', '\\', '`']) {
        return Cow::Borrowed(address);
    }
    let mut out = String::with_capacity(address.len() + 8);
    for symbol in address.chars() {
        match symbol {
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            // Code begins before a link does.
            '`' => out.push_str("%60"),
            it => out.push(it),
        }
    }
    Cow::Owned(if balanced { out } else { format!("<{out}>") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Base {
        Base { url: Url::parse(url).ok(), ..Base::default() }
    }

    #[test]
    fn no_address_runs_a_script_however_it_is_written() {
        let page = base("https://example.com/a/");

        for it in
            ["javascript:x", "\u{1}javascript:x", "java\nscript:x", " JavaScript:x", "data:,x"]
        {
            assert_eq!(page.absolute(it), None, "{it:?}");
        }
        assert_eq!(page.absolute("b").as_deref(), Some("https://example.com/a/b"));
    }

    #[test]
    fn many_short_links_below_a_long_base_gain_a_bounded_amount() {
        let page = base(&format!("https://example.com/{}/", "x".repeat(60_000)));

        let written: usize = (0..1_000).filter_map(|_| page.absolute("b")).map(|it| it.len()).sum();

        assert!(written <= MAX_GAIN + 1_000 * 2, "{written} bytes");
        assert_eq!(page.absolute("b").as_deref(), Some("b"));
    }

    #[test]
    fn links_to_the_root_of_a_long_host_gain_no_more() {
        let origin = format!("https://{}.example", "x".repeat(60_000));
        let page = Base { origin: origin.clone(), ..base(&origin) };

        let written: usize = (0..1_000).filter_map(|_| page.absolute("/")).map(|it| it.len()).sum();

        assert!(written <= MAX_GAIN + 1_000 * 2, "{written} bytes");
    }
}
