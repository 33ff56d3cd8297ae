//! The caller's cookies and those of a stored session, which go into the browser's own jar.
//!
//! A `Cookie` header that is set on a request replaces the jar's, so that a site could neither change nor delete the
//! cookies that the caller named. As cookies of the jar they are treated as in every other tier.

use serde_json::{Value, json};

use crate::core::session::{CookieChange, SessionCookie, SessionState};
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
    let host = request.url.host();
    let list = params["cookies"].as_array_mut()?;
    list.extend(stored.filter_map(|it| stored_cookie(it, &host)));
    (!list.is_empty()).then_some(params)
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
}

/// Builds one cookie of a session, which the browser sends to its domain only. `host` is that of the page. Returns `None`
/// for a cookie whose name promises more than it keeps: the browser would refuse all cookies for it.
fn stored_cookie(cookie: &SessionCookie, host: &str) -> Option<Value> {
    let is_of_host = has_prefix(&cookie.name, "__Host-");
    // By its name it belongs to one host. A cookie that the account gave without a host is that of the page's.
    let is_of_page = is_of_host && cookie.any_scope && !cookie.host_only;
    let is_bound = is_of_page || cookie.host_only;
    let keeps = cookie.secure && (!is_of_host || is_bound && cookie.path == "/");
    if (is_of_host || has_prefix(&cookie.name, "__Secure-")) && !keeps {
        return None;
    }
    let scheme = if cookie.secure { "https" } else { "http" };
    let host = if is_of_page { host } else { &cookie.domain };
    let mut param = json!({
        "name": cookie.name, "value": cookie.value, "path": cookie.path, "secure": cookie.secure,
        "httpOnly": cookie.http_only, "url": format!("{scheme}://{host}/"),
    });
    if !is_bound {
        param["domain"] = json!(cookie.domain);
    }
    if let Some(at) = cookie.expires_at {
        param["expires"] = json!(at.as_millis() / 1_000);
    }
    Some(param)
}

/// Reads the response of `Storage.getCookies`, whose cookies have the form of a storage state's.
pub(super) fn found(response: &Value) -> Vec<SessionCookie> {
    let state = SessionState::from_storage_state(response).unwrap_or_else(|_| {
        tracing::debug!("the browser's cookies have another form: none is renewed");
        SessionState::default()
    });
    state.cookies
}

/// Reports to the session the cookies that the site deleted, set or changed. `given` are those of the browser before the page
/// was loaded, which includes the item's own, and `found` those afterwards.
pub(super) fn report(session: &AttemptSession, given: &[SessionCookie], found: &[SessionCookie]) {
    // First: one that was set with another scope replaces one that was deleted.
    for cookie in given {
        if !found.iter().any(|it| it.is_same(cookie)) {
            session.report(CookieChange::Removed(cookie.clone()));
        }
    }
    for cookie in found {
        if !given.contains(cookie) {
            session.report(CookieChange::Set(cookie.clone()));
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
    use crate::core::session::SessionDomain;
    use crate::core::tier::Tier;
    use crate::core::time::Timestamp;

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

    #[test]
    fn a_cookie_of_one_host_is_set_without_a_domain() {
        let https = SessionDomain::parse("a.test").expect("a domain");
        let http = SessionDomain::parse("http://a.test").expect("a domain");
        let set = |name: &str, domain| {
            stored_cookie(&SessionCookie::new(name, "1", domain), "www.a.test")
        };

        for name in ["__Host-a", "__host-a"] {
            let param = set(name, &https).expect("a cookie");
            assert_eq!(
                (&param["url"], &param["domain"]),
                (&json!("https://www.a.test/"), &json!(null))
            );
            assert_eq!(set(name, &http), None, "it is secure by its name");
        }
        let param = set("__Secure-a", &https).expect("a cookie");
        assert_eq!(
            (&param["url"], &param["domain"]),
            (&json!("https://a.test/"), &json!("a.test"))
        );
        assert_eq!(set("__Secure-a", &http), None);
        assert!(set("a", &http).is_some());
    }

    #[test]
    fn only_cookies_that_changed_are_reported() {
        let session = AttemptSession::new(
            SessionDomain::parse("a.test").expect("a domain"),
            SessionState::default(),
        );
        let cookie = |name: &str, value: &str, domain: &str, expires: f64| {
            json!({"name": name, "value": value, "domain": domain, "path": "/", "secure": true,
                   "httpOnly": true, "expires": expires, "size": 2, "session": false})
        };
        let given = found(&json!({"cookies": [
            cookie("same", "1", "www.a.test", 1e300), cookie("value", "1", ".a.test", -1.0),
            cookie("expiry", "1", ".a.test", 2e9), cookie("gone", "1", ".a.test", -1.0),
            cookie("gone", "1", ".b.test", -1.0),
        ]}));
        let left = found(&json!({"cookies": [
            cookie("same", "1", "www.a.test", 1e300), cookie("value", "2", ".a.test", -1.0),
            cookie("expiry", "1", ".a.test", 3e9), cookie("new", "3", ".b.test", -1.0),
        ]}));

        report(&session, &given, &left);

        let changes = session.take_changes();
        let [CookieChange::Removed(gone), CookieChange::Set(value), CookieChange::Set(expiry)] =
            &changes[..]
        else {
            panic!("three changes: {changes:?}")
        };
        assert_eq!((gone.name.as_str(), value.value.as_str()), ("gone", "2"));
        assert_eq!(expiry.expires_at, Some(Timestamp::from_millis(3_000_000_000_000)));
        assert!(!value.host_only && value.http_only && !value.any_scope);
        assert!(found(&json!({"cookies": "none"})).is_empty());
    }
}
