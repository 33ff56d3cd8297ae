//! The backend of the records: the memory store itself, or a disk that loses unflushed writes. A journal can run beside
//! it, and must answer alike.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::task::{Context, Poll, Waker};

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::record::{Claim, Key, Queue, Record, RecordKind};
use rungs::core::time::Timestamp;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::{Journal, Memory};

use crate::disk::Disk;
use crate::plan::StoreKind;
use crate::rng::Rng;

/// The memory store never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let future = std::pin::pin!(future);
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the memory store made somebody wait"),
    }
}

/// The records, and for a disk the log of their commits.
pub(crate) struct Base {
    kind: StoreKind,
    live: Memory,
    disk: Option<Disk>,
    mismatch: RefCell<Option<String>>,
    /// The end of the disk's log after the last removal of bodies, which is on disk at once.
    removed_at: u64,
    log: Vec<Vec<Write>>,
    flushed: usize,
    bodies: BTreeMap<String, Body>,
    bodies_put: u64,
}

/// The losses of a crash.
pub(crate) struct Reopened {
    /// The commits that were lost.
    pub(crate) lost: usize,
    /// `true` if the log of a journal was cut.
    pub(crate) log_was_cut: bool,
}

struct Body {
    batch: BatchId,
    bytes: Vec<u8>,
    flushed: bool,
    /// The end of the disk's log with it.
    end: u64,
}

impl Base {
    pub(crate) fn new(kind: StoreKind, with_journal: bool) -> Self {
        Self {
            kind,
            live: Memory::default(),
            disk: with_journal.then(Disk::new),
            mismatch: RefCell::default(),
            removed_at: 0,
            log: Vec::new(),
            flushed: 0,
            bodies: BTreeMap::new(),
            bodies_put: 0,
        }
    }

    pub(crate) fn load(&self, keys: Vec<Key>) -> Vec<Option<Versioned>> {
        let found = at_once(self.live.load(keys.clone())).expect("memory loads");
        self.beside(&found, |it| it.load(keys));
        found
    }

    pub(crate) fn list(&self, list: ListQuery) -> Vec<Versioned> {
        let found = at_once(self.live.list(list.clone())).expect("memory lists");
        self.beside(&found, |it| it.list(list));
        found
    }

    pub(crate) fn due(&self, queue: Queue, from: Timestamp) -> Option<Timestamp> {
        let due = at_once(self.live.due(queue, from)).expect("memory knows");
        self.beside(&due, |it| it.due(queue, from));
        due
    }

    /// Checks that the journal answers like the memory store.
    fn beside<T: PartialEq + Debug>(
        &self,
        expected: &T,
        call: impl FnOnce(&Journal) -> BoxFuture<'_, Result<T, StoreError>>,
    ) {
        if let Some(disk) = &self.disk {
            let found = disk.call(call);
            if found != *expected {
                let what = format!("journal: it has {found:?} instead of {expected:?}");
                self.mismatch.borrow_mut().get_or_insert(what);
            }
        }
    }

    /// Returns the first answer of the journal that differed.
    pub(crate) fn mismatch(&self) -> Option<String> {
        self.mismatch.borrow().clone()
    }

    pub(crate) fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let done = at_once(self.live.commit(writes.clone()));
        self.beside(&done.is_ok(), |journal| {
            let beside = journal.commit(writes.clone());
            Box::pin(async move { Ok(beside.await.is_ok()) })
        });
        done?;
        self.log(writes);
        Ok(())
    }

    pub(crate) fn claim(&mut self, claim: Claim) -> Vec<Versioned> {
        let queue = claim.queue;
        let taken = at_once(self.live.claim(claim.clone())).expect("memory claims");
        self.beside(&taken, |it| it.claim(claim));
        if queue != Queue::Expiry && !taken.is_empty() {
            let writes = taken.iter().map(|it| Write {
                key: it.record.key(),
                expected: Some(it.version - 1),
                record: Some(it.record.clone()),
            });
            self.log(writes.collect());
        }
        taken
    }

    fn log(&mut self, writes: Vec<Write>) {
        if self.kind == StoreKind::Forgetful {
            self.log.push(writes);
            if let Some(disk) = &mut self.disk {
                disk.committed();
            }
        }
    }

    /// A place in the log, to wait for until it is on disk.
    pub(crate) fn ticket(&self) -> usize {
        self.log.len()
    }

    /// Returns `true` if a crash now would keep everything up to `ticket`.
    pub(crate) fn is_flushed(&self, ticket: usize) -> bool {
        self.kind != StoreKind::Forgetful || self.flushed >= ticket
    }

    pub(crate) fn flush(&mut self, ticket: usize) {
        self.flushed = self.flushed.max(ticket);
    }

    pub(crate) fn put_body(&mut self, batch: BatchId, bytes: Vec<u8>) -> BodyRef {
        self.bodies_put += 1;
        let (name, end) = match &self.disk {
            Some(disk) => (disk.call(|it| Bodies::put(it, batch, bytes.clone())).0, disk.end()),
            None => (format!("{batch}:{}", self.bodies_put), 0),
        };
        let flushed = self.kind != StoreKind::Forgetful;
        self.bodies.insert(name.clone(), Body { batch, bytes, flushed, end });
        BodyRef(name)
    }

    pub(crate) fn flush_body(&mut self, body: &BodyRef) {
        if let Some(body) = self.bodies.get_mut(&body.0) {
            body.flushed = true;
        }
    }

    pub(crate) fn body(&self, body: &BodyRef) -> Option<Vec<u8>> {
        let found = self.bodies.get(&body.0).map(|it| it.bytes.clone());
        self.beside(&found, |it| Bodies::get(it, body.clone()));
        found
    }

    pub(crate) fn remove_bodies(&mut self, batch: BatchId) {
        self.bodies.retain(|_, it| it.batch != batch);
        if let Some(disk) = &self.disk {
            disk.call(|it| Bodies::remove(it, batch));
            self.removed_at = disk.end();
        }
    }

    /// Reopens a forgetful disk after its one process died: only a prefix of the unflushed commits may have reached it,
    /// and the leases of the dead process are released. [`Base::everything`] compares the outcome with the journal.
    pub(crate) fn reopen(&mut self, now: Timestamp, rng: &mut Rng) -> Reopened {
        let written = self.log.len();
        let (kept, log_was_cut) = match &mut self.disk {
            None => {
                let kept = self.flushed + rng.place(written - self.flushed + 1);
                self.bodies.retain(|_, it| it.flushed || rng.chance(50));
                (kept, false)
            }
            Some(disk) => {
                let flushed = self.bodies.values().filter(|it| it.flushed).map(|it| it.end);
                let least = flushed.max().unwrap_or_default().max(self.removed_at);
                let end = disk.end();
                let (kept, cut) = disk.crash(self.flushed, least, now, rng);
                self.bodies.retain(|_, it| it.end <= cut);
                (kept, cut < end)
            }
        };
        self.log.truncate(kept);
        self.live = Memory::default();
        for writes in &self.log {
            at_once(self.live.commit(writes.clone())).expect("it was committed in this order");
        }
        self.release(now);
        self.flushed = self.log.len();
        Reopened { lost: written - kept, log_was_cut }
    }

    /// Releases the leases of a dead process, which the journal does when it is opened.
    fn release(&mut self, now: Timestamp) {
        for kind in [RecordKind::Job, RecordKind::Notification, RecordKind::Crawl] {
            let all = at_once(self.live.list(ListQuery::new(kind, usize::MAX)));
            let abandoned = all.expect("memory lists").into_iter().filter_map(|it| {
                let (key, expected) = (it.record.key(), Some(it.version));
                let record = Some(it.record.abandoned(now)?);
                Some(Write { key, expected, record })
            });
            let writes: Vec<_> = abandoned.collect();
            if !writes.is_empty() {
                at_once(self.live.commit(writes.clone())).expect("nobody else writes");
                self.log(writes);
            }
        }
    }

    /// Every record, for a recount.
    pub(crate) fn everything(&self) -> Vec<Record> {
        let all = |kind| ListQuery::new(kind, usize::MAX);
        RecordKind::ALL.into_iter().flat_map(|it| self.list(all(it))).map(|it| it.record).collect()
    }
}
