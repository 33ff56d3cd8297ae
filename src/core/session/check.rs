//! The limits of a session.

use crate::core::request::{ValidationError, check_header};
use crate::core::session::{Session, SessionCookie, SessionDomain, SessionState};

/// The longest name of a session, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// The longest notes of a session, in characters.
pub const MAX_NOTES_CHARS: usize = 1_000;
/// The largest secret of a session: the bytes of all names and values.
pub const MAX_STATE_BYTES: usize = 256 * 1_024;
/// The most cookies of a session. Browsers keep 180 per site.
const MAX_COOKIES: usize = 180;
/// The longest name and value of a cookie together, in bytes, as in browsers.
const MAX_COOKIE_BYTES: usize = 4_096;
/// The most headers of a session.
const MAX_HEADERS: usize = 50;
/// The most origins with local storage.
const MAX_ORIGINS: usize = 16;
/// The most entries of an origin.
const MAX_ENTRIES: usize = 256;

fn ensure(
    holds: bool,
    field: &'static str,
    reason: impl Into<String>,
) -> Result<(), ValidationError> {
    if holds { Ok(()) } else { Err(ValidationError::new(field, reason)) }
}

impl Session {
    /// Checks its name and its notes.
    ///
    /// # Errors
    ///
    /// The first [`ValidationError`].
    pub fn check(&self) -> Result<(), ValidationError> {
        let is_plain = |it: &str| !it.chars().any(char::is_control);
        let length = self.name.chars().count();
        ensure(
            (1..=MAX_NAME_CHARS).contains(&length) && is_plain(&self.name),
            "name",
            "must be 1 to 100 characters without control characters",
        )?;
        let notes = self.notes.as_deref().unwrap_or_default();
        ensure(
            notes.chars().count() <= MAX_NOTES_CHARS,
            "notes",
            "must be at most 1000 characters long",
        )
    }
}

impl SessionState {
    /// Checks that everything in it is within its limits and belongs to the session's domain. Errors contain no values.
    ///
    /// # Errors
    ///
    /// The first [`ValidationError`].
    pub fn check(&self, session: &Session) -> Result<(), ValidationError> {
        ensure(
            !self.is_empty(),
            "cookies",
            "are missing: send the cookies of a logged-in visitor",
        )?;
        ensure(self.cookies.len() <= MAX_COOKIES, "cookies", "are too many: send at most 180")?;
        for cookie in &self.cookies {
            cookie.check(session)?;
        }
        ensure(self.headers.len() <= MAX_HEADERS, "headers", "are too many: send at most 50")?;
        for (name, value) in &self.headers {
            check_header("headers", name, value)?;
            ensure(
                !name.eq_ignore_ascii_case("cookie"),
                "headers",
                "contain `cookie`: send its cookies in `cookies`",
            )?;
        }
        self.check_storage(session)?;
        ensure(
            self.size() <= MAX_STATE_BYTES,
            "cookies",
            "exceed 262144 bytes together with headers and storage: send fewer",
        )
    }

    fn check_storage(&self, session: &Session) -> Result<(), ValidationError> {
        let fits = self.storage.len() <= MAX_ORIGINS
            && self.storage.iter().all(|it| it.entries.len() <= MAX_ENTRIES);
        ensure(fits, "storage", "is too large: send at most 16 origins with 256 entries each")?;
        for storage in &self.storage {
            // Browsers compare origins as text, so it must be written as they write it.
            let is_own = SessionDomain::parse(&storage.origin).is_ok_and(|it| {
                it.to_string() == storage.origin
                    && session.domain.covers(it.host())
                    && (it.is_https() || !session.domain.is_https())
            });
            ensure(
                is_own,
                "storage",
                "must name origins of the session's domain, such as https://www.example.com",
            )?;
        }
        Ok(())
    }

    /// Returns `true` if `cookie`, which the site set, is valid and within the limits beside the cookies that it does not
    /// replace.
    pub(super) fn admits(&self, cookie: &SessionCookie, session: &Session) -> bool {
        let replaced = || self.cookies.iter().filter(|it| it.is_replaced_by(cookie));
        let freed: usize = replaced().map(SessionCookie::size).sum();
        cookie.check(session).is_ok()
            && self.cookies.len() - replaced().count() < MAX_COOKIES
            && self.size() - freed + cookie.size() <= MAX_STATE_BYTES
    }

    /// Returns the bytes of all names and values.
    fn size(&self) -> usize {
        let pair = |(name, value): &(String, String)| name.len() + value.len();
        self.cookies.iter().map(SessionCookie::size).sum::<usize>()
            + self.headers.iter().map(pair).sum::<usize>()
            + self.storage.iter().flat_map(|it| &it.entries).map(pair).sum::<usize>()
    }
}

impl SessionCookie {
    fn size(&self) -> usize {
        self.name.len() + self.value.len() + self.path.len()
    }

    pub(super) fn check(&self, session: &Session) -> Result<(), ValidationError> {
        let plain = |it: &str| !it.contains(|it: char| it == ';' || it.is_control());
        ensure(
            !self.name.is_empty()
                && !self.name.contains('=')
                && plain(&self.name)
                && plain(&self.value)
                && self.value.trim() == self.value,
            "cookies",
            "contain an invalid cookie: use names and values without `;`, `=` in names, control characters and outer spaces",
        )?;
        ensure(
            self.name.len() + self.value.len() <= MAX_COOKIE_BYTES,
            "cookies",
            "contain a cookie of more than 4096 bytes: browsers do not send it",
        )?;
        ensure(
            self.path.starts_with('/') && self.path.len() <= 1_024 && plain(&self.path),
            "cookies",
            "contain an invalid path: start it with /",
        )?;
        ensure(
            session.domain.covers(&self.domain)
                && (self.host_only || !session.domain.is_single_host()),
            "cookies",
            "contain a cookie of another domain: create a session for that domain",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{AccountId, SessionId};
    use crate::core::session::{CookieChange, OriginStorage};
    use crate::core::time::Timestamp;

    fn session(domain: &str) -> Session {
        let domain = SessionDomain::parse(domain).expect("a domain");
        let now = Timestamp::from_millis(1);
        Session::new(SessionId::new(now, 0, 7), AccountId::default(), "mine", domain, now)
    }

    fn refused(domain: &str, change: impl FnOnce(&mut SessionState)) -> &'static str {
        let session = session(domain);
        let cookie = SessionCookie::new("sid", "s3cret", &session.domain);
        let mut state = SessionState::default().with_cookies([cookie]);
        change(&mut state);
        match state.check(&session) {
            Ok(()) => "",
            Err(error) => {
                assert!(!error.to_string().contains("s3cret"), "{error}");
                error.field()
            }
        }
    }

    #[test]
    fn a_secret_of_its_domain_is_accepted() {
        let all = |it: &mut SessionState| {
            it.cookies[0].domain = "www.a.test".to_owned();
            it.headers.push(("Authorization".to_owned(), "Bearer s3cret".to_owned()));
            it.storage.push(OriginStorage::new("https://app.a.test:8443", []));
        };

        assert_eq!(refused("a.test", all), "");
        let local = |it: &mut SessionState| {
            it.storage.push(OriginStorage::new("http://localhost:80", []));
        };
        assert_eq!(refused("localhost", local), "");
    }

    #[test]
    fn everything_else_is_refused_without_its_value() {
        let cookie =
            |change: fn(&mut SessionCookie)| refused("a.test", |it| change(&mut it.cookies[0]));
        let header = |name: &str, value: &str| {
            refused("a.test", |it| it.headers.push((name.to_owned(), value.to_owned())))
        };
        let storage =
            |origin: &str| refused("a.test", |it| it.storage.push(OriginStorage::new(origin, [])));

        assert_eq!(refused("a.test", |it| it.cookies.clear()), "cookies");
        assert_eq!(cookie(|it| it.domain = "b.test".to_owned()), "cookies");
        assert_eq!(cookie(|it| it.domain = "test".to_owned()), "cookies");
        assert_eq!(cookie(|it| it.value = "s3cret; a=b".to_owned()), "cookies");
        assert_eq!(cookie(|it| it.value = " s3cret".to_owned()), "cookies");
        assert_eq!(cookie(|it| it.domain = "evil.test/.a.test".to_owned()), "cookies");
        assert_eq!(cookie(|it| it.value = "s3cret".repeat(1_000)), "cookies");
        assert_eq!(cookie(|it| it.path = "x".to_owned()), "cookies");
        assert_eq!(header("Cookie", "a=s3cret"), "headers");
        assert_eq!(header("X", "s3cret\r\nY: z"), "headers");
        for origin in [
            "https://b.test",
            "http://a.test",
            "a.test",
            "https://a.test/x",
            "https://u@a.test",
            "https://a.test:0443",
        ] {
            assert_eq!(storage(origin), "storage", "{origin}");
        }
        let many = |it: &mut SessionState| it.cookies = vec![it.cookies[0].clone(); 181];
        assert_eq!(refused("a.test", many), "cookies");
    }

    #[test]
    fn a_renewal_outlives_bad_surplus_and_expired_cookies() {
        let session = session("a.test");
        let cookie = |name: &str, value: &str| SessionCookie::new(name, value, &session.domain);
        let until = |cookie: SessionCookie, at: u64| {
            let expires_at = Some(Timestamp::from_millis(at));
            SessionCookie { expires_at, ..cookie }
        };
        let full = (0..MAX_COOKIES - 2).map(|it| cookie(&format!("c{it}"), "1"));
        let old = until(cookie("old", "1"), 9);
        let mut state = SessionState::default().with_cookies(full.chain([cookie("sid", "1"), old]));
        let set = [
            cookie("", "nameless"),
            cookie("tab", "a\tb"),
            SessionCookie { path: format!("/{}", "x".repeat(1_024)), ..cookie("long", "1") },
            cookie("sid", "renewed"),
            until(cookie("c0", "over"), 10),
            cookie("new", "1"),
            cookie("newer", "1"),
            cookie("surplus", "1"),
        ];

        let changes: Vec<_> = set.into_iter().map(CookieChange::Set).collect();
        let ignored = state.apply(&changes, &session, Timestamp::from_millis(10));

        let value = |name: &str| {
            let found = state.cookies.iter().find(|it| it.name == name);
            found.map(|it| it.value.as_str())
        };
        assert_eq!(ignored, 4);
        assert_eq!((value("sid"), value("newer")), (Some("renewed"), Some("1")));
        assert_eq!((value("old"), value("c0"), value("surplus")), (None, None, None));
        assert!(state.check(&session).is_ok() && state.cookies.len() == MAX_COOKIES);
        let large = state
            .cookies
            .iter()
            .map(|it| it.name.clone())
            .map(|name| CookieChange::Set(cookie(&name, &"x".repeat(4_000))));
        let large: Vec<_> = large.collect();
        assert!(state.apply(&large, &session, Timestamp::from_millis(10)) > 0);
        assert!(state.check(&session).is_ok(), "the size is bounded too");
    }

    #[test]
    fn a_name_and_notes_have_a_length() {
        let named = |name: &str, notes: &str| {
            let mut session = session("a.test");
            (session.name, session.notes) = (name.to_owned(), Some(notes.to_owned()));
            session.check().err().map(|it| it.field())
        };

        assert_eq!(named(&"é".repeat(100), &"é".repeat(1_000)), None);
        assert_eq!(named("", ""), Some("name"));
        assert_eq!(named(&"x".repeat(101), ""), Some("name"));
        assert_eq!(named("a\nb", ""), Some("name"));
        assert_eq!(named("x", &"x".repeat(1_001)), Some("notes"));
    }
}
