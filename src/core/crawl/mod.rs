//! Crawls: the frontier of a site, from which batches are made.
//!
//! A crawl admits URLs, each once, until it has [`CrawlRules::max_pages`] of them. Admitted URLs are kept in chunks, and
//! each chunk becomes one batch. The end of a job reports its page to the crawl in the same commit. The engine reads the
//! links of the pages that were reported, and admits those that are new.
//!
//! This module counts and decides. It fetches nothing, and does not know which URLs were seen: the engine compares them
//! with the chunks, and the lease of the crawl makes sure that only one process does so.
//!
//! # Invariants
//!
//! * `admitted <= rules.max_pages`, and `jobs <= admitted`.
//! * `held` is the sum of the holds of the crawl's jobs that have not ended, `charged` that of the charges of the others,
//!   and their sum never exceeds `rules.max_credits`.
//! * Nothing changes after the end.

mod rules;
mod status;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::batch::{Notification, NotificationState, Tally};
use crate::core::claims::Priority;
use crate::core::completion::{Completed, Completion};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, CrawlId, JobId, NotificationId, WorkerId};
use crate::core::job::{BodyRef, Fence, Lease};
use crate::core::request::JobRequest;
use crate::core::time::Timestamp;
use crate::core::trace::TraceContext;
use crate::core::url::without_userinfo;
use crate::core::usage::Budget;

pub use rules::{CrawlRules, SitemapUse, check_patterns, matches};
pub use status::{CrawlStatus, StopReason};

/// The wait for more pages before the links of those that ended are read.
const GATHERING: Duration = Duration::from_millis(25);

/// The membership of a job in a crawl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CrawlPage {
    /// The crawl.
    pub crawl: CrawlId,
    /// The number of links from the start page.
    pub depth: u16,
    /// The number of the job in the order in which the jobs of the crawl ended, from 1; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
}

impl CrawlPage {
    /// Returns the membership of a new job.
    pub fn new(crawl: CrawlId, depth: u16) -> Self {
        Self { crawl, depth, order: None }
    }
}

/// A URL that a crawl admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrawlUrl {
    /// The canonical URL.
    pub url: String,
    /// The number of links from the start page.
    pub depth: u16,
}

/// A part of a crawl's URLs. Each becomes one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CrawlChunk {
    /// The crawl.
    pub crawl: CrawlId,
    /// The number of the chunk, from 0.
    pub number: u32,
    /// The URLs, in the order of the batch's items.
    pub urls: Vec<CrawlUrl>,
    /// The batch, once it was submitted.
    pub batch: Option<BatchId>,
}

impl CrawlChunk {
    /// Returns a chunk that was not submitted.
    pub fn new(crawl: CrawlId, number: u32, urls: Vec<CrawlUrl>) -> Self {
        Self { crawl, number, urls, batch: None }
    }
}

/// A batch of a crawl that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBatch {
    /// The batch.
    pub batch: BatchId,
    /// The number of its jobs that have not ended.
    pub left: u32,
}

/// A page whose links were not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadPage {
    /// The job.
    pub job: JobId,
    /// The number of links from the start page.
    pub depth: u16,
    /// The reference to the result, which contains the links.
    pub body: BodyRef,
}

/// The record of a crawl.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CrawlRecord {
    /// The id, which sorts by the time of submission.
    pub id: CrawlId,
    /// The account that is charged.
    pub account: AccountId,
    /// The rules and limits.
    pub rules: CrawlRules,
    /// The request of the start page. Those of the other pages differ in the URL.
    pub template: Arc<JobRequest>,
    /// The label under which usage and budgets are counted.
    #[serde(default)]
    pub label: Option<String>,
    /// The budget of the label, or of the account.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// The urgency of its jobs.
    #[serde(default)]
    pub priority: Priority,
    /// The trace of the submission, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<TraceContext>>,
    /// The URL to which the completion notification is delivered; `None` delivers none.
    pub webhook: Option<String>,
    /// The idempotency key of the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The id of the completion notification, drawn at submission.
    pub event: NotificationId,
    /// `true` once robots.txt and the sitemaps were read to the end.
    pub is_seeded: bool,
    /// The number of URLs that were admitted.
    pub admitted: u32,
    /// The number of chunks.
    pub chunks: u32,
    /// The number of chunks that were submitted, which are the first ones.
    pub submitted: u32,
    /// The number of jobs that were submitted, in total and by result.
    pub tally: Tally,
    /// The credits that are held for jobs that have not ended.
    pub held: Credits,
    /// The credits charged for jobs that have ended.
    pub charged: Credits,
    /// The batches that have not ended.
    pub open: Vec<OpenBatch>,
    /// The pages whose links were not read.
    pub unread: Vec<UnreadPage>,
    /// The reason why no more pages are fetched.
    pub stop: Option<StopReason>,
    /// Warnings of the discovery.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The number of claims: the fencing token.
    pub claims: u32,
    /// The lease of the process that is looking for URLs.
    pub lease: Option<Lease>,
    /// The time at which there is something to do; `None` while the crawl waits for its jobs.
    pub ready_at: Option<Timestamp>,
    /// The time of submission.
    pub created_at: Timestamp,
    /// The time of the end.
    pub ended_at: Option<Timestamp>,
    /// The time at which the crawl is removed with its batches; set at its end.
    pub expires_at: Option<Timestamp>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for CrawlRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            account,
            rules,
            template,
            label,
            budget,
            priority,
            trace,
            webhook,
            idempotency_key,
            event,
            is_seeded,
            admitted,
            chunks,
            submitted,
            tally,
            held,
            charged,
            open,
            unread,
            stop,
            warnings,
            claims,
            lease,
            ready_at,
            created_at,
            ended_at,
            expires_at,
        } = self;
        debug_struct!(
            f,
            CrawlRecord {
                id,
                account,
                rules,
                template,
                label,
                budget,
                priority,
                trace,
                webhook: webhook.as_deref().map(without_userinfo),
                idempotency_key,
                event,
                is_seeded,
                admitted,
                chunks,
                submitted,
                tally,
                held,
                charged,
                open,
                unread,
                stop,
                warnings,
                claims,
                lease,
                ready_at,
                created_at,
                ended_at,
                expires_at
            }
        )
    }
}

/// Adds warnings of a crawl, each once and up to [`CrawlRecord::MAX_WARNINGS`].
pub(crate) fn add_warnings(all: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for warning in more {
        if all.len() < CrawlRecord::MAX_WARNINGS && !all.contains(&warning) {
            all.push(warning);
        }
    }
}

/// The reason why a claim of a crawl leaves something that could be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// There is none.
    None,
    /// The credits do not cover another page before a job ends.
    ForCredits,
    /// Something cannot be read before this time.
    Until(Timestamp),
}

/// The end of a job of a crawl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEnd {
    /// The job.
    pub job: JobId,
    /// The batch of the job.
    pub batch: BatchId,
    /// The number of links from the start page.
    pub depth: u16,
    /// The credits that were held for it.
    pub hold: Credits,
    /// The credits charged.
    pub charged: Credits,
    /// The reference to the result; `None` if the job failed.
    pub body: Option<BodyRef>,
}

impl CrawlRecord {
    /// The most warnings that are kept.
    pub const MAX_WARNINGS: usize = 20;

    /// Returns a crawl that was not seeded, due at once.
    pub fn new(
        id: CrawlId,
        event: NotificationId,
        template: Arc<JobRequest>,
        rules: CrawlRules,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account: AccountId::default(),
            rules,
            template,
            label: None,
            budget: None,
            priority: Priority::default(),
            trace: None,
            webhook: None,
            idempotency_key: None,
            event,
            is_seeded: false,
            admitted: 0,
            chunks: 0,
            submitted: 0,
            tally: Tally::default(),
            held: Credits::ZERO,
            charged: Credits::ZERO,
            open: Vec::new(),
            unread: Vec::new(),
            stop: None,
            warnings: Vec::new(),
            claims: 0,
            lease: None,
            ready_at: Some(now),
            created_at: now,
            ended_at: None,
            expires_at: None,
        }
    }

    /// Returns the status.
    pub fn status(&self) -> CrawlStatus {
        match (self.ended_at, self.stop) {
            (None, _) if !self.is_seeded => CrawlStatus::Discovering,
            (None, _) => CrawlStatus::Running,
            (Some(_), Some(StopReason::Canceled)) => CrawlStatus::Cancelled,
            (Some(_), _) if self.tally.succeeded == 0 => CrawlStatus::Failed,
            (Some(_), None) if self.tally.failed == 0 => CrawlStatus::Completed,
            (Some(_), _) => CrawlStatus::Partial,
        }
    }

    /// Returns the number of jobs that have not ended.
    pub fn open_jobs(&self) -> u32 {
        self.tally.pending()
    }

    /// Returns the number of URLs that may still be admitted.
    pub fn room(&self) -> u32 {
        self.rules.max_pages.saturating_sub(self.admitted)
    }

    /// Returns `true` if the links of a page at `depth` are followed.
    pub fn follows(&self, depth: u16) -> bool {
        self.rules.sitemap != SitemapUse::Only && depth < self.rules.max_depth && self.room() > 0
    }

    /// Admits URLs that were not seen before, the first ones if there is not enough room, and returns their chunks.
    #[must_use]
    pub fn admit(&mut self, mut urls: Vec<CrawlUrl>) -> Vec<CrawlChunk> {
        urls.retain(|it| it.depth <= self.rules.max_depth);
        urls.truncate(self.room() as usize);
        self.admitted += u32::try_from(urls.len()).unwrap_or(u32::MAX);
        let size = self.rules.batch_size() as usize;
        urls.chunks(size).map(|it| self.append(it.to_vec())).collect()
    }

    fn append(&mut self, urls: Vec<CrawlUrl>) -> CrawlChunk {
        let number = self.chunks;
        self.chunks += 1;
        CrawlChunk::new(self.id, number, urls)
    }

    /// Removes pages from the list of those whose links were not read.
    pub fn mark_read(&mut self, read: &[JobId]) {
        self.unread.retain(|it| !read.contains(&it.job));
        if self.room() == 0 {
            self.unread.clear();
        }
    }

    /// Returns `true` if a chunk waits and there is room for a batch.
    pub fn may_submit(&self) -> bool {
        self.stop.is_none()
            && self.submitted < self.chunks
            && self.open_jobs() + self.rules.batch_size()
                <= self.rules.window().max(self.rules.batch_size())
    }

    /// Returns the number of the first pages with these estimates that `max_credits` covers.
    pub fn affordable(&self, estimates: &[Credits]) -> usize {
        let Some(most) = self.rules.max_credits else { return estimates.len() };
        let mut left = most.saturating_sub(self.charged).saturating_sub(self.held);
        let fits = |it: &&Credits| {
            let fits = **it <= left;
            left = left.saturating_sub(**it);
            fits
        };
        estimates.iter().take_while(fits).count()
    }

    /// Returns the key under which the idempotency key of a crawl is stored, apart from those of batches.
    pub fn stored_key(key: &str) -> String {
        // Keys of batches contain no control characters.
        format!("crawl\u{1}{key}")
    }

    /// Records that the next chunk was submitted as `batch`, up to its URL number `count`. Returns the chunk as it is then,
    /// and a new chunk for the rest.
    #[must_use]
    pub fn submit(
        &mut self,
        chunk: &CrawlChunk,
        count: usize,
        batch: BatchId,
        held: Credits,
    ) -> (CrawlChunk, Option<CrawlChunk>) {
        let (taken, rest) = chunk.urls.split_at(count.min(chunk.urls.len()));
        let jobs = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        self.submitted += 1;
        self.tally.total += jobs;
        self.held = self.held.saturating_add(held);
        self.open.push(OpenBatch { batch, left: jobs });
        let submitted = CrawlChunk { urls: taken.to_vec(), batch: Some(batch), ..chunk.clone() };
        let rest = (!rest.is_empty()).then(|| self.append(rest.to_vec()));
        (submitted, rest)
    }

    /// Counts a job that ended, and returns its number in the order of the ends. The crawl falls due if there is something
    /// to read or to submit.
    pub fn page_ended(&mut self, page: PageEnd, now: Timestamp) -> u32 {
        if page.body.is_some() {
            self.tally.succeeded += 1;
        } else {
            self.tally.failed += 1;
        }
        self.held = self.held.saturating_sub(page.hold);
        self.charged = self.charged.saturating_add(page.charged);
        if let Some(open) = self.open.iter_mut().find(|it| it.batch == page.batch) {
            open.left = open.left.saturating_sub(1);
        }
        self.open.retain(|it| it.left > 0);
        let order = self.tally.succeeded + self.tally.failed;
        if self.stop.is_some() {
            return order;
        }
        if let Some(body) = page.body
            && self.follows(page.depth)
        {
            self.unread.push(UnreadPage { job: page.job, depth: page.depth, body });
        }
        if !self.unread.is_empty() || self.may_submit() {
            let at = if self.open_jobs() == 0 { now } else { now.after(GATHERING) };
            self.ready_at = Some(self.ready_at.map_or(at, |it| it.min(at)));
        }
        order
    }

    /// Stops the crawl: nothing more is read or submitted. An earlier reason stays.
    pub fn stop(&mut self, reason: StopReason, now: Timestamp) {
        if self.ended_at.is_some() || self.stop.is_some() {
            return;
        }
        self.stop = Some(reason);
        self.unread.clear();
        // The jobs that have not ended are canceled by whoever claims it next.
        self.ready_at = (reason == StopReason::Canceled).then_some(now);
        if reason == StopReason::Canceled {
            // Whoever looks for URLs now comes too late.
            self.claims += 1;
            self.lease = None;
        }
    }

    /// Ends the crawl if nothing is left to do, and returns its completion.
    pub fn settle(&mut self, now: Timestamp, retention: Duration) -> Option<Completion> {
        let is_idle = self.open_jobs() == 0;
        let has_work = self.stop.is_none()
            && (!self.is_seeded || !self.unread.is_empty() || self.submitted < self.chunks);
        if self.ended_at.is_some() || !is_idle || has_work {
            return None;
        }
        self.ended_at = Some(now);
        self.expires_at = Some(now.after(retention));
        self.lease = None;
        self.ready_at = None;
        let subject = Completed::Crawl {
            id: self.id,
            url: self.template.page().clone(),
            status: self.status(),
            tally: self.tally,
            charged: self.charged,
        };
        Some(Completion { at: now, trace: self.trace.clone(), subject })
    }

    /// Returns the outbox record of the crawl with this body: due at once if the crawl has a webhook. Its batch has the
    /// bytes of the crawl's id.
    pub fn notification(&self, completion: &Completion, body: String) -> Notification {
        let state = match self.webhook {
            Some(_) => NotificationState::Pending,
            None => NotificationState::Unaddressed,
        };
        Notification {
            id: self.event,
            batch: BatchId::from_bytes(*self.id.as_bytes()),
            account: self.account.clone(),
            event: completion.kind(),
            url: self.webhook.clone(),
            body,
            state,
            attempts: Vec::new(),
            ready_at: completion.at,
            lease: None,
            trace: self.trace.clone(),
        }
    }

    /// Adds warnings, each once and up to [`CrawlRecord::MAX_WARNINGS`].
    pub fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        add_warnings(&mut self.warnings, warnings);
    }

    /// Returns the time at which the crawl is due, for a process that looks for its URLs.
    pub fn due(&self) -> Option<Timestamp> {
        match (self.ended_at, self.lease) {
            (Some(_), _) => None,
            (None, Some(lease)) => Some(lease.until),
            (None, None) => self.ready_at,
        }
    }

    /// Returns the crawl under a new lease, `None` if it has ended.
    #[must_use]
    pub fn claimed(&self, worker: WorkerId, until: Timestamp) -> Option<Self> {
        self.due()?;
        let lease = Some(Lease { worker, until });
        // What is reported from here on makes it due again.
        Some(Self { claims: self.claims + 1, lease, ready_at: None, ..self.clone() })
    }

    /// Returns the crawl without the lease of a process that is gone, `None` if it has none.
    #[must_use]
    pub fn abandoned(&self, now: Timestamp) -> Option<Self> {
        self.lease?;
        Some(Self { lease: None, ready_at: Some(now), ..self.clone() })
    }

    /// Gives the lease back. The crawl stays due if something is left to do, or if pages were reported meanwhile.
    pub fn release(&mut self, wait: Wait, now: Timestamp) {
        self.lease = None;
        let may_submit = wait != Wait::ForCredits && self.may_submit();
        let has_work = !self.is_seeded || !self.unread.is_empty() || may_submit;
        if self.stop.is_some() {
            // Jobs of a canceled crawl that are open were not canceled yet.
            let is_canceling = self.stop == Some(StopReason::Canceled) && self.open_jobs() > 0;
            self.ready_at = is_canceling.then_some(now);
        } else if has_work {
            self.ready_at = match (wait, self.ready_at) {
                // A page that ended meanwhile may be read before.
                (Wait::Until(at), Some(earlier)) => Some(at.min(earlier)),
                (Wait::Until(at), None) => Some(at),
                (Wait::None | Wait::ForCredits, _) => Some(now),
            };
        }
    }

    /// Returns `true` if `fence` is the claim that holds the crawl.
    pub fn is_held_by(&self, fence: Fence) -> bool {
        self.ended_at.is_none()
            && self.claims == fence.claim
            && self.lease.is_some_and(|it| it.worker == fence.worker)
    }
}

#[cfg(test)]
mod tests;
