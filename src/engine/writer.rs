//! The writer: takes changes from every task, applies each to the newest records, and commits many at
//! once.
//!
//! A hundred jobs of one batch that end together all change the batch and the account. Separate commits would
//! conflict, and each would wait for a flush. Here they share one commit. Between processes the store's version
//! check decides: after a conflict the writer loads the records again and reapplies every change.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::engine::error::EngineError;
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError, Version, Write};

/// The most changes that wait for the writer.
const QUEUE: usize = 1_024;
/// The approximate number of records in one commit.
const GROUP_KEYS: usize = 4_096;
/// Conflicts in a row after which the commit fails.
const MAX_CONFLICTS: u32 = 100;

/// A change to some records, decided on their newest state.
pub(super) trait Change: Send + 'static {
    /// The result for the caller.
    type Out: Send + 'static;

    /// Returns the keys of every record that the change reads or writes.
    fn keys(&self) -> Vec<Key>;

    /// Decides, and puts the changed records into `draft`: all of them or none. Called again after a
    /// conflict.
    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out;
}

struct Slot {
    version: Option<Version>,
    record: Option<Record>,
    dirty: bool,
}

/// The newest state of the records of one commit, including earlier changes of the same commit.
#[derive(Default)]
pub(super) struct Draft {
    slots: BTreeMap<Key, Slot>,
}

impl Draft {
    /// Returns a record whose key some change of the commit named.
    pub(super) fn get(&self, key: &Key) -> Option<&Record> {
        self.slots.get(key)?.record.as_ref()
    }

    /// Writes a record.
    pub(super) fn put(&mut self, record: Record) {
        let slot = self.slots.entry(record.key());
        let slot = slot.or_insert(Slot { version: None, record: None, dirty: false });
        slot.record = Some(record);
        slot.dirty = true;
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.record = None;
            slot.dirty = true;
        }
    }

    fn writes(&self) -> Vec<Write> {
        let dirty = self.slots.iter().filter(|(_, slot)| slot.dirty);
        // A record that was created and removed within the commit is not written.
        let changed = dirty.filter(|(_, slot)| slot.version.is_some() || slot.record.is_some());
        changed
            .map(|(key, slot)| Write {
                key: key.clone(),
                expected: slot.version,
                record: slot.record.clone(),
            })
            .collect()
    }
}

/// A queued change with its result, whatever its type.
trait QueuedChange: Send {
    fn keys(&self) -> Vec<Key>;
    fn apply(&mut self, draft: &mut Draft, now: Timestamp);
    fn finish(self: Box<Self>, failed: Option<Arc<StoreError>>);
}

struct Pending<C: Change> {
    change: C,
    out: Option<C::Out>,
    reply: oneshot::Sender<Result<C::Out, EngineError>>,
}

impl<C: Change> QueuedChange for Pending<C> {
    fn keys(&self) -> Vec<Key> {
        self.change.keys()
    }

    fn apply(&mut self, draft: &mut Draft, now: Timestamp) {
        self.out = Some(self.change.apply(draft, now));
    }

    fn finish(self: Box<Self>, failed: Option<Arc<StoreError>>) {
        let result = match (failed, self.out) {
            (Some(error), _) => Err(EngineError::Store(error)),
            (None, Some(out)) => Ok(out),
            (None, None) => Err(EngineError::Stopped),
        };
        // The caller may no longer wait. The commit is valid anyway.
        let _ = self.reply.send(result);
    }
}

/// Sends changes to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn QueuedChange>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the writer. It ends when the last sender is dropped and its queue is empty.
    pub(super) fn start(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        tokio::spawn(run(store, clock, inbox));
        Self { queue }
    }

    /// Applies one change. Resolves when it is committed.
    pub(super) async fn apply<C: Change>(&self, change: C) -> Result<C::Out, EngineError> {
        let (reply, result) = oneshot::channel();
        let change = Box::new(Pending { change, out: None, reply });
        self.queue.send(change).await.map_err(|_| EngineError::Stopped)?;
        result.await.map_err(|_| EngineError::Stopped)?
    }
}

async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mut inbox: mpsc::Receiver<Box<dyn QueuedChange>>,
) {
    while let Some(first) = inbox.recv().await {
        let mut keys = first.keys();
        let mut group = vec![first];
        while keys.len() < GROUP_KEYS {
            let Ok(change) = inbox.try_recv() else { break };
            keys.extend(change.keys());
            group.push(change);
        }
        keys.sort_unstable();
        keys.dedup();
        metrics::histogram!("rungs_commit_changes")
            .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let failed = commit(&*store, &*clock, &keys, &mut group).await.err().map(Arc::new);
        for change in group {
            change.finish(failed.clone());
        }
    }
}

/// Loads, applies and commits until the versions match.
async fn commit(
    store: &dyn Store,
    clock: &dyn Clock,
    keys: &[Key],
    group: &mut [Box<dyn QueuedChange>],
) -> Result<(), StoreError> {
    for _ in 0..MAX_CONFLICTS {
        let loaded = store.load(keys.to_vec()).await?;
        let slots = keys.iter().cloned().zip(loaded.into_iter().map(|it| match it {
            Some(found) => {
                Slot { version: Some(found.version), record: Some(found.record), dirty: false }
            }
            None => Slot { version: None, record: None, dirty: false },
        }));
        let mut draft = Draft { slots: slots.collect() };
        let now = clock.now();
        for change in group.iter_mut() {
            change.apply(&mut draft, now);
        }
        let writes = draft.writes();
        if writes.is_empty() {
            return Ok(());
        }
        match store.commit(writes).await {
            Err(StoreError::Conflict) => {}
            other => return other,
        }
    }
    Err(StoreError::Conflict)
}
