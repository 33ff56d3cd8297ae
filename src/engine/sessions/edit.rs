//! New sessions, and changes of stored ones.

use std::fmt;

use crate::core::id::AccountId;
use crate::core::session::{Session, SessionCookie, SessionState, SessionStatus};
use crate::core::time::Timestamp;
use crate::engine::sessions::SessionError;
use crate::ports::session::StoredSession;

/// A session to store.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct NewSession {
    pub(super) account: AccountId,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) notes: Option<String>,
    pub(super) secret: SessionSecret,
}

impl NewSession {
    /// Returns a session for the pages of `domain` and of the hosts below it, such as `example.com`, for the default
    /// account.
    pub fn new(name: impl Into<String>, domain: impl Into<String>) -> Self {
        Self { name: name.into(), domain: domain.into(), ..Self::default() }
    }

    /// Sets the account that owns the session.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the cookies: they are sent to the domain and the hosts below it, over `https` unless the domain was written
    /// with `http://` or is on this machine.
    pub fn cookies<N: Into<String>, V: Into<String>>(
        mut self,
        cookies: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.secret = self.secret.cookies(cookies);
        self
    }

    /// Sets the secret.
    pub fn secret(mut self, secret: SessionSecret) -> Self {
        self.secret = secret;
        self
    }

    /// Sets the time from which the session cannot be used.
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Sets notes of the account, up to 1,000 characters.
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Some(notes.into());
        self
    }
}

/// The secret of a session, as an application hands it over. Absent parts stay as they are.
#[derive(Clone, Default)]
#[must_use]
pub struct SessionSecret {
    cookies: Option<Vec<(String, String)>>,
    headers: Option<Vec<(String, String)>>,
    user_agent: Option<String>,
    storage_state: Option<SessionState>,
}

impl SessionSecret {
    /// Sets all cookies by name and value.
    pub fn cookies<N: Into<String>, V: Into<String>>(
        mut self,
        cookies: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = cookies.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.cookies = Some(pairs.collect());
        self
    }

    /// Sets all headers, such as `Authorization`. They are sent to the origin of the page only.
    pub fn headers<N: Into<String>, V: Into<String>>(
        mut self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs = headers.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.headers = Some(pairs.collect());
        self
    }

    /// Sets the header `User-Agent` and keeps the others.
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = Some(agent.into());
        self
    }

    /// Sets cookies with their domains and paths, and local storage, as [`SessionState::from_storage_state`] reads them.
    /// What belongs to other domains is dropped.
    pub fn storage_state(mut self, state: SessionState) -> Self {
        self.storage_state = Some(state);
        self
    }

    /// Returns `true` if it changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.cookies.is_none()
            && self.headers.is_none()
            && self.user_agent.is_none()
            && self.storage_state.is_none()
    }

    /// Returns the secret after the change, and describes it in `session`.
    pub(super) fn checked(
        &self,
        session: &mut Session,
        before: Option<&SessionState>,
    ) -> Result<SessionState, SessionError> {
        let domain = session.domain.clone();
        let mut state = before.cloned().unwrap_or_default();
        if let Some(given) = &self.storage_state {
            let given = given.clone().within(&domain);
            (state.cookies, state.storage) = (given.cookies, given.storage);
        }
        if let Some(pairs) = &self.cookies {
            if self.storage_state.is_none() {
                state.cookies.clear();
            }
            for (name, value) in pairs {
                let cookie = SessionCookie::new(name, value, &domain);
                state.cookies.retain(|it| !it.is_same(&cookie));
                state.cookies.push(cookie);
            }
        }
        if let Some(headers) = &self.headers {
            state.headers.clone_from(headers);
        }
        if let Some(agent) = &self.user_agent {
            state.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("user-agent"));
            state.headers.push(("User-Agent".to_owned(), agent.clone()));
        }
        session.check()?;
        state.check(session)?;
        session.describe(&state);
        Ok(state)
    }
}

/// Shows which parts there are.
impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("SessionSecret")
            .field("cookies", &self.cookies.as_deref().map(names))
            .field("headers", &self.headers.as_deref().map(names))
            .field("user_agent", &self.user_agent.is_some())
            .field("storage_state", &self.storage_state)
            .finish()
    }
}

/// A change of a stored session. Absent parts stay as they are.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SessionUpdate {
    name: Option<String>,
    notes: Part<String>,
    expires_at: Part<Timestamp>,
    secret: SessionSecret,
}

/// A change of a part that a session need not have.
#[derive(Clone, Debug, Default)]
enum Part<T> {
    #[default]
    Kept,
    Removed,
    Set(T),
}

impl<T: Clone> Part<T> {
    fn apply(&self, part: &mut Option<T>) {
        match self {
            Self::Kept => {}
            Self::Removed => *part = None,
            Self::Set(value) => *part = Some(value.clone()),
        }
    }
}

impl SessionUpdate {
    /// Sets the name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the notes.
    pub fn notes(mut self, notes: impl Into<String>) -> Self {
        self.notes = Part::Set(notes.into());
        self
    }

    /// Removes the notes.
    pub fn without_notes(mut self) -> Self {
        self.notes = Part::Removed;
        self
    }

    /// Sets the time from which the session cannot be used.
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Part::Set(at);
        self
    }

    /// Removes the time from which the session cannot be used.
    pub fn without_expiry(mut self) -> Self {
        self.expires_at = Part::Removed;
        self
    }

    /// Sets the parts of the secret that `secret` contains.
    pub fn secret(mut self, secret: SessionSecret) -> Self {
        self.secret = secret;
        self
    }

    pub(super) fn apply(
        &self,
        stored: &mut StoredSession,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let StoredSession { session, state, .. } = stored;
        if let Some(name) = &self.name {
            name.trim().clone_into(&mut session.name);
        }
        self.notes.apply(&mut session.notes);
        self.expires_at.apply(&mut session.expires_at);
        session.updated_at = now;
        *state = self.secret.checked(session, Some(state))?;
        if !self.secret.is_empty() {
            session.replacements = session.replacements.saturating_add(1);
            session.renew();
            session.status = SessionStatus::PendingValidation;
        }
        Ok(())
    }
}
