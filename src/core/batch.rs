//! Batches and their completion notifications.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId};
use crate::core::job::{JobState, Lease};
use crate::core::time::Timestamp;
use crate::core::trace::TraceContext;
use crate::core::url::without_userinfo;

/// The status of a batch, computed from its tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchStatus {
    /// At least one job has not ended.
    Processing,
    /// All jobs succeeded.
    Completed,
    /// Some jobs succeeded and some failed.
    Partial,
    /// All jobs failed.
    Failed,
}

impl BatchStatus {
    /// Returns the status as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// The number of jobs of a batch, in total and by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All jobs.
    pub total: u32,
    /// Jobs that ended with a page.
    pub succeeded: u32,
    /// Jobs that ended without a page.
    pub failed: u32,
}

impl Tally {
    /// Returns the number of jobs that have not ended.
    pub const fn pending(self) -> u32 {
        self.total.saturating_sub(self.succeeded).saturating_sub(self.failed)
    }

    /// Returns the status of the batch, which depends on nothing else.
    pub const fn status(self) -> BatchStatus {
        if self.pending() > 0 {
            BatchStatus::Processing
        } else if self.failed == 0 {
            BatchStatus::Completed
        } else if self.succeeded == 0 {
            BatchStatus::Failed
        } else {
            BatchStatus::Partial
        }
    }
}

/// The kind of a submission, which selects the kind of its notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchKind {
    /// A list of items; completes with `batch.completed`.
    #[default]
    Batch,
    /// A single page; completes with `job.completed` or `job.failed`.
    Scrape,
}

/// The kind of a completion notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationKind {
    /// The last job of a batch ended.
    #[default]
    #[serde(rename = "batch.completed")]
    BatchCompleted,
    /// A page was scraped that was submitted by itself, or in a batch with [`ItemEvents`].
    #[serde(rename = "job.completed")]
    JobCompleted,
    /// Such a page failed.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A crawl ended.
    #[serde(rename = "crawl.completed")]
    CrawlCompleted,
}

impl NotificationKind {
    /// Returns the name in the `event` field of a webhook body.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BatchCompleted => "batch.completed",
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
            Self::CrawlCompleted => "crawl.completed",
        }
    }
}

/// The error for text that names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event is unknown: use one of batch.completed, job.completed, job.failed, crawl.completed"
)]
pub struct ParseEventError;

impl FromStr for NotificationKind {
    type Err = ParseEventError;

    fn from_str(text: &str) -> Result<Self, ParseEventError> {
        let all = [Self::BatchCompleted, Self::JobCompleted, Self::JobFailed, Self::CrawlCompleted];
        all.into_iter().find(|it| it.as_str() == text).ok_or(ParseEventError)
    }
}

/// The record of a batch.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchRecord {
    /// The id, which sorts by the time of submission.
    pub id: BatchId,
    /// The account that is charged.
    pub account: AccountId,
    /// The jobs of a small batch, in the order of the items. The jobs of a larger one are in a record of their own,
    /// [`BatchJobs`], and this list is empty: this record is written again whenever a job ends.
    #[serde(rename = "jobs")]
    pub inline_jobs: Vec<JobId>,
    /// The number of jobs in each state.
    pub tally: Tally,
    /// The credits held at submission: the sum of the holds of the jobs.
    pub estimate: Credits,
    /// The credits charged for jobs that have ended.
    pub charged: Credits,
    /// The kind of the submission.
    #[serde(default)]
    pub form: BatchKind,
    /// The label under which usage and budgets are counted within the account, set by your application.
    #[serde(default)]
    pub label: Option<String>,
    /// The URL to which the completion notification is delivered; `None` delivers none.
    pub webhook: Option<String>,
    /// The jobs whose ends have notifications of their own, beside that of the batch.
    #[serde(default, skip_serializing_if = "ItemEvents::is_none")]
    pub item_events: ItemEvents,
    /// The idempotency key of the submission.
    pub idempotency_key: Option<String>,
    /// The batch whose failed jobs this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<BatchId>,
    /// The crawl that the batch belongs to. Such a batch has no notification of its own, and expires with its crawl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crawl: Option<CrawlId>,
    /// The id of the completion notification, drawn at submission.
    pub event: NotificationId,
    /// The number of ledger entries of the batch.
    pub entries: u32,
    /// The time of submission.
    pub created_at: Timestamp,
    /// The time at which the last job ended.
    pub ended_at: Option<Timestamp>,
    /// The time at which the batch is removed; set when its last job ends.
    pub expires_at: Option<Timestamp>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for BatchRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            account,
            inline_jobs,
            tally,
            estimate,
            charged,
            form,
            label,
            webhook,
            item_events,
            idempotency_key,
            retry_of,
            crawl,
            event,
            entries,
            created_at,
            ended_at,
            expires_at,
        } = self;
        debug_struct!(
            f,
            BatchRecord {
                id,
                account,
                inline_jobs,
                tally,
                estimate,
                charged,
                form,
                label,
                webhook: webhook.as_deref().map(without_userinfo),
                item_events,
                idempotency_key,
                retry_of,
                crawl,
                event,
                entries,
                created_at,
                ended_at,
                expires_at
            }
        )
    }
}

impl BatchRecord {
    /// The most jobs that the record itself lists. Records of earlier releases list any number.
    pub const MAX_INLINE_JOBS: usize = 4;

    /// Returns the status.
    pub fn status(&self) -> BatchStatus {
        self.tally.status()
    }

    /// Sets the jobs of a new batch. Returns the record of their list if there are too many to be listed inline.
    pub fn list_jobs(&mut self, jobs: Vec<JobId>) -> Option<BatchJobs> {
        if jobs.len() <= Self::MAX_INLINE_JOBS {
            self.inline_jobs = jobs;
            return None;
        }
        Some(BatchJobs { batch: self.id, jobs })
    }
}

/// The jobs of a batch whose ends have notifications of their own. Defaults to none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemEvents {
    /// `true` emits `job.completed` for each job that succeeds.
    pub completed: bool,
    /// `true` emits `job.failed` for each job that fails or is canceled.
    pub failed: bool,
}

impl ItemEvents {
    /// Every job.
    pub const ALL: Self = Self { completed: true, failed: true };
    /// The jobs that fail.
    pub const FAILED: Self = Self { completed: false, failed: true };

    /// Returns `true` if no job has a notification of its own.
    pub fn is_none(&self) -> bool {
        !self.completed && !self.failed
    }

    /// Returns `true` if a job that ends in `state` has one.
    pub fn include(self, state: JobState) -> bool {
        match state {
            JobState::Succeeded => self.completed,
            JobState::Failed => self.failed,
            JobState::Queued | JobState::Processing => false,
        }
    }
}

/// The list of a batch's jobs: written once with the batch, and removed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchJobs {
    /// The batch.
    pub batch: BatchId,
    /// The jobs, in the order of the items.
    pub jobs: Vec<JobId>,
}

impl BatchJobs {
    /// Returns the list of a batch's jobs.
    pub fn new(batch: BatchId, jobs: Vec<JobId>) -> Self {
        Self { batch, jobs }
    }
}

/// The state of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationState {
    /// A delivery attempt is due.
    Pending,
    /// The receiver accepted the notification.
    Delivered,
    /// All delivery attempts failed, or the receiver responded with 410.
    GivenUp,
    /// The batch has no webhook.
    Unaddressed,
}

impl NotificationState {
    /// Returns the state as the REST API spells it. A store spells it by the name of the variant.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "failed",
            Self::Unaddressed => "unaddressed",
        }
    }
}

display_as_str!(BatchStatus, NotificationKind, NotificationState);

/// One stored attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeliveryAttempt {
    /// The time of the attempt.
    pub at: Timestamp,
    /// The HTTP status of the receiver; `None` if there was no response.
    pub status: Option<u16>,
    /// The reason of the failure; `None` if the receiver accepted.
    pub error: Option<String>,
    /// The beginning of the receiver's response body; `None` if it was empty.
    #[serde(default, rename = "answer")]
    pub response_body: Option<String>,
}

impl DeliveryAttempt {
    /// Returns an attempt at this time, without a response.
    pub fn new(at: Timestamp) -> Self {
        Self { at, status: None, error: None, response_body: None }
    }
}

/// The outbox record of a completion notification: the one of a batch, or the one of a job in a batch with [`ItemEvents`].
///
/// Only the commit that ends the last job, or this job, creates it. Delivery is repeated, creation is not. The notification
/// of a job in a batch has the job's id, so that there is at most one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notification {
    /// The id, the same in all delivery attempts.
    pub id: NotificationId,
    /// The batch that completed. For a crawl, an id with the bytes of the crawl's id.
    pub batch: BatchId,
    /// The account of the batch.
    #[serde(default)]
    pub account: AccountId,
    /// The kind.
    #[serde(default)]
    pub event: NotificationKind,
    /// The URL of the receiver; `None` if the batch has no webhook.
    pub url: Option<String>,
    /// The JSON body, the same bytes in all delivery attempts.
    pub body: String,
    /// The state of the delivery.
    pub state: NotificationState,
    /// All delivery attempts, in order.
    pub attempts: Vec<DeliveryAttempt>,
    /// The time at which the next delivery attempt is due.
    pub ready_at: Timestamp,
    /// The lease of the worker that is delivering it.
    pub lease: Option<Lease>,
    /// The trace of the submission, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<TraceContext>>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, batch, account, event, url, body, state, attempts, ready_at, lease, trace } =
            self;
        debug_struct!(
            f,
            Notification {
                id,
                batch,
                account,
                event,
                url: url.as_deref().map(without_userinfo),
                body,
                state,
                attempts,
                ready_at,
                lease,
                trace
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_a_function_of_the_tally() {
        let status = |total, succeeded, failed| Tally { total, succeeded, failed }.status();

        assert_eq!(status(3, 2, 0), BatchStatus::Processing);
        assert_eq!(status(3, 3, 0), BatchStatus::Completed);
        assert_eq!(status(3, 2, 1), BatchStatus::Partial);
        assert_eq!(status(3, 0, 3), BatchStatus::Failed);
    }

    #[test]
    fn only_a_small_batch_lists_its_jobs_itself() {
        let ids = |count: u64| {
            (0..count).map(|it| JobId::new(Timestamp::default(), 0, it)).collect::<Vec<_>>()
        };
        let mut batch = crate::core::fixtures::batch(1);

        assert_eq!(batch.list_jobs(ids(4)), None);
        assert_eq!(batch.inline_jobs, ids(4));
        let mut large = crate::core::fixtures::batch(5);
        assert_eq!(large.list_jobs(ids(5)), Some(BatchJobs::new(large.id, ids(5))));
        assert_eq!(large.inline_jobs, []);
    }

    #[test]
    fn credentials_of_a_webhook_are_not_shown() {
        let batch = BatchRecord {
            webhook: Some("https://user:hunter2@hooks.example/a?b".to_owned()),
            ..crate::core::fixtures::batch(1)
        };
        let shown = format!("{batch:?}");

        assert!(shown.contains("https://hooks.example/a?b"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("user"), "{shown}");
    }

    #[test]
    fn each_status_has_its_wire_name() {
        use BatchStatus::{Completed, Failed, Partial, Processing};

        let words = [Processing, Completed, Partial, Failed].map(BatchStatus::as_str);

        assert_eq!(words, ["processing", "completed", "partial", "failed"]);
    }
}
