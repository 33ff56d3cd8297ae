//! One step of a job: records and an input in, one transition out.
//!
//! Everything a step changes is in the transition, and the store commits it whole: the job, its
//! batch's tally, the account, the ledger line and, with the last job, the event.

use std::time::Duration;

use serde_json::json;

use crate::core::batch::{Batch, BatchStatus, Notice, NoticeState};
use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{
    Attempt, BodyRef, Fence, IllegalTransition, Job, JobEvent, Lease, Outcome, next,
};
use crate::core::ledger::{Account, Booking, Entry};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;

/// What happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Its worker is still at it.
    Renew {
        /// Until when the lease shall run.
        until: Timestamp,
    },
    /// The page is there.
    Succeed {
        /// The tier that worked.
        tier: Tier,
        /// What it costs.
        charged: Credits,
        /// Where the result is.
        body: BodyRef,
        /// Whether it came from the response cache.
        cached: bool,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// Nothing more can be tried.
    Fail {
        /// Why.
        error: JobError,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// It is to be tried again later.
    Reschedule {
        /// When.
        ready_at: Timestamp,
        /// The ladder's time that this claim used up.
        used: Duration,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// The host ends it.
    Cancel,
}

/// Why a step changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The claim is not the one that holds the job now.
    #[error("the claim is stale: another holds the job, or it has ended")]
    Stale,
    /// The input does not fit the state.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// A charge above the hold: a bug, which must not reach the ledger.
    #[error("{charged} were to be charged against a hold of {hold}")]
    AboveHold {
        /// The charge.
        charged: Credits,
        /// The hold.
        hold: Credits,
    },
}

/// What a step changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The job as it is now.
    pub job: Job,
    /// What its end changes beside it; `None` while the job goes on.
    pub ending: Option<Ending>,
}

/// What the end of a job changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// The batch with its tally.
    pub batch: Batch,
    /// The account with the hold settled.
    pub account: Account,
    /// The line that books it.
    pub entry: Entry,
    /// The event, if this was the last job.
    pub notice: Option<Notice>,
}

/// The records of a step.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its batch.
    pub batch: &'a Batch,
    /// The account that pays.
    pub account: &'a Account,
}

/// How long a batch is kept after its end.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes one step.
///
/// `fence` is the claim of the worker that sent the input; [`Input::Cancel`] comes from the host
/// and needs none.
///
/// # Errors
///
/// [`Refused`], and then nothing is to be changed.
pub fn step(
    records: Records<'_>,
    fence: Option<Fence>,
    input: Input,
    now: Timestamp,
) -> Result<Transition, Refused> {
    let job = records.job;
    if input != Input::Cancel && !fence.is_some_and(|it| job.is_held_by(it)) {
        return Err(Refused::Stale);
    }
    match input {
        Input::Renew { until } => {
            let lease = job.lease.map(|it| Lease { until: until.max(it.until), ..it });
            Ok(Transition { job: Job { lease, ..job.clone() }, ending: None })
        }
        Input::Reschedule { ready_at, used, attempts } => {
            let state = next(job.state, JobEvent::Rescheduled)?;
            let used_ms = job.used_ms.saturating_add(crate::core::time::millis(used));
            let trail = joined(&job.trail, attempts);
            let job = Job { state, used_ms, trail, ready_at, lease: None, ..job.clone() };
            Ok(Transition { job, ending: None })
        }
        Input::Succeed { tier, charged, body, cached, attempts } => {
            if charged > job.hold {
                return Err(Refused::AboveHold { charged, hold: job.hold });
            }
            let outcome = Outcome::Succeeded { tier, charged, body, cached };
            end(records, JobEvent::Delivered, outcome, attempts, now)
        }
        Input::Fail { error, attempts } => {
            end(records, JobEvent::Exhausted, Outcome::Failed(error), attempts, now)
        }
        Input::Cancel => {
            let error = JobError::new(ErrorCode::Cancelled, "the batch was cancelled");
            end(records, JobEvent::Cancelled, Outcome::Failed(error), Vec::new(), now)
        }
    }
}

fn joined(trail: &[Attempt], attempts: Vec<Attempt>) -> Vec<Attempt> {
    trail.iter().cloned().chain(attempts).collect()
}

/// Ends a job: its hold is settled and its batch counts it, in one transition.
fn end(
    records: Records<'_>,
    event: JobEvent,
    outcome: Outcome,
    attempts: Vec<Attempt>,
    now: Timestamp,
) -> Result<Transition, Refused> {
    let state = next(records.job.state, event)?;
    let job = Job {
        state,
        trail: joined(&records.job.trail, attempts),
        lease: None,
        ended_at: Some(now),
        outcome: Some(outcome),
        ..records.job.clone()
    };
    let charged = job.charged();
    let mut account = records.account.clone();
    account.settle(job.hold, charged);
    let mut batch = records.batch.clone();
    if matches!(job.outcome, Some(Outcome::Succeeded { .. })) {
        batch.tally.succeeded += 1;
    } else {
        batch.tally.failed += 1;
    }
    batch.charged = batch.charged.saturating_add(charged);
    let entry = Entry {
        account: job.account.clone(),
        batch: batch.id,
        number: batch.entries,
        job: Some(job.id),
        booking: Booking::Settle { charged, released: job.hold.saturating_sub(charged) },
        at: now,
    };
    batch.entries += 1;
    let notice = (batch.status() != BatchStatus::Processing).then(|| {
        batch.ended_at = Some(now);
        batch.expires_at = Some(now.after(KEPT));
        completion(&batch, now)
    });
    Ok(Transition { job, ending: Some(Ending { batch, account, entry, notice }) })
}

/// The batch's one event.
fn completion(batch: &Batch, now: Timestamp) -> Notice {
    let body = json!({
        "event": "batch.completed",
        "timestamp": now.to_string(),
        "data": {
            "batch_id": batch.id.to_string(),
            "status": batch.status().as_str(),
            "total": batch.tally.total,
            "completed": batch.tally.succeeded,
            "failed": batch.tally.failed,
        },
    });
    let state =
        if batch.webhook.is_some() { NoticeState::Pending } else { NoticeState::Unaddressed };
    Notice {
        id: batch.event,
        batch: batch.id,
        url: batch.webhook.clone(),
        body: body.to_string(),
        state,
        attempts: Vec::new(),
        ready_at: now,
        lease: None,
    }
}
