//! The one writer: it takes changes from everywhere, applies each to the newest state, and commits
//! many at once.
//!
//! A hundred jobs of one batch that end together all change the batch and the account. Taken one by
//! one they would conflict and each pay for a flush; taken here they share one commit. Across
//! processes the store's version check decides, and a conflict makes the writer load and apply anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::engine::error::EngineError;
use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError, Version, Write};

/// Changes that wait for the writer, at most.
const QUEUE: usize = 1_024;
/// Records of one commit, about.
const GROUP_KEYS: usize = 4_096;
/// Conflicts in a row before the store is said to have failed.
const MAX_CONFLICTS: u32 = 100;

/// A change to some records, decided against their newest state.
pub(super) trait Change: Send + 'static {
    /// What it tells the caller.
    type Out: Send + 'static;

    /// Every record that it reads or may change.
    fn keys(&self) -> Vec<Key>;

    /// Decides, and puts the changed records into `draft`. It may be called again after a conflict,
    /// and must put either all its changes or none.
    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out;
}

struct Slot {
    version: Option<Version>,
    record: Option<Record>,
    dirty: bool,
}

/// The newest state of the records of one commit, earlier changes of the same commit included.
#[derive(Default)]
pub(super) struct Draft {
    slots: BTreeMap<Key, Slot>,
}

impl Draft {
    /// A record that some change of the commit named in its keys.
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
        // Made and removed within one commit: nothing to write.
        let real = dirty.filter(|(_, slot)| slot.version.is_some() || slot.record.is_some());
        real.map(|(key, slot)| Write {
            key: key.clone(),
            expected: slot.version,
            record: slot.record.clone(),
        })
        .collect()
    }
}

/// A change with its answer, of whatever type.
trait Ticket: Send {
    fn keys(&self) -> Vec<Key>;
    fn apply(&mut self, draft: &mut Draft, now: Timestamp);
    fn finish(self: Box<Self>, failed: Option<Arc<StoreError>>);
}

struct Pending<C: Change> {
    change: C,
    out: Option<C::Out>,
    reply: oneshot::Sender<Result<C::Out, EngineError>>,
}

impl<C: Change> Ticket for Pending<C> {
    fn keys(&self) -> Vec<Key> {
        self.change.keys()
    }

    fn apply(&mut self, draft: &mut Draft, now: Timestamp) {
        self.out = Some(self.change.apply(draft, now));
    }

    fn finish(self: Box<Self>, failed: Option<Arc<StoreError>>) {
        let answer = match (failed, self.out) {
            (Some(error), _) => Err(EngineError::Store(error)),
            (None, Some(out)) => Ok(out),
            (None, None) => Err(EngineError::Stopped),
        };
        // The caller may have gone; what was committed stays.
        let _ = self.reply.send(answer);
    }
}

/// Sends changes to the writer.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Ticket>>,
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

    /// Carries out one change; resolves when it is committed.
    pub(super) async fn apply<C: Change>(&self, change: C) -> Result<C::Out, EngineError> {
        let (reply, answer) = oneshot::channel();
        let ticket = Box::new(Pending { change, out: None, reply });
        self.queue.send(ticket).await.map_err(|_| EngineError::Stopped)?;
        answer.await.map_err(|_| EngineError::Stopped)?
    }
}

async fn run(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    mut inbox: mpsc::Receiver<Box<dyn Ticket>>,
) {
    while let Some(first) = inbox.recv().await {
        let mut keys = first.keys();
        let mut group = vec![first];
        while keys.len() < GROUP_KEYS {
            let Ok(ticket) = inbox.try_recv() else { break };
            keys.extend(ticket.keys());
            group.push(ticket);
        }
        keys.sort_unstable();
        keys.dedup();
        metrics::histogram!("rungs_commit_changes")
            .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let failed = commit(&*store, &*clock, &keys, &mut group).await.err().map(Arc::new);
        for ticket in group {
            ticket.finish(failed.clone());
        }
    }
}

/// Loads, applies and commits, until the versions match.
async fn commit(
    store: &dyn Store,
    clock: &dyn Clock,
    keys: &[Key],
    group: &mut [Box<dyn Ticket>],
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
        for ticket in group.iter_mut() {
            ticket.apply(&mut draft, now);
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
