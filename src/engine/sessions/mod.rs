//! Sessions of accounts: the calls of an application, and their use by jobs.
//!
//! The store of sessions keeps them and seals their secrets. This module decides who may use which, checks what is stored,
//! and counts what sites respond.

mod attempt;
mod edit;
mod error;
mod job;
mod validate;

use std::sync::Arc;

use url::Url;

use crate::core::id::{AccountId, SessionId};
use crate::core::request::ValidationError;
use crate::core::session::{CookieChange, Session, SessionDomain};
use crate::core::time::Timestamp;
use crate::engine::Engine;
use crate::engine::shared::Shared;
use crate::ports::session::{SessionStore, SessionStoreError, StoredSession};

pub(super) use attempt::{ClaimSessions, NotAttempted};
pub use edit::{NewSession, SessionSecret, SessionUpdate};
pub use error::SessionError;
pub(super) use job::{JobSession, NotOpened};
pub use validate::SessionValidation;

/// The most sessions of an account.
const MAX_SESSIONS: usize = 1_000;
/// The tries of a change that meets other writers.
const TRIES: usize = 8;

/// The sessions of an engine, returned by [`Engine::sessions`].
///
/// ```
/// use std::sync::Arc;
///
/// use rungs::engine::NewSession;
/// use rungs::prelude::*;
/// use rungs::stores::{SealedSessions, SealingKey, SealingKeys};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let store = Arc::new(Memory::default());
/// let keys = SealingKeys::new(SealingKey::from_bytes([7; 32]));
/// let engine = Engine::builder()
///     .store(Arc::clone(&store))
///     .http(Http::new())
///     .sessions(SealedSessions::new(store, keys))
///     .build()?;
///
/// let session = NewSession::new("my shop", "example.com").cookies([("sid", "a1b2")]);
/// let session = engine.sessions().create(session).await?;
/// let item = Item::get("https://www.example.com/orders").session(session.id);
/// # drop(item);
/// # engine.shutdown().await;
/// # Ok::<(), rungs::Error>(())
/// # })?;
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    shared: &'a Arc<Shared>,
}

impl Engine {
    /// Returns the sessions of accounts. Without a store for them ([`EngineBuilder::sessions`]), every call fails with
    /// [`SessionError::Unavailable`].
    ///
    /// [`EngineBuilder::sessions`]: crate::engine::EngineBuilder::sessions
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { shared: &self.shared }
    }
}

impl Shared {
    fn session_store(&self) -> Result<&dyn SessionStore, SessionError> {
        self.adapters.sessions.as_deref().ok_or(SessionError::Unavailable)
    }

    /// Returns a session with its secret, if the account has it.
    async fn stored_session(
        &self,
        account: &AccountId,
        id: SessionId,
    ) -> Result<Option<StoredSession>, SessionError> {
        Ok(self.session_store()?.get(account.clone(), id).await?)
    }

    /// Changes a session, and again if another writer changed it meanwhile.
    async fn change_session<T>(
        &self,
        account: &AccountId,
        id: SessionId,
        mut change: impl FnMut(&mut StoredSession) -> Result<T, SessionError>,
    ) -> Result<(Session, T), SessionError> {
        let store = self.session_store()?;
        // Jobs of one batch end together: without this they would only meet at the store.
        let lock = self.scheduling.session_locks.of(&(account.clone(), id));
        let _turn = lock.lock().await;
        for _ in 0..TRIES {
            let stored = self.stored_session(account, id).await?;
            let mut stored = stored.ok_or(SessionError::NotFound(id))?;
            let done = change(&mut stored)?;
            let StoredSession { session, state, revision } = stored;
            match store.put(session.clone(), state, Some(revision)).await {
                Ok(()) => return Ok((self.shown(session), done)),
                Err(SessionStoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SessionStoreError::Conflict.into())
    }

    /// Returns a session with its status as it is now.
    fn shown(&self, mut session: Session) -> Session {
        session.status = session.status_at(self.now());
        session
    }
}

impl StoredSession {
    /// Keeps what the site changed, within the limits of a session.
    fn adopt(&mut self, changes: &[CookieChange], now: Timestamp) {
        let (id, mut state) = (self.session.id, self.state.clone());
        let ignored = state.apply(changes, &self.session, now);
        if ignored > 0 {
            tracing::warn!(session = %id, ignored, "the site set cookies that exceed the limits of a session");
        }
        if state.is_empty() {
            // A session has a secret. Cookies that have expired are not sent.
            return;
        }
        match state.check(&self.session) {
            Ok(()) => {
                self.session.describe(&state);
                self.state = state;
            }
            Err(error) => {
                tracing::warn!(session = %id, %error, "the changes of a session were dropped");
            }
        }
    }
}

impl Sessions<'_> {
    /// Stores a session.
    ///
    /// # Errors
    ///
    /// [`SessionError::Invalid`] names the field, and [`SessionError::TooMany`] the limit. Errors contain no values.
    pub async fn create(&self, new: NewSession) -> Result<Session, SessionError> {
        let shared = self.shared;
        let store = shared.session_store()?;
        let domain = parsed_domain(&new.domain)?;
        shared.set_clock_once().await?;
        let now = shared.now();
        let id = SessionId::new(now, 0, shared.adapters.entropy.random_u64());
        let mut session = Session::new(id, new.account, new.name.trim(), domain, now);
        (session.notes, session.expires_at) = (new.notes, new.expires_at);
        let state = new.secret.checked(&mut session, None)?;
        let creation = shared.scheduling.session_creations.of(&session.account);
        let _alone = creation.lock().await;
        let listed = store.list(session.account.clone(), None, MAX_SESSIONS).await?;
        if listed.len() >= MAX_SESSIONS {
            return Err(SessionError::TooMany { most: MAX_SESSIONS });
        }
        store.put(session.clone(), state, None).await?;
        Ok(shared.shown(session))
    }

    /// Returns a session of an account.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotFound`] if the account has no such session.
    pub async fn get(&self, account: &AccountId, id: SessionId) -> Result<Session, SessionError> {
        let found = self.shared.session_store()?.find(account.clone(), id).await?;
        found.map(|it| self.shared.shown(it)).ok_or(SessionError::NotFound(id))
    }

    /// Returns all sessions of an account, oldest first.
    ///
    /// # Errors
    ///
    /// [`SessionError::Store`] if the store fails.
    pub async fn list(&self, account: &AccountId) -> Result<Vec<Session>, SessionError> {
        let store = self.shared.session_store()?;
        let listed = store.list(account.clone(), None, MAX_SESSIONS).await?;
        Ok(listed.into_iter().map(|it| self.shared.shown(it)).collect())
    }

    /// Changes the parts of a session that `update` contains. A session with a new secret is pending validation until a
    /// page or a validation has used it.
    ///
    /// # Errors
    ///
    /// As [`Sessions::create`], and [`SessionError::NotFound`].
    pub async fn update(
        &self,
        account: &AccountId,
        id: SessionId,
        update: SessionUpdate,
    ) -> Result<Session, SessionError> {
        let now = self.shared.now();
        let changed = self.shared.change_session(account, id, |it| update.apply(it, now)).await?;
        Ok(changed.0)
    }

    /// Replaces the parts of the secret that `secret` contains, and resets the health of the session: it is active. An
    /// expiry that has passed is removed.
    ///
    /// # Errors
    ///
    /// As [`Sessions::update`].
    pub async fn refresh(
        &self,
        account: &AccountId,
        id: SessionId,
        secret: SessionSecret,
    ) -> Result<Session, SessionError> {
        let now = self.shared.now();
        let update = SessionUpdate::default().secret(secret);
        let changed = self.shared.change_session(account, id, |it| {
            update.apply(it, now)?;
            it.session.renew();
            if it.session.has_expired(now) {
                it.session.expires_at = None;
            }
            Ok(())
        });
        Ok(changed.await?.0)
    }

    /// Removes a session and its secret. Jobs that use it and have not started fail with `LOGIN_REQUIRED`.
    ///
    /// # Errors
    ///
    /// [`SessionError::NotFound`] if the account has no such session.
    pub async fn remove(&self, account: &AccountId, id: SessionId) -> Result<(), SessionError> {
        let removed = self.shared.session_store()?.remove(account.clone(), id).await?;
        if removed { Ok(()) } else { Err(SessionError::NotFound(id)) }
    }
}

/// Parses a domain, whose international name may be written in Unicode.
fn parsed_domain(text: &str) -> Result<SessionDomain, SessionError> {
    let text = text.trim();
    let parsed = if text.is_ascii() {
        SessionDomain::parse(text)
    } else {
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let origin = Url::parse(&url).ok().map(|it| it.origin().ascii_serialization());
        SessionDomain::parse(&origin.unwrap_or_default())
    };
    parsed.map_err(|error| ValidationError::new("domain", error.to_string()).into())
}
