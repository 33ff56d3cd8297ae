//! Errors of calls. A page that fails is not one of them: its job ends with a [`JobError`].
//!
//! [`JobError`]: crate::core::failure::JobError

use std::sync::Arc;

use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId};
use crate::core::ledger::Overdrawn;
use crate::core::request::ValidationError;
use crate::core::usage::OverBudget;
use crate::engine::changes::NotAccepted;
use crate::ports::notify::WebhookUrlError;
use crate::ports::store::StoreError;

/// The error for an engine that cannot be built: a missing part or a setting out of range.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store is set.
    #[error(
        "no store: call `.store(...)`, with `Memory::default()` if no data has to survive a restart"
    )]
    NoStore,
    /// The store keeps no result bodies, and no store of bodies is set.
    #[error(
        "no store of result bodies: call `.bodies(...)`, because this store keeps only records"
    )]
    NoBodies,
    /// No fetcher is set.
    #[error("no fetcher: call `.http(...)` or `.browser(...)`")]
    NoFetcher,
    /// No extractor is set, and the feature `html` is off.
    #[error("no extractor: turn on the feature `html`, or call `.extractor(...)`")]
    NoExtractor,
    /// A setting is out of range.
    #[error("{field} must be {must_be}")]
    Setting {
        /// The name of the setting.
        field: &'static str,
        /// The range that it must be in.
        must_be: &'static str,
    },
    /// `build` was called outside a tokio runtime, on which the engine runs its tasks.
    #[error("no tokio runtime: call `build` inside one, such as in `#[tokio::main]`")]
    NoRuntime,
}

/// An error of a call to an engine.
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
    /// No credits were ever granted to the account, and no batch was submitted for it.
    #[error("account {0} not found: grant it credits or submit a batch for it first")]
    AccountNotFound(AccountId),
    /// The job has no page, or none with a file of this name.
    #[error("job {job} has no file named {name:?}: use a name in the `artifacts` of its page")]
    ArtifactNotFound {
        /// The job.
        job: JobId,
        /// The name in the query.
        name: String,
    },
    /// The job succeeded, but its page is not in the store of result bodies.
    #[error(
        "the result of job {0} is missing: restore the store's result bodies, or submit its URL again"
    )]
    ResultMissing(JobId),
    /// The engine was shut down.
    #[error("the engine was shut down: build a new one on the same store to continue")]
    Stopped,
    /// The stored result of a job cannot be decoded.
    #[error("the stored result of job {job} cannot be read: submit its URL again")]
    Unreadable {
        /// The job.
        job: JobId,
        /// The error of the decoder.
        source: Arc<serde_json::Error>,
    },
    /// The batch is still being processed, so it has no report yet and cannot be retried.
    #[error(
        "batch {0} is still processing: wait for its end before reading its report or retrying it"
    )]
    BatchNotEnded(BatchId),
    /// There is no such crawl, or it has expired.
    #[error("crawl {0} not found: it does not exist or has expired")]
    CrawlNotFound(CrawlId),
    /// The crawl has ended, so it cannot be canceled.
    #[error("crawl {0} has ended: there is nothing to cancel")]
    CrawlEnded(CrawlId),
    /// The grant would make the account's credits overflow.
    #[error("the account's credits would exceed 64 bits: grant less")]
    TooMuch,
    /// The key of a grant is empty, too long, or not printable.
    #[error("the key of the grant is invalid: use 1 to 255 printable ASCII characters")]
    InvalidGrantKey,
    /// The key was used for a grant of another amount.
    #[error("the key {key:?} was already used for a grant of another amount: choose a new key")]
    GrantKeyReused {
        /// The key.
        key: String,
    },
}

impl EngineError {
    /// Returns `true` if the error is that an id or a name does not exist, or has expired.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::BatchNotFound(_)
                | Self::JobNotFound(_)
                | Self::NotificationNotFound(_)
                | Self::AccountNotFound(_)
                | Self::ArtifactNotFound { .. }
                | Self::CrawlNotFound(_)
        )
    }

    /// Returns `true` if the store cannot be reached for now. Nothing was written, and the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Store(error) if matches!(**error, StoreError::Unavailable { .. }))
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
    /// The batch has no items.
    #[error("the batch is empty: add at least one item")]
    Empty,
    /// The batch has more items than [`Limits::batch_items`](crate::core::request::Limits::batch_items).
    #[error("the batch has {given} items: split it into batches of at most {most}")]
    TooMany {
        /// The number of items in the batch.
        given: usize,
        /// The limit.
        most: usize,
    },
    /// An item is invalid.
    #[error("item {index}: {error}")]
    Item {
        /// The index of the item, from 0.
        index: usize,
        /// The invalid field, with the reason and the remedy.
        error: ValidationError,
    },
    /// An option of a crawl or a map is invalid.
    #[error("{0}")]
    Option(ValidationError),
    /// The batch has a webhook URL, and the engine was built without a notifier.
    #[error("webhook_url: the engine cannot deliver webhooks: build it with `.webhooks(...)`")]
    NoNotifier,
    /// The notifier does not deliver to the webhook URL.
    #[error("webhook_url: {0}")]
    Webhook(WebhookUrlError),
    /// The account's free credits do not cover the estimate.
    #[error(transparent)]
    Overdrawn(#[from] Overdrawn),
    /// The submission would exceed its budget.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The idempotency key is empty, too long, or not printable.
    #[error("the idempotency key is invalid: use 1 to 255 printable ASCII characters")]
    BadKey,
    /// The idempotency key was used for a submission with other contents.
    #[error(
        "the idempotency key was already used for another submission ({batch}): choose a new key"
    )]
    KeyReused {
        /// The batch of that submission.
        batch: BatchId,
    },
    /// The idempotency key was used for a crawl with other contents.
    #[error("the idempotency key was already used for another crawl ({crawl}): choose a new key")]
    CrawlKeyReused {
        /// The crawl of that submission.
        crawl: CrawlId,
    },
    /// Nothing of the site to map could be read.
    #[error("the site of {url} cannot be read: {reason}")]
    SiteUnreadable {
        /// The start page, without user info.
        url: String,
        /// The reason.
        reason: String,
    },
    /// No job of the batch to retry failed.
    #[error("no job of batch {batch} failed: there is nothing to retry")]
    NothingFailed {
        /// The batch.
        batch: BatchId,
    },
    /// The batch was retried before, with other options.
    #[error("the batch was already retried as {batch} with other options: retry that batch")]
    AlreadyRetried {
        /// The batch of that retry.
        batch: BatchId,
    },
    /// The engine was shut down, its store failed, or the batch to retry does not exist or has not ended.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<NotAccepted> for SubmitError {
    fn from(refused: NotAccepted) -> Self {
        match refused {
            NotAccepted::Overdrawn(overdrawn) => overdrawn.into(),
            NotAccepted::OverBudget(over) => over.into(),
            NotAccepted::KeyReused(batch) => Self::KeyReused { batch },
        }
    }
}
