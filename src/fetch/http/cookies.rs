//! The cookies of one job.

use cookie_store::{CookieStore, RawCookie};
use url::Url;

/// The most cookies that one job keeps.
const MAX_COOKIES: usize = 300;
/// The longest `Set-Cookie` header that is kept.
const MAX_COOKIE_BYTES: usize = 4_096;

/// The cookies of one job, kept from one attempt to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(CookieStore);

impl CookieJar {
    /// Adds the caller's cookies for the page's own host. Those of an `https` page are sent over
    /// `https` only.
    pub(super) fn seed(&mut self, cookies: &[(String, String)], page: &Url) {
        for (name, value) in cookies {
            let is_valid = |text: &str| !text.contains(|it: char| it == ';' || it.is_control());
            if name.is_empty() || name.contains('=') || !is_valid(name) || !is_valid(value) {
                continue;
            }
            let mut cookie = RawCookie::new(name.clone(), value.clone());
            cookie.set_path("/");
            cookie.set_secure(page.scheme() == "https");
            // The store refuses only cookies that no request to this page would carry.
            let _ = self.0.insert_raw(&cookie, page);
        }
    }

    /// Keeps one `Set-Cookie` of a response from `from` if the limits and the domain allow it.
    pub(super) fn keep(&mut self, header: &str, from: &Url) {
        if header.len() > MAX_COOKIE_BYTES || self.0.iter_any().count() >= MAX_COOKIES {
            return;
        }
        let Ok(mut cookie) = RawCookie::parse(header.to_owned()) else { return };
        let domain = cookie
            .domain()
            .map(|it| it.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase());
        if domain.as_deref().is_some_and(is_public_suffix) {
            // A site could otherwise set cookies for every site under `co.uk`.
            if domain.as_deref() != from.host_str() {
                return;
            }
            cookie.unset_domain();
        }
        let _ = self.0.insert_raw(&cookie, from);
    }

    /// Returns the `Cookie` header of a request to `to`, or `None` if no cookie matches.
    pub(super) fn header(&self, to: &Url) -> Option<String> {
        let pairs: Vec<String> =
            self.0.get_request_values(to).map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn a_cookie_for_a_public_suffix_is_refused() {
        let mut jar = CookieJar::default();

        jar.keep("a=1; Domain=co.uk", &url("http://a.co.uk/"));
        jar.keep("b=1; Domain=.a.co.uk", &url("http://www.a.co.uk/"));

        assert_eq!(jar.header(&url("http://b.co.uk/")), None);
        assert_eq!(jar.header(&url("http://x.a.co.uk/")).as_deref(), Some("b=1"));
    }

    #[test]
    fn a_suffix_that_is_the_host_itself_is_kept_for_that_host_only() {
        let mut jar = CookieJar::default();

        jar.keep("a=1; Domain=github.io", &url("http://github.io/"));

        assert_eq!(jar.header(&url("http://github.io/")).as_deref(), Some("a=1"));
        assert_eq!(jar.header(&url("http://x.github.io/")), None);
    }

    #[test]
    fn a_seeded_cookie_stays_on_its_host_and_scheme() {
        let mut jar = CookieJar::default();

        let given = [("s".to_owned(), "1".to_owned()), ("x".to_owned(), "1;y=2".to_owned())];
        jar.seed(&given, &url("https://a.test/deep/page"));

        assert_eq!(jar.header(&url("https://a.test/other")).as_deref(), Some("s=1"));
        assert_eq!(jar.header(&url("http://a.test/")), None);
        assert_eq!(jar.header(&url("https://b.test/")), None);
    }

    #[test]
    fn a_jar_is_bounded() {
        let mut jar = CookieJar::default();
        for at in 0..2 * MAX_COOKIES {
            jar.keep(&format!("c{at}=1"), &url("http://a.test/"));
        }
        jar.keep(&format!("long={}", "x".repeat(MAX_COOKIE_BYTES)), &url("http://b.test/"));

        assert_eq!(jar.0.iter_any().count(), MAX_COOKIES);
    }
}
