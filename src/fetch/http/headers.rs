//! The headers of one request, by tier.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap,
    HeaderName, HeaderValue, REFERER, UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};
use url::Url;

use crate::core::request::Method;
use crate::core::tier::Tier;
use crate::fetch::header_rules::{follows_anywhere, is_framing};
use crate::fetch::http::user_agent::UserAgent;
use crate::ports::fetch::FetchRequest;

/// The user agent of tiers 2 to 3.5: the form that sites expect, without pretending to be a
/// browser.
const BROWSER_AGENT: &str =
    concat!("Mozilla/5.0 (compatible; rungs/", env!("CARGO_PKG_VERSION"), ")");
const BROWSER_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

/// The facts of one hop that the request does not contain.
#[derive(Debug)]
pub(super) struct Hop<'a> {
    pub(super) to: &'a Url,
    /// The page that redirected here.
    pub(super) from: Option<&'a Url>,
    /// `true` while every hop has been within the origin that the caller named.
    pub(super) same_origin: bool,
    /// The request's body is sent.
    pub(super) with_body: bool,
    /// The value of `Cookie`, which includes the caller's.
    pub(super) cookies: Option<String>,
    /// The value of `Authorization` from the URL's userinfo.
    pub(super) authorization: Option<&'a HeaderValue>,
}

/// Returns every header of the request except those that hyper writes.
pub(super) fn build(request: &FetchRequest, hop: &Hop<'_>, user_agent: &UserAgent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let language = request.options.location().language.as_ref();
    if request.tier == Tier::Curl {
        headers.insert(USER_AGENT, user_agent.value());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    } else {
        add_browser_headers(&mut headers, hop);
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    let accepted = match language {
        Some(it) => Some(format!("{it},en;q=0.5")),
        None => (request.tier != Tier::Curl).then(|| "en-US,en;q=0.9".to_owned()),
    };
    put(&mut headers, ACCEPT_LANGUAGE, accepted.as_deref());
    if let Some(value) = hop.authorization.filter(|_| hop.same_origin) {
        headers.insert(AUTHORIZATION, value.clone());
    }
    add_validators(&mut headers, request, hop);
    add_caller_headers(&mut headers, request, hop);
    put(&mut headers, COOKIE, hop.cookies.as_deref());
    headers
}

fn add_browser_headers(headers: &mut HeaderMap, hop: &Hop<'_>) {
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

/// Returns the referrer by the default policy of browsers: the whole URL within an origin, the
/// origin alone to others, and none from `https` to `http`.
fn referer(from: &Url, to: &Url) -> Option<String> {
    if from.origin() == to.origin() {
        return Some(from.to_string());
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return None;
    }
    Some(format!("{}/", from.origin().ascii_serialization()))
}

/// Adds the validators of the known page to the request for its URL, in the method and without a body as it was fetched.
fn add_validators(headers: &mut HeaderMap, request: &FetchRequest, hop: &Hop<'_>) {
    let known = request.validators.as_ref().filter(|it| it.url == hop.to.as_str());
    if let Some(known) = known.filter(|_| request.method == Method::Get && !hop.with_body) {
        for (name, value) in known.headers() {
            put(headers, HeaderName::from_static(name), Some(value));
        }
    }
}

/// Adds the caller's headers, which replace the tier's.
fn add_caller_headers(headers: &mut HeaderMap, request: &FetchRequest, hop: &Hop<'_>) {
    let mut own = HeaderMap::new();
    for (name, value) in request.headers_to_send().iter() {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        if is_framing(name.as_str()) || name == COOKIE || (name == CONTENT_TYPE && !hop.with_body) {
            continue;
        }
        // A body's type is sent with the body.
        if hop.same_origin || name == CONTENT_TYPE || follows_anywhere(name.as_str()) {
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

/// Sets a header. A value that a header cannot have is dropped: it comes from a page, not from the
/// caller.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|it| HeaderValue::from_str(it).ok()) {
        headers.insert(name, value);
    }
}
