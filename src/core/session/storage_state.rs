//! Reads the storage state of a browser, in the JSON that Playwright and other drivers write.

use serde::Deserialize;
use serde_json::Value;

use crate::core::request::ValidationError;
use crate::core::session::{OriginStorage, SessionCookie, SessionDomain, SessionState};
use crate::core::time::Timestamp;

/// The parts of the format that are used. Others, such as the index of databases, are ignored.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct StorageState {
    cookies: Vec<Cookie>,
    origins: Vec<Origin>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    path: String,
    /// Seconds since 1970, -1 for the lifetime of the browser.
    expires: f64,
    http_only: bool,
    secure: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Origin {
    origin: String,
    local_storage: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    value: String,
}

impl SessionState {
    /// Reads a browser's storage state: its cookies and the local storage of its origins.
    ///
    /// ```
    /// use rungs::core::session::SessionState;
    ///
    /// let state = SessionState::from_storage_state(&serde_json::json!({
    ///     "cookies": [{"name": "sid", "value": "1", "domain": ".example.com", "path": "/", "secure": true}],
    ///     "origins": [{"origin": "https://example.com", "localStorage": [{"name": "token", "value": "2"}]}],
    /// }))?;
    /// assert_eq!((state.cookies.len(), state.storage.len()), (1, 1));
    /// # Ok::<(), rungs::core::request::ValidationError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ValidationError`] if the value has another form.
    pub fn from_storage_state(value: &Value) -> Result<Self, ValidationError> {
        // The error of the parser could contain a value.
        let read: StorageState = StorageState::deserialize(value).map_err(|_| {
            let reason =
                "must be an object with `cookies` and `origins`, as a browser's driver writes it";
            ValidationError::new("storage_state", reason)
        })?;
        let cookies = read.cookies.into_iter().map(SessionCookie::from);
        let storage = read.origins.into_iter().map(|it| {
            let entries = it.local_storage.into_iter().map(|it| (it.name, it.value));
            OriginStorage::new(it.origin, entries)
        });
        Ok(Self::default().with_cookies(cookies).with_storage(storage))
    }

    /// Drops the cookies and the storage of other domains: a browser's state contains those of every site it visited.
    #[must_use]
    pub fn within(mut self, domain: &SessionDomain) -> Self {
        self.cookies.retain(|it| domain.covers(&it.domain));
        self.storage.retain(|it| {
            let origin = SessionDomain::parse(&it.origin);
            origin.is_ok_and(|it| domain.covers(it.host()) && (it.is_https() || !domain.is_https()))
        });
        self
    }
}

impl From<Cookie> for SessionCookie {
    fn from(read: Cookie) -> Self {
        let domain = read.domain.strip_prefix('.');
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of seconds, saturated"
        )]
        let expires_at =
            (read.expires > 0.0).then(|| Timestamp::from_millis((read.expires * 1_000.0) as u64));
        Self {
            name: read.name,
            value: read.value,
            host_only: domain.is_none(),
            domain: domain.unwrap_or(&read.domain).to_ascii_lowercase(),
            path: if read.path.is_empty() { "/".to_owned() } else { read.path },
            secure: read.secure,
            http_only: read.http_only,
            expires_at,
            any_scope: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_storage_state_is_cut_to_the_domain() {
        let state = SessionState::from_storage_state(&json!({
            "cookies": [
                {"name": "a", "value": "1", "domain": "www.a.test", "path": "/x", "expires": 1_900_000_000.5,
                 "httpOnly": true, "secure": true, "sameSite": "Lax"},
                {"name": "b", "value": "2", "domain": ".a.test", "path": "/", "expires": -1},
                {"name": "c", "value": "3", "domain": ".evil.test", "path": "/"},
            ],
            "origins": [
                {"origin": "https://app.a.test", "localStorage": [{"name": "t", "value": "4"}]},
                {"origin": "http://a.test", "localStorage": [{"name": "t", "value": "5"}]},
                {"origin": "https://evil.test", "localStorage": []},
            ],
        }))
        .expect("a storage state");

        let own = state.within(&SessionDomain::parse("a.test").expect("a domain"));

        let [first, second] = &own.cookies[..] else { panic!("{own:?}") };
        assert!(first.host_only && first.secure && first.http_only && first.path == "/x");
        assert_eq!(first.expires_at, Some(Timestamp::from_millis(1_900_000_000_500)));
        assert!(!second.host_only && second.domain == "a.test" && second.expires_at.is_none());
        assert_eq!(own.storage.len(), 1);
        assert_eq!(own.storage[0].entries, [("t".to_owned(), "4".to_owned())]);
    }

    #[test]
    fn another_value_is_refused_without_being_shown() {
        let error = SessionState::from_storage_state(&json!({"cookies": ["s3cret"]})).unwrap_err();

        assert_eq!(error.field(), "storage_state");
        assert!(!error.to_string().contains("s3cret"));
    }
}
