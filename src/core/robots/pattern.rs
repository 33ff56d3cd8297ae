//! Matches a path against a rule's pattern: `*` matches anything, a final `$` the end of the path.

/// Returns `true` if the pattern matches the beginning of the path.
///
/// Takes at most time in the product of both lengths, because only the last `*` is retried.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, whole) = match pattern.split_last() {
        Some((b'$', rest)) => (rest, true),
        _ => (pattern, false),
    };
    // Where to go on if what follows the last star does not fit here.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut seen) = (0, 0);
    loop {
        match (pattern.get(at), path.get(seen)) {
            (Some(b'*'), _) => {
                at += 1;
                retry = Some((at, seen));
                continue;
            }
            (None, _) if !whole => return true,
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found => {
                at += 1;
                seen += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_star, from)) = retry else { return false };
        if from == path.len() {
            return false;
        }
        (at, seen) = (after_star, from + 1);
        retry = Some((at, seen));
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
