//! Proxy addresses.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::core::request::Country;

/// SOCKS5 (RFC 1929) has one byte for the length of the user name and of the password.
const MAX_CREDENTIAL_BYTES: usize = 255;

/// Headers that proxies add to responses of their own.
const PROXY_MARKS: [&str; 6] = [
    "x-squid-error",
    "x-proxy-error",
    "x-brd-error",
    "x-brd-err-code",
    "x-luminati-error",
    "x-luminati-error-code",
];
/// The most characters of a proxy's own words in a message.
const MAX_PROXY_CHARS: usize = 80;

/// A proxy's address: `http://user:password@host:port` or `socks5://host:port`.
///
/// # Invariants
///
/// * `Debug` and `Display` show no credentials.
///
/// # Example
///
/// ```
/// use rungs::net::ProxyUrl;
///
/// let proxy: ProxyUrl = "http://user:secret@proxy.example".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:80");
/// # Ok::<(), rungs::net::ParseProxyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    scheme: ProxyScheme,
    uri: Uri,
    credentials: Option<(String, String)>,
    country: Option<Country>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyScheme {
    Http,
    Socks5,
}

impl ProxyScheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Socks5 => "socks5",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }
}

/// The text is not a proxy's address. No message repeats the text, which may contain credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseProxyError {
    /// The text is not a URL.
    #[error("the proxy is not a URL: write http://host:port or socks5://host:port")]
    Malformed(#[source] url::ParseError),
    /// The scheme is neither `http` nor `socks5`.
    #[error("the proxy's scheme is not supported: write http://host:port or socks5://host:port")]
    Scheme,
    /// The URL has no host.
    #[error("the proxy has no host: write http://host:port or socks5://host:port")]
    NoHost,
    /// The credentials are not UTF-8 after percent-decoding.
    #[error("the proxy's credentials are not UTF-8: percent-encode them as UTF-8")]
    Credentials,
    /// The user name or the password is longer than 255 bytes.
    #[error("the proxy's user name or password is longer than 255 bytes: use shorter credentials")]
    CredentialsTooLong,
}

impl ProxyUrl {
    /// Parses an address. The port defaults to 80 for `http` and to 1080 for `socks5`.
    ///
    /// # Errors
    ///
    /// [`ParseProxyError`] if the text is not an address or its scheme is not supported.
    pub fn parse(text: &str) -> Result<Self, ParseProxyError> {
        let mut url = Url::parse(text.trim()).map_err(ParseProxyError::Malformed)?;
        let scheme = match url.scheme() {
            "http" => ProxyScheme::Http,
            "socks5" | "socks5h" => ProxyScheme::Socks5,
            _ => return Err(ParseProxyError::Scheme),
        };
        let credentials = credentials(&url)?;
        let port = url.port().unwrap_or(scheme.default_port());
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let host = url.host_str().filter(|it| !it.is_empty()).ok_or(ParseProxyError::NoHost)?;
        let uri = format!("http://{}:{port}", host.to_ascii_lowercase());
        let uri = uri.parse().map_err(|_| ParseProxyError::NoHost)?;
        Ok(Self { scheme, uri, credentials, country: None })
    }

    /// Sets the country of the proxy's exit, for jobs that request one.
    #[must_use]
    pub fn in_country(mut self, country: Country) -> Self {
        self.country = Some(country);
        self
    }

    /// Returns the address with the user name, which tells the proxy from others. It may identify a customer, so
    /// it belongs into no message.
    pub(crate) fn key(&self) -> String {
        let user = self.credentials().map_or("", |(user, _)| user);
        format!("{user}@{self}")
    }

    pub(crate) fn scheme(&self) -> ProxyScheme {
        self.scheme
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Returns the value of `Proxy-Authorization`, if the address has credentials.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        self.credentials().map(|(user, password)| basic_authorization(user, password))
    }

    /// Returns `true` if the proxy serves a job that requests `country`. Every proxy serves a job
    /// that requests none.
    pub(crate) fn serves(&self, country: Option<&Country>) -> bool {
        country.is_none_or(|wanted| self.country.as_ref() == Some(wanted))
    }
}

/// Returns the reason if a response is the proxy's own refusal and not the site's response.
pub(crate) fn proxy_refusal(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let status = status.as_u16();
    if status == 407 {
        let message = "the proxy rejected the credentials (407): check its user and password";
        return Some(message.to_owned());
    }
    if status < 400 {
        return None;
    }
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let own = PROXY_MARKS.iter().find_map(|it| header(it));
    // RFC 9209: an error of the proxy nearest to us.
    let said = || header("proxy-status").filter(|it| it.windows(6).any(|it| it == b"error="));
    let reason = String::from_utf8_lossy(own.or_else(said)?).into_owned();
    let reason: String =
        reason.chars().filter(|it| !it.is_control()).take(MAX_PROXY_CHARS).collect();
    Some(format!("the proxy refused the request with status {status}: {reason}"))
}

fn credentials(url: &Url) -> Result<Option<(String, String)>, ParseProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| percent_decoded(text).ok_or(ParseProxyError::Credentials);
    let user = decode(url.username())?;
    let password = decode(url.password().unwrap_or_default())?;
    if user.len().max(password.len()) > MAX_CREDENTIAL_BYTES {
        return Err(ParseProxyError::CredentialsTooLong);
    }
    Ok(Some((user, password)))
}

impl FromStr for ProxyUrl {
    type Err = ParseProxyError;

    fn from_str(text: &str) -> Result<Self, ParseProxyError> {
        Self::parse(text)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        write!(f, "{}://{authority}", self.scheme.as_str())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

/// Returns the value of a Basic `Authorization` header, marked as sensitive.
pub(crate) fn basic_authorization(user: &str, password: &str) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let mut value = HeaderValue::from_str(&text).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}

/// Decodes a percent-encoded text; `None` if the result is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let proxy = ProxyUrl::parse("http://us%65r:p%40ss@Proxy.Test:3128").expect("proxy");

        assert_eq!(proxy.credentials(), Some(("user", "p@ss")));
        assert_eq!(format!("{proxy:?}"), "ProxyUrl(http://proxy.test:3128)");
    }

    #[test]
    fn a_missing_port_is_the_default_of_the_scheme() {
        let shown = |text| ProxyUrl::parse(text).expect(text).to_string();

        assert_eq!(shown("http://p.test"), "http://p.test:80");
        assert_eq!(shown("socks5://p.test"), "socks5://p.test:1080");
        assert_eq!(shown("socks5h://[::1]:9"), "socks5://[::1]:9");
    }

    #[test]
    fn a_malformed_address_is_refused_by_its_reason() {
        let long = format!("http://{}@p.test", "u".repeat(256));
        for (text, expected) in [
            ("", ParseProxyError::Malformed(url::ParseError::RelativeUrlWithoutBase)),
            ("p.test:80", ParseProxyError::Scheme),
            ("https://p.test", ParseProxyError::Scheme),
            ("socks5:p.test", ParseProxyError::NoHost),
            ("http://", ParseProxyError::Malformed(url::ParseError::EmptyHost)),
            ("http://%ff@p.test", ParseProxyError::Credentials),
            (&long, ParseProxyError::CredentialsTooLong),
        ] {
            assert_eq!(ProxyUrl::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_country_is_served_only_by_proxies_that_name_it() {
        let proxy = ProxyUrl::parse("http://p.test").expect("proxy");
        let germany: Country = "de".parse().expect("a country");

        assert!(proxy.serves(None));
        assert!(!proxy.serves(Some(&germany)));
        assert!(proxy.in_country(germany.clone()).serves(Some(&germany)));
    }
}
