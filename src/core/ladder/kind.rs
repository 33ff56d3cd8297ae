//! Kinds of pages: who asks for a page, and the pattern of its URL.

use crate::core::id::AccountId;
use crate::core::request::JobRequest;

/// Path segments that are told apart; deeper ones are not.
const SEGMENTS: usize = 4;
/// Names of query parameters that are told apart.
const PARAMETERS: usize = 6;
/// The longest path segment that counts as a name; a longer one is a title or an id.
const NAME_LEN: usize = 24;

/// The kind of a page: pages of one kind are expected to need the same tier.
///
/// It consists of the account, and of the request's pattern: its method, the shape of its path and the names of
/// its query parameters. `/item/4711?page=2` and `/item/4712?page=9` have the same pattern, `/search` another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKind {
    pub(super) account: u32,
    pub(super) pattern: u32,
}

impl PageKind {
    /// Returns the kind of a request.
    pub fn of(account: &AccountId, request: &JobRequest) -> Self {
        let mut pattern = Fnv::default();
        pattern.write(request.method().as_str().as_bytes());
        // Headers and cookies of the caller can make a site treat a request differently.
        let advanced = request.advanced();
        let is_plain = request.headers().is_empty()
            && advanced.cookies.is_empty()
            && advanced.session_id.is_none();
        pattern.write(if is_plain { b" " } else { b"+" });
        write_pattern(&mut pattern, request.page().as_str());
        let mut name = Fnv::default();
        name.write(account.as_str().as_bytes());
        Self { account: name.0, pattern: pattern.0 }
    }
}

/// Hashes the shape of a URL's path and the names of its parameters.
fn write_pattern(hash: &mut Fnv, url: &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut segments = path.split('/').skip(1).filter(|it| !it.is_empty());
    for segment in segments.by_ref().take(SEGMENTS) {
        hash.write(b"/");
        write_segment(hash, segment);
    }
    if segments.next().is_some() {
        hash.write(b"/**");
    }
    let mut names: Vec<&str> =
        query.split('&').map(|it| it.split('=').next().unwrap_or_default()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|it| !it.is_empty()).take(PARAMETERS) {
        hash.write(b"?");
        hash.write(name.as_bytes());
    }
}

fn write_segment(hash: &mut Fnv, segment: &str) {
    let (stem, extension) = match segment.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 5 => (stem, extension),
        _ => (segment, ""),
    };
    if stem.bytes().all(|it| it.is_ascii_digit()) {
        hash.write(b"#");
    } else if stem.len() > NAME_LEN || stem.bytes().any(|it| !it.is_ascii_alphabetic()) {
        hash.write(b"*");
    } else {
        hash.write(stem.to_ascii_lowercase().as_bytes());
    }
    hash.write(b".");
    hash.write(extension.to_ascii_lowercase().as_bytes());
}

/// The FNV-1a hash of 32 bits: the record has to mean the same in every release and on every machine.
struct Fnv(u32);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x811c_9dc5)
    }
}

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::{Item, Limits};

    fn kind(account: &str, item: Item) -> PageKind {
        let account = AccountId::new(account).expect("a name");
        PageKind::of(&account, &item.check(&Limits::default()).expect("valid"))
    }

    fn of(path: &str) -> PageKind {
        kind("a", Item::get(format!("http://a.test{path}")))
    }

    #[test]
    fn pages_of_one_pattern_are_of_one_kind() {
        for (one, other) in [
            ("/item/4711", "/item/4712"),
            ("/item/4711.html?page=2", "/item/9.html?page=7#top"),
            ("/blog/how-to-bake", "/blog/how-to-cook-for-two"),
            ("/a/b/c/d/e", "/a/b/c/d/f/g"),
            ("/search?a=1&b=2", "/search?b=3&a=4"),
            ("", "/"),
        ] {
            assert_eq!(of(one), of(other), "{one} and {other}");
        }
    }

    #[test]
    fn another_shape_is_another_kind() {
        for (one, other) in [
            ("/item/1", "/items/1"),
            ("/item/1", "/item/1/edit"),
            ("/item", "/item?print=1"),
            ("/a.html", "/a.pdf"),
            ("/about", "/contact"),
        ] {
            assert_ne!(of(one), of(other), "{one} and {other}");
        }
    }

    #[test]
    fn accounts_methods_and_headers_are_told_apart() {
        let item = || Item::get("http://a.test/item");
        let plain = kind("a", item());

        assert_eq!(plain.pattern, kind("b", item()).pattern);
        assert_ne!(plain, kind("b", item()));
        assert_ne!(plain, kind("a", item().header("X-A", "b")));
    }
}
