//! Parses and applies robots.txt (RFC 9309).
//!
//! Parsing is total: any bytes give rules, and lines that are not rules are skipped. This module fetches
//! nothing. The caller decides how to treat an unreachable file.

mod parse;
mod pattern;

use std::time::Duration;

pub use parse::MAX_BYTES;

/// One `allow` or `disallow` line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    allow: bool,
    pattern: Vec<u8>,
    /// The specificity: the length of the pattern in the file.
    length: usize,
}

/// Agents that share rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    /// Product tokens, in lower case.
    agents: Vec<String>,
    /// `true` if the group applies to all agents (`*`).
    everyone: bool,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

impl Group {
    fn names(&self, agent: &str) -> bool {
        self.agents.iter().any(|it| it == agent)
    }
}

/// A parsed robots.txt.
///
/// ```
/// use rungs::core::robots::Robots;
///
/// let robots = Robots::parse(b"User-agent: *\nDisallow: /private\nAllow: /private/open\n");
/// assert!(robots.allows("rungs", "https://example.com/private/open/page"));
/// assert!(!robots.allows("rungs", "https://example.com/private/page"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Robots {
    groups: Vec<Group>,
    sitemaps: Vec<String>,
}

impl Robots {
    /// Parses the first [`MAX_BYTES`] of a file, the least that RFC 9309 (2.5) requires.
    pub fn parse(file: &[u8]) -> Self {
        parse::parse(file)
    }

    /// Returns the rules of an unreachable file (RFC 9309, 2.3.1.4): nothing may be fetched.
    pub fn nothing() -> Self {
        let rules = vec![Rule { allow: false, pattern: b"/".to_vec(), length: 1 }];
        let group = Group { everyone: true, rules, ..Group::default() };
        Self { groups: vec![group], sitemaps: Vec::new() }
    }

    /// Returns the rules of a missing file (RFC 9309, 2.3.1.3): everything may be fetched.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Returns `true` if the crawler with the product token `agent` may fetch `url`.
    ///
    /// Of the rules that match, the longest applies; of two with equal length, the one that allows. All groups
    /// that name the agent are merged. Groups for `*` apply only if none names the agent. `/robots.txt` itself is
    /// always allowed.
    ///
    /// The path is compared in the form in which it is requested: without `.` and `..`, and with the same
    /// percent-encoding as the rules. A URL with characters beyond ASCII is allowed if both its forms are, with those
    /// characters as they are and percent-encoded.
    pub fn allows(&self, agent: &str, url: &str) -> bool {
        let path = requested(&path_of(url));
        if path == b"/robots.txt" {
            return true;
        }
        let encoded = parse::normal(&path);
        self.allows_path(agent, &path) && (encoded == path || self.allows_path(agent, &encoded))
    }

    fn allows_path(&self, agent: &str, path: &[u8]) -> bool {
        let (mut longest, mut allowed) = (0, true);
        for rule in self.groups(agent).flat_map(|it| &it.rules) {
            let Some(length) = rule.specificity(path) else { continue };
            if length > longest {
                (longest, allowed) = (length, rule.allow);
            } else if length == longest {
                allowed |= rule.allow;
            }
        }
        allowed
    }

    /// Returns the pause between two requests that `Crawl-delay` sets for `agent`. It is not part of the RFC, but
    /// crawlers agree that it is in seconds.
    pub fn delay(&self, agent: &str) -> Option<Duration> {
        self.groups(agent).filter_map(|it| it.delay).max()
    }

    /// Returns the URLs of the `Sitemap` lines.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// Returns the patterns of the paths that `agent` may not fetch, in the order of the file.
    pub fn disallowed(&self, agent: &str) -> Vec<String> {
        let rules = self.groups(agent).flat_map(|it| &it.rules).filter(|it| !it.allow);
        rules.map(|it| String::from_utf8_lossy(&it.pattern).into_owned()).collect()
    }

    /// Returns the groups that apply to an agent.
    fn groups(&self, agent: &str) -> impl Iterator<Item = &Group> {
        let agent = agent.to_ascii_lowercase();
        let named = self.groups.iter().any(|it| it.names(&agent));
        self.groups.iter().filter(move |it| if named { it.names(&agent) } else { it.everyone })
    }
}

impl Rule {
    /// Returns the specificity of the rule for `path` if it matches: its length, as the RFC counts.
    fn specificity(&self, path: &[u8]) -> Option<usize> {
        if pattern::matches(&self.pattern, path) {
            return Some(self.length);
        }
        // `/a/index.html` is the same page as `/a/`; allowing the one allows the other.
        let slash = self.pattern.iter().rposition(|it| *it == b'/').filter(|_| self.allow)?;
        if !self.pattern[slash..].starts_with(b"/index.htm") {
            return None;
        }
        let folder = [&self.pattern[..=slash], b"$"].concat();
        pattern::matches(&folder, path).then_some(folder.len())
    }
}

/// Returns the path and query of a URL as they are written, `/` if there are none.
fn path_of(url: &str) -> String {
    let rest = match url.strip_prefix("//") {
        Some(rest) => rest,
        None => url.find("//").map_or(url, |at| &url[at + 2..]),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?', ';', '\\']) {
        Some(at) if rest[at..].starts_with(['/', '\\']) => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}

/// Returns a path with its query in the form in which it is requested (WHATWG URL standard): no line breaks, `/` for
/// `\\`, no `.` and `..` segments, and the normal percent-encoding of ASCII.
fn requested(path: &str) -> Vec<u8> {
    let kept: String = path.chars().filter(|it| !matches!(it, '\t' | '\n' | '\r')).collect();
    let (path, query) = match kept.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query)),
        None => (kept, None),
    };
    let path = path.replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(&path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
        match decoded.as_str() {
            ".." => drop(segments.pop()),
            "." => {}
            _ => {
                segments.push(segment);
                continue;
            }
        }
        // A folder keeps its slash at the end.
        if rest.peek().is_none() {
            segments.push("");
        }
    }
    let mut whole = format!("/{}", segments.join("/"));
    if let Some(query) = query {
        whole.push('?');
        whole.push_str(query);
    }
    parse::normalized(whole.as_bytes(), |byte| !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(file: &str, agent: &str, path: &str) -> bool {
        Robots::parse(file.as_bytes()).allows(agent, &format!("https://example.com{path}"))
    }

    #[test]
    fn the_longest_rule_wins() {
        let file = "user-agent: *\ndisallow: /a\nallow: /a/b\ndisallow: /same\nallow: /same";

        assert!(!allows(file, "rungs", "/a/x"));
        assert!(allows(file, "rungs", "/a/b/x"));
        assert!(allows(file, "rungs", "/same"));
        assert!(allows(file, "rungs", "/elsewhere"));
        assert!(allows("user-agent: *\nallow: /same\ndisallow: /same", "rungs", "/same"));
    }

    #[test]
    fn a_rule_without_a_path_disallows_nothing() {
        assert!(allows("user-agent: *\ndisallow:", "rungs", "/a"));
    }

    #[test]
    fn a_named_group_replaces_the_wildcard_group() {
        let file = "user-agent: *\ndisallow: /\n\nuser-agent: Rungs\ndisallow: /private";

        assert!(allows(file, "rungs", "/open"));
        assert!(!allows(file, "RUNGS", "/private"));
        assert!(!allows(file, "other", "/open"));
    }

    #[test]
    fn groups_of_the_same_agent_are_merged() {
        let file = "user-agent: rungs\ndisallow: /a\nuser-agent: b\ndisallow: /\nuser-agent: rungs\ndisallow: /c";

        assert!(!allows(file, "rungs", "/a") && !allows(file, "rungs", "/c"));
        assert!(allows(file, "rungs", "/d"));
    }

    #[test]
    fn lines_that_are_no_rules_do_not_end_a_group() {
        let file = "user-agent: a\nsitemap: https://example.com/map\nhost: x\nuser-agent: rungs\ndisallow: /";

        assert!(!allows(file, "rungs", "/") && !allows(file, "a", "/"));
        let robots = Robots::parse(file.as_bytes());
        assert_eq!(robots.sitemaps(), ["https://example.com/map"]);
    }

    #[test]
    fn the_file_itself_may_always_be_fetched() {
        assert!(allows("user-agent: *\ndisallow: /", "rungs", "/robots.txt"));
        assert!(Robots::nothing().allows("rungs", "https://example.com/robots.txt"));
        assert!(!Robots::nothing().allows("rungs", "https://example.com/"));
        assert!(Robots::everything().allows("rungs", "https://example.com/"));
    }

    #[test]
    fn an_index_page_is_allowed_with_its_folder() {
        let file = "user-agent: *\nallow: /a/index.html\ndisallow: /";

        assert!(allows(file, "rungs", "/a/") && allows(file, "rungs", "/a/index.html"));
        assert!(!allows(file, "rungs", "/a/b") && !allows(file, "rungs", "/"));
    }

    #[test]
    fn the_path_that_is_requested_is_compared() {
        let file = "user-agent: *\ndisallow: /x\ndisallow: /caf%C3%A9\ndisallow: /a%2Fb\n\
            disallow: /two words\ndisallow: /q?a={b}\nallow: /open/\nallow: /x/../fine";
        for (path, is_allowed) in [
            ("/./x", false),
            ("/open/../x", false),
            ("/open/%2E%2e/x", false),
            ("\\x", false),
            ("/\tx", false),
            ("/café", false),
            ("/caf%c3%a9", false),
            ("/a%2fb", false),
            ("/a/b", true),
            ("/two words", false),
            ("/two%20words", false),
            ("/q?a=%7Bb%7D", false),
            ("/open/x", true),
            ("/open/...", true),
            ("/y?/../x", true),
        ] {
            assert_eq!(allows(file, "rungs", path), is_allowed, "{path}");
        }
        assert!(!allows("user-agent: *\ndisallow: /a/$", "rungs", "/a/b/.."));
    }

    #[test]
    fn paths_are_split_from_urls() {
        let paths = [
            ("https://example.com", "/"),
            ("https://example.com/a?b#c", "/a?b"),
            ("https://example.com?b", "/?b"),
            ("https://example.com#/a", "/"),
            ("//example.com/a//b", "/a//b"),
            ("http://a/b", "/b"),
            ("example.com/a", "/a"),
        ];

        for (url, path) in paths {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
