//! The domain of a session.

use ::core::net::IpAddr;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest host name, in bytes (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// The domain whose pages may use a session: a host and all hosts below it.
///
/// It is written as a host, or as a URL whose path is ignored. `http://` says that plain HTTP may carry its cookies; so
/// does a host of this machine, such as `localhost`.
///
/// ```
/// use rungs::core::session::SessionDomain;
///
/// let domain = SessionDomain::parse("https://Example.com/account")?;
/// assert_eq!(domain.host(), "example.com");
/// assert!(domain.covers("www.example.com") && !domain.covers("example.com.evil.test"));
/// # Ok::<(), rungs::core::session::ParseDomainError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SessionDomain {
    host: String,
    port: Option<u16>,
    https: bool,
}

/// The error for text that is not the domain of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDomainError {
    /// The text has no host, or one with other characters than those of a host.
    #[error("must be a host such as example.com, with international names in their ASCII form")]
    Malformed,
    /// The host is the end of many sites' names.
    #[error("must name one site, such as example.com, and not all sites under a top-level domain")]
    TooWide,
    /// The scheme is neither `http` nor `https`.
    #[error("must be a host such as example.com, or start with http:// or https://")]
    Scheme,
}

impl SessionDomain {
    /// Parses a host, or a URL whose user info, path and query are ignored.
    pub fn parse(text: &str) -> Result<Self, ParseDomainError> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text.as_str()),
        };
        if scheme.is_some_and(|it| it != "http" && it != "https") {
            return Err(ParseDomainError::Scheme);
        }
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        let (host, port) = split_port(authority).ok_or(ParseDomainError::Malformed)?;
        let host = host.trim_start_matches('.').trim_end_matches('.').to_owned();
        if !is_host(&host) {
            return Err(ParseDomainError::Malformed);
        }
        let single = is_address(&host) || is_local_name(&host);
        if !single && !host.contains('.') {
            return Err(ParseDomainError::TooWide);
        }
        let is_here = is_local_name(&host) || is_loopback(&host);
        let https = scheme.map_or(!is_here, |it| it == "https");
        Ok(Self { host, port, https })
    }

    /// Returns the host in lower case, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns `true` unless plain HTTP may carry its cookies.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Returns `true` if there are no hosts below it: an IP address, or a name of this machine.
    pub fn is_single_host(&self) -> bool {
        is_address(&self.host) || is_local_name(&self.host)
    }

    /// Returns `true` if `host`, in lower case and without a port, is the domain or a host below it.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_below = || {
            host.strip_suffix(&self.host).is_some_and(|it| it.ends_with('.')) && !is_address(host)
        };
        is_host(host) && (host == self.host || !self.is_single_host() && is_below())
    }

    /// Returns `true` if the domain is below `parent`, in lower case, which is no top-level domain.
    pub(crate) fn is_below(&self, parent: &str) -> bool {
        !self.is_single_host()
            && is_host(parent)
            && parent.contains('.')
            && self.host.strip_suffix(parent).is_some_and(|it| it.ends_with('.'))
    }

    /// Returns the URL of its start page.
    pub fn start_page(&self) -> String {
        format!("{self}/")
    }
}

/// Splits a port off. Returns `None` if it is not a number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = authority.rfind(']').map_or(0, |it| it + 1);
    match authority[end..].rfind(':') {
        Some(at) => {
            let port = authority[end + at + 1..].parse().ok()?;
            Some((&authority[..end + at], Some(port)))
        }
        None => Some((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    if host.starts_with('[') {
        return is_address(host);
    }
    let is_label = |it: &str| {
        !it.is_empty()
            && it.len() <= 63
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_')
    };
    !host.is_empty() && host.len() <= MAX_HOST_BYTES && host.split('.').all(is_label)
}

fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn is_address(host: &str) -> bool {
    address(host).is_some()
}

fn is_loopback(host: &str) -> bool {
    address(host).is_some_and(|it| it.is_loopback())
}

fn is_local_name(host: &str) -> bool {
    host == "localhost"
}

/// Writes the origin of its start page.
impl fmt::Display for SessionDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl From<SessionDomain> for String {
    fn from(domain: SessionDomain) -> Self {
        domain.to_string()
    }
}

impl TryFrom<String> for SessionDomain {
    type Error = ParseDomainError;

    fn try_from(text: String) -> Result<Self, ParseDomainError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> SessionDomain {
        SessionDomain::parse(text).expect(text)
    }

    #[test]
    fn a_domain_is_read_from_a_host_or_a_url() {
        for (text, origin) in [
            ("Example.com", "https://example.com"),
            (".example.com.", "https://example.com"),
            ("http://u:p@example.com:8080/a?b#c", "http://example.com:8080"),
            ("localhost:9000", "http://localhost:9000"),
            ("127.0.0.1", "http://127.0.0.1"),
            ("https://[::1]:8443/", "https://[::1]:8443"),
            ("192.0.2.7", "https://192.0.2.7"),
        ] {
            assert_eq!(parsed(text).to_string(), origin, "{text}");
            assert_eq!(parsed(&parsed(text).to_string()), parsed(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        use ParseDomainError as E;
        for (text, why) in [
            ("", E::Malformed),
            ("a b.test", E::Malformed),
            ("a..test", E::Malformed),
            ("bücher.test", E::Malformed),
            ("a.test:port", E::Malformed),
            ("[zz]", E::Malformed),
            ("com", E::TooWide),
            ("ftp://a.test", E::Scheme),
        ] {
            assert_eq!(SessionDomain::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_domain_covers_itself_and_the_hosts_below_it() {
        let covers = |domain: &str, host: &str| parsed(domain).covers(host);

        assert!(covers("a.test", "a.test") && covers("a.test", "x.y.a.test"));
        for other in ["ba.test", "a.test.evil.test", "test", "b.test", "", "a.test.."] {
            assert!(!covers("a.test", other), "{other}");
        }
        for other in
            ["evil.test/.a.test", "evil.test#.a.test", "u@.a.test", ".a.test", "x:1.a.test"]
        {
            assert!(!covers("a.test", other), "{other}");
        }
        assert!(!covers("a.test", &format!("{}a.test", "x.".repeat(200))), "a long host");
        let is_below = |domain: &str, parent: &str| parsed(domain).is_below(parent);
        assert!(is_below("x.y.a.test", "a.test") && is_below("x.y.a.test", "y.a.test"));
        for parent in ["a.test", "b.test", "test", "", ".test"] {
            assert!(!is_below("a.test", parent), "{parent}");
        }
        assert!(!is_below("ba.test", "a.test") && !is_below("127.0.0.1", "0.0.1"));
        assert!(covers("127.0.0.1", "127.0.0.1") && !covers("127.0.0.1", "x.127.0.0.1"));
        assert!(!covers("localhost", "a.localhost"));
    }
}
