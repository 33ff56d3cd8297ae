//! The caller's cookies and those of a stored session, which go into the browser's own jar.
//!
//! A `Cookie` header that is set on a request replaces the jar's, so that a site could neither change nor delete the
//! cookies that the caller named. As cookies of the jar they are treated as in every other tier.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::core::session::{CookieChange, SessionCookie};
use crate::core::time::Timestamp;
use crate::ports::fetch::{AttemptSession, FetchRequest};

/// The most bytes of a cookie's name and value: Chromium refuses a longer one.
const MAX_PAIR_BYTES: usize = 4_096;

/// Returns the cookies of the caller: those of its `Cookie` header, then those of `advanced.cookies`.
fn of(request: &FetchRequest) -> Vec<(String, String)> {
    let mut cookies = in_header(request).unwrap_or_default();
    cookies.extend(request.options.advanced().cookies.iter().cloned());
    cookies
}

/// Returns the cookies of the caller's `Cookie` header. Returns `None` if there is none, or if the jar would refuse a
/// part of it: the header is then sent as it is.
pub(super) fn in_header(request: &FetchRequest) -> Option<Vec<(String, String)>> {
    let is_https = request.url.as_str().starts_with("https:");
    let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let pairs = named.flat_map(|(_, value)| value.split(';')).map(str::trim);
    let pairs: Option<Vec<_>> =
        pairs.filter(|it| !it.is_empty()).map(|pair| stored(pair, is_https)).collect();
    pairs.filter(|it| !it.is_empty())
}

/// Splits a pair that Chromium stores.
fn stored(pair: &str, is_https: bool) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_plain = |it: &str| it.bytes().all(|it| (b' '..0x7f).contains(&it));
    let is_prefixed = name.starts_with("__");
    let fits = name.len() + value.len() <= MAX_PAIR_BYTES;
    let is_stored = !name.is_empty() && is_plain(name) && is_plain(value) && fits;
    (is_stored && (is_https || !is_prefixed)).then(|| (name.to_owned(), value.to_owned()))
}

/// Builds the parameters of `Network.setCookies` for the cookies of `request`, `None` if it has none.
pub(super) fn to_set(request: &FetchRequest) -> Option<Value> {
    let own = of(request);
    let mut params = params(&own, request.url.as_str());
    let stored = request.session.iter().flat_map(|it| &it.state().cookies);
    let list = params["cookies"].as_array_mut()?;
    list.extend(stored.map(stored_cookie));
    (!list.is_empty()).then_some(params)
}

/// Builds one cookie of a session, which the browser sends to its domain only.
fn stored_cookie(cookie: &SessionCookie) -> Value {
    let scheme = if cookie.secure { "https" } else { "http" };
    let mut param = json!({
        "name": cookie.name, "value": cookie.value, "path": cookie.path, "secure": cookie.secure,
        "httpOnly": cookie.http_only, "url": format!("{scheme}://{}/", cookie.domain),
    });
    if !cookie.host_only {
        param["domain"] = json!(cookie.domain);
    }
    if let Some(at) = cookie.expires_at {
        param["expires"] = json!(at.as_millis() / 1_000);
    }
    param
}

/// The URLs whose cookies a session gets back: those of the attempt, and the start page of its domain.
pub(super) fn urls_to_get(session: &AttemptSession, urls: [&str; 2]) -> Value {
    json!({ "urls": [urls[0], urls[1], session.domain().start_page()] })
}

/// The response of `Network.getCookies`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct BrowserCookies {
    cookies: Vec<BrowserCookie>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BrowserCookie {
    name: String,
    value: String,
    domain: String,
    path: String,
    #[serde(default)]
    expires: f64,
    http_only: bool,
    secure: bool,
}

/// Reports to the session the cookies that the site set in the browser.
pub(super) fn report(session: &AttemptSession, found: BrowserCookies) {
    for it in found.cookies {
        let mut cookie = SessionCookie::new(it.name, it.value, session.domain());
        let parent = it.domain.strip_prefix('.');
        cookie.host_only = parent.is_none();
        parent.unwrap_or(&it.domain).clone_into(&mut cookie.domain);
        (cookie.path, cookie.secure, cookie.http_only) = (it.path, it.secure, it.http_only);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of seconds, saturated"
        )]
        let expires_at =
            (it.expires > 0.0).then(|| Timestamp::from_millis(it.expires as u64 * 1_000));
        (cookie.expires_at, cookie.any_scope) = (expires_at, false);
        let is_known = |old: &&SessionCookie| old.is_same(&cookie) && old.value == cookie.value;
        if !session.state().cookies.iter().any(|it| is_known(&it)) {
            session.report(CookieChange::Set(cookie));
        }
    }
}

/// Returns the script that fills the local storage of a session's origins, `None` if it has none. It runs in a world of
/// its own, so that no page sees it, and leaves what the page itself has stored since.
pub(super) fn storage_script(request: &FetchRequest) -> Option<String> {
    let storage = &request.session.as_ref()?.state().storage;
    if storage.is_empty() {
        return None;
    }
    let origins: serde_json::Map<String, Value> =
        storage.iter().map(|it| (it.origin.clone(), json!(it.entries))).collect();
    let origins = Value::Object(origins);
    Some(format!(
        "(() => {{ const own = {origins}[location.origin]; if (!own || window.top !== window) return; \
         for (const [key, value] of own) if (localStorage.getItem(key) === null) localStorage.setItem(key, value); }})()"
    ))
}

/// Builds the parameters of `Network.setCookies` for cookies of `url`'s host.
fn params(cookies: &[(String, String)], url: &str) -> Value {
    let secure = url.starts_with("https:");
    let cookie = |(name, value): &(String, String)| json!({"name": name, "value": value, "url": url, "path": "/", "secure": secure});
    json!({ "cookies": cookies.iter().map(cookie).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::request::{Item, Limits};
    use crate::core::tier::Tier;

    fn given(header: &str) -> Option<Vec<(String, String)>> {
        let item = Item::get("http://a.test/").header("cookie", header);
        let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
        in_header(&FetchRequest::new(options, Tier::Browser))
    }

    #[test]
    fn a_header_is_split_into_cookies_unless_the_jar_would_refuse_one() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());

        assert_eq!(given("a=1; b = x=y ;"), Some(vec![pair("a", "1"), pair("b", "x=y")]));
        for refused in ["flag", "=1", "a=\u{fc}", "__Host-a=1"] {
            assert_eq!(given(refused), None, "{refused}");
        }
        assert_eq!(given(&format!("a={}", "x".repeat(MAX_PAIR_BYTES))), None);
    }
}
