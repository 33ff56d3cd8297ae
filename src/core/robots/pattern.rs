//! Matches a path against a rule's pattern: `*` matches anything, a final `$` the end of the path.

use crate::core::wildcard::{self, Extent};

/// Returns `true` if the pattern matches the beginning of the path.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern.split_last() {
        Some((b'$', rest)) => wildcard::matches(rest, path, None, Extent::Whole),
        _ => wildcard::matches(pattern, path, None, Extent::Beginning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_rfc_requires() {
        let cases = [
            ("/fish", "/fish.html", true),
            ("/fish", "/Fish", false),
            ("/fish*", "/fish", true),
            ("/fish/", "/fish", false),
            ("/*.php", "/folder/file.php?p", true),
            ("/*.php$", "/file.php", true),
            ("/*.php$", "/file.php?p", false),
            ("/*.php$", "/file.php.php", true),
            ("/a*$", "/abc", true),
            ("/fish*.php", "/fishheads/cat.php?x", true),
            ("/a$b", "/a$b", true),
            ("/$", "/", true),
            ("/$", "/a", false),
            ("", "/anything", true),
            ("$", "/anything", false),
            ("*", "/anything", true),
            ("/a**b", "/axxb", true),
        ];

        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn many_wildcards_match_in_bounded_time() {
        let pattern = "*a".repeat(2_000) + "$";

        assert!(!matches(pattern.as_bytes(), "a".repeat(1_999).as_bytes()));
        assert!(matches(pattern.as_bytes(), "a".repeat(2_000).as_bytes()));
    }
}
