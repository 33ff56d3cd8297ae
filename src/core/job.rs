//! Jobs: one URL of a batch each, from queued to ended.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::claims::Priority;
use crate::core::crawl::CrawlPage;
use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::id::{AccountId, BatchId, JobId, WorkerId};
use crate::core::request::JobRequest;
use crate::core::skipped::SkippedTier;
use crate::core::tier::Tier;
use crate::core::time::{Timestamp, as_millis};
use crate::core::trace::TraceContext;
use crate::core::verdict::Verdict;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// Leased by a worker.
    Processing,
    /// Ended with a page.
    Succeeded,
    /// Ended without one.
    Failed,
}

impl JobState {
    /// All states, in order.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Processing, Self::Succeeded, Self::Failed];

    /// Returns `true` if the state is final.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// Returns the state as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

display_as_str!(JobState);

/// An event of a job's state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// A worker took a lease.
    Claimed,
    /// The page was scraped.
    Delivered,
    /// The job is retried later, or its worker shuts down.
    Rescheduled,
    /// The lease expired.
    LeaseLost,
    /// No attempt is left.
    Exhausted,
    /// Your application canceled the batch.
    Cancelled,
}

impl JobEvent {
    /// All events.
    pub const ALL: [Self; 6] = [
        Self::Claimed,
        Self::Delivered,
        Self::Rescheduled,
        Self::LeaseLost,
        Self::Exhausted,
        Self::Cancelled,
    ];
}

/// The error for an event that a state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state {state} does not allow the event {event:?}")]
pub struct IllegalTransition {
    /// The state.
    pub state: JobState,
    /// The event.
    pub event: JobEvent,
}

/// Returns the state that follows `event` in `state`.
///
/// The live states are written out in full, so adding a state or an event is a compile error here.
/// The sender of the event is not checked here: the step compares the fence first.
///
/// # Errors
///
/// [`IllegalTransition`] if the pair is not in the table. Nothing leaves an ended state.
pub fn next(state: JobState, event: JobEvent) -> Result<JobState, IllegalTransition> {
    use JobEvent as E;
    use JobState as S;

    Ok(match (state, event) {
        (S::Queued, E::Claimed) => S::Processing,
        (S::Processing, E::Delivered) => S::Succeeded,
        (S::Processing, E::Rescheduled | E::LeaseLost) => S::Queued,
        (S::Queued | S::Processing, E::Cancelled) | (S::Processing, E::Exhausted) => S::Failed,
        (S::Queued, E::Delivered | E::Rescheduled | E::Exhausted | E::LeaseLost)
        | (S::Processing, E::Claimed)
        | (S::Succeeded | S::Failed, _) => return Err(IllegalTransition { state, event }),
    })
}

/// The exclusive permit of a worker for a job, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker.
    pub worker: WorkerId,
    /// The time at which the lease expires unless it is renewed.
    pub until: Timestamp,
}

/// The fencing token with which a worker changes a job. A stale one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The worker that claimed the job.
    pub worker: WorkerId,
    /// The number of the claim, which no two claims of a job share.
    pub claim: u32,
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// There was a response, with this verdict.
    Judged(Verdict),
    /// There was no response. This tells nothing about the tier.
    Transport {
        /// The code of the error.
        code: ErrorCode,
        /// `true` if a retry may succeed.
        retryable: bool,
    },
}

/// One attempt on one tier, as the trail keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The tier.
    pub tier: Tier,
    /// The result.
    pub finding: Finding,
    /// The observation behind the result, such as `HTTP 403 with a Cloudflare challenge page`.
    pub signal: String,
    /// The HTTP status; `None` if there was no response.
    pub status: Option<u16>,
    /// The time at which the attempt began.
    pub started_at: Timestamp,
    /// The duration, in whole milliseconds.
    #[serde(rename = "duration_ms", with = "as_millis")]
    pub duration: Duration,
    /// The tiers that the ladder passed over: cheaper ones on its way to this attempt, and with the last attempt the more
    /// expensive ones that could have followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedTier>,
}

impl Attempt {
    /// Returns an attempt that began at `started_at` and took no time.
    pub fn new(
        tier: Tier,
        finding: Finding,
        signal: impl Into<String>,
        started_at: Timestamp,
    ) -> Self {
        Self {
            tier,
            finding,
            signal: signal.into(),
            status: None,
            started_at,
            duration: Duration::ZERO,
            skipped: Vec::new(),
        }
    }

    /// Returns `true` if the response was a page that needs no other attempt.
    pub fn has_good_page(&self) -> bool {
        matches!(self.finding, Finding::Judged(Verdict::Usable | Verdict::Other(_)))
    }

    /// Returns `true` if the response was a page, however little it contains.
    pub fn has_page(&self) -> bool {
        let is_poor =
            matches!(self.finding, Finding::Judged(Verdict::Thin | Verdict::NeedsRendering));
        self.has_good_page() || is_poor
    }
}

/// The reference to a stored body, which only the store of bodies can read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BodyRef(pub String);

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The page was scraped.
    Succeeded {
        /// The tier that worked.
        tier: Tier,
        /// The credits charged.
        charged: Credits,
        /// The reference to the result.
        body: BodyRef,
        /// `true` if the page came from the response cache.
        cached: bool,
    },
    /// The job failed, and nothing was charged.
    Failed(JobError),
}

/// The record of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// The id.
    pub id: JobId,
    /// The batch.
    pub batch: BatchId,
    /// The account that is charged.
    pub account: AccountId,
    /// The index in the batch, from 0.
    pub index: u32,
    /// The request.
    pub request: Arc<JobRequest>,
    /// The urgency among the account's jobs.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// The trace that the submission belongs to, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<TraceContext>>,
    /// The crawl that the page belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crawl: Option<CrawlPage>,
    /// The state.
    pub state: JobState,
    /// The number of claims: the fencing token.
    pub claims: u32,
    /// The number of claims that ended with a lost lease.
    pub lost: u32,
    /// The lease, while processing.
    pub lease: Option<Lease>,
    /// The credits held until the job ends.
    pub hold: Credits,
    /// All committed attempts, in order.
    pub trail: Vec<Attempt>,
    /// The time that earlier claims used of the timeout, in whole milliseconds.
    #[serde(rename = "used_ms", with = "as_millis")]
    pub used: Duration,
    /// The time from which the job may be claimed, while queued.
    pub ready_at: Timestamp,
    /// The time at which the job fails if it has not ended.
    pub deadline: Timestamp,
    /// The time of submission.
    pub created_at: Timestamp,
    /// The time of the first claim.
    pub started_at: Option<Timestamp>,
    /// The time at which the job ended.
    pub ended_at: Option<Timestamp>,
    /// The outcome, once the job has ended.
    pub outcome: Option<Outcome>,
}

impl Job {
    /// The number of leases that may be lost before the job fails, so that a page that crashes its worker is not
    /// retried for ever.
    pub const MAX_LOST: u32 = 8;

    /// Returns the job under a new lease. An expired lease is counted as lost.
    ///
    /// Returns `None` if the job has ended, or if the lease of another worker still runs at `now`.
    #[must_use]
    pub fn claimed(&self, worker: WorkerId, now: Timestamp, until: Timestamp) -> Option<Self> {
        let free = match self.state {
            JobState::Queued => self.clone(),
            JobState::Processing if self.lease.is_none_or(|it| it.until <= now) => {
                self.abandoned(now)?
            }
            JobState::Processing | JobState::Succeeded | JobState::Failed => return None,
        };
        let state = next(free.state, JobEvent::Claimed).ok()?;
        Some(Self {
            state,
            claims: free.claims + 1,
            lease: Some(Lease { worker, until }),
            started_at: free.started_at.or(Some(now)),
            ..free
        })
    }

    /// Returns a processing job to the queue because its worker is gone; `None` in any other state.
    #[must_use]
    pub fn abandoned(&self, now: Timestamp) -> Option<Self> {
        let state = next(self.state, JobEvent::LeaseLost).ok()?;
        let lost = self.lost.saturating_add(1);
        Some(Self { state, lost, lease: None, ready_at: now, ..self.clone() })
    }

    /// Returns the job with its lease renewed until `until`, or `None` if `fence` does not hold it. A lease is never
    /// shortened.
    #[must_use]
    pub fn renewed(&self, fence: Fence, until: Timestamp) -> Option<Self> {
        let lease = self.lease.filter(|_| self.is_held_by(fence))?;
        let lease = Lease { until: until.max(lease.until), ..lease };
        Some(Self { lease: Some(lease), ..self.clone() })
    }

    /// Returns the tier that worked.
    pub fn tier(&self) -> Option<Tier> {
        match self.outcome {
            Some(Outcome::Succeeded { tier, .. }) => Some(tier),
            _ => None,
        }
    }

    /// Returns the attempt whose page is the result; `None` for a failed job and for a page of the response cache.
    ///
    /// The last attempt, unless the time budget ended and the page is that of an earlier one.
    pub fn accepted(&self) -> Option<&Attempt> {
        let Some(Outcome::Succeeded { tier, cached, .. }) = self.outcome else { return None };
        // What the cache serves was no attempt, or was confirmed by a response 304, which counts as a usable page.
        let is_result = |it: &Attempt| if cached { it.has_good_page() } else { it.has_page() };
        self.trail.iter().rfind(|it| it.tier == tier && is_result(it))
    }

    /// Returns the credits charged.
    pub fn charged(&self) -> Credits {
        match self.outcome {
            Some(Outcome::Succeeded { charged, .. }) => charged,
            _ => Credits::ZERO,
        }
    }

    /// Returns the error of a failed job.
    pub fn failure(&self) -> Option<&JobError> {
        match &self.outcome {
            Some(Outcome::Failed(error)) => Some(error),
            _ => None,
        }
    }

    /// Returns `true` if `fence` is the claim that holds the job.
    pub fn is_held_by(&self, fence: Fence) -> bool {
        self.state == JobState::Processing
            && self.claims == fence.claim
            && self.lease.is_some_and(|it| it.worker == fence.worker)
    }

    /// Returns the time that is left of `timeout` after `used` in this claim.
    pub fn time_left(&self, used: Duration) -> Duration {
        let timeout = self.request.timeout();
        timeout.saturating_sub(self.used).saturating_sub(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::{MINE, OTHERS, START, at, held_job, job};

    #[test]
    fn nothing_leaves_an_ended_state() {
        for state in JobState::ALL.into_iter().filter(|it| it.is_ended()) {
            for event in JobEvent::ALL {
                assert_eq!(next(state, event), Err(IllegalTransition { state, event }));
            }
        }
    }

    #[test]
    fn only_a_processing_job_can_be_delivered() {
        let deliverable =
            JobState::ALL.into_iter().filter(|&it| next(it, JobEvent::Delivered).is_ok());

        assert_eq!(deliverable.collect::<Vec<_>>(), [JobState::Processing]);
    }

    #[test]
    fn only_final_states_have_no_successor() {
        let ended = JobState::ALL.map(|it| (it.as_str(), it.is_ended()));

        let words =
            [("queued", false), ("processing", false), ("succeeded", true), ("failed", true)];
        assert_eq!(ended, words);
    }

    #[test]
    fn each_claim_has_its_own_number() {
        let first = job().claimed(MINE, at(1), at(31)).expect("it is queued");

        assert_eq!(first.state, JobState::Processing);
        assert_eq!((first.claims, first.lost), (1, 0));
        assert_eq!(first.lease, Some(Lease { worker: MINE, until: at(31) }));
        assert_eq!(first.started_at, Some(at(1)));
    }

    #[test]
    fn an_expired_lease_is_lost() {
        let held = held_job();

        assert_eq!(held.claimed(OTHERS, at(29), at(60)), None);
        let taken = held.claimed(OTHERS, at(30), at(60)).expect("the lease has run out");
        assert_eq!((taken.claims, taken.lost), (2, 1));
        assert_eq!(taken.lease, Some(Lease { worker: OTHERS, until: at(60) }));
        assert_eq!(taken.started_at, Some(START), "the first claim began it");
    }

    #[test]
    fn an_abandoned_job_is_queued_at_once() {
        let abandoned = held_job().abandoned(at(5)).expect("it was being processed");

        assert_eq!(abandoned.state, JobState::Queued);
        assert_eq!((abandoned.claims, abandoned.lost), (1, 1));
        assert_eq!((abandoned.lease, abandoned.ready_at), (None, at(5)));
        assert_eq!(job().abandoned(at(5)), None, "nobody had it");
    }

    #[test]
    fn only_the_latest_claim_of_its_worker_holds_a_job() {
        let held = held_job();
        let fence = Fence { worker: MINE, claim: 1 };

        assert!(held.is_held_by(fence));
        assert!(!held.is_held_by(Fence { worker: OTHERS, ..fence }));
        assert!(!held.is_held_by(Fence { claim: 0, ..fence }));
        assert!(!Job { state: JobState::Queued, ..held }.is_held_by(fence));
    }

    #[test]
    fn a_job_knows_its_tier_and_its_cost_once_it_succeeded() {
        let (tier, charged) = (Tier::Stealth, Credits(7));
        let body = BodyRef("body".to_owned());
        let succeeded = Outcome::Succeeded { tier, charged, body, cached: false };
        let failed = Outcome::Failed(JobError::new(ErrorCode::Timeout, "late"));

        let known = |outcome| {
            let ended = Job { outcome, ..job() };
            (ended.tier(), ended.charged())
        };
        assert_eq!(known(Some(succeeded)), (Some(Tier::Stealth), Credits(7)));
        assert_eq!(known(Some(failed)), (None, Credits::ZERO));
        assert_eq!(known(None), (None, Credits::ZERO));
    }

    #[test]
    fn the_accepted_attempt_is_the_last_one_with_a_page_on_the_tier_that_worked() {
        let attempt = |tier, verdict| {
            Attempt::new(tier, Finding::Judged(verdict), "seen", Timestamp::default())
        };
        let timeout = Finding::Transport { code: ErrorCode::Timeout, retryable: true };
        let accepted = |cached, verdict| {
            let body = BodyRef("body".to_owned());
            let (tier, charged) = (Tier::Curl, Credits(7));
            let outcome = Some(Outcome::Succeeded { tier, charged, body, cached });
            let transient = attempt(Tier::Curl, Verdict::Transient { retry_after: None });
            let hung = Attempt::new(Tier::Http, timeout.clone(), "seen", Timestamp::default());
            let trail = vec![transient, attempt(Tier::Curl, verdict), hung];
            let job = Job { trail, outcome, ..job() };
            job.accepted().map(|it| job.trail.iter().position(|other| other == it))
        };

        assert_eq!(accepted(false, Verdict::Thin), Some(Some(1)), "the time budget ended");
        assert_eq!(accepted(true, Verdict::Usable), Some(Some(1)), "confirmed by the site");
        assert_eq!(accepted(true, Verdict::Thin), None, "the page of the cache is another");
        assert_eq!(
            Job { trail: vec![attempt(Tier::Curl, Verdict::Thin)], ..job() }.accepted(),
            None
        );
    }

    #[test]
    fn the_time_left_is_the_timeout_minus_that_of_all_claims() {
        let job = Job { used: Duration::from_secs(20), ..job() };

        assert_eq!(job.time_left(Duration::from_secs(30)), Duration::from_secs(40));
        assert_eq!(job.time_left(Duration::from_secs(71)), Duration::ZERO);
    }
}
