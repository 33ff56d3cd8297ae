//! The caller's cookies, which go into the browser's own jar.
//!
//! A `Cookie` header that is set on a request replaces the jar's, so that a site could neither change nor delete the
//! cookies that the caller named. As cookies of the jar they are treated as in every other tier.

use serde_json::{Value, json};

use crate::ports::fetch::FetchRequest;

/// The most bytes of a cookie's name and value: Chromium refuses a longer one.
const MAX_PAIR_BYTES: usize = 4_096;

/// Returns the cookies of the caller: those of its `Cookie` header, then those of `advanced.cookies`.
pub(super) fn of(request: &FetchRequest) -> Vec<(String, String)> {
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

/// Builds the parameters of `Network.setCookies` for cookies of `url`'s host.
pub(super) fn params(cookies: &[(String, String)], url: &str) -> Value {
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
