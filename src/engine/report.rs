//! What came of a batch.

use serde::{Deserialize, Serialize};

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::credits::Credits;
use crate::core::failure::JobError;
use crate::core::id::JobId;
use crate::core::job::{Attempt, Job, Outcome};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::engine::artifacts::Artifact;
use crate::ports::extract::Extracted;
use crate::ports::fetch::{ActionResult, Redirect};

/// A page as it is kept: what was made of it, and where it came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// The page's HTTP status.
    pub status_code: u16,
    /// Where it came from in the end.
    pub final_url: String,
    /// The hops before that.
    pub redirects: Vec<Redirect>,
    /// The response's headers.
    pub headers: Vec<(String, String)>,
    /// What was made of it.
    pub extracted: Extracted,
    /// How long the attempt that worked took, in milliseconds.
    pub response_time_ms: u64,
    /// The body's bytes, decompressed.
    pub size_bytes: u64,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// Until when the response cache serves it, if it does.
    pub cached_until: Option<Timestamp>,
    /// Whether a proxy carried it.
    pub proxied: bool,
    /// What became of each page action.
    pub actions: Vec<ActionResult>,
    /// Files beside the page: its screenshot, its print, pictures that its actions took.
    pub artifacts: Vec<Artifact>,
}

/// What came of one job.
#[derive(Clone, Debug)]
pub struct JobReport {
    pub(super) job: Job,
    pub(super) page: Option<Page>,
}

impl JobReport {
    /// The job's id.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// The address as the host gave it.
    pub fn url(&self) -> &str {
        self.job.request.page().as_str()
    }

    /// The job's record.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The page, or why there is none: `None` while the job goes on.
    pub fn outcome(&self) -> Option<Result<&Page, &JobError>> {
        match (&self.job.outcome, &self.page) {
            (Some(Outcome::Failed(error)), _) => Some(Err(error)),
            (Some(Outcome::Succeeded { .. }), Some(page)) => Some(Ok(page)),
            _ => None,
        }
    }

    /// The tier that worked.
    pub fn tier(&self) -> Option<Tier> {
        self.job.tier()
    }

    /// What the job was charged.
    pub fn charged(&self) -> Credits {
        self.job.charged()
    }

    /// Every attempt, in order.
    pub fn trail(&self) -> &[Attempt] {
        &self.job.trail
    }
}

/// What came of a batch, job by job in the order of the request.
#[derive(Clone, Debug)]
pub struct BatchReport {
    pub(super) batch: BatchRecord,
    pub(super) jobs: Vec<JobReport>,
}

impl BatchReport {
    /// The batch's status.
    pub fn status(&self) -> BatchStatus {
        self.batch.status()
    }

    /// The batch's record.
    pub fn batch(&self) -> &BatchRecord {
        &self.batch
    }

    /// The jobs, in the order of the request.
    pub fn jobs(&self) -> &[JobReport] {
        &self.jobs
    }
}
