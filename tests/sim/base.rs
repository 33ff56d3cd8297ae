//! The backend of the records: the memory store itself, or a disk that loses unflushed writes.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::record::{Claim, Key, Queue, Record, RecordKind};
use rungs::core::time::Timestamp;
use rungs::ports::store::{ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::Memory;

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
    log: Vec<Vec<Write>>,
    flushed: usize,
    bodies: BTreeMap<String, Body>,
    bodies_put: u64,
}

struct Body {
    batch: BatchId,
    bytes: Vec<u8>,
    flushed: bool,
}

impl Base {
    pub(crate) fn new(kind: StoreKind) -> Self {
        Self {
            kind,
            live: Memory::default(),
            log: Vec::new(),
            flushed: 0,
            bodies: BTreeMap::new(),
            bodies_put: 0,
        }
    }

    pub(crate) fn load(&self, keys: Vec<Key>) -> Vec<Option<Versioned>> {
        at_once(self.live.load(keys)).expect("memory loads")
    }

    pub(crate) fn list(&self, list: ListQuery) -> Vec<Versioned> {
        at_once(self.live.list(list)).expect("memory lists")
    }

    pub(crate) fn due(&self, queue: Queue, from: Timestamp) -> Option<Timestamp> {
        at_once(self.live.due(queue, from)).expect("memory knows")
    }

    pub(crate) fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        at_once(self.live.commit(writes.clone()))?;
        self.log(writes);
        Ok(())
    }

    pub(crate) fn claim(&mut self, claim: Claim) -> Vec<Versioned> {
        let queue = claim.queue;
        let taken = at_once(self.live.claim(claim)).expect("memory claims");
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
        let name = format!("{batch}:{}", self.bodies_put);
        let flushed = self.kind != StoreKind::Forgetful;
        self.bodies.insert(name.clone(), Body { batch, bytes, flushed });
        BodyRef(name)
    }

    pub(crate) fn flush_body(&mut self, body: &BodyRef) {
        if let Some(body) = self.bodies.get_mut(&body.0) {
            body.flushed = true;
        }
    }

    pub(crate) fn body(&self, body: &BodyRef) -> Option<Vec<u8>> {
        self.bodies.get(&body.0).map(|it| it.bytes.clone())
    }

    pub(crate) fn remove_bodies(&mut self, batch: BatchId) {
        self.bodies.retain(|_, it| it.batch != batch);
    }

    /// Reopens a forgetful disk after its one process died: only a prefix of the unflushed commits may have reached it,
    /// and the leases of the dead process are released. Returns the number of lost commits.
    pub(crate) fn reopen(&mut self, now: Timestamp, rng: &mut Rng) -> usize {
        let written = self.log.len();
        let kept = self.flushed + rng.place(self.log.len() - self.flushed + 1);
        self.log.truncate(kept);
        self.live = Memory::default();
        for writes in &self.log {
            at_once(self.live.commit(writes.clone())).expect("it was committed in this order");
        }
        self.bodies.retain(|_, it| it.flushed || rng.chance(50));
        for kind in [RecordKind::Job, RecordKind::Notification] {
            let all = ListQuery::new(kind, usize::MAX);
            let abandoned = self.list(all).into_iter().filter_map(|it| {
                let (key, expected) = (it.record.key(), Some(it.version));
                let record = Some(it.record.abandoned(now)?);
                Some(Write { key, expected, record })
            });
            let writes: Vec<_> = abandoned.collect();
            if !writes.is_empty() {
                self.commit(writes).expect("nobody else writes");
            }
        }
        self.flushed = self.log.len();
        written - kept
    }

    /// Every record, for a recount.
    pub(crate) fn everything(&self) -> Vec<Record> {
        let all = |kind| ListQuery::new(kind, usize::MAX);
        RecordKind::ALL.into_iter().flat_map(|it| self.list(all(it))).map(|it| it.record).collect()
    }
}
