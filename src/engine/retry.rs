//! Retries: the failed jobs of a batch, submitted again as a batch of their own.

use crate::core::claims::Priority;
use crate::core::credits::Credits;
use crate::core::id::BatchId;
use crate::core::job::{Job, JobState};
use crate::core::request::{Item, ValidationError};
use crate::core::tier::Tier;
use crate::core::trace::TraceContext;
use crate::core::usage::Budget;
use crate::engine::Engine;
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::submit::Batch;
use crate::engine::watch::BatchHandle;

/// The failed jobs of an ended batch, to be submitted again.
///
/// ```
/// use rungs::prelude::*;
///
/// # async fn example(engine: &Engine, batch: BatchId) -> Result<(), rungs::Error> {
/// // With the options of the first submission, and now up to the browser.
/// let retried = engine.retry(Retry::of(batch).max_tier(Tier::Browser)).await?;
/// assert_eq!(retried.record().retry_of, Some(batch));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Retry {
    batch: BatchId,
    max_tier: Option<Tier>,
    max_credits: Option<Credits>,
    /// The other options, in a batch without items.
    options: Batch,
}

impl Retry {
    /// Returns a retry of every failed job of `batch`, canceled ones included.
    pub fn of(batch: BatchId) -> Self {
        Self { batch, max_tier: None, max_credits: None, options: Batch::default() }
    }

    /// Sets the highest tier of every page. Defaults to that of its first submission. A page with a `force_tier` keeps it.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.max_tier = Some(tier);
        self
    }

    /// Sets the most that each page may cost. Defaults to the limit of its first submission.
    pub fn max_credits(mut self, credits: Credits) -> Self {
        self.max_credits = Some(credits);
        self
    }

    /// Sets the URL to which the completion notification is delivered. Defaults to that of the retried batch.
    pub fn webhook(self, url: impl Into<String>) -> Self {
        self.with_options(|it| it.webhook(url))
    }

    /// Sets the idempotency key, as [`Batch::idempotency_key`] does.
    ///
    /// By default a batch is retried once: a second call returns the batch of the first one and charges nothing, or is
    /// refused with [`SubmitError::AlreadyRetried`] if it has other options. To go on, retry the batch of the retry.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.with_options(|it| it.idempotency_key(key))
    }

    /// Sets the label under which usage and budgets are counted. Defaults to that of the retried batch.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.with_options(|it| it.label(label))
    }

    /// Sets the budget of the label, as [`Batch::budget`] does.
    pub fn budget(self, budget: Budget) -> Self {
        self.with_options(|it| it.budget(budget))
    }

    /// Sets the trace that the new batch belongs to, as [`Batch::trace`] does.
    pub fn trace(self, context: TraceContext) -> Self {
        self.with_options(|it| it.trace(context))
    }

    /// Sets options of the new batch.
    pub(crate) fn with_options(mut self, set: impl FnOnce(Batch) -> Batch) -> Self {
        self.options = set(self.options);
        self
    }

    /// Returns the item of a failed job, with the options of this retry.
    fn item(&self, job: &Job) -> Item {
        let mut item = job.request.item().clone();
        let controls = &mut item.cost_controls;
        controls.max_tier = self.max_tier.or(controls.max_tier);
        controls.max_credits = self.max_credits.or(controls.max_credits);
        item
    }
}

impl From<BatchId> for Retry {
    fn from(batch: BatchId) -> Self {
        Self::of(batch)
    }
}

impl Engine {
    /// Submits the failed jobs of an ended batch again, as a new batch whose record names the old one in `retry_of`. The
    /// pages that succeeded stay in the old batch and are neither fetched nor charged again.
    ///
    /// The new batch is submitted like any other: its estimate is held, and it ends with a notification of its own.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] and [`EngineError::BatchNotEnded`] in a [`SubmitError::Engine`],
    /// [`SubmitError::NothingFailed`], [`SubmitError::Option`] for a batch of a crawl, and the errors of [`Engine::submit`].
    /// The index of [`SubmitError::Item`] is that of the item in the ended batch.
    pub async fn retry(&self, retry: impl Into<Retry>) -> Result<BatchHandle, SubmitError> {
        let retry = retry.into();
        let id = retry.batch;
        let (record, mut jobs) = self.batch_with_jobs(id).await?;
        if record.crawl.is_some() {
            let reason = "belongs to a crawl: submit another crawl instead";
            return Err(SubmitError::Option(ValidationError::new("batch", reason)));
        }
        if record.ended_at.is_none() {
            return Err(EngineError::BatchNotEnded(id).into());
        }
        jobs.retain(|it| it.state == JobState::Failed);
        let priority = jobs.first().map_or(Priority::default(), |it| it.priority);
        let items: Vec<Item> = jobs.iter().map(|it| retry.item(it)).collect();
        if items.is_empty() {
            return Err(SubmitError::NothingFailed { batch: id });
        }
        let mut batch = retry.options.repeating(record, items, priority);
        let has_key = batch.has_key();
        if !has_key {
            batch = batch.idempotency_key(format!("retry of {id}"));
        }
        match self.submit(batch).await {
            Err(SubmitError::KeyReused { batch }) if !has_key => {
                Err(SubmitError::AlreadyRetried { batch })
            }
            Err(SubmitError::Item { index, error }) => {
                // Counted in the batch that the caller named.
                let index = jobs.get(index).map_or(index, |it| it.index as usize);
                Err(SubmitError::Item { index, error })
            }
            submitted => submitted,
        }
    }
}
