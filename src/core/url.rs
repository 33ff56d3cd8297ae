//! The URL of a page, checked without resolving its host.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An absolute `http` or `https` URL, as your application wrote it.
///
/// # Invariants
///
/// * At most [`PageUrl::MAX_LEN`] bytes, with a host, and without blanks or control characters.
/// * `Debug` and `Display` show neither user info nor query, so that every message may contain it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PageUrl(String);

/// The reason why a URL was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUrlError {
    /// The text is empty.
    #[error("the URL is empty: write it as https://host/path")]
    Empty,
    /// More than [`PageUrl::MAX_LEN`] bytes.
    #[error("the URL is too long: use at most 8192 bytes")]
    TooLong,
    /// The scheme is missing or not `http` or `https`.
    #[error("the URL has no supported scheme: start it with http:// or https://")]
    Scheme,
    /// The host is missing.
    #[error("the URL has no host: write it as https://host/path")]
    NoHost,
    /// The port is not a number from 0 to 65535.
    #[error("the URL's port is invalid: use a number from 0 to 65535")]
    Port,
    /// A blank or a control character, which must be percent-encoded.
    #[error("the URL contains whitespace or a control character: percent-encode it")]
    Blank,
    /// The text is not a URL for another reason.
    #[error("the URL cannot be parsed: write it as https://host/path")]
    Malformed,
}

impl PageUrl {
    /// The longest URL, in bytes.
    pub const MAX_LEN: usize = 8_192;

    /// Checks a URL. Whitespace around it is dropped.
    pub fn parse(text: &str) -> Result<Self, ParseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ParseUrlError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(ParseUrlError::TooLong);
        }
        let rest = after_scheme(text).ok_or(ParseUrlError::Scheme)?;
        if text.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(ParseUrlError::Blank);
        }
        let (host, port) = host_and_port(authority(rest));
        if host.is_empty() || host == "[]" {
            return Err(ParseUrlError::NoHost);
        }
        if port.is_some_and(|it| !it.is_empty() && it.parse::<u16>().is_err()) {
            return Err(ParseUrlError::Port);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the whole URL, including user info and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if the scheme is `https`.
    pub fn is_https(&self) -> bool {
        is_https(&self.0)
    }

    /// Returns the host in lower case, without user info and port.
    pub fn host(&self) -> String {
        let rest = after_scheme(&self.0).unwrap_or_default();
        host_and_port(authority(rest)).0.to_ascii_lowercase()
    }

    /// Returns the host, and the port if it is not the default of the scheme: the site by which
    /// pacing counts.
    pub fn site(&self) -> String {
        site_of(&self.0).unwrap_or_default()
    }
}

/// Returns the site of a URL, or `None` if its scheme is neither `http` nor `https`.
pub(in crate::core) fn site_of(url: &str) -> Option<String> {
    let rest = after_scheme(url)?;
    let (host, port) = host_and_port(authority(rest));
    let host = host.to_ascii_lowercase();
    let own = if is_https(url) { 443 } else { 80 };
    // As a number: `:080` is the same site, and must not be counted as another.
    Some(match port.and_then(|it| it.parse::<u16>().ok()).filter(|it| *it != own) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

fn is_https(url: &str) -> bool {
    url.as_bytes().get(4).is_some_and(|it| it.eq_ignore_ascii_case(&b's'))
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")).then_some(rest)
}

/// Returns the part before the path. A backslash ends it too, as in every browser.
fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())]
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let bare = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
    match bare.rfind(']').map_or(0, |it| it + 1) {
        0 => bare.split_once(':').map_or((bare, None), |(host, port)| (host, Some(port))),
        end => (&bare[..end], bare[end..].strip_prefix(':')),
    }
}

impl fmt::Display for PageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return Ok(()) };
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let authority = authority(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        let path = rest.get(authority.len()..end).unwrap_or_default();
        write!(f, "{}://{host}{path}", scheme.to_ascii_lowercase())
    }
}

impl fmt::Debug for PageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageUrl({self})")
    }
}

impl From<PageUrl> for String {
    fn from(url: PageUrl) -> Self {
        url.0
    }
}

impl TryFrom<String> for PageUrl {
    type Error = ParseUrlError;

    fn try_from(text: String) -> Result<Self, ParseUrlError> {
        Self::parse(&text)
    }
}

/// Returns a URL without its user info, which is a credential and must not be shown.
pub(crate) fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_includes_a_nonstandard_port() {
        let site = |text| PageUrl::parse(text).expect(text).site();

        assert_eq!(site("HTTP://u:p@Example.COM:80/x?y"), "example.com");
        assert_eq!(site("https://example.com:8443"), "example.com:8443");
        assert_eq!(site("http://[::1]:8080/"), "[::1]:8080");
        assert_eq!(site("http://example.com:080/"), "example.com");
        assert_eq!(site("https://example.com:/"), "example.com");
    }

    #[test]
    fn a_message_shows_neither_password_nor_query() {
        let url = PageUrl::parse("https://u:secret@example.com/a?token=1#x").expect("valid");

        assert_eq!(url.to_string(), "https://example.com/a");
        assert!(!format!("{url:?}").contains("secret"));
    }

    #[test]
    fn a_refused_url_names_the_reason() {
        for (text, why) in [
            (" ", ParseUrlError::Empty),
            ("example.com", ParseUrlError::Scheme),
            ("ftp://example.com", ParseUrlError::Scheme),
            ("http://", ParseUrlError::NoHost),
            ("http://u@:80/", ParseUrlError::NoHost),
            ("http://a:99999/", ParseUrlError::Port),
            ("http://a/b c", ParseUrlError::Blank),
        ] {
            assert_eq!(PageUrl::parse(text), Err(why), "{text}");
        }
        assert_eq!(
            PageUrl::parse(&format!("http://a/{}", "x".repeat(8_192))),
            Err(ParseUrlError::TooLong)
        );
    }

    #[test]
    fn only_the_default_port_is_dropped() {
        let site = |text| PageUrl::parse(text).expect(text).site();

        assert_eq!(site("http://a:443/"), "a:443");
        assert_eq!(site("https://a:80/"), "a:80");
        assert_eq!(site("https://a:443/"), "a");
        assert_eq!(site("https://a:/"), "a");
    }

    #[test]
    fn a_url_is_kept_as_it_was_written() {
        let url = PageUrl::parse(" HTTPS://u:p@Example.COM:80/A?b#c ").expect("valid");

        assert_eq!(url.as_str(), "HTTPS://u:p@Example.COM:80/A?b#c");
        assert_eq!(String::from(url.clone()), url.as_str());
        assert_eq!(url.host(), "example.com");
        assert!(url.is_https());
        assert!(!PageUrl::parse("http://a/").expect("valid").is_https());
        assert_eq!(format!("{url:?}"), "PageUrl(https://Example.COM:80/A)");
    }

    #[test]
    fn urls_are_bounded_in_length() {
        let longest = format!("http://a/{}", "x".repeat(PageUrl::MAX_LEN - 9));

        assert!(PageUrl::parse(&longest).is_ok());
        assert_eq!(PageUrl::parse(&(longest + "x")), Err(ParseUrlError::TooLong));
    }
}
