//! What can go wrong with a call, as opposed to a page.

use std::sync::Arc;

use crate::core::id::BatchId;
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
    /// There is no such batch, or it was removed after its 24 hours.
    #[error("there is no batch {0}: it never was, or its time is over")]
    NoBatch(BatchId),
    /// There is no such job, or it was removed with its batch.
    #[error("there is no such job: it never was, or its time is over")]
    NoJob,
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
    #[error("item {index}: {flaw}")]
    Item {
        /// Its place, from 0.
        index: usize,
        /// The field, and what is wrong with it.
        flaw: ValidationError,
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
