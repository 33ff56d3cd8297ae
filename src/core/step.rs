//! One step of a job: records and an input in, one transition out.
//!
//! Everything a step changes is in the transition, and the store commits it whole: the job, its
//! batch's tally, the account, the ledger line and, with the last job, the event.

use std::time::Duration;

use serde_json::json;

use crate::core::batch::{
    BatchKind, BatchRecord, BatchStatus, Notification, NotificationKind, NotificationState,
};
use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{
    Attempt, BodyRef, Fence, IllegalTransition, Job, JobEvent, Lease, Outcome, next,
};
use crate::core::ledger::{Account, Booking, LedgerEntry};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;

/// What happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum StepInput {
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
pub enum StepError {
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
    pub batch: BatchRecord,
    /// The account with the hold settled.
    pub account: Account,
    /// The line that books it.
    pub entry: LedgerEntry,
    /// The event, if this was the last job.
    pub notice: Option<Notification>,
}

/// The records of a step.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its batch.
    pub batch: &'a BatchRecord,
    /// The account that pays.
    pub account: &'a Account,
}

/// How long a batch is kept after its end.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes one step.
///
/// `fence` is the claim of the worker that sent the input; [`StepInput::Cancel`] comes from the host
/// and needs none.
///
/// # Errors
///
/// [`StepError`], and then nothing is to be changed.
pub fn step(
    records: Records<'_>,
    fence: Option<Fence>,
    input: StepInput,
    now: Timestamp,
) -> Result<Transition, StepError> {
    let job = records.job;
    if input != StepInput::Cancel && !fence.is_some_and(|it| job.is_held_by(it)) {
        return Err(StepError::Stale);
    }
    match input {
        StepInput::Renew { until } => {
            let lease = job.lease.map(|it| Lease { until: until.max(it.until), ..it });
            Ok(Transition { job: Job { lease, ..job.clone() }, ending: None })
        }
        StepInput::Reschedule { ready_at, used, attempts } => {
            let state = next(job.state, JobEvent::Rescheduled)?;
            let used_ms = job.used_ms.saturating_add(crate::core::time::millis(used));
            let trail = joined(&job.trail, attempts);
            let job = Job { state, used_ms, trail, ready_at, lease: None, ..job.clone() };
            Ok(Transition { job, ending: None })
        }
        StepInput::Succeed { tier, charged, body, cached, attempts } => {
            if charged > job.hold {
                return Err(StepError::AboveHold { charged, hold: job.hold });
            }
            let outcome = Outcome::Succeeded { tier, charged, body, cached };
            end(records, JobEvent::Delivered, outcome, attempts, now)
        }
        StepInput::Fail { error, attempts } => {
            end(records, JobEvent::Exhausted, Outcome::Failed(error), attempts, now)
        }
        StepInput::Cancel => {
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
) -> Result<Transition, StepError> {
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
    let entry = LedgerEntry {
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
        completion(&batch, &job, now)
    });
    Ok(Transition { job, ending: Some(Ending { batch, account, entry, notice }) })
}

/// The one event of the end of `batch`, whose last job this is.
fn completion(batch: &BatchRecord, last: &Job, now: Timestamp) -> Notification {
    let failure = last.failure();
    let (event, data) = match batch.form {
        BatchKind::Batch => (
            NotificationKind::BatchCompleted,
            json!({
                "batch_id": batch.id.to_string(),
                "status": batch.status().as_str(),
                "total": batch.tally.total,
                "completed": batch.tally.succeeded,
                "failed": batch.tally.failed,
            }),
        ),
        BatchKind::Scrape => (
            if failure.is_some() {
                NotificationKind::JobFailed
            } else {
                NotificationKind::JobCompleted
            },
            json!({
                "job_id": last.id.to_string(),
                "url": last.request.page().as_str(),
                "status": last.state.as_str(),
                "error": failure.map(|it| it.code),
                "error_message": failure.map(|it| it.message.as_str()),
                "credits_used": last.charged(),
            }),
        ),
    };
    let body = json!({ "event": event.as_str(), "timestamp": now.to_string(), "data": data });
    let state = if batch.webhook.is_some() {
        NotificationState::Pending
    } else {
        NotificationState::Unaddressed
    };
    Notification {
        id: batch.event,
        batch: batch.id,
        account: batch.account.clone(),
        event,
        url: batch.webhook.clone(),
        body: body.to_string(),
        state,
        attempts: Vec::new(),
        ready_at: now,
        lease: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::{MINE, OTHERS, START, account, at, attempt, batch, held_job, job};
    use crate::core::job::JobState;

    const FENCE: Fence = Fence { worker: MINE, claim: 1 };

    fn stepped(job: &Job, fence: Option<Fence>, input: StepInput) -> Result<Transition, StepError> {
        step(Records { job, batch: &batch(2), account: &account(20) }, fence, input, at(9))
    }

    fn success(charged: u64) -> StepInput {
        let body = BodyRef("body".to_owned());
        let attempts = vec![attempt(Tier::Http)];
        StepInput::Succeed {
            tier: Tier::Http,
            charged: Credits(charged),
            body,
            cached: false,
            attempts,
        }
    }

    fn failure() -> StepInput {
        let error = JobError::new(ErrorCode::Timeout, "late");
        StepInput::Fail { error, attempts: Vec::new() }
    }

    fn reschedule() -> StepInput {
        let attempts = vec![attempt(Tier::Http)];
        StepInput::Reschedule { ready_at: at(60), used: Duration::from_secs(2), attempts }
    }

    #[test]
    fn a_claim_that_is_not_the_latest_changes_nothing() {
        let stale =
            [None, Some(Fence { claim: 0, ..FENCE }), Some(Fence { worker: OTHERS, ..FENCE })];
        for fence in stale {
            for input in [StepInput::Renew { until: at(60) }, success(1), failure(), reschedule()] {
                assert_eq!(stepped(&held_job(), fence, input), Err(StepError::Stale), "{fence:?}");
            }
        }
    }

    #[test]
    fn the_host_cancels_without_a_claim_and_only_what_has_not_ended() {
        for live in [job(), held_job()] {
            let cancelled = stepped(&live, None, StepInput::Cancel).expect("it has not ended");
            assert_eq!(cancelled.job.state, JobState::Failed);
            let Some(Outcome::Failed(error)) = cancelled.job.outcome else { panic!("it failed") };
            assert_eq!(error.code, ErrorCode::Cancelled);
        }
        let ended = stepped(&job(), None, StepInput::Cancel).expect("it has not ended").job;
        assert!(matches!(stepped(&ended, None, StepInput::Cancel), Err(StepError::Illegal(_))));
    }

    #[test]
    fn a_renewed_lease_is_longer_and_never_shorter() {
        let until = |until| {
            let renewed =
                stepped(&held_job(), Some(FENCE), StepInput::Renew { until }).expect("held");
            assert_eq!(renewed.ending, None);
            renewed.job
        };

        assert_eq!(until(at(60)).lease, Some(Lease { worker: MINE, until: at(60) }));
        assert_eq!(until(at(10)), held_job());
    }

    #[test]
    fn a_rescheduled_job_waits_in_the_queue_with_all_it_has_learnt() {
        let mut held = held_job();
        held.trail.push(attempt(Tier::Curl));
        held.used_ms = 500;

        let Transition { job, ending } =
            stepped(&held, Some(FENCE), reschedule()).expect("it is held");

        assert_eq!((job.state, job.lease, job.ready_at), (JobState::Queued, None, at(60)));
        assert_eq!(job.used_ms, 2_500);
        assert_eq!(job.trail, [attempt(Tier::Curl), attempt(Tier::Http)]);
        assert_eq!(ending, None);
    }

    #[test]
    fn an_end_changes_the_job_the_tally_the_account_and_the_ledger_together() {
        let mut held = held_job();
        held.trail.push(attempt(Tier::Curl));

        let Transition { job, ending } = stepped(&held, Some(FENCE), success(4)).expect("held");

        assert_eq!((job.state, job.lease), (JobState::Succeeded, None));
        assert_eq!((job.ended_at, job.charged()), (Some(at(9)), Credits(4)));
        assert_eq!(job.trail, [attempt(Tier::Curl), attempt(Tier::Http)]);
        let ending = ending.expect("a job ended");
        assert_eq!((ending.batch.tally.succeeded, ending.batch.tally.failed), (1, 0));
        assert_eq!((ending.batch.charged, ending.batch.entries), (Credits(4), 2));
        let account = ending.account;
        assert_eq!((account.held(), account.spent()), (Credits(10), Credits(4)));
        assert_eq!((ending.entry.number, ending.entry.job), (1, Some(job.id)));
        let booked = Booking::Settle { charged: Credits(4), released: Credits(6) };
        assert_eq!(ending.entry.booking, booked);
    }

    #[test]
    fn a_failure_costs_nothing_and_is_counted_as_one() {
        let ending = stepped(&held_job(), Some(FENCE), failure()).expect("held").ending;

        let ending = ending.expect("a job ended");
        assert_eq!((ending.batch.tally.succeeded, ending.batch.tally.failed), (0, 1));
        let account = ending.account;
        assert_eq!((account.held(), account.spent()), (Credits(10), Credits::ZERO));
    }

    #[test]
    fn a_charge_may_reach_the_hold_and_not_exceed_it() {
        assert!(stepped(&held_job(), Some(FENCE), success(10)).is_ok());
        let above = StepError::AboveHold { charged: Credits(11), hold: Credits(10) };
        assert_eq!(stepped(&held_job(), Some(FENCE), success(11)), Err(above));
    }

    #[test]
    fn a_page_by_itself_is_told_of_as_a_job() {
        let told = |input| {
            let (held, batch) = (held_job(), BatchRecord { form: BatchKind::Scrape, ..batch(1) });
            let records = Records { job: &held, batch: &batch, account: &account(20) };
            let ending = step(records, Some(FENCE), input, at(9)).expect("held").ending;
            let notice = ending.expect("an end").notice.expect("the last one");
            let body: serde_json::Value = serde_json::from_str(&notice.body).expect("JSON");
            assert_eq!(body["event"], notice.event.as_str());
            assert_eq!(body["data"]["job_id"], held.id.to_string());
            (notice.event, body["data"]["error"].clone())
        };

        assert_eq!(told(success(4)), (NotificationKind::JobCompleted, json!(null)));
        assert_eq!(told(failure()), (NotificationKind::JobFailed, json!("TIMEOUT")));
    }

    #[test]
    fn the_last_end_and_no_other_makes_the_event_and_dates_the_batch() {
        let ended = |batch: &BatchRecord| {
            let held = held_job();
            let records = Records { job: &held, batch, account: &account(20) };
            step(records, Some(FENCE), success(4), at(9)).expect("held").ending.expect("an end")
        };

        let first = ended(&batch(2));
        let last = ended(&first.batch);

        assert_eq!((first.notice, first.batch.ended_at), (None, None));
        assert_eq!(last.batch.ended_at, Some(at(9)));
        assert_eq!(last.batch.expires_at, Some(at(9 + 86_400)), "kept for a day");
        let notice = last.notice.expect("the batch ended");
        assert_eq!((notice.id, notice.state), (last.batch.event, NotificationState::Pending));
        assert!(notice.body.contains(r#""status":"completed""#), "{}", notice.body);
        let untold =
            ended(&BatchRecord { webhook: None, ..batch(1) }).notice.expect("the batch ended");
        assert_eq!(untold.state, NotificationState::Unaddressed);
        assert!(START < untold.ready_at);
    }
}
