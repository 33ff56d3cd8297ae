//! Proxies: their addresses, and which of them carries a request.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::Url;

use crate::core::request::Country;

/// A proxy's address: `http://user:password@host:port` or `socks5://host:port`.
///
/// # Invariants
///
/// * `Debug` and `Display` of it show no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    kind: ProxyKind,
    uri: Uri,
    credentials: Option<(String, String)>,
    country: Option<Country>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Http,
    Socks5,
}

/// The text is no proxy's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a proxy's address: {0}; write http://host:port or socks5://host:port")]
pub struct ParseProxyError(&'static str);

impl ProxyUrl {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`ParseProxyError`] if it is none, or of a scheme that is not spoken here.
    pub fn parse(text: &str) -> Result<Self, ParseProxyError> {
        let mut url =
            Url::parse(text.trim()).map_err(|_| ParseProxyError("it cannot be parsed"))?;
        let (kind, port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            _ => return Err(ParseProxyError("the scheme is neither http nor socks5")),
        };
        let credentials = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let decode = |it: &str| {
                percent_decoded(it).ok_or(ParseProxyError("the credentials are no text"))
            };
            Some((decode(url.username())?, decode(url.password().unwrap_or_default())?))
        };
        if credentials.as_ref().is_some_and(|(user, password)| user.len().max(password.len()) > 255)
        {
            return Err(ParseProxyError("the credentials are longer than 255 bytes"));
        }
        // The port must be asked for before the parser drops it as its scheme's own.
        let port = url.port().unwrap_or(port);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let host =
            url.host_str().filter(|it| !it.is_empty()).ok_or(ParseProxyError("it has no host"))?;
        let uri = format!("http://{}:{port}", host.to_ascii_lowercase())
            .parse()
            .map_err(|_| ParseProxyError("the host cannot be parsed"))?;
        Ok(Self { kind, uri, credentials, country: None })
    }

    /// The country it comes out in, for jobs that ask for one.
    pub fn in_country(mut self, country: Country) -> Self {
        self.country = Some(country);
        self
    }

    pub(crate) fn kind(&self) -> ProxyKind {
        self.kind
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// The value of `Proxy-Authorization`.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        self.credentials().map(|(user, password)| basic(user, password))
    }

    /// Whether it serves a job that asks for `country`, if it asks.
    pub(crate) fn serves(&self, country: Option<&Country>) -> bool {
        country.is_none_or(|asked| self.country.as_ref() == Some(asked))
    }
}

impl FromStr for ProxyUrl {
    type Err = ParseProxyError;

    fn from_str(text: &str) -> Result<Self, ParseProxyError> {
        Self::parse(text)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Socks5 => "socks5",
        };
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        write!(f, "{scheme}://{authority}")
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

/// The value of a Basic `Authorization`, marked as not to be shown.
pub(crate) fn basic(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let mut value = HeaderValue::from_str(&text).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// Undoes percent-encoding; `None` if what comes out is no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let hex = |it: Option<&u8>| it.and_then(|it| char::from(*it).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, digits) {
            out.push(u8::try_from(high * 16 + low).ok()?);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

/// A place in `0..count` that depends on nothing but `site`, so that a site sees one address.
pub(crate) fn sticky(site: &str, count: usize) -> usize {
    // FNV-1a: stable over releases and machines, which the standard library's hasher is not.
    let hash = site.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let count = u64::try_from(count.max(1)).unwrap_or(1);
    usize::try_from(hash % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_never_shown() {
        let proxy = ProxyUrl::parse("http://us%65r:p%40ss@Proxy.Test:3128").expect("proxy");

        assert_eq!(proxy.credentials(), Some(("user", "p@ss")));
        assert_eq!(format!("{proxy:?}"), "ProxyUrl(http://proxy.test:3128)");
    }

    #[test]
    fn a_port_that_is_not_given_is_the_schemes_own() {
        let shown = |text| ProxyUrl::parse(text).expect(text).to_string();

        assert_eq!(shown("http://p.test"), "http://p.test:80");
        assert_eq!(shown("socks5://p.test"), "socks5://p.test:1080");
        assert_eq!(shown("socks5h://[::1]:9"), "socks5://[::1]:9");
    }

    #[test]
    fn what_is_no_proxy_is_an_error() {
        for it in ["", "p.test:80", "https://p.test", "ftp://p.test", "http://"] {
            assert!(ProxyUrl::parse(it).is_err(), "{it}");
        }
    }

    #[test]
    fn a_site_keeps_its_place() {
        assert_eq!(sticky("a.test", 5), sticky("a.test", 5));
        assert!((0..50).map(|it| sticky(&format!("{it}.test"), 5)).any(|it| it != sticky("a", 5)));
        assert_eq!(sticky("a.test", 0), 0);
    }

    #[test]
    fn a_country_is_served_only_by_proxies_that_say_so() {
        let proxy = ProxyUrl::parse("http://p.test").expect("proxy");
        let germany: Country = "de".parse().expect("a country");

        assert!(proxy.serves(None));
        assert!(!proxy.serves(Some(&germany)));
        assert!(proxy.in_country(germany.clone()).serves(Some(&germany)));
    }
}
