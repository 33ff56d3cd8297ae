//! One step of a job: records and an input in, one transition out.
//!
//! Not part of the public API: it is exported for the simulator, the model and the fuzz targets only,
//! and may change in any release.
//!
//! A transition contains everything that a step changes, and the store commits it whole: the job, the
//! tally of its batch, the account, the ledger entry and, with the last job, the completion.

use std::time::Duration;

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::completion::Completion;
use crate::core::credits::Credits;
use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, BodyRef, Fence, IllegalTransition, Job, JobEvent, Outcome, next};
use crate::core::ledger::{Account, Booking, LedgerEntry};
use crate::core::tier::Tier;
use crate::core::time::{Timestamp, millis};

/// An event of a job, with its facts.
#[derive(Clone, Debug, PartialEq)]
pub enum StepInput {
    /// The worker renews its lease.
    Renew {
        /// The time at which the lease expires.
        until: Timestamp,
    },
    /// The page was scraped.
    Succeed {
        /// The tier that worked.
        tier: Tier,
        /// The price of the page.
        charged: Credits,
        /// The reference to the result.
        body: BodyRef,
        /// `true` if the page came from the response cache.
        cached: bool,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// No attempt is left.
    Fail {
        /// The error.
        error: JobError,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// The job is retried later.
    Reschedule {
        /// The time from which it may be claimed.
        ready_at: Timestamp,
        /// The time that this claim used of the timeout.
        used: Duration,
        /// The attempts of this claim.
        attempts: Vec<Attempt>,
    },
    /// Your application cancels the batch.
    Cancel,
}

/// The reason why a step changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The claim does not hold the job.
    #[error("the claim is stale: another worker holds the job, or it has ended")]
    Stale,
    /// The state does not allow the input.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The charge exceeds the hold. This is a bug, which must not reach the ledger.
    #[error("the charge of {charged} exceeds the hold of {hold}: report this bug")]
    AboveHold {
        /// The charge.
        charged: Credits,
        /// The hold.
        hold: Credits,
    },
}

/// The changes of a step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Transition {
    /// The job after the step.
    pub job: Job,
    /// The changes beside the job if it ended; `None` while it has not.
    pub ending: Option<Ending>,
}

/// The changes that the end of a job makes beside the job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ending {
    /// The batch with its new tally.
    pub batch: BatchRecord,
    /// The account with the hold settled.
    pub account: Account,
    /// The ledger entry of the settlement.
    pub entry: LedgerEntry,
    /// The completion of the job itself, if its batch has item notifications.
    pub item: Option<Completion>,
    /// The completion of the batch, if this was its last job and the batch does not belong to a crawl.
    pub completion: Option<Completion>,
}

/// The records that a step reads.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    /// The job.
    pub job: &'a Job,
    /// The batch of the job.
    pub batch: &'a BatchRecord,
    /// The account that is charged.
    pub account: &'a Account,
}

/// The shortest time for which a batch may be kept after its end.
pub const MIN_RETENTION: Duration = Duration::from_hours(24);

/// Computes one step of a job.
///
/// `fence` is the claim of the worker that sent the input; [`StepInput::Cancel`] comes from the
/// application and needs none. A batch that ends with the step expires after `retention`.
///
/// # Errors
///
/// [`StepError`] if the step changes nothing.
pub fn step(
    records: Records<'_>,
    fence: Option<Fence>,
    input: StepInput,
    now: Timestamp,
    retention: Duration,
) -> Result<Transition, StepError> {
    let job = records.job;
    if input != StepInput::Cancel && !fence.is_some_and(|it| job.is_held_by(it)) {
        return Err(StepError::Stale);
    }
    match input {
        StepInput::Renew { until } => {
            let job = fence.and_then(|it| job.renewed(it, until)).ok_or(StepError::Stale)?;
            Ok(Transition { job, ending: None })
        }
        StepInput::Reschedule { ready_at, used, attempts } => {
            let state = next(job.state, JobEvent::Rescheduled)?;
            // Whole milliseconds, as a store keeps them.
            let used = job.used.saturating_add(Duration::from_millis(millis(used)));
            let trail = joined(&job.trail, attempts);
            let job = Job { state, used, trail, ready_at, lease: None, ..job.clone() };
            Ok(Transition { job, ending: None })
        }
        StepInput::Succeed { tier, charged, body, cached, attempts } => {
            if charged > job.hold {
                return Err(StepError::AboveHold { charged, hold: job.hold });
            }
            let outcome = Outcome::Succeeded { tier, charged, body, cached };
            end(records, JobEvent::Delivered, outcome, attempts, now, retention)
        }
        StepInput::Fail { error, attempts } => {
            end(records, JobEvent::Exhausted, Outcome::Failed(error), attempts, now, retention)
        }
        StepInput::Cancel => {
            let error = JobError::new(
                ErrorCode::Cancelled,
                "the batch was canceled: submit it again to scrape the page",
            );
            end(records, JobEvent::Cancelled, Outcome::Failed(error), Vec::new(), now, retention)
        }
    }
}

fn joined(trail: &[Attempt], attempts: Vec<Attempt>) -> Vec<Attempt> {
    trail.iter().cloned().chain(attempts).collect()
}

/// Ends a job: settles its hold and counts it in its batch, in one transition.
fn end(
    records: Records<'_>,
    event: JobEvent,
    outcome: Outcome,
    attempts: Vec<Attempt>,
    now: Timestamp,
    retention: Duration,
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
    let item = Completion::of_item(&batch, &job, now);
    let completion = (batch.status() != BatchStatus::Processing).then(|| {
        batch.ended_at = Some(now);
        batch.expires_at = Some(now.after(retention));
        Completion::new(&batch, &job, now)
    });
    // A batch of a crawl is part of the crawl, which completes and expires as a whole.
    let completion = completion.filter(|_| batch.crawl.is_none());
    batch.expires_at = batch.expires_at.filter(|_| batch.crawl.is_none());
    Ok(Transition { job, ending: Some(Ending { batch, account, entry, item, completion }) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::batch::{BatchKind, ItemEvents, NotificationKind, Tally};
    use crate::core::completion::Completed;
    use crate::core::fixtures::{MINE, OTHERS, account, at, attempt, batch, held_job, job};
    use crate::core::job::JobState;
    use crate::core::job::Lease;

    const DAY: Duration = MIN_RETENTION;
    const FENCE: Fence = Fence { worker: MINE, claim: 1 };

    fn stepped(job: &Job, fence: Option<Fence>, input: StepInput) -> Result<Transition, StepError> {
        step(Records { job, batch: &batch(2), account: &account(20) }, fence, input, at(9), DAY)
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
    fn a_cancel_needs_no_claim() {
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
    fn a_renewal_never_shortens_a_lease() {
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
    fn a_rescheduled_job_keeps_its_trail() {
        let mut held = held_job();
        held.trail.push(attempt(Tier::Curl));
        held.used = Duration::from_millis(500);

        let Transition { job, ending } =
            stepped(&held, Some(FENCE), reschedule()).expect("it is held");

        assert_eq!((job.state, job.lease, job.ready_at), (JobState::Queued, None, at(60)));
        assert_eq!(job.used, Duration::from_millis(2_500));
        assert_eq!(job.trail, [attempt(Tier::Curl), attempt(Tier::Http)]);
        assert_eq!(ending, None);
    }

    #[test]
    fn an_end_changes_all_records_together() {
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
    fn a_failure_costs_nothing() {
        let ending = stepped(&held_job(), Some(FENCE), failure()).expect("held").ending;

        let ending = ending.expect("a job ended");
        assert_eq!((ending.batch.tally.succeeded, ending.batch.tally.failed), (0, 1));
        let account = ending.account;
        assert_eq!((account.held(), account.spent()), (Credits(10), Credits::ZERO));
    }

    #[test]
    fn a_charge_never_exceeds_the_hold() {
        assert!(stepped(&held_job(), Some(FENCE), success(10)).is_ok());
        let above = StepError::AboveHold { charged: Credits(11), hold: Credits(10) };
        assert_eq!(stepped(&held_job(), Some(FENCE), success(11)), Err(above));
    }

    #[test]
    fn a_page_by_itself_completes_as_a_job() {
        let completed = |input| {
            let (held, batch) = (held_job(), BatchRecord { form: BatchKind::Scrape, ..batch(1) });
            let records = Records { job: &held, batch: &batch, account: &account(20) };
            let ending = step(records, Some(FENCE), input, at(9), DAY).expect("held").ending;
            ending.expect("an end").completion.expect("the last one")
        };

        let (won, lost) = (completed(success(4)), completed(failure()));

        assert_eq!(won.kind(), NotificationKind::JobCompleted);
        assert_eq!(lost.kind(), NotificationKind::JobFailed);
        let Completed::Page { job, error, charged, .. } = lost.subject else { panic!("a page") };
        assert_eq!((job, charged), (held_job().id, Credits::ZERO));
        assert_eq!(error.map(|it| it.code), Some(ErrorCode::Timeout));
    }

    #[test]
    fn an_item_has_a_notification_of_its_own_if_its_batch_wants_it() {
        let ended = |events, input| {
            let (held, batch) = (held_job(), BatchRecord { item_events: events, ..batch(2) });
            let records = Records { job: &held, batch: &batch, account: &account(20) };
            let ending = step(records, Some(FENCE), input, at(9), DAY).expect("held").ending;
            let item = ending.expect("an end").item?;
            let notice = item.notification(&batch, String::new());
            assert_eq!(notice.id.as_bytes(), held.id.as_bytes());
            assert_ne!(notice.id, batch.event);
            Some((notice.event, notice.url))
        };

        let url = batch(2).webhook;
        assert_eq!(ended(ItemEvents::default(), success(4)), None);
        assert_eq!(ended(ItemEvents::FAILED, success(4)), None);
        let failed = Some((NotificationKind::JobFailed, url.clone()));
        assert_eq!(ended(ItemEvents::FAILED, failure()), failed);
        assert_eq!(ended(ItemEvents::ALL, StepInput::Cancel), failed);
        assert_eq!(ended(ItemEvents::ALL, success(4)), Some((NotificationKind::JobCompleted, url)));
    }

    #[test]
    fn only_the_last_end_completes_the_batch() {
        let ended = |batch: &BatchRecord| {
            let held = held_job();
            let records = Records { job: &held, batch, account: &account(20) };
            step(records, Some(FENCE), success(4), at(9), 3 * DAY)
                .expect("held")
                .ending
                .expect("an end")
        };

        let first = ended(&batch(2));
        let last = ended(&first.batch);

        assert_eq!((first.completion, first.batch.ended_at), (None, None));
        assert_eq!(last.batch.ended_at, Some(at(9)));
        assert_eq!(last.batch.expires_at, Some(at(9 + 3 * 86_400)), "kept three days");
        let completion = last.completion.expect("the batch ended");
        let tally = Tally { total: 2, succeeded: 2, failed: 0 };
        let subject = Completed::Batch { id: last.batch.id, status: BatchStatus::Completed, tally };
        assert_eq!((completion.at, completion.subject), (at(9), subject));
    }
}
