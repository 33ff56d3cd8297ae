//! The cookies of one job, stored and sent as RFC 6265bis describes and browsers do.
//!
//! The algorithms are those of sections 5.6 to 5.8 of the draft: lenient parsing, domain and path matching, name
//! prefixes, and the order of the `Cookie` header. Cookies are never written anywhere.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use url::Url;

use crate::core::session::{CookieChange, SessionCookie, SessionState};
use crate::core::time::{Timestamp, millis};
use crate::fetch::http::cookies::set_cookie::SetCookie;

mod date;
mod set_cookie;

/// The most cookies that one job keeps; the oldest is dropped for a newer one. Browsers keep 180 per site.
const MAX_COOKIES: usize = 300;

/// A stored cookie.
///
/// # Invariants
///
/// * No two cookies of a jar share name, domain, path and `host_only`.
#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    /// A host, or a domain with all hosts under it unless `host_only`.
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    http_only: bool,
    expires_at: Option<SystemTime>,
    /// A cookie of the same name that a site sets or deletes replaces it, whatever its scope is.
    any_scope: bool,
    /// `true` for a cookie of a session's own domain, which may stand for one of a domain above.
    is_narrowed: bool,
    /// Position in the order of creation. An update keeps it.
    created: u64,
}

/// The cookies of one job, kept from one attempt to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar {
    cookies: Vec<Cookie>,
    /// Names that sites have set or deleted. A `Cookie` header of the caller no longer decides them.
    set_by_sites: HashSet<String>,
    created: u64,
}

impl CookieJar {
    /// Adds the caller's cookies for the page's own host. Those of an `https` page are sent over
    /// `https` only.
    pub(super) fn seed(&mut self, cookies: &[(String, String)], page: &Url) {
        let Some(host) = page.host_str() else { return };
        for (name, value) in cookies {
            let is_valid = |text: &str| !text.contains(|it: char| it == ';' || it.is_control());
            if name.is_empty() || name.contains('=') || !is_valid(name) || !is_valid(value) {
                continue;
            }
            self.store(Cookie {
                name: name.clone(),
                value: value.clone(),
                domain: host.to_owned(),
                host_only: true,
                path: "/".to_owned(),
                secure: page.scheme() == "https",
                http_only: false,
                expires_at: None,
                any_scope: false,
                is_narrowed: false,
                created: 0,
            });
        }
    }

    /// Adds the cookies of a stored session of `domain`. One for a public suffix stays on that host, as it does in browsers.
    pub(super) fn seed_session(&mut self, state: &SessionState, domain: &str) {
        for cookie in &state.cookies {
            let expires_at =
                cookie.expires_at.map(|it| UNIX_EPOCH + Duration::from_millis(it.as_millis()));
            self.store(Cookie {
                name: cookie.name.clone(),
                value: cookie.value.clone(),
                domain: cookie.domain.clone(),
                host_only: cookie.host_only || is_public_suffix(&cookie.domain),
                path: cookie.path.clone(),
                secure: cookie.secure,
                http_only: cookie.http_only,
                expires_at,
                any_scope: cookie.any_scope,
                is_narrowed: !cookie.host_only && cookie.domain == domain,
                created: 0,
            });
        }
    }

    /// Keeps one `Set-Cookie` of a response from `from` if the limits and its attributes allow it. A date
    /// in the past deletes the cookie.
    ///
    /// Returns the change that this made.
    pub(super) fn keep(&mut self, header: &str, from: &Url) -> Option<CookieChange> {
        let now = SystemTime::now();
        let cookie = SetCookie::parse(header, now)?.scoped_to(from)?;
        if from.scheme() != "https" && self.hides_secure(&cookie) {
            return None;
        }
        if self.set_by_sites.len() < MAX_COOKIES {
            self.set_by_sites.insert(cookie.name.clone());
        }
        let session_cookie = cookie.for_session();
        self.cookies.retain(|it| !it.gives_way_to(&cookie));
        if cookie.expires_at.is_some_and(|it| it <= now) {
            self.cookies.retain(|it| !it.is_same(&cookie));
            Some(CookieChange::Removed(session_cookie))
        } else {
            self.store(cookie);
            Some(CookieChange::Set(session_cookie))
        }
    }

    /// Returns the `Cookie` header of a request to `to`, or `None` if no cookie matches: those with longer
    /// paths first, and older ones before newer ones.
    pub(super) fn header(&self, to: &Url) -> Option<String> {
        let host = to.host_str()?;
        let now = SystemTime::now();
        let mut matching: Vec<&Cookie> =
            self.cookies.iter().filter(|it| it.is_sent(host, to, now)).collect();
        matching.sort_by_key(|it| (std::cmp::Reverse(it.path.len()), it.created));
        let pairs: Vec<String> = matching.into_iter().map(Cookie::pair).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Removes from a `Cookie` header of the caller the cookies that a site has set or deleted since.
    pub(super) fn without_replaced(&self, given: &str) -> Option<String> {
        if self.set_by_sites.is_empty() {
            return (!given.is_empty()).then(|| given.to_owned());
        }
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_owned();
        let kept: Vec<&str> = given
            .split(';')
            .map(str::trim)
            .filter(|it| !it.is_empty() && !self.set_by_sites.contains(&name(it)))
            .collect();
        (!kept.is_empty()).then(|| kept.join("; "))
    }

    fn store(&mut self, mut cookie: Cookie) {
        if let Some(old) = self.cookies.iter_mut().find(|it| it.is_same(&cookie)) {
            cookie.created = old.created;
            *old = cookie;
            return;
        }
        if self.cookies.len() >= MAX_COOKIES {
            let oldest = (0..self.cookies.len()).min_by_key(|&at| self.cookies[at].created);
            oldest.map(|at| self.cookies.swap_remove(at));
        }
        self.created += 1;
        cookie.created = self.created;
        self.cookies.push(cookie);
    }

    /// Returns `true` if a cookie from an insecure page would hide one that was set over `https`.
    fn hides_secure(&self, cookie: &Cookie) -> bool {
        self.cookies.iter().any(|it| {
            it.secure
                && it.name == cookie.name
                && (domain_matches(&it.domain, &cookie.domain)
                    || domain_matches(&cookie.domain, &it.domain))
                && path_matches(&it.path, &cookie.path)
        })
    }
}

impl Cookie {
    /// Returns the cookie as a session stores it.
    fn for_session(&self) -> SessionCookie {
        let mut cookie = SessionCookie::default();
        cookie.name.clone_from(&self.name);
        cookie.value.clone_from(&self.value);
        cookie.domain.clone_from(&self.domain);
        cookie.path.clone_from(&self.path);
        (cookie.host_only, cookie.secure) = (self.host_only, self.secure);
        cookie.http_only = self.http_only;
        let since = self.expires_at.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        cookie.expires_at = since.map(|it| Timestamp::from_millis(millis(it)));
        cookie
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.path == other.path
            && self.host_only == other.host_only
    }

    /// Returns `true` if it is a cookie of a session that `set`, which the site set or deleted with another scope, replaces.
    fn gives_way_to(&self, set: &Self) -> bool {
        let is_above = !set.host_only
            && set.domain != self.domain
            && domain_matches(&set.domain, &self.domain);
        let is_replaced = self.any_scope && (is_above || domain_matches(&self.domain, &set.domain))
            || self.is_narrowed && is_above && self.path == set.path;
        is_replaced && self.name == set.name
    }

    fn is_sent(&self, host: &str, to: &Url, now: SystemTime) -> bool {
        let domain =
            if self.host_only { self.domain == host } else { domain_matches(&self.domain, host) };
        domain
            && path_matches(&self.path, to.path())
            && (!self.secure || to.scheme() == "https")
            && self.expires_at.is_none_or(|it| it > now)
    }

    fn pair(&self) -> String {
        if self.name.is_empty() {
            return self.value.clone();
        }
        format!("{}={}", self.name, self.value)
    }
}

/// Returns `true` if `host` is `domain` or a host under it. An address matches only itself.
fn domain_matches(domain: &str, host: &str) -> bool {
    let is_address = || host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    host == domain || host.strip_suffix(domain).is_some_and(|it| it.ends_with('.')) && !is_address()
}

fn path_matches(cookie: &str, path: &str) -> bool {
    let rest = path.strip_prefix(cookie);
    rest.is_some_and(|it| it.is_empty() || cookie.ends_with('/') || it.starts_with('/'))
}

fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::session::SessionDomain;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    fn sent(headers: &[&str], from: &str, to: &str) -> String {
        let mut jar = CookieJar::default();
        for header in headers {
            jar.keep(header, &url(from));
        }
        jar.header(&url(to)).unwrap_or_default()
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
        jar.keep(&format!("long={}", "x".repeat(5_000)), &url("http://b.test/"));

        assert_eq!(jar.cookies.len(), MAX_COOKIES);
        assert!(jar.header(&url("http://a.test/")).is_some_and(|it| it.contains("c599=1")));
    }

    #[test]
    fn longer_paths_are_sent_first_and_then_older_cookies() {
        let paths = ["s=root; Path=/", "s=middle; Path=/a", "s=deep; Path=/a/b"];
        let order = ["z=1", "a=2", "m=3", "z=4"];

        assert_eq!(
            sent(&paths, "http://a.test/", "http://a.test/a/b/c"),
            "s=deep; s=middle; s=root"
        );
        assert_eq!(sent(&order, "http://a.test/", "http://a.test/"), "z=4; a=2; m=3");
    }

    #[test]
    fn a_path_matches_whole_segments() {
        for (path, to, is_sent) in [
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/", "/a", false),
            ("/a/", "/a/b", true),
            ("a", "/set/x", true),
            ("", "/other", false),
        ] {
            let header = format!("c=1; Path={path}");
            let sent = sent(&[&header], "http://a.test/set/page", &format!("http://a.test{to}"));
            assert_eq!(sent == "c=1", is_sent, "{path} {to}");
        }
    }

    #[test]
    fn a_domain_covers_its_hosts_and_no_address() {
        let from = "http://www.a.test/";
        assert_eq!(sent(&["c=1; Domain=A.Test"], from, "http://b.a.test/"), "c=1");
        assert_eq!(sent(&["c=1"], from, "http://b.a.test/"), "");
        assert_eq!(sent(&["c=1; Domain=b.a.test"], from, "http://b.a.test/"), "");
        assert_eq!(sent(&["c=1; Domain=0.0.1"], "http://127.0.0.1/", "http://127.0.0.1/"), "");
        assert_eq!(
            sent(&["c=1; Domain=127.0.0.1"], "http://127.0.0.1/", "http://127.0.0.1/"),
            "c=1"
        );
        assert_eq!(sent(&["c=1; Domain="], from, from), "c=1");
    }

    #[test]
    fn a_past_date_deletes_a_cookie() {
        let from = "http://a.test/";
        for end in ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(sent(&["c=1", &format!("c=; {end}")], from, from), "", "{end}");
        }
        let both = "c=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(sent(&[both], from, from), "c=1");
    }

    #[test]
    fn a_secure_cookie_is_not_replaced_over_http() {
        let mut jar = CookieJar::default();
        jar.keep("c=1; Secure", &url("https://a.test/"));
        jar.keep("c=2", &url("http://a.test/"));
        jar.keep("d=1; Secure", &url("http://a.test/"));

        assert_eq!(jar.header(&url("https://a.test/")).as_deref(), Some("c=1"));
        assert_eq!(jar.header(&url("http://a.test/")), None);
    }

    #[test]
    fn a_cookie_of_a_session_gives_way_to_one_of_the_domain_above() {
        let domain = SessionDomain::parse("http://www.shop.test").expect("a domain");
        let by_name = SessionCookie::new("sid", "old", &domain);
        let mut narrowed = by_name.clone();
        narrowed.any_scope = false;
        let from = url("http://www.shop.test/");
        let deep = "sid=deep; Domain=shop.test; Path=/deep";

        for cookie in [by_name, narrowed] {
            let is_by_name = cookie.any_scope;
            let state = SessionState::default().with_cookies([cookie]);
            for (header, sent) in [
                ("sid=new; Domain=shop.test; Path=/", Some("sid=new")),
                ("sid=; Domain=shop.test; Path=/; Max-Age=0", None),
            ] {
                let mut jar = CookieJar::default();
                jar.seed_session(&state, domain.host());
                jar.keep(header, &from);
                assert_eq!(jar.header(&from).as_deref(), sent, "{header}");
            }
            let mut jar = CookieJar::default();
            jar.seed_session(&state, domain.host());
            jar.keep(deep, &from);
            let kept = (!is_by_name).then_some("sid=old");
            assert_eq!(jar.header(&from).as_deref(), kept, "of another path");
            let mut jar = CookieJar::default();
            jar.seed_session(&state, domain.host());
            jar.keep("sid=other", &url("http://shop.test/"));
            assert_eq!(jar.header(&from).as_deref(), Some("sid=old"), "a cookie of another host");
        }
    }

    #[test]
    fn a_given_header_loses_the_cookies_that_a_site_sets_or_deletes() {
        let mut jar = CookieJar::default();
        jar.keep("s=new", &url("http://a.test/"));
        jar.keep("gone=; Max-Age=0", &url("http://a.test/"));

        let kept = jar.without_replaced("s=old; gone=1; t=1; flag");

        assert_eq!(kept.as_deref(), Some("t=1; flag"));
        assert_eq!(jar.without_replaced("s=old"), None);
    }
}
