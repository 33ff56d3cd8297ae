//! Parses one `Set-Cookie` header (RFC 6265bis, 5.6) and decides where its cookie belongs (5.7).

use std::time::{Duration, SystemTime};

use url::Url;

use crate::fetch::http::cookies::{Cookie, date, domain_matches, is_public_suffix};

/// The most bytes of a cookie's name and value together.
const MAX_PAIR_BYTES: usize = 4_096;
/// The most bytes of an attribute's value; a longer attribute is ignored.
const MAX_ATTRIBUTE_BYTES: usize = 1_024;
/// The most bytes of a header that are parsed.
const MAX_HEADER_BYTES: usize = 16_384;
/// The longest lifetime that is kept, as in browsers.
const MAX_AGE: Duration = Duration::from_hours(400 * 24);

/// A `Set-Cookie` header before the page that sent it is known.
#[derive(Debug, Default)]
pub(super) struct SetCookie {
    name: String,
    value: String,
    domain: String,
    path: Option<String>,
    secure: bool,
    http_only: bool,
    expires_at: Option<SystemTime>,
}

impl SetCookie {
    /// Returns `None` for a header that browsers ignore.
    pub(super) fn parse(header: &str, now: SystemTime) -> Option<Self> {
        let has_controls = header.contains(|it: char| it.is_ascii_control() && it != '\t');
        if has_controls || header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let mut parts = header.split(';');
        let pair = parts.next()?;
        // Without a `=`, the text is a value without a name.
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trimmed(name), trimmed(value));
        if name.is_empty() && (value.is_empty() || prefix(value).is_some())
            || name.len() + value.len() > MAX_PAIR_BYTES
        {
            return None;
        }
        let mut set = Self { name: name.to_owned(), value: value.to_owned(), ..Self::default() };
        let (mut expires, mut max_age) = (None, None);
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (key, value) = (trimmed(key), trimmed(value));
            if value.len() > MAX_ATTRIBUTE_BYTES {
                continue;
            }
            match key.to_ascii_lowercase().as_str() {
                "expires" => expires = date::parse(value).or(expires),
                "max-age" => max_age = seconds(value, now).or(max_age),
                "domain" => {
                    set.domain = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                }
                "path" => set.path = value.starts_with('/').then(|| value.to_owned()),
                "secure" => set.secure = true,
                "httponly" => set.http_only = true,
                _ => {}
            }
        }
        set.expires_at = max_age.or(expires).map(|it| it.min(now + MAX_AGE));
        Some(set)
    }

    /// Returns the cookie as a page at `from` may set it, or `None` if it may not.
    pub(super) fn scoped_to(self, from: &Url) -> Option<Cookie> {
        let host = from.host_str()?;
        let mut domain = self.domain;
        if !domain.is_empty() && is_public_suffix(domain.trim_end_matches('.')) {
            // A site could otherwise set cookies for every site under `co.uk`.
            if domain != host {
                return None;
            }
            domain.clear();
        }
        if !domain.is_empty() && !domain_matches(&domain, host) {
            return None;
        }
        let host_only = domain.is_empty();
        let path = self.path.clone().unwrap_or_else(|| default_path(from.path()).to_owned());
        let is_https = from.scheme() == "https";
        let is_allowed = match prefix(&self.name) {
            Some(Prefix::Host) => self.secure && host_only && self.path.as_deref() == Some("/"),
            Some(Prefix::Secure) => self.secure,
            None => true,
        };
        if !is_allowed || self.secure && !is_https {
            return None;
        }
        Some(Cookie {
            name: self.name,
            value: self.value,
            domain: if host_only { host.to_owned() } else { domain },
            host_only,
            path,
            secure: self.secure,
            http_only: self.http_only,
            expires_at: self.expires_at,
            any_scope: false,
            is_narrowed: false,
            created: 0,
        })
    }
}

/// The prefixes of names that promise how a cookie was set.
enum Prefix {
    Host,
    Secure,
}

fn prefix(name: &str) -> Option<Prefix> {
    let starts = |it: &str| name.get(..it.len()).is_some_and(|n| n.eq_ignore_ascii_case(it));
    match () {
        () if starts("__Host-") => Some(Prefix::Host),
        () if starts("__Secure-") => Some(Prefix::Secure),
        () => None,
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Returns the end of a lifetime in seconds, or `None` if `text` is not an integer.
fn seconds(text: &str, now: SystemTime) -> Option<SystemTime> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') {
        return Some(SystemTime::UNIX_EPOCH);
    }
    // Too many digits mean a lifetime beyond the longest one.
    let age = text.parse().map_or(MAX_AGE, Duration::from_secs).min(MAX_AGE);
    Some(now + age)
}

/// Returns the folder of a page, without its slash at the end.
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &path[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(header: &str, from: &str) -> Option<(String, String)> {
        let from = Url::parse(from).expect(from);
        let cookie = SetCookie::parse(header, SystemTime::now())?.scoped_to(&from)?;
        Some((cookie.name, cookie.value))
    }

    #[test]
    fn pairs_are_parsed_as_browsers_do() {
        for (header, name, value) in [
            ("a=1", "a", "1"),
            (" a = 1 2 ; x", "a", "1 2"),
            ("a=\"q\"", "a", "\"q\""),
            ("a=b=c", "a", "b=c"),
            ("alone", "", "alone"),
            ("=v", "", "v"),
            ("a=", "a", ""),
            ("a=ü", "a", "ü"),
        ] {
            let expected = Some((name.to_owned(), value.to_owned()));
            assert_eq!(cookie(header, "http://a.test/"), expected, "{header}");
        }
    }

    #[test]
    fn headers_that_browsers_ignore_set_no_cookie() {
        for header in ["", "=", " ; Path=/", "a=\u{1}", "a=\u{7f}", "__Host-a", "=__Secure-b"] {
            assert_eq!(cookie(header, "https://a.test/"), None, "{header:?}");
        }
        assert_eq!(cookie(&format!("a={}", "x".repeat(4_096)), "http://a.test/"), None);
    }

    #[test]
    fn a_name_prefix_is_a_promise_that_is_checked() {
        let from = "https://a.test/";
        for (header, is_kept) in [
            ("__Secure-a=1", false),
            ("__Secure-a=1; Secure", true),
            ("__Host-a=1; Secure; Path=/", true),
            ("__host-a=1; Secure", false),
            ("__Host-a=1; Secure; Path=/; Domain=a.test", false),
        ] {
            assert_eq!(cookie(header, from).is_some(), is_kept, "{header}");
        }
    }
}
