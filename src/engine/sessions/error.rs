//! Errors of calls for sessions.

use std::sync::Arc;

use crate::core::id::SessionId;
use crate::core::request::ValidationError;
use crate::engine::error::EngineError;
use crate::ports::session::SessionStoreError;

/// An error of a call for a session. It contains no part of a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The engine was built without a store of sessions.
    #[error(
        "sessions are not available: build the engine with `.sessions(...)`, or start the service with \
         `--session-keys FILE`"
    )]
    Unavailable,
    /// The account has no session with this id.
    #[error("session {0} not found: check the id, or create the session again")]
    NotFound(SessionId),
    /// A field is invalid.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// The account has as many sessions as it may have.
    #[error("the account has {most} sessions, which is the limit: delete some")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// No fetcher can request the site's start page.
    #[error("the session cannot be validated: {0}")]
    NotValidated(String),
    /// The store of sessions failed.
    #[error("the store of sessions failed")]
    Store(#[source] Arc<SessionStoreError>),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl SessionError {
    /// Returns `true` if the store cannot be reached for now. Nothing was written.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_unavailable())
    }
}

impl From<SessionStoreError> for SessionError {
    fn from(error: SessionStoreError) -> Self {
        match error {
            SessionStoreError::Store(error) => Self::Engine(error.into()),
            error => Self::Store(Arc::new(error)),
        }
    }
}
