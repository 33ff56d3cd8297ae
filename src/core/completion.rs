//! The completion of a batch or of a job: the facts from which its one notification is made.

use std::sync::Arc;

use crate::core::batch::{
    BatchKind, BatchRecord, BatchStatus, Notification, NotificationKind, NotificationState, Tally,
};
use crate::core::crawl::CrawlStatus;
use crate::core::credits::Credits;
use crate::core::failure::JobError;
use crate::core::id::{BatchId, CrawlId, JobId, NotificationId};
use crate::core::job::{Job, JobState};
use crate::core::time::Timestamp;
use crate::core::trace::TraceContext;
use crate::core::url::PageUrl;

/// The facts of a completion notification.
///
/// The step that ends the last job of a batch returns them. The engine turns them into the body of the
/// notification once, and commits body and end together: all delivery attempts send the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completion {
    /// The time at which the last job ended.
    pub at: Timestamp,
    /// The trace of the submission, if it named one.
    pub trace: Option<Arc<TraceContext>>,
    /// The batch or the page that completed.
    pub subject: Completed,
}

/// The subject of a completion notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completed {
    /// A batch of items.
    Batch {
        /// The id of the batch.
        id: BatchId,
        /// The status, which is never `processing`.
        status: BatchStatus,
        /// The number of jobs, in total and by result.
        tally: Tally,
    },
    /// A page that was submitted by itself, or an item of a batch.
    Page {
        /// The id of its one job.
        job: JobId,
        /// The URL as it was submitted.
        url: PageUrl,
        /// The final state of the job.
        state: JobState,
        /// The error of a failed job.
        error: Option<JobError>,
        /// The credits charged.
        charged: Credits,
    },
    /// A crawl.
    Crawl {
        /// The id of the crawl.
        id: CrawlId,
        /// The start page as it was submitted.
        url: PageUrl,
        /// The final status.
        status: CrawlStatus,
        /// The number of its jobs, in total and by result.
        tally: Tally,
        /// The credits charged.
        charged: Credits,
    },
}

impl Completion {
    /// Returns the completion of `batch`, whose last job is `last`.
    pub(super) fn new(batch: &BatchRecord, last: &Job, at: Timestamp) -> Self {
        let subject = match batch.form {
            BatchKind::Batch => {
                Completed::Batch { id: batch.id, status: batch.status(), tally: batch.tally }
            }
            BatchKind::Scrape => return Self::of_job(last, at),
        };
        Self { at, trace: last.trace.clone(), subject }
    }

    /// Returns the completion of `job` if the batch wants one for each item that ends like it.
    pub(super) fn of_item(batch: &BatchRecord, job: &Job, at: Timestamp) -> Option<Self> {
        let is_wanted = batch.form == BatchKind::Batch
            && batch.webhook.is_some()
            && batch.item_events.include(job.state);
        is_wanted.then(|| Self::of_job(job, at))
    }

    fn of_job(job: &Job, at: Timestamp) -> Self {
        let subject = Completed::Page {
            job: job.id,
            url: job.request.page().clone(),
            state: job.state,
            error: job.failure().cloned(),
            charged: job.charged(),
        };
        Self { at, trace: job.trace.clone(), subject }
    }

    /// Returns the kind of the notification.
    pub fn kind(&self) -> NotificationKind {
        match &self.subject {
            Completed::Batch { .. } => NotificationKind::BatchCompleted,
            Completed::Page { error: None, .. } => NotificationKind::JobCompleted,
            Completed::Page { error: Some(_), .. } => NotificationKind::JobFailed,
            Completed::Crawl { .. } => NotificationKind::CrawlCompleted,
        }
    }

    /// Returns the id of the notification: that of the batch, or that of the job if it is an item of a batch.
    fn id(&self, batch: &BatchRecord) -> NotificationId {
        match &self.subject {
            Completed::Page { job, .. } if batch.form == BatchKind::Batch => item_event(*job),
            Completed::Page { .. } | Completed::Batch { .. } | Completed::Crawl { .. } => {
                batch.event
            }
        }
    }

    /// Returns the outbox record of `batch` with this body: due at once if the batch has a webhook.
    pub fn notification(&self, batch: &BatchRecord, body: String) -> Notification {
        let state = match batch.webhook {
            Some(_) => NotificationState::Pending,
            None => NotificationState::Unaddressed,
        };
        Notification {
            id: self.id(batch),
            batch: batch.id,
            account: batch.account.clone(),
            event: self.kind(),
            url: batch.webhook.clone(),
            body,
            state,
            attempts: Vec::new(),
            ready_at: self.at,
            lease: None,
            trace: self.trace.clone(),
        }
    }
}

/// Returns the id of the notification of a job in a batch, whether or not there is one.
pub fn item_event(job: JobId) -> NotificationId {
    NotificationId::from_bytes(*job.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::{at, batch, job};

    #[test]
    fn a_notification_without_a_webhook_is_never_due() {
        let addressed = batch(1);
        let unaddressed = BatchRecord { webhook: None, ..batch(1) };
        let state = |batch: &BatchRecord| {
            let completion = Completion::new(batch, &job(), at(9));
            completion.notification(batch, String::new()).state
        };

        assert_eq!(state(&addressed), NotificationState::Pending);
        assert_eq!(state(&unaddressed), NotificationState::Unaddressed);
    }

    #[test]
    fn a_notification_has_the_id_of_its_batch_and_is_due_at_the_end() {
        let batch = batch(1);

        let made =
            Completion::new(&batch, &job(), at(9)).notification(&batch, "the body".to_owned());

        assert_eq!((made.id, made.batch, made.ready_at), (batch.event, batch.id, at(9)));
        assert_eq!((made.url, made.body.as_str()), (batch.webhook, "the body"));
    }
}
