//! Read-only queries.
//!
//! Every lookup by id returns a `Result`: an unknown id is an error whose name ends in
//! `NotFound` ([`EngineError::is_not_found`]). `batch` and `job` return records, which are small;
//! `batch_report` and `job_snapshot` load the stored pages as well. No query changes anything.

use std::sync::Arc;

use crate::core::batch::{BatchRecord, Notification};
use crate::core::completion::item_event;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId};
use crate::core::job::{Job, Outcome};
use crate::core::ladder::Capabilities;
use crate::core::ledger::{Account, LedgerEntry};
use crate::core::price::PriceList;
use crate::core::record::{Key, Record, RecordKind};
use crate::core::request::Limits;
use crate::core::time::{Day, Timestamp};
use crate::core::usage::DailyUsage;
use crate::engine::Engine;
use crate::engine::artifacts::Artifact;
use crate::engine::builder::Settings;
use crate::engine::error::EngineError;
use crate::engine::read_ahead::StoredResults;
use crate::engine::report::{BatchReport, JobSnapshot, Page};
use crate::engine::stored_page::{StoredPage, StoredResult};
use crate::engine::watch::BatchHandle;
use crate::ports::store::{ListQuery, Versioned};

/// The engine itself.
impl Engine {
    /// Returns the settings that the engine was built with.
    pub fn settings(&self) -> &Settings {
        &self.shared.config.settings
    }

    /// Returns the limits of a submission.
    pub fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// Returns the prices.
    pub fn prices(&self) -> &PriceList {
        &self.shared.config.prices
    }

    /// Returns the tiers and document kinds that the engine's fetchers cover.
    pub fn capabilities(&self) -> Capabilities {
        self.shared.config.capabilities
    }

    /// Returns `true` if the receivers of the account's webhooks can verify the sender
    /// ([`Notifier::signs`](crate::ports::notify::Notifier::signs)), or if the engine delivers none.
    pub fn signs_webhooks(&self, account: &AccountId) -> bool {
        self.shared.adapters.notifier.as_ref().is_none_or(|it| it.signs(account))
    }

    /// Returns the current time of the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }
}

/// Batches.
impl Engine {
    /// Returns a batch's record: its status and tally, without its jobs.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn batch(&self, id: BatchId) -> Result<BatchRecord, EngineError> {
        self.shared.batch(id).await
    }

    /// Returns a batch with all its jobs and their pages, `None` while the batch is processing.
    ///
    /// [`BatchHandle::report`] waits for the end first.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch. A stored page that is missing or damaged is the error
    /// of its job, and not of the report.
    pub async fn batch_report(&self, id: BatchId) -> Result<Option<BatchReport>, EngineError> {
        let batch = self.batch(id).await?;
        let jobs = self.jobs(id).await?;
        if !jobs.iter().all(|it| it.state.is_ended()) {
            return Ok(None);
        }
        let mut reports = Vec::with_capacity(jobs.len());
        let mut results = self.stored_results(jobs);
        while let Some(snapshot) = results.next_snapshot().await {
            reports.extend(snapshot?.into_report());
        }
        Ok(Some(BatchReport::new(batch, reports)))
    }

    /// Returns the ids of a batch's jobs in the order of submission.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch, [`EngineError::Store`] if the store fails.
    pub async fn job_ids(&self, id: BatchId) -> Result<Vec<JobId>, EngineError> {
        Ok(self.batch_and_job_ids(id).await?.1)
    }

    /// Returns a batch's record and the ids of its jobs from one read.
    pub(super) async fn batch_and_job_ids(
        &self,
        id: BatchId,
    ) -> Result<(BatchRecord, Vec<JobId>), EngineError> {
        let keys = vec![Key::Batch(id), Key::BatchJobs(id)];
        let found = self.shared.adapters.store.load(keys).await?;
        let records = found.into_iter().flatten().map(|it| it.record);
        Record::into_batch_and_jobs(records).ok_or(EngineError::BatchNotFound(id))
    }

    /// Returns a batch's record and those of its jobs from one read, so that the tally agrees with the states.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn batch_with_jobs(
        &self,
        id: BatchId,
    ) -> Result<(BatchRecord, Vec<Job>), EngineError> {
        let mut keys = vec![Key::Batch(id)];
        keys.extend(self.job_ids(id).await?.into_iter().map(Key::Job));
        let mut found = self.shared.adapters.store.load(keys).await?.into_iter().flatten();
        let Some(Record::Batch(batch)) = found.next().map(|it| it.record) else {
            return Err(EngineError::BatchNotFound(id));
        };
        Ok((batch, found.filter_map(into_job).collect()))
    }

    /// Returns a handle on a batch that was submitted before, perhaps by an earlier process.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn batch_handle(&self, id: BatchId) -> Result<BatchHandle, EngineError> {
        let (record, jobs) = self.batch_and_job_ids(id).await?;
        Ok(BatchHandle::new(self.clone(), record, jobs))
    }

    /// Returns at most `limit` batches of all accounts, newest first, starting after `after`.
    pub async fn batches(
        &self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, EngineError> {
        let after = after.map(Key::Batch);
        let list = ListQuery { kind: RecordKind::Batch, after, descending: true, limit };
        let found = self.shared.adapters.store.list(list).await?;
        Ok(found.into_iter().filter_map(into_batch).collect())
    }

    /// Returns the records of an account's batches, newest first, starting after `after`. A single-page scrape is a
    /// batch of one job: [`BatchRecord::form`] tells them apart.
    pub async fn account_batches(
        &self,
        account: &AccountId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, EngineError> {
        let after = Key::AccountBatch(account.clone(), after.unwrap_or(BatchId::LAST));
        let list = ListQuery {
            kind: RecordKind::AccountBatch,
            after: Some(after),
            descending: true,
            limit,
        };
        let owned = self.shared.adapters.store.list(list).await?.into_iter();
        let keys = owned.map_while(|it| match it.record {
            // The list continues with the accounts that sort before this one.
            Record::AccountBatch(it) if it.account == *account => Some(Key::Batch(it.batch)),
            _ => None,
        });
        let found = self.shared.adapters.store.load(keys.collect()).await?;
        Ok(found.into_iter().flatten().filter_map(into_batch).collect())
    }

    /// Returns a batch's ledger entries, oldest first.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn ledger(&self, id: BatchId) -> Result<Vec<LedgerEntry>, EngineError> {
        let count = self.batch(id).await?.entries;
        let keys = (0..count).map(|it| Key::LedgerEntry(id, it)).collect();
        let found = self.shared.adapters.store.load(keys).await?;
        let entry = |it: Versioned| match it.record {
            Record::LedgerEntry(entry) => Some(entry),
            _ => None,
        };
        Ok(found.into_iter().flatten().filter_map(entry).collect())
    }
}

/// Jobs.
impl Engine {
    /// Returns a job's record, without its page.
    ///
    /// # Errors
    ///
    /// [`EngineError::JobNotFound`] if there is no such job.
    pub async fn job(&self, id: JobId) -> Result<Job, EngineError> {
        match self.shared.load(Key::Job(id)).await? {
            Some(Record::Job(job)) => Ok(job),
            _ => Err(EngineError::JobNotFound(id)),
        }
    }

    /// Returns a job with its page or error, both absent while the job is unfinished.
    ///
    /// # Errors
    ///
    /// [`EngineError::JobNotFound`] if there is no such job, [`EngineError::ResultMissing`] if its
    /// stored page is gone.
    pub async fn job_snapshot(&self, id: JobId) -> Result<JobSnapshot, EngineError> {
        self.with_page(self.job(id).await?).await
    }

    /// Returns the records of a batch's jobs in the order of submission, without their pages.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn jobs(&self, id: BatchId) -> Result<Vec<Job>, EngineError> {
        self.jobs_with_ids(&self.job_ids(id).await?).await
    }

    /// Returns the records of the jobs with these ids, in that order, without those that have expired.
    pub(super) async fn jobs_with_ids(&self, ids: &[JobId]) -> Result<Vec<Job>, EngineError> {
        let keys = ids.iter().copied().map(Key::Job).collect();
        let found = self.shared.adapters.store.load(keys).await?;
        Ok(found.into_iter().flatten().filter_map(into_job).collect())
    }

    /// Loads the page of a job whose record was read before.
    ///
    /// # Errors
    ///
    /// [`EngineError::JobNotFound`] if the job has expired since, [`EngineError::ResultMissing`] if its
    /// page is missing, [`EngineError::Unreadable`] if the page
    /// cannot be decoded.
    pub async fn with_page(&self, job: Job) -> Result<JobSnapshot, EngineError> {
        let Some(bytes) = self.stored_bytes(&job).await? else {
            return Ok(JobSnapshot::new(job, None));
        };
        let page = Page::from_stored(&bytes).map_err(|error| unreadable(&job, error))?;
        Ok(JobSnapshot::new(job, Some(page)))
    }

    /// Loads the stored page of a job whose record was read before, and passes it to `read` without decoding its large
    /// values.
    ///
    /// Much cheaper than [`Engine::with_page`] if the page is only sent on.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::with_page`].
    pub async fn read_stored<T>(
        &self,
        job: &Job,
        read: impl FnOnce(StoredResult<'_>) -> T,
    ) -> Result<T, EngineError> {
        let Some(bytes) = self.stored_bytes(job).await? else {
            return Ok(read(job.failure().map(Err)));
        };
        let page = StoredPage::parse(&bytes).map_err(|error| unreadable(job, error))?;
        Ok(read(Some(Ok(&page))))
    }

    /// Returns the stored results of jobs whose records were read before, in the same order. Up to 16 are read ahead to
    /// hide the latency of an object store, fewer once a large one was seen.
    ///
    /// ```
    /// use rungs::core::id::BatchId;
    /// use rungs::prelude::*;
    ///
    /// async fn titles(engine: &Engine, batch: BatchId) -> Result<(), rungs::Error> {
    ///     let mut results = engine.stored_results(engine.jobs(batch).await?);
    ///     while let Some(title) = results
    ///         .next(|job, result| match result {
    ///             Some(Ok(page)) => page.decode().map(|it| format!("{}: {:?}", job.id, it.title())),
    ///             Some(Err(error)) => Ok(format!("{}: {error}", job.id)),
    ///             None => Ok(format!("{}: unfinished", job.id)),
    ///         })
    ///         .await
    ///     {
    ///         println!("{}", title??);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn stored_results(&self, jobs: Vec<Job>) -> StoredResults {
        StoredResults::new(self.clone(), jobs)
    }

    /// Returns the stored page of a job that succeeded, `None` for any other job.
    pub(super) async fn stored_bytes(&self, job: &Job) -> Result<Option<Vec<u8>>, EngineError> {
        let Some(Outcome::Succeeded { body, .. }) = &job.outcome else { return Ok(None) };
        match self.shared.adapters.bodies.get(body.clone()).await? {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(self.missing(job).await?),
        }
    }

    /// Returns the error for a job whose page is not stored. A batch that expires loses its pages just
    /// before its records.
    async fn missing(&self, job: &Job) -> Result<EngineError, EngineError> {
        let expired = match self.batch(job.batch).await {
            // A batch of a crawl expires with it.
            Ok(BatchRecord { crawl: Some(crawl), .. }) => match self.crawl_record(crawl).await {
                Ok(crawl) => crawl.expires_at.is_some_and(|at| at <= self.now()),
                Err(EngineError::CrawlNotFound(_)) => true,
                Err(error) => return Err(error),
            },
            Ok(batch) => batch.expires_at.is_some_and(|at| at <= self.now()),
            Err(EngineError::BatchNotFound(_)) => true,
            Err(error) => return Err(error),
        };
        Ok(if expired {
            EngineError::JobNotFound(job.id)
        } else {
            EngineError::ResultMissing(job.id)
        })
    }

    /// Returns a file that was stored beside a job's page, with its content.
    ///
    /// # Errors
    ///
    /// [`EngineError::JobNotFound`] if there is no such job, [`EngineError::ArtifactNotFound`] if the
    /// job has no page, or none with a file of that name.
    pub async fn artifact(
        &self,
        id: JobId,
        name: &str,
    ) -> Result<(Artifact, Vec<u8>), EngineError> {
        let not_found = || EngineError::ArtifactNotFound { job: id, name: name.to_owned() };
        let job = self.job(id).await?;
        let find = |result: StoredResult<'_>| {
            let artifacts = &result?.ok()?.parts().artifacts;
            artifacts.iter().find(|it| it.name == name).cloned()
        };
        let artifact = self.read_stored(&job, find).await?;
        let artifact = artifact.ok_or_else(not_found)?;
        let bytes = self.shared.adapters.bodies.get(artifact.body.clone()).await?;
        Ok((artifact, bytes.ok_or_else(not_found)?))
    }
}

/// Notifications.
impl Engine {
    /// Returns a notification with its delivery attempts.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotificationNotFound`] if there is no such notification.
    pub async fn notification(&self, id: NotificationId) -> Result<Notification, EngineError> {
        match self.shared.load(Key::Notification(id)).await? {
            Some(Record::Notification(notification)) => Ok(notification),
            _ => Err(EngineError::NotificationNotFound(id)),
        }
    }

    /// Returns the notification of a job's end, if its batch has notifications of its items
    /// ([`Batch::item_events`](crate::engine::Batch::item_events)); `None` otherwise, and before the end.
    ///
    /// # Errors
    ///
    /// [`EngineError::Store`] if the store fails.
    pub async fn job_notification(&self, id: JobId) -> Result<Option<Notification>, EngineError> {
        self.sent_notification(item_event(id)).await
    }

    /// Returns the notification of a batch's completion; `None` while the batch is processing.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn batch_notification(
        &self,
        id: BatchId,
    ) -> Result<Option<Notification>, EngineError> {
        self.sent_notification(self.batch(id).await?.event).await
    }

    /// Returns the notification of a crawl's completion; `None` while the crawl is running.
    ///
    /// # Errors
    ///
    /// [`EngineError::CrawlNotFound`] if there is no such crawl.
    pub async fn crawl_notification(
        &self,
        id: CrawlId,
    ) -> Result<Option<Notification>, EngineError> {
        self.sent_notification(self.crawl_record(id).await?.event).await
    }

    /// Returns a notification if its event has happened.
    async fn sent_notification(
        &self,
        id: NotificationId,
    ) -> Result<Option<Notification>, EngineError> {
        match self.notification(id).await {
            Ok(notification) => Ok(Some(notification)),
            Err(EngineError::NotificationNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Accounts.
impl Engine {
    /// Returns an account.
    ///
    /// # Errors
    ///
    /// [`EngineError::AccountNotFound`] if nothing was ever granted to it or submitted for it.
    pub async fn account(&self, id: &AccountId) -> Result<Account, EngineError> {
        match self.shared.load(Key::Account(id.clone())).await? {
            Some(Record::Account(account)) => Ok(account),
            _ => Err(EngineError::AccountNotFound(id.clone())),
        }
    }

    /// Returns an account's usage on each day from `first` until today, oldest first. Days without usage are
    /// omitted. Days are stored for 62 days.
    pub async fn usage(
        &self,
        account: &AccountId,
        first: Day,
    ) -> Result<Vec<DailyUsage>, EngineError> {
        let today = self.now().day();
        let days = std::iter::successors(Some(first), |it| Some(it.next()));
        let keys = days.take_while(|it| *it <= today).map(|it| Key::Usage(account.clone(), it));
        let found = self.shared.adapters.store.load(keys.collect()).await?;
        let usage = |it: Versioned| match it.record {
            Record::Usage(usage) => Some(usage),
            _ => None,
        };
        Ok(found.into_iter().flatten().filter_map(usage).collect())
    }
}

pub(super) fn unreadable(job: &Job, error: serde_json::Error) -> EngineError {
    EngineError::Unreadable { job: job.id, source: Arc::new(error) }
}

/// Logs that a page cannot be read, and returns the error for its job.
pub(super) fn reported(job: &Job, error: &EngineError) -> JobError {
    tracing::error!(job = %job.id, error = error as &dyn std::error::Error, "a result cannot be read");
    JobError::new(ErrorCode::InternalError, error.to_string())
}

fn into_batch(it: Versioned) -> Option<BatchRecord> {
    match it.record {
        Record::Batch(batch) => Some(batch),
        _ => None,
    }
}

fn into_job(it: Versioned) -> Option<Job> {
    match it.record {
        Record::Job(job) => Some(job),
        _ => None,
    }
}
