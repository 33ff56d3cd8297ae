//! The setup of one check, and the faults that it can inject.

use std::sync::Arc;
use std::time::Duration;

use rungs::core::batch::{BatchKind, BatchRecord, Tally};
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId, JobId, NotificationId};
use rungs::core::job::{Job, JobState};
use rungs::core::ledger::Account;
use rungs::core::request::{Item, JobRequest, Limits};
use rungs::core::time::Timestamp;
use rungs::testkit::store::sample::{self, with};

/// The clock's step.
pub(crate) const TICK: Duration = Duration::from_secs(1);
/// The duration of a lease.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// The wait of a rescheduled job or a notification before its next attempt.
pub(crate) const WAIT: Duration = Duration::from_secs(1);
/// The hold of each job.
pub(crate) const HOLD: Credits = Credits(10);
/// When everything begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000);

/// The two workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processes {
    /// Each is an engine of its own on one store.
    Two,
    /// Both are tasks of one engine with one worker id: only claim numbers distinguish their claims.
    One,
}

/// A mistake, to see that the check would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Whoever commits is taken for the one that holds the job.
    NoFence,
    /// The fence compares the worker, and not the claim.
    WorkerAsFence,
    /// The end of a job settles its hold twice.
    SettlesTwice,
    /// The end of the last job creates no notification.
    ForgetsEvent,
    /// A cancelled job's hold stays held.
    KeepsHoldOfCancelled,
    /// A commit overwrites newer versions.
    NoVersionCheck,
    /// A batch is accepted even if its idempotency key was used.
    IgnoresKey,
    /// A job with an expired lease is never claimed again.
    NeverReclaims,
    /// A delivery is recorded even after another worker has claimed the notification.
    BooksAnyDelivery,
}

/// The size of the model and the injected fault.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Jobs of the batch.
    pub jobs: usize,
    /// The number of submissions of the batch, with one idempotency key.
    pub submissions: usize,
    pub processes: Processes,
    /// The largest number of crashes: of a worker, or of the whole process, whose store is opened again.
    pub crashes: u8,
    /// The largest number of cancels.
    pub cancels: u8,
    /// The largest number of commits whose response is lost.
    pub unheard: u8,
    /// Times that a job may be rescheduled.
    pub retries: usize,
    /// Further delivery attempts of a notification.
    pub webhook_retries: usize,
    pub fault: Fault,
}

impl Setup {
    /// Everything that can happen, once.
    pub(crate) fn everything(jobs: usize) -> Self {
        Self {
            jobs,
            submissions: 2,
            processes: Processes::Two,
            crashes: 1,
            cancels: 1,
            unheard: 1,
            retries: 1,
            webhook_retries: 1,
            fault: Fault::None,
        }
    }

    /// Two engines and a batch that is submitted once; nothing fails but pages and leases.
    pub(crate) fn plain(jobs: usize) -> Self {
        Self {
            submissions: 1,
            crashes: 0,
            cancels: 0,
            unheard: 0,
            retries: 0,
            webhook_retries: 0,
            ..Self::everything(jobs)
        }
    }

    /// The same with a mistake in it.
    pub(crate) fn with(&self, fault: Fault) -> Self {
        Self { fault, ..self.clone() }
    }

    /// The account with enough for two batches, so that a second hold would be seen and not refused.
    pub(crate) fn account(&self) -> Account {
        let mut account = Account::limited(AccountId::default());
        assert!(account.grant(Credits(HOLD.0 * 2 * self.jobs as u64)));
        account
    }

    /// The batch as the `nth` submission would record it.
    pub(crate) fn submission(&self, nth: usize) -> (BatchRecord, Vec<Job>) {
        let name = |order: usize| {
            let order = u16::try_from(nth * 16 + order).expect("few of them");
            (START, order, u64::from(order))
        };
        let (at, order, random) = name(0);
        let batch = BatchId::new(at, order, random);
        let item = Item::get("http://example.com/").check(&Limits::default());
        let request = Arc::new(item.expect("a valid item"));
        let ids =
            (1..=self.jobs).map(name).map(|(at, order, random)| JobId::new(at, order, random));
        let jobs: Vec<_> =
            ids.enumerate().map(|(index, id)| queued(batch, index, id, &request)).collect();
        let record = with(sample::batch(0, None), |made| {
            made.id = batch;
            made.account = AccountId::default();
            made.inline_jobs = jobs.iter().map(|it| it.id).collect();
            made.tally =
                Tally { total: u32::try_from(self.jobs).expect("few"), ..Tally::default() };
            made.estimate = jobs.iter().map(|it| it.hold).sum();
            made.charged = Credits::ZERO;
            made.form = BatchKind::Batch;
            made.label = None;
            made.webhook = Some("http://example.com/hook".to_owned());
            made.idempotency_key = Some("order-1138".to_owned());
            made.event = NotificationId::new(at, order, random);
            made.entries = 1;
            made.created_at = START;
            made.ended_at = None;
            made.expires_at = None;
        });
        (record, jobs)
    }
}

fn queued(batch: BatchId, index: usize, id: JobId, request: &Arc<JobRequest>) -> Job {
    with(sample::job(0, sample::at(0)), |made| {
        made.id = id;
        made.batch = batch;
        made.account = AccountId::default();
        made.index = u32::try_from(index).expect("few");
        made.request = Arc::clone(request);
        made.state = JobState::Queued;
        made.claims = 0;
        made.lost = 0;
        made.lease = None;
        made.hold = HOLD;
        made.trail = Vec::new();
        made.used = Duration::ZERO;
        made.ready_at = START;
        made.deadline = START.after(Duration::from_hours(24));
        made.created_at = START;
        made.started_at = None;
        made.ended_at = None;
        made.outcome = None;
    })
}
