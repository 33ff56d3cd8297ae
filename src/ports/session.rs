//! Stores of sessions: logged-in states of sites, which are secrets.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::id::{AccountId, SessionId};
use crate::core::session::{CookieChange, Session, SessionDomain, SessionState};
use crate::ports::BoxFuture;
use crate::ports::store::StoreError;

/// A session with its secret, and the number of its last write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredSession {
    /// The description.
    pub session: Session,
    /// The secret.
    pub state: SessionState,
    /// The number that the next write must expect. It grows with every write.
    pub revision: u64,
}

impl StoredSession {
    /// Returns a session with its secret, as its last write left it.
    pub fn new(session: Session, state: SessionState, revision: u64) -> Self {
        Self { session, state, revision }
    }
}

/// An error of a store of sessions. Its message contains no part of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionStoreError {
    /// Another writer changed the session first. Nothing was written; read it again and retry.
    #[error("the session changed since it was read")]
    Conflict,
    /// The secret cannot be opened: its key is missing, or it was changed outside rungs.
    #[error(
        "the secret of the session cannot be opened: add the key that sealed it to the sealing keys, or create the \
         session again"
    )]
    Sealed,
    /// The store of records failed.
    #[error("the store of sessions failed")]
    Store(#[from] StoreError),
    /// Another backend failed.
    #[error("the store of sessions failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps the sessions of accounts.
///
/// The engine checks sessions, decides who may use them and counts their uses. A store only keeps them, and keeps their
/// secrets secret: an implementation that writes to disk or to a network must encrypt them.
///
/// `rungs::stores::SealedSessions` keeps them in any [`Store`](crate::ports::store::Store). Implement this trait to keep
/// them elsewhere, such as in a vault.
///
/// # Contract
///
/// * **Accounts are separate.** No call for an account returns or changes a session of another one.
/// * **Revisions.** A `put` succeeds only if the session still has the expected revision, or does not exist if that is
///   `None`. Of two puts that expect the same revision, one fails with [`SessionStoreError::Conflict`].
/// * **Durable and gone.** An acknowledged `put` survives as the store promises. After `remove`, the secret cannot be read
///   any more.
/// * **Silent.** `Debug`, errors and logs contain no value of a secret.
///
/// Run the kit in `rungs::testkit::session` against your implementation to check all four.
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// Writes a session and its secret.
    fn put(
        &self,
        session: Session,
        state: SessionState,
        expected: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SessionStoreError>>;

    /// Returns a session with its secret.
    fn get(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<StoredSession>, SessionStoreError>>;

    /// Returns the description of a session, which needs no key.
    fn find(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<Option<Session>, SessionStoreError>>;

    /// Returns up to `limit` sessions of an account with ids after `after`, in the order of their ids.
    fn list(
        &self,
        account: AccountId,
        after: Option<SessionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Session>, SessionStoreError>>;

    /// Removes a session and its secret. Returns `false` if there was none.
    fn remove(
        &self,
        account: AccountId,
        id: SessionId,
    ) -> BoxFuture<'_, Result<bool, SessionStoreError>>;
}

// Compile-time check: the engine holds it as `Arc<dyn ...>`.
const _: Option<&dyn SessionStore> = None;

/// The session of an attempt: what a fetcher may send, and where it reports what the site changed.
///
/// A fetcher sends a cookie only where its domain, path and `secure` allow it, a header only to the origin of the
/// attempt's URL, and local storage only to pages of its origin.
#[derive(Clone)]
pub struct AttemptSession {
    inner: Arc<Inner>,
    has_headers: bool,
}

struct Inner {
    domain: SessionDomain,
    state: SessionState,
    changes: Mutex<Vec<CookieChange>>,
}

/// The most changes that are kept of one job.
const MAX_CHANGES: usize = 512;

impl AttemptSession {
    /// Returns a session of this domain.
    pub fn new(domain: SessionDomain, state: SessionState) -> Self {
        let inner = Arc::new(Inner { domain, state, changes: Mutex::default() });
        Self { inner, has_headers: true }
    }

    /// Returns the domain.
    pub fn domain(&self) -> &SessionDomain {
        &self.inner.domain
    }

    /// Returns the secret.
    pub fn state(&self) -> &SessionState {
        &self.inner.state
    }

    /// Returns the headers to send to the origin of the attempt's URL.
    pub fn headers(&self) -> &[(String, String)] {
        if self.has_headers { &self.inner.state.headers } else { &[] }
    }

    /// Returns the same session without its headers, for an origin to which the page itself leads.
    #[must_use]
    pub fn without_headers(&self) -> Self {
        Self { has_headers: false, ..self.clone() }
    }

    /// Returns the same session with a copy of the changes so far. What is reported later changes only one of the two.
    #[cfg(feature = "engine")]
    pub(crate) fn snapshot(&self) -> Self {
        let changes = self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Inner { domain, state, .. } = &*self.inner;
        let (domain, state) = (domain.clone(), state.clone());
        let inner = Arc::new(Inner { domain, state, changes: Mutex::new(changes) });
        Self { inner, has_headers: self.has_headers }
    }

    /// Reports that the site changed a cookie. A cookie of a domain above the session's counts as one of the session's
    /// domain, which is all that the session is sent to. Cookies of other domains are ignored.
    pub fn report(&self, change: CookieChange) {
        let Some(change) = change.within(&self.inner.domain) else { return };
        let mut changes = self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() < MAX_CHANGES {
            changes.push(change);
        }
    }

    /// Takes the changes that were reported, in order.
    pub fn take_changes(&self) -> Vec<CookieChange> {
        std::mem::take(&mut self.inner.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Shows the domain alone.
impl fmt::Debug for AttemptSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptSession").field("domain", &self.inner.domain).finish_non_exhaustive()
    }
}
