//! What can go wrong with a call, as opposed to a page.

use std::sync::Arc;

use crate::core::id::{AccountId, BatchId, JobId, NotificationId};
use crate::core::ledger::Overdrawn;
use crate::core::request::ValidationError;
use crate::core::usage::OverBudget;
use crate::ports::store::StoreError;

/// A part that is missing or does not fit, found before anything starts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store was given.
    #[error("no store: call `.store(...)`, with `Memory::default()` if nothing need survive")]
    NoStore,
    /// The store brings no place for result bodies and none was given.
    #[error("this store keeps no result bodies: call `.bodies(...)` as well")]
    NoBodies,
    /// No fetcher was given.
    #[error("no fetcher: call `.http(...)` or `.browser(...)`")]
    NoFetcher,
    /// No extractor was given.
    #[error("no extractor: call `.extractor(...)`, or turn on the feature `html` and use `Html`")]
    NoExtractor,
    /// A setting that cannot work.
    #[error("{field} must be {must_be}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What it must be.
        must_be: &'static str,
    },
    /// `build` was called outside a tokio runtime, on which the engine lives.
    #[error("no tokio runtime: build the engine inside one")]
    NoRuntime,
}

/// A call that could not be carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] Arc<StoreError>),
    /// There is no such batch, or it has expired.
    #[error("batch {0} not found: it does not exist or has expired")]
    BatchNotFound(BatchId),
    /// There is no such job, or its batch has expired.
    #[error("job {0} not found: it does not exist or its batch has expired")]
    JobNotFound(JobId),
    /// There is no such notification, or its batch has expired.
    #[error("notification {0} not found: it does not exist or its batch has expired")]
    NotificationNotFound(NotificationId),
    /// Nothing was ever granted to the account or submitted for it.
    #[error("account {0} not found: grant it credits, or submit a batch for it, first")]
    AccountNotFound(AccountId),
    /// The job has no page, or none with a file of this name.
    #[error("job {job} has no file named {name:?}: see the `artifacts` of its page")]
    ArtifactNotFound {
        /// The job.
        job: JobId,
        /// The name that was asked for.
        name: String,
    },
    /// The job succeeded, but its page is not in the store of result bodies.
    #[error(
        "the result of job {0} is missing: restore the store's result bodies, or submit its URL again"
    )]
    ResultMissing(JobId),
    /// The engine was shut down.
    #[error("the engine was shut down")]
    Stopped,
    /// A stored result cannot be read.
    #[error("a stored result cannot be read: {0}")]
    Unreadable(String),
    /// A grant that the account cannot take.
    #[error("the account's credits would not fit into 64 bits")]
    TooMuch,
}

impl EngineError {
    /// Returns `true` if the call named something that does not exist, or no longer does.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::BatchNotFound(_)
                | Self::JobNotFound(_)
                | Self::NotificationNotFound(_)
                | Self::AccountNotFound(_)
                | Self::ArtifactNotFound { .. }
        )
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// A submission that was refused. Nothing was written and nothing is held.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// No items.
    #[error("the batch is empty; give it at least one item")]
    Empty,
    /// Too many items.
    #[error("the batch has {given} items; {most} at most, so cut it into several")]
    TooMany {
        /// How many it has.
        given: usize,
        /// How many it may have.
        most: usize,
    },
    /// An item is wrong.
    #[error("item {index}: {error}")]
    Item {
        /// Its place, from 0.
        index: usize,
        /// The field, and what is wrong with it.
        error: ValidationError,
    },
    /// The webhook cannot be used.
    #[error("webhook_url: {0}")]
    Webhook(String),
    /// The balance does not cover it.
    #[error(transparent)]
    Overdrawn(#[from] Overdrawn),
    /// The budget does not cover it.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The idempotency key is empty, too long, or not printable.
    #[error("the idempotency key must have 1 to 255 printable ASCII characters")]
    BadKey,
    /// The idempotency key was used for another body.
    #[error("the idempotency key was used for another submission, {batch}; choose a new key")]
    KeyReused {
        /// What came of that submission.
        batch: BatchId,
    },
    /// The engine could not carry it out.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
