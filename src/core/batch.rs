//! A batch: its jobs counted, and the one event of its end.

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId};
use crate::core::job::Lease;
use crate::core::time::Timestamp;

/// Where a batch is, as its tally says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchStatus {
    /// Some job has not ended.
    Processing,
    /// All succeeded.
    Completed,
    /// Some succeeded and some failed.
    Partial,
    /// All failed.
    Failed,
}

impl BatchStatus {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// A batch's jobs, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of them.
    pub total: u32,
    /// Those that ended with a page.
    pub succeeded: u32,
    /// Those that ended without.
    pub failed: u32,
}

impl Tally {
    /// Those that have not ended.
    pub const fn pending(self) -> u32 {
        self.total.saturating_sub(self.succeeded).saturating_sub(self.failed)
    }

    /// The batch's status: nothing else decides it.
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

/// What a batch was submitted as, which decides what its end is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchKind {
    /// A list of items.
    #[default]
    Batch,
    /// One page by itself.
    Scrape,
}

/// An event's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationKind {
    /// The last job of a batch ended.
    #[default]
    #[serde(rename = "batch.completed")]
    BatchCompleted,
    /// A page that was submitted by itself is there.
    #[serde(rename = "job.completed")]
    JobCompleted,
    /// A page that was submitted by itself could not be had.
    #[serde(rename = "job.failed")]
    JobFailed,
}

impl NotificationKind {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BatchCompleted => "batch.completed",
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
        }
    }
}

/// A batch's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// Its id.
    pub id: BatchId,
    /// Who pays.
    pub account: AccountId,
    /// Its jobs, in the order of the request.
    pub jobs: Vec<JobId>,
    /// How many are where.
    pub tally: Tally,
    /// What was held at submission: the sum of the jobs' holds.
    pub estimate: Credits,
    /// What its ended jobs were charged.
    pub charged: Credits,
    /// What it was submitted as.
    #[serde(default)]
    pub form: BatchKind,
    /// A word of the host's for who submitted it, by which usage and budgets are told apart.
    #[serde(default)]
    pub label: Option<String>,
    /// Where the end is told.
    pub webhook: Option<String>,
    /// The idempotency key it was submitted with.
    pub idempotency_key: Option<String>,
    /// The id of its one event, drawn at submission.
    pub event: NotificationId,
    /// How many ledger entries it has.
    pub entries: u32,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When its last job ended.
    pub ended_at: Option<Timestamp>,
    /// When it is removed: 24 hours after its end, unless the host keeps it longer.
    pub expires_at: Option<Timestamp>,
}

impl BatchRecord {
    /// Its status.
    pub fn status(&self) -> BatchStatus {
        self.tally.status()
    }
}

/// Whether an event was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationState {
    /// It has yet to be.
    Pending,
    /// The receiver accepted it.
    Delivered,
    /// The attempts are used up, or the receiver is gone.
    GivenUp,
    /// Nobody asked to be told.
    Unaddressed,
}

/// One attempt to deliver an event, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When.
    pub at: Timestamp,
    /// The receiver's status, where there was one.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub error: Option<String>,
    /// The beginning of what the receiver answered, where it said anything.
    #[serde(default)]
    pub answer: Option<String>,
}

/// The outbox record of the one event of a batch's end.
///
/// It comes into being in the same commit as the last job's end and never again; only its delivery
/// is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The event's id, the same over all attempts.
    pub id: NotificationId,
    /// The batch that ended.
    pub batch: BatchId,
    /// Whose batch that was.
    #[serde(default)]
    pub account: AccountId,
    /// What it is called.
    #[serde(default)]
    pub event: NotificationKind,
    /// Where it goes.
    pub url: Option<String>,
    /// The JSON body, the same over all attempts.
    pub body: String,
    /// Whether it was delivered.
    pub state: NotificationState,
    /// Every attempt.
    pub attempts: Vec<DeliveryAttempt>,
    /// When the next attempt is due.
    pub ready_at: Timestamp,
    /// Who is delivering it.
    pub lease: Option<Lease>,
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
    fn each_status_has_its_word() {
        use BatchStatus::{Completed, Failed, Partial, Processing};

        let words = [Processing, Completed, Partial, Failed].map(BatchStatus::as_str);

        assert_eq!(words, ["processing", "completed", "partial", "failed"]);
    }
}
