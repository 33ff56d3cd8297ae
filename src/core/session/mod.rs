//! Sessions: the logged-in state of a site that an account stores and its jobs use.
//!
//! A [`Session`] describes it and can be shown to anyone who may see the account. Its [`SessionState`] is the secret:
//! cookies, headers and local storage. This module decides what a session may contain, which pages it belongs to and what
//! a response shows about its health; it stores and encrypts nothing.
//!
//! # Invariants
//!
//! * `Debug` of a state, a cookie or a stored secret shows names and counts, never values.
//! * A cookie belongs to the session's domain or to a host below it.

mod check;
mod domain;
mod health;
mod login;
mod storage_state;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::id::{AccountId, SessionId};
use crate::core::time::Timestamp;

pub use check::{MAX_NAME_CHARS, MAX_NOTES_CHARS, MAX_STATE_BYTES};
pub use domain::{ParseDomainError, SessionDomain};
pub use health::{SessionOutcome, SessionStatus};
pub use login::{LoginSigns, login_signs};

/// The description of a stored session, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// The account that owns it.
    pub account: AccountId,
    /// The account's name for it, 1 to 100 characters.
    pub name: String,
    /// The domain whose pages may use it.
    pub domain: SessionDomain,
    /// The names of its cookies.
    pub cookie_names: Vec<String>,
    /// The names of its headers.
    pub header_names: Vec<String>,
    /// The origins whose local storage it has.
    pub storage_origins: Vec<String>,
    /// The notes of the account, up to 1,000 characters.
    pub notes: Option<String>,
    /// The status that its last use led to. [`Session::status_at`] adds the time.
    pub status: SessionStatus,
    /// The time from which it cannot be used, `None` if there is no such time.
    pub expires_at: Option<Timestamp>,
    /// The time of the last validation.
    pub validated_at: Option<Timestamp>,
    /// The confidence of the last validation, 0 to 100.
    pub confidence: Option<u8>,
    /// The failures since the last success.
    pub consecutive_failures: u32,
    /// The time of the last use.
    pub used_at: Option<Timestamp>,
    /// The number of pages that were fetched with it.
    pub total_requests: u64,
    /// The number of these that the site showed to a logged-in visitor.
    pub successful_requests: u64,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The time of the last change of its name, notes, expiry or secret by the account.
    pub updated_at: Timestamp,
    /// The number of times that the account replaced its secret.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replacements: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Session {
    /// Returns a new session without a secret.
    pub fn new(
        id: SessionId,
        account: AccountId,
        name: impl Into<String>,
        domain: SessionDomain,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            name: name.into(),
            domain,
            cookie_names: Vec::new(),
            header_names: Vec::new(),
            storage_origins: Vec::new(),
            notes: None,
            status: SessionStatus::Active,
            expires_at: None,
            validated_at: None,
            confidence: None,
            consecutive_failures: 0,
            used_at: None,
            total_requests: 0,
            successful_requests: 0,
            created_at: now,
            updated_at: now,
            replacements: 0,
        }
    }

    /// Lists the names in `state`.
    pub fn describe(&mut self, state: &SessionState) {
        self.cookie_names = state.cookies.iter().map(|it| it.name.clone()).collect();
        self.header_names = state.headers.iter().map(|(name, _)| name.clone()).collect();
        self.storage_origins = state.storage.iter().map(|it| it.origin.clone()).collect();
    }
}

/// The secret of a session.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SessionState {
    /// The cookies.
    pub cookies: Vec<SessionCookie>,
    /// Headers that are sent to the origin of the page, such as `Authorization`.
    pub headers: Vec<(String, String)>,
    /// The local storage of the domain's origins, which only a browser uses.
    pub storage: Vec<OriginStorage>,
}

impl SessionState {
    /// Sets the cookies.
    #[must_use]
    pub fn with_cookies(mut self, cookies: impl IntoIterator<Item = SessionCookie>) -> Self {
        self.cookies = cookies.into_iter().collect();
        self
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.headers = headers.into_iter().collect();
        self
    }

    /// Sets the local storage.
    #[must_use]
    pub fn with_storage(mut self, storage: impl IntoIterator<Item = OriginStorage>) -> Self {
        self.storage = storage.into_iter().collect();
        self
    }

    /// Returns `true` if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.headers.is_empty() && self.storage.is_empty()
    }

    /// Applies a site's changes to the cookies, and drops those that have expired. A cookie that is invalid, or for which
    /// the session has no room, is ignored; the others count. Returns the number of ignored ones.
    pub fn apply(&mut self, changes: &[CookieChange], session: &Session, now: Timestamp) -> usize {
        self.cookies.retain(|it| !it.has_expired(now) && it.check(session).is_ok());
        let mut ignored = 0;
        for change in changes {
            let (CookieChange::Set(cookie) | CookieChange::Removed(cookie)) = change;
            let is_set = matches!(change, CookieChange::Set(_)) && !cookie.has_expired(now);
            if is_set && !self.admits(cookie, session) {
                ignored += 1;
                continue;
            }
            self.cookies.retain(|it| !it.is_replaced_by(cookie));
            if is_set {
                self.cookies.push(cookie.clone());
            }
        }
        ignored
    }
}

/// Shows the names and the counts.
impl fmt::Debug for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SessionState")
            .field("cookies", &self.cookies)
            .field("headers", &headers)
            .field("storage", &self.storage)
            .finish()
    }
}

/// A cookie of a session.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionCookie {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host. Hosts below it get the cookie too, unless `host_only`.
    pub domain: String,
    /// `true` if only the host itself gets it.
    pub host_only: bool,
    /// The path below which it is sent, `/` by default.
    pub path: String,
    /// `true` if it is sent over `https` only.
    pub secure: bool,
    /// `true` if a page's scripts cannot read it.
    pub http_only: bool,
    /// The time from which it is not sent; `None` if it has no such time.
    pub expires_at: Option<Timestamp>,
    /// `true` if the account gave a name and a value only. A cookie of that name which the site sets or deletes replaces it,
    /// whatever its host and path are.
    pub any_scope: bool,
}

impl SessionCookie {
    /// Returns a cookie for all pages of `domain` and of the hosts below it. It is sent over `https` only, unless the
    /// domain was named with `http://` or is on this machine.
    pub fn new(name: impl Into<String>, value: impl Into<String>, domain: &SessionDomain) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: domain.host().to_owned(),
            host_only: domain.is_single_host(),
            path: "/".to_owned(),
            secure: domain.is_https(),
            http_only: false,
            expires_at: None,
            any_scope: true,
        }
    }

    /// Returns `true` if its expiry has passed, so that it is not sent.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|it| it <= now)
    }

    /// Returns `true` if `set`, which the site set or deleted, replaces this cookie.
    pub(crate) fn is_replaced_by(&self, set: &Self) -> bool {
        self.is_same(set) || self.any_scope && self.name == set.name
    }

    /// Returns `true` if one of the two replaces the other: they share name, domain, path and `host_only`.
    pub fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.path == other.path
            && self.host_only == other.host_only
    }
}

/// Shows everything but the value.
impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A site's change of a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieChange {
    /// The site set it.
    Set(SessionCookie),
    /// The site deleted it.
    Removed(SessionCookie),
}

impl CookieChange {
    /// Returns the change as one of a session of `domain`, `None` if its cookie is not sent there. A cookie of a domain above
    /// is narrowed: the session is sent to no other host of that domain.
    pub(crate) fn within(mut self, domain: &SessionDomain) -> Option<Self> {
        let (Self::Set(cookie) | Self::Removed(cookie)) = &mut self;
        if !domain.covers(&cookie.domain) {
            if cookie.host_only || !domain.is_below(&cookie.domain) {
                return None;
            }
            domain.host().clone_into(&mut cookie.domain);
        }
        Some(self)
    }
}

/// The local storage of one origin.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OriginStorage {
    /// The origin, such as `https://example.com`.
    pub origin: String,
    /// The keys and their values.
    pub entries: Vec<(String, String)>,
}

impl OriginStorage {
    /// Returns the local storage of `origin`.
    pub fn new(
        origin: impl Into<String>,
        entries: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self { origin: origin.into(), entries: entries.into_iter().collect() }
    }
}

/// Shows the origin and the number of entries.
impl fmt::Debug for OriginStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginStorage")
            .field("origin", &self.origin)
            .field("entries", &self.entries.len())
            .finish()
    }
}

/// A session as a store of records keeps it: its description, and its secret as a sealed text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SealedSession {
    /// The description.
    pub session: Session,
    /// The sealed secret. Only the application's keys open it.
    #[serde(with = "sealed_bytes")]
    pub sealed: Vec<u8>,
}

impl SealedSession {
    /// Pairs a description with its sealed secret.
    pub fn new(session: Session, sealed: Vec<u8>) -> Self {
        Self { session, sealed }
    }
}

/// Shows the length of the secret.
impl fmt::Debug for SealedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSession")
            .field("session", &self.session)
            .field("sealed_bytes", &self.sealed.len())
            .finish()
    }
}

/// A sealed secret: numbers in a readable format such as JSON, bytes in a binary one.
mod sealed_bytes {
    use std::fmt;

    use serde::de::{self, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { bytes.serialize(to) } else { to.serialize_bytes(bytes) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Sealed;

        impl Visitor<'_> for Sealed {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }

        if from.is_human_readable() {
            Vec::deserialize(from)
        } else {
            from.deserialize_bytes(Sealed)
        }
    }
}
