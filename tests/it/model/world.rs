//! One state of the world: the store, and the local state of every worker and sender.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rungs::core::credits::Credits;
use rungs::core::id::{BatchId, JobId, NotificationId, WorkerId};
use rungs::core::job::{Job, Lease, Outcome};
use rungs::core::ledger::{Booking, LedgerEntry};
use rungs::core::record::{Key, Record};
use rungs::core::time::Timestamp;
use rungs::ports::store::Write;

use crate::model::changes::Heard;
use crate::model::setup::{START, Setup};
use crate::model::store::Store;

/// Writes that were decided and are about to be committed.
pub(crate) type Pending = Arc<Vec<Write>>;

/// One submission of the application.
#[derive(Clone, Debug)]
pub(crate) enum Submission {
    Unsent,
    Pending(Pending),
    Answered,
}

impl Submission {
    /// Returns the phase of the submission. One that arrives after the batch was accepted counts as answered: it can
    /// only find its key used.
    fn phase(&self, accepted: Option<BatchId>) -> u8 {
        match self {
            Self::Unsent if accepted.is_none() => 0,
            Self::Pending(_) => 1,
            Self::Unsent | Self::Answered => 2,
        }
    }
}

/// The result of a worker's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decision {
    Renew,
    Succeed,
    Fail,
    Reschedule,
}

/// A worker's right to a job, as it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub job: JobId,
    pub claim: u32,
    /// `true` if it is the latest claim of a job that has not ended. Only the check knows this.
    pub rightful: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Task {
    Idle,
    Working(Held),
    /// Decided, but the current content of the store is unknown.
    Decided(Held, Decision),
    Pending(Held, Decision, Pending),
}

impl Task {
    pub(crate) fn held(&self) -> Option<Held> {
        match self {
            Self::Idle => None,
            Self::Working(held) | Self::Decided(held, _) | Self::Pending(held, ..) => Some(*held),
        }
    }

    pub(crate) fn held_mut(&mut self) -> Option<&mut Held> {
        match self {
            Self::Idle => None,
            Self::Working(held) | Self::Decided(held, _) | Self::Pending(held, ..) => Some(held),
        }
    }
}

/// A notification that a sender has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub event: NotificationId,
    /// The sender's knowledge of its attempt; `None` before it has sent.
    pub heard: Option<Heard>,
    /// `true` unless another sender has claimed the notification. Only the check knows this.
    pub rightful: bool,
}

/// A worker and the sender beside it.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub id: WorkerId,
    pub task: Task,
    pub post: Option<Post>,
}

/// The application's cancel.
#[derive(Clone, Debug)]
pub(crate) enum Cancel {
    Unsent,
    Pending(Pending),
}

/// The faults that can still occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub crashes: u8,
    pub cancels: u8,
    pub unheard: u8,
}

/// Facts that only the check knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// The number of notifications created.
    pub events: u8,
    /// `true` if the receiver accepted a notification.
    pub received: bool,
    /// A law that a step broke.
    pub broken: Option<&'static str>,
}

/// One state. Two states are equal if no sequence of actions can distinguish them: see [`Identity`].
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub store: Store,
    pub now: Timestamp,
    pub submissions: Vec<Submission>,
    pub accepted: Option<BatchId>,
    pub cancel: Cancel,
    pub workers: Vec<Worker>,
    pub left: Left,
    pub seen: Seen,
    id: u64,
}

impl World {
    /// Before anything was submitted.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut store = Store::default();
        store.put(Record::Account(setup.account()));
        let worker = |id| Worker { id: WorkerId(id), task: Task::Idle, post: None };
        let second = if setup.processes == crate::model::setup::Processes::Two { 2 } else { 1 };
        let mut world = Self {
            store,
            now: START,
            submissions: vec![Submission::Unsent; setup.submissions],
            accepted: None,
            cancel: Cancel::Unsent,
            workers: vec![worker(1), worker(second)],
            left: Left { crashes: setup.crashes, cancels: setup.cancels, unheard: setup.unheard },
            seen: Seen::default(),
            id: 0,
        };
        world.identify();
        world
    }

    /// The state's number, the same for states that are the same.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Numbers the state after it was changed.
    pub(crate) fn identify(&mut self) {
        let straight = Identity::of(self, &[0, 1]);
        // Two engines are alike: which of them is in which state makes no difference. In one
        // process they are not, for its first task also sends.
        let alike = self.workers[0].id != self.workers[1].id;
        self.id = if alike { straight.min(Identity::of(self, &[1, 0])) } else { straight };
    }

    pub(crate) fn job(&self, id: JobId) -> Option<&Job> {
        match self.store.get(&Key::Job(id)) {
            Some(Record::Job(job)) => Some(job),
            _ => None,
        }
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// The hash of a state.
///
/// It omits facts that no step reads: past times (only remaining waits count), the number of claims (a claim is the
/// latest or not), versions (they match those that a commit read or not), and names (a lease belongs to a worker or to
/// one that is gone). The clock and the counters are therefore unlimited.
struct Identity<'a> {
    world: &'a World,
    /// The workers in the order in which they are fed.
    order: Vec<&'a Worker>,
    hasher: DefaultHasher,
}

impl Identity<'_> {
    fn of(world: &World, order: &[usize]) -> u64 {
        let order = order.iter().map(|&it| &world.workers[it]).collect();
        let mut identity = Identity { world, order, hasher: DefaultHasher::new() };
        identity.feed();
        identity.hasher.finish()
    }

    fn put(&mut self, part: impl Hash) {
        part.hash(&mut self.hasher);
    }

    fn feed(&mut self) {
        let world = self.world;
        self.records(world.store.records());
        for submission in &world.submissions {
            self.put(submission.phase(world.accepted));
            if let Submission::Pending(writes) = submission {
                self.pending(writes);
            }
        }
        if let Cancel::Pending(writes) = &world.cancel {
            self.put("cancel");
            self.pending(writes);
        }
        for worker in self.order.clone() {
            self.task(&worker.task);
            self.put(worker.post.map(|it| (it.event, it.heard, it.rightful)));
        }
        self.put((world.accepted, world.left, world.seen));
    }

    fn task(&mut self, task: &Task) {
        self.put(std::mem::discriminant(task));
        if let Some(held) = task.held() {
            let latest = self.world.job(held.job).is_some_and(|it| it.claims == held.claim);
            self.put((held.job, latest, held.rightful));
        }
        match task {
            Task::Idle | Task::Working(_) => {}
            Task::Decided(_, decision) => self.put(decision),
            Task::Pending(_, decision, writes) => {
                self.put(decision);
                self.pending(writes);
            }
        }
    }

    /// Ignores pending writes that would conflict, because they are decided anew.
    fn pending(&mut self, writes: &Pending) {
        let fresh = self.world.store.is_fresh(writes);
        self.put(fresh);
        if fresh {
            self.records(writes.iter().filter_map(|it| it.record.as_ref()));
        }
    }

    fn records<'r>(&mut self, records: impl Iterator<Item = &'r Record>) {
        // Ledger entries count by their bookings and not by their order, which no step reads.
        let mut lines = 0_u64;
        for record in records {
            if let Record::LedgerEntry(entry) = record {
                lines = lines.wrapping_add(line(entry));
            } else {
                self.record(record);
            }
        }
        self.put(lines);
    }

    fn record(&mut self, record: &Record) {
        let ahead = |at: Timestamp| at.since(self.world.now);
        let lease = |lease: Option<Lease>| {
            let place = |it: Lease| self.order.iter().position(|by| by.id == it.worker);
            lease.map(|it| (place(it), ahead(it.until)))
        };
        match record {
            Record::Account(it) => self.put((it.free(), it.held(), it.spent())),
            Record::Batch(it) => {
                self.put((it.id, it.tally.succeeded, it.tally.failed, it.charged, it.entries));
            }
            Record::Job(it) => {
                let ended = it.outcome.as_ref().map(|outcome| match outcome {
                    Outcome::Succeeded { .. } => None,
                    Outcome::Failed(error) => Some(error.code),
                });
                let (ready, lease) = (ahead(it.ready_at), lease(it.lease));
                self.put((it.id, it.state, it.trail.len(), ready, lease, it.charged(), ended));
            }
            Record::Notification(it) => {
                let (ready, lease) = (ahead(it.ready_at), lease(it.lease));
                let state = std::mem::discriminant(&it.state);
                self.put((it.id, state, it.attempts.len(), ready, lease));
            }
            Record::IdempotencyRecord(it) => self.put(it.batch),
            Record::LedgerEntry(_)
            | Record::Site(_)
            | Record::CacheEntry(_)
            | Record::AccountBatch(_)
            | Record::Usage(_)
            | Record::Grant(_)
            | Record::Extraction(_)
            | Record::BatchJobs(_)
            | Record::Worker(_)
            | Record::Session(_)
            | Record::Crawl(_)
            | Record::CrawlChunk(_) => {}
        }
    }
}

fn line(entry: &LedgerEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    let booked = match entry.booking {
        Booking::Hold { amount } => (amount, Credits::ZERO),
        Booking::Settle { charged, released } => (charged, released),
    };
    (entry.batch, entry.job, booked).hash(&mut hasher);
    hasher.finish()
}
