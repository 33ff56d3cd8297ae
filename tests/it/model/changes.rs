//! The records that each change commits together: the same as the engine's changes, decided by the same functions
//! of the core.

use rungs::core::batch::{BatchRecord, DeliveryAttempt, NotificationState};
use rungs::core::id::{BatchId, JobId, NotificationId, WorkerId};
use rungs::core::job::{Fence, Job};
use rungs::core::ledger::{Account, Booking};
use rungs::core::record::{Key, Record};
use rungs::core::step::{MIN_RETENTION, Records, StepError, StepInput, step};
use rungs::core::time::Timestamp;
use rungs::testkit::store::sample::{self, with};

use crate::model::setup::{Fault, Setup, WAIT};
use crate::model::store::Draft;

/// The result of one delivery attempt, as far as the sender knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Accepted,
    Nothing,
    Gone,
}

/// Accepts a batch, unless its key brought one before. Says whether it was new.
pub(crate) fn accept(
    draft: &mut Draft<'_>,
    batch: &BatchRecord,
    jobs: &[Job],
    fault: Fault,
    now: Timestamp,
) -> bool {
    let key = batch.idempotency_key.clone().expect("the model's batches have keys");
    let submission = Key::IdempotencyRecord(batch.account.clone(), key.clone());
    if draft.get(&submission).is_some() && fault != Fault::IgnoresKey {
        return false;
    }
    let mut account = account(draft, batch);
    account.hold(batch.estimate).expect("enough was granted");
    draft.put(Record::Account(account));
    draft.put(Record::LedgerEntry(with(sample::entry(0, 0), |made| {
        made.account = batch.account.clone();
        made.batch = batch.id;
        made.number = 0;
        made.job = None;
        made.booking = Booking::Hold { amount: batch.estimate };
        made.at = now;
    })));
    draft.put(Record::Batch(batch.clone()));
    for job in jobs {
        draft.put(Record::Job(job.clone()));
    }
    let (account, digest) = (batch.account.clone(), [7; 32]);
    draft.put(Record::IdempotencyRecord(with(sample::submission("a", "", 0), |made| {
        made.account = account;
        made.key = key;
        made.digest = digest;
        made.batch = batch.id;
    })));
    true
}

fn account(draft: &Draft<'_>, batch: &BatchRecord) -> Account {
    match draft.get(&Key::Account(batch.account.clone())) {
        Some(Record::Account(account)) => account.clone(),
        _ => panic!("the account was opened at the start"),
    }
}

/// A job of the store, which must be there.
pub(crate) fn job<'a>(draft: &'a Draft<'_>, id: JobId) -> &'a Job {
    match draft.get(&Key::Job(id)) {
        Some(Record::Job(job)) => job,
        _ => panic!("an accepted job is there for ever"),
    }
}

fn batch<'a>(draft: &'a Draft<'_>, id: BatchId) -> &'a BatchRecord {
    match draft.get(&Key::Batch(id)) {
        Some(Record::Batch(batch)) => batch,
        _ => panic!("an accepted batch is there for ever"),
    }
}

/// One step of one job, with everything that it changes.
pub(crate) fn advance(
    draft: &mut Draft<'_>,
    setup: &Setup,
    id: JobId,
    fence: Option<Fence>,
    input: StepInput,
    now: Timestamp,
) -> Result<(), StepError> {
    let cancels = input == StepInput::Cancel;
    let job = job(draft, id).clone();
    let batch = batch(draft, job.batch).clone();
    let account = account(draft, &batch);
    let fence = match setup.fault {
        Fault::NoFence if !cancels && !job.state.is_ended() => holder(&job),
        Fault::WorkerAsFence => fence.map(|it| Fence { claim: job.claims, ..it }),
        _ => fence,
    };
    let records = Records { job: &job, batch: &batch, account: &account };
    let transition = step(records, fence, input, now, MIN_RETENTION)?;
    draft.put(Record::Job(transition.job));
    let Some(mut ending) = transition.ending else { return Ok(()) };
    if setup.fault == Fault::SettlesTwice && ending.account.held() >= job.hold {
        ending.account.settle(job.hold, job.hold);
    }
    if !(setup.fault == Fault::KeepsHoldOfCancelled && cancels) {
        draft.put(Record::Account(ending.account));
    }
    draft.put(Record::LedgerEntry(ending.entry));
    draft.put(Record::Batch(ending.batch));
    if let Some(completion) = ending.completion
        && setup.fault != Fault::ForgetsEvent
    {
        let body = "{}".to_owned();
        draft.put(Record::Notification(completion.notification(&batch, body)));
    }
    Ok(())
}

fn holder(job: &Job) -> Option<Fence> {
    job.lease.map(|it| Fence { worker: it.worker, claim: job.claims })
}

/// Ends every job of a batch that has not ended; those that have refuse.
pub(crate) fn cancel(draft: &mut Draft<'_>, setup: &Setup, id: BatchId, now: Timestamp) {
    for job in batch(draft, id).inline_jobs.clone() {
        let _ = advance(draft, setup, job, None, StepInput::Cancel, now);
    }
}

/// Records the result of one delivery attempt, unless another worker has claimed the notification.
pub(crate) fn deliver(
    draft: &mut Draft<'_>,
    setup: &Setup,
    id: NotificationId,
    worker: WorkerId,
    heard: Heard,
    now: Timestamp,
) {
    let Some(Record::Notification(notice)) = draft.get(&Key::Notification(id)) else { return };
    let ours = notice.lease.is_some_and(|it| it.worker == worker);
    if !ours && setup.fault != Fault::BooksAnyDelivery {
        return;
    }
    let mut notice = notice.clone();
    let last = notice.attempts.len() >= setup.webhook_retries;
    notice.state = match heard {
        Heard::Accepted => NotificationState::Delivered,
        Heard::Gone => NotificationState::GivenUp,
        Heard::Nothing if last => NotificationState::GivenUp,
        Heard::Nothing => NotificationState::Pending,
    };
    notice.attempts.push(DeliveryAttempt::new(now));
    notice.ready_at = now.after(WAIT);
    notice.lease = None;
    draft.put(Record::Notification(notice));
}
