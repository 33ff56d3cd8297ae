//! The headers of one request, by tier.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap,
    HeaderName, HeaderValue, REFERER, UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};
use url::Url;

use crate::core::tier::Tier;
use crate::ports::fetch::FetchRequest;

/// What tier 1 calls itself.
const PLAIN_AGENT: &str = concat!("rungs/", env!("CARGO_PKG_VERSION"));
/// What the others do: the form that sites expect, and still the truth.
const BROWSER_AGENT: &str =
    concat!("Mozilla/5.0 (compatible; rungs/", env!("CARGO_PKG_VERSION"), ")");
const BROWSER_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

/// The host's headers that say nothing about who asks: only they follow to another origin.
const FOLLOWS_ANYWHERE: [&str; 3] = ["accept", "accept-language", "user-agent"];
/// Headers that frame a request: who sends it writes them, never the host.
const FRAMING: [&str; 3] = ["content-length", "host", "transfer-encoding"];

/// Whether a header of the host's may go to another origin than the one that it named.
pub(crate) fn follows_anywhere(name: &str) -> bool {
    FOLLOWS_ANYWHERE.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Whether a header is the sender's own to write.
pub(crate) fn is_framing(name: &str) -> bool {
    FRAMING.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// What one hop needs to know beside the request.
#[derive(Debug)]
pub(crate) struct Hop<'a> {
    pub(crate) to: &'a Url,
    /// The page that sent us here.
    pub(crate) from: Option<&'a Url>,
    /// Whether every hop so far was within the origin that the host named.
    pub(crate) at_home: bool,
    /// Whether the request's body goes along.
    pub(crate) with_body: bool,
    pub(crate) cookies: Option<String>,
    /// From the URL's userinfo.
    pub(crate) authorization: Option<&'a HeaderValue>,
}

/// Every header of the request but those the client writes itself.
pub(crate) fn build(request: &FetchRequest, hop: &Hop<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let language = request.options.location.language.as_ref();
    if request.tier == Tier::Curl {
        headers.insert(USER_AGENT, HeaderValue::from_static(PLAIN_AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    } else {
        browser(&mut headers, hop);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    let spoken = match language {
        Some(it) => Some(format!("{it},en;q=0.5")),
        None => (request.tier != Tier::Curl).then(|| "en-US,en;q=0.9".to_owned()),
    };
    put(&mut headers, ACCEPT_LANGUAGE, spoken.as_deref());
    if let Some(value) = hop.authorization.filter(|_| hop.at_home) {
        headers.insert(AUTHORIZATION, value.clone());
    }
    hosts_own(&mut headers, request, hop);
    add_cookies(&mut headers, hop.cookies.as_deref());
    headers
}

fn browser(headers: &mut HeaderMap, hop: &Hop<'_>) {
    headers.insert(USER_AGENT, HeaderValue::from_static(BROWSER_AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static(BROWSER_ACCEPT));
    headers.insert(UPGRADE_INSECURE_REQUESTS, HeaderValue::from_static("1"));
    let site = match hop.from {
        None => "none",
        Some(from) if from.origin() == hop.to.origin() => "same-origin",
        Some(_) => "cross-site",
    };
    for (name, value) in [
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", site),
        ("sec-fetch-user", "?1"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    put(headers, REFERER, hop.from.and_then(|from| referer(from, hop.to)).as_deref());
}

/// The default policy of browsers: the whole page to its own origin, the origin alone to others,
/// and nothing from `https` to `http`.
fn referer(from: &Url, to: &Url) -> Option<String> {
    if from.origin() == to.origin() {
        return Some(from.to_string());
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return None;
    }
    Some(format!("{}/", from.origin().ascii_serialization()))
}

/// The host's headers win over the tier's.
fn hosts_own(headers: &mut HeaderMap, request: &FetchRequest, hop: &Hop<'_>) {
    let mut own = HeaderMap::new();
    for (name, value) in &request.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        if is_framing(name.as_str()) || (name == CONTENT_TYPE && !hop.with_body) {
            continue;
        }
        // A body's type goes where the body goes.
        if hop.at_home || name == CONTENT_TYPE || follows_anywhere(name.as_str()) {
            own.append(name, value);
        }
    }
    for name in own.keys() {
        headers.remove(name);
    }
    for (name, value) in &own {
        headers.append(name, value.clone());
    }
}

fn add_cookies(headers: &mut HeaderMap, jar: Option<&str>) {
    let Some(jar) = jar else { return };
    let given = headers.get(COOKIE).and_then(|it| it.to_str().ok());
    let joined = given.map_or_else(|| jar.to_owned(), |it| format!("{it}; {jar}"));
    put(headers, COOKIE, Some(&joined));
}

/// A value that is no header's is left out: it came from a page, not from the host.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|it| HeaderValue::from_str(it).ok()) {
        headers.insert(name, value);
    }
}
