//! The parser of robots.txt. Like other crawlers, it accepts any line ending, a missing colon and misspelled
//! keys.

use std::time::Duration;

use crate::core::robots::{Group, Robots, Rule};

/// The number of bytes of a file that are read: 500 KiB, the least that RFC 9309 (2.5) requires.
pub const MAX_BYTES: usize = 500 * 1024;
/// The number of bytes of a line that are read: eight times the longest URL that browsers accept.
const MAX_LINE: usize = 2_083 * 8;
/// The longest crawl delay that is accepted; a longer one is ignored.
const MAX_DELAY_SECONDS: f64 = 3_600.0;

/// The most rules with wildcards that are compared in full. A page is compared with every rule, so the number bounds the time
/// that a file can take: 20 ms for a URL of 2,048 bytes. No known site has a tenth of it.
const MAX_WILDCARDS: usize = 5_000;

/// A parsed line.
enum Line<'a> {
    Agent(&'a [u8]),
    Rule { allow: bool, pattern: &'a [u8] },
    Delay(&'a [u8]),
    Sitemap(&'a [u8]),
}

/// Prefixes of keys, including misspellings that crawlers accept.
const DISALLOW: [&str; 6] =
    ["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"];
const AGENT: [&str; 3] = ["user-agent", "useragent", "user agent"];
const SITEMAP: [&str; 2] = ["sitemap", "site-map"];

pub(super) fn parse(file: &[u8]) -> Robots {
    let file = file.get(..MAX_BYTES).unwrap_or(file);
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut robots = Robots::default();
    let mut group: Option<Group> = None;
    let mut has_rules = false;
    let mut wildcards = 0;
    for line in file.split(|it| matches!(it, b'\n' | b'\r')).filter_map(read) {
        match line {
            Line::Agent(name) => {
                // The first agent behind a rule begins another group.
                if has_rules {
                    robots.groups.extend(group.take());
                    has_rules = false;
                }
                add_agent(group.get_or_insert_default(), name);
            }
            Line::Rule { allow, pattern } => {
                has_rules = true;
                let rule = Rule::new(allow, normal(pattern));
                wildcards += usize::from(rule.pattern.contains(&b'*'));
                let rule =
                    if wildcards > MAX_WILDCARDS { rule.without_wildcards() } else { Some(rule) };
                if let Some(group) = &mut group {
                    group.rules.extend(rule);
                }
            }
            Line::Delay(seconds) => {
                // A pause is honored, so it is a rule of the agents above it, as in other parsers that honor it.
                has_rules = true;
                if let Some(group) = &mut group {
                    group.delay = group.delay.max(delay(seconds));
                }
            }
            Line::Sitemap(url) => robots.sitemaps.extend(String::from_utf8(url.to_vec())),
        }
    }
    robots.groups.extend(group);
    robots
}

impl Rule {
    fn new(allow: bool, pattern: Vec<u8>) -> Self {
        Self { allow, length: pattern.len(), pattern }
    }

    /// Returns a rule that takes less time to compare: one that disallows what begins like the pattern, as specific as the whole
    /// pattern, and none in place of one that allows something.
    fn without_wildcards(self) -> Option<Self> {
        let Some(star) = self.pattern.iter().position(|it| *it == b'*') else { return Some(self) };
        let pattern = if star == 0 { b"/".to_vec() } else { self.pattern[..star].to_vec() };
        (!self.allow).then_some(Self { pattern, ..self })
    }
}

fn read(line: &[u8]) -> Option<Line<'_>> {
    let line = line.get(..MAX_LINE).unwrap_or(line);
    let line = line.split(|it| *it == b'#').next()?.trim_ascii();
    let (key, value) = if let Some(at) = line.iter().position(|it| *it == b':') {
        (&line[..at], &line[at + 1..])
    } else {
        // Without a colon, two words are a key and its value, and anything else is nothing.
        let at = line.iter().position(u8::is_ascii_whitespace)?;
        let value = line[at..].trim_ascii();
        (!value.iter().any(u8::is_ascii_whitespace)).then_some((&line[..at], value))?
    };
    let (key, value) = (key.trim_ascii(), value.trim_ascii());
    let is = |names: &[&str]| {
        let begins =
            |it: &&str| key.get(..it.len()).is_some_and(|k| k.eq_ignore_ascii_case(it.as_bytes()));
        names.iter().any(begins)
    };
    Some(match key {
        _ if is(&AGENT) => Line::Agent(value),
        _ if is(&["allow"]) => Line::Rule { allow: true, pattern: value },
        _ if is(&DISALLOW) => Line::Rule { allow: false, pattern: value },
        _ if is(&["crawl-delay"]) => Line::Delay(value),
        _ if is(&SITEMAP) => Line::Sitemap(value),
        _ => return None,
    })
}

/// Returns the product token: letters, `-` and `_` (RFC 9309, 2.2.1).
fn add_agent(group: &mut Group, name: &[u8]) {
    if let [b'*', rest @ ..] = name {
        group.everyone |= rest.first().is_none_or(u8::is_ascii_whitespace);
        return;
    }
    let token = name.iter().take_while(|it| it.is_ascii_alphabetic() || matches!(it, b'-' | b'_'));
    let token: String = token.map(|&it| char::from(it.to_ascii_lowercase())).collect();
    if !token.is_empty() {
        group.agents.push(token);
    }
}

fn delay(seconds: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    (0.0..=MAX_DELAY_SECONDS).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Returns a pattern or a path as URLs are requested: bytes that a URL cannot contain are percent-encoded, and
/// hexadecimal digits are in upper case.
pub(super) fn normal(text: &[u8]) -> Vec<u8> {
    normalized(text, |_| false)
}

/// Returns a text in its normal form but for the bytes that are kept as they are.
pub(super) fn normalized(text: &[u8], is_kept: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut written = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, behind @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                written.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
                rest = behind;
            }
            (byte, _) if is_kept(*byte) => written.push(*byte),
            (0..=b' ' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | 0x7f.., _) => {
                written.extend(format!("%{byte:02X}").bytes());
            }
            _ => written.push(*byte),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_keys_are_accepted_as_crawlers_do() {
        for file in [
            "User-agent: *\nDisallow: /a",
            "USER-AGENT:*\rDISALLOW:/a",
            "user-agent *\r\ndisallow /a",
            "\u{feff}useragent: *\ndissallow: /a # not this",
            "user agent: *\ndisalow: /a",
        ] {
            let robots = Robots::parse(file.as_bytes());

            assert!(!robots.allows("rungs", "https://example.com/a"), "{file:?}");
            assert!(robots.allows("rungs", "https://example.com/b"), "{file:?}");
        }
    }

    #[test]
    fn patterns_compare_in_url_encoding() {
        let robots =
            Robots::parse("user-agent: *\ndisallow: /caf\u{e9}\ndisallow: /%aa".as_bytes());

        assert!(!robots.allows("rungs", "https://example.com/caf%C3%A9"));
        assert!(!robots.allows("rungs", "https://example.com/%AA"));
    }

    #[test]
    fn a_crawl_delay_ends_the_list_of_agents() {
        let file = b"user-agent: a\ncrawl-delay: 2\nuser-agent: rungs\ndisallow: /";
        let robots = Robots::parse(file);

        assert!(robots.allows("a", "https://example.com/") && robots.delay("rungs").is_none());
        assert!(!robots.allows("rungs", "https://example.com/"));
    }

    #[test]
    fn only_complete_percent_escapes_are_normalized() {
        for path in ["/%zz", "/%az", "/%za", "/%a"] {
            let robots = Robots::parse(format!("user-agent: *\ndisallow: {path}").as_bytes());

            assert!(!robots.allows("rungs", &format!("https://example.com{path}")), "{path}");
        }
    }

    #[test]
    fn only_the_first_500_kib_are_read() {
        let rule = b"\ndisallow: /";
        let ending_at = |length: usize| {
            let mut file = b"user-agent: *\n".to_vec();
            file.resize(length - rule.len(), b'#');
            [&file, rule.as_slice()].concat()
        };

        let (within, beyond) = (ending_at(512_000), ending_at(512_000 + 1));

        assert!(!Robots::parse(&within).allows("rungs", "https://example.com/"));
        assert!(Robots::parse(&beyond).allows("rungs", "https://example.com/"));
    }

    #[test]
    fn a_line_is_read_up_to_its_limit() {
        let key = "disallow: ";
        let longest = format!("/{}", "x".repeat(16_663 - key.len()));
        let robots = Robots::parse(format!("user-agent: *\n{key}{longest}yz").as_bytes());

        let at = |path: &str| format!("https://example.com{path}");
        assert!(!robots.allows("rungs", &at(&longest)));
        assert!(robots.allows("rungs", &at(&longest[..longest.len() - 1])));
    }

    #[test]
    fn a_file_of_wildcards_disallows_more_than_it_says() {
        let filler = "allow: /*x*y\n".repeat(MAX_WILDCARDS);
        let file = format!("user-agent: *\n{filler}disallow: /a/*b\nallow: /*c\ndisallow: /d\n");
        let robots = Robots::parse(file.as_bytes());

        let at = |path: &str| robots.allows("rungs", &format!("https://example.com{path}"));
        assert!(!at("/a/b") && !at("/a/c") && !at("/d"));
        assert!(at("/a") && at("/e"));
        let file = format!("{file}user-agent: x\nallow: /a/\ndisallow: /a/*private\n");
        let robots = Robots::parse(file.as_bytes());
        assert!(!robots.allows("x", "https://example.com/a/private"), "the longer pattern counts");
    }

    #[test]
    fn unknown_keys_are_skipped() {
        let robots = Robots::parse(b"host: example.com\nsite-map: https://example.com/map");

        assert_eq!(robots.sitemaps(), ["https://example.com/map"]);
    }

    #[test]
    fn a_malformed_crawl_delay_is_ignored() {
        for (said, seconds) in [
            ("2", Some(2.0)),
            ("0.5", Some(0.5)),
            ("-1", None),
            ("NaN", None),
            ("99999", None),
            ("", None),
        ] {
            let robots = Robots::parse(format!("user-agent: *\ncrawl-delay: {said}").as_bytes());

            assert_eq!(robots.delay("rungs"), seconds.map(Duration::from_secs_f64), "{said}");
        }
    }

    #[test]
    fn rules_before_any_agent_are_ignored() {
        let robots = Robots::parse(b"disallow: /\nuser-agent: rungs\nallow: /a");

        assert!(robots.allows("rungs", "https://example.com/b"));
    }
}
