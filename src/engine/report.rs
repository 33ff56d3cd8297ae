//! Results of jobs and batches, as an application reads them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::credits::Credits;
use crate::core::failure::JobError;
use crate::core::id::{BatchId, JobId};
use crate::core::job::{Attempt, Job};
use crate::core::request::Format;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::engine::artifacts::Artifact;
use crate::engine::page_labels::{
    DomainDifficulty, OwnProxyDiscount, QualityWarning, TierCapWarning,
};
use crate::ports::extract::Extracted;
use crate::ports::fetch::{ActionResult, Redirect, Truncation};

/// A fetched page: its response, its formats and its artifacts. The engine stores it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Page {
    /// The HTTP status of the final response.
    pub status_code: u16,
    /// The URL of the final response, after redirects.
    pub final_url: String,
    /// The redirects that led there, in order.
    pub redirects: Vec<Redirect>,
    /// The headers of the final response.
    pub headers: Vec<(String, String)>,
    /// The formats and everything else that the extractor found.
    pub extracted: Extracted,
    /// The duration of the successful attempt in milliseconds.
    pub response_time_ms: u64,
    /// The size of the response body in bytes, after decompression.
    pub size_bytes: u64,
    /// The time of the fetch. A page from the cache keeps the time of its first fetch.
    pub fetched_at: Timestamp,
    /// The time at which the response cache drops the page, `None` if it is not cached.
    pub cached_until: Option<Timestamp>,
    /// `true` if the successful attempt used a proxy.
    pub proxied: bool,
    /// The results of the page actions, in order.
    pub actions: Vec<ActionResult>,
    /// The files kept with the page: screenshots and the printed PDF.
    pub artifacts: Vec<Artifact>,
    /// The name of the stored session that the page was fetched with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The hash of the main content, see [`content_hash`]. `None` for pages that were stored by earlier releases.
    ///
    /// [`content_hash`]: crate::engine::content_hash
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// `true` if the page still has the hash of [`Item::unless`]. It then carries no content.
    ///
    /// Its `status_code` is 304 if it was not transferred: the site declared it unchanged, or the response cache knew.
    ///
    /// [`Item::unless`]: crate::core::request::Item::unless
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// `true` if `time_budget` ended the ladder early: the page is the best one so far, and is not cached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub time_budget_expired: bool,
    /// The sizes of an HTML page or a text that was cut because it exceeds `max_response_bytes`; `None` for a whole one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_truncated: Option<Truncation>,
    /// The reason for which the page is imperfect; `None` for a good page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality_warning: Option<QualityWarning>,
    /// A warning if tiers lately failed on the site more often than not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_difficulty: Option<DomainDifficulty>,
    /// A warning if the item excludes the tiers that the site is known to need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier_cap_warning: Option<TierCapWarning>,
    /// The discount for the account's own proxy; `None` if the item uses none, or the page cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_proxy_discount: Option<OwnProxyDiscount>,
    /// The links of a page of a crawl. The crawl reads them from the stored JSON, and they are not part of the result.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<String>,
}

impl Page {
    /// Returns the JSON to store.
    pub(super) fn into_stored(mut self) -> Result<Vec<u8>, serde_json::Error> {
        self.extracted.fold_text();
        serde_json::to_vec(&self)
    }

    /// Decodes a stored page.
    pub(super) fn from_stored(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut page: Self = serde_json::from_slice(json)?;
        page.extracted.unfold_text();
        Ok(page)
    }

    /// Returns the main content as plain text.
    ///
    /// The engine extracts it for every page, whatever [`Item::formats`] names. `None` if the page has no text.
    ///
    /// [`Item::formats`]: crate::core::request::Item::formats
    pub fn text(&self) -> Option<&str> {
        Some(self.extracted.text.as_str()).filter(|text| !text.is_empty())
    }

    /// Returns the main content as Markdown, `None` unless the item requested [`Format::Markdown`].
    pub fn markdown(&self) -> Option<&str> {
        self.format(Format::Markdown)?.as_str()
    }

    /// Returns the sanitized HTML, `None` unless the item requested [`Format::Html`] (a default) and the document
    /// is an HTML page.
    pub fn html(&self) -> Option<&str> {
        self.format(Format::Html)?.as_str()
    }

    /// Returns the structured data, `None` unless the item requested [`Format::Json`] (a default) and the document
    /// has any.
    pub fn json(&self) -> Option<&Value> {
        self.format(Format::Json)
    }

    /// Returns any requested format, `None` if it was not requested or if this kind of document does not have it.
    pub fn format(&self, format: Format) -> Option<&Value> {
        self.extracted.content.get(&format)
    }

    /// Returns the fields filled from the item's schema, `None` if it has no schema.
    pub fn fields(&self) -> Option<&Value> {
        self.extracted.filtered_content.as_ref()
    }

    /// Returns the fields of the item's profile alone, `None` for the automatic profile.
    pub fn profile(&self) -> Option<&Value> {
        self.extracted.profile.as_ref()
    }

    /// Returns the page's title, `None` if it has none.
    pub fn title(&self) -> Option<&str> {
        self.extracted.title.as_deref()
    }

    /// Returns the duration of the successful attempt.
    pub fn response_time(&self) -> Duration {
        Duration::from_millis(self.response_time_ms)
    }
}

/// A finished job: its record, and its page or its error.
///
/// [`BatchHandle::report`] and [`Engine::scrape`] return it. A lookup of a job that may still be running returns a
/// [`JobSnapshot`].
///
/// [`BatchHandle::report`]: crate::engine::BatchHandle::report
/// [`Engine::scrape`]: crate::engine::Engine::scrape
#[derive(Clone, Debug)]
pub struct JobReport {
    job: Job,
    result: Result<Page, JobError>,
}

impl JobReport {
    /// Returns the page, or the reason for its failure.
    ///
    /// [`rungs::Error`](crate::Error) converts from `&JobError`, so `report.result()?` works.
    pub fn result(&self) -> Result<&Page, &JobError> {
        self.result.as_ref()
    }

    /// Returns the page or the error by value.
    pub fn into_result(self) -> Result<Page, JobError> {
        self.result
    }

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Returns the URL as it was submitted.
    pub fn url(&self) -> &str {
        self.job.request.page().as_str()
    }

    /// Returns the job's record.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Returns the tier that succeeded, `None` for a failed job.
    pub fn tier(&self) -> Option<Tier> {
        self.job.tier()
    }

    /// Returns the credits charged. A failed job costs nothing.
    pub fn charged(&self) -> Credits {
        self.job.charged()
    }

    /// Returns every attempt in order, each with the signal that led to the next.
    pub fn trail(&self) -> &[Attempt] {
        &self.job.trail
    }
}

/// A job at the time of a lookup. It may still be queued or running.
///
/// [`JobSnapshot::job`] has its id, its URL and its attempts so far.
#[derive(Clone, Debug)]
pub struct JobSnapshot {
    job: Job,
    result: Option<Result<Page, JobError>>,
}

impl JobSnapshot {
    /// Pairs a job's record with its page. A job that neither failed nor has a page is unfinished.
    pub(super) fn new(job: Job, page: Option<Page>) -> Self {
        let result = match (job.failure(), page) {
            (Some(error), _) => Some(Err(error.clone())),
            (None, Some(page)) => Some(Ok(page)),
            (None, None) => None,
        };
        Self { job, result }
    }

    /// Pairs the record of a job that succeeded with the reason for which its page cannot be read.
    pub(super) fn unreadable(job: Job, error: JobError) -> Self {
        Self { job, result: Some(Err(error)) }
    }

    /// Returns the page or the reason for its failure, `None` while the job is unfinished.
    pub fn result(&self) -> Option<Result<&Page, &JobError>> {
        self.result.as_ref().map(Result::as_ref)
    }

    /// Returns the page of a job that succeeded, `None` for any other job.
    pub fn page(&self) -> Option<&Page> {
        self.result.as_ref()?.as_ref().ok()
    }

    /// Returns the job's record.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Returns the report of a finished job, `None` while the job is unfinished.
    pub fn into_report(self) -> Option<JobReport> {
        Some(JobReport { job: self.job, result: self.result? })
    }
}

impl From<JobReport> for JobSnapshot {
    fn from(report: JobReport) -> Self {
        Self { job: report.job, result: Some(report.result) }
    }
}

/// A finished batch with every result, in the order of submission.
#[derive(Clone, Debug)]
pub struct BatchReport {
    batch: BatchRecord,
    jobs: Vec<JobReport>,
}

impl BatchReport {
    /// Joins a batch with the reports of its jobs.
    pub(super) fn new(batch: BatchRecord, jobs: Vec<JobReport>) -> Self {
        Self { batch, jobs }
    }

    /// Returns the batch's id.
    pub fn id(&self) -> BatchId {
        self.batch.id
    }

    /// Returns the batch's status: completed, partial or failed.
    pub fn status(&self) -> BatchStatus {
        self.batch.status()
    }

    /// Returns the batch's record.
    pub fn batch(&self) -> &BatchRecord {
        &self.batch
    }

    /// Returns the credits charged for all jobs.
    pub fn charged(&self) -> Credits {
        self.batch.charged
    }

    /// Returns the jobs in the order of submission.
    pub fn jobs(&self) -> &[JobReport] {
        &self.jobs
    }

    /// Returns the jobs by value, in the order of submission.
    pub fn into_jobs(self) -> Vec<JobReport> {
        self.jobs
    }
}
