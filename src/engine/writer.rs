//! The writer: takes changes from every task, applies each to the newest records, and commits many at
//! once.
//!
//! A hundred jobs of one batch that end together all change the batch and the account. Separate commits would
//! conflict, and each would wait for a flush. Here they share one commit. Between processes the store decides
//! ([`Store::apply`]): it lets one after another change a record, or every change is applied again after a conflict.
//!
//! While the store cannot be reached, the writer keeps what it has and waits. Steps of jobs wait longest, so that no
//! finished page is fetched again; calls that can be tried again fail after some seconds. So does everything once the
//! engine aborts.
//!
//! While more pages are being fetched than have ended, it waits some milliseconds for others to join a commit. A
//! commit costs about the same whatever it carries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::core::record::{Key, Record};
use crate::core::time::Timestamp;
use crate::engine::error::EngineError;
use crate::engine::kept::KeptRecords;
use crate::engine::outage::{self, Outage};
use crate::ports::clock::{Clock, Entropy};
use crate::ports::store::{Retries, Store, StoreError, Version, Versioned, Write};

/// The most changes that wait for the writer.
const QUEUE: usize = 1_024;
/// The approximate number of records in one commit.
const GROUP_KEYS: usize = 4_096;
/// The time for which a commit is tried again after conflicts.
const CONFLICTS_END: Duration = Duration::from_mins(1);
/// The wait for more steps of running jobs. A commit takes one to two milliseconds.
const LINGER: Duration = Duration::from_millis(4);

/// A change to some records, decided on their newest state.
pub(super) trait Change: Send + 'static {
    /// The result for the caller.
    type Out: Send + 'static;

    /// Returns the keys of every record that the change reads or writes.
    fn keys(&self) -> Vec<Key>;

    /// Returns `true` for a step of a running job. It is decided on kept records, and may wait for others to join
    /// its commit.
    fn is_step(&self) -> bool {
        false
    }

    /// Returns `true` if the change waits while the store cannot be reached, because its caller cannot try again.
    fn is_patient(&self) -> bool {
        self.is_step()
    }

    /// Returns `true` if the change may be applied again after a commit that may have been written: that changes nothing
    /// more.
    fn is_repeatable(&self) -> bool {
        self.is_step()
    }

    /// Decides, and puts the changed records into `draft`: all of them or none. Called again after a
    /// conflict.
    fn apply(&self, draft: &mut Draft, now: Timestamp) -> Self::Out;
}

struct Slot {
    version: Option<Version>,
    record: Option<Record>,
    dirty: bool,
}

impl Slot {
    fn of(found: Option<Versioned>) -> Self {
        let (version, record) = found.map(|it| (it.version, it.record)).unzip();
        Self { version, record, dirty: false }
    }
}

/// The newest state of the records of one commit, including earlier changes of the same commit.
#[derive(Default)]
pub(super) struct Draft {
    slots: BTreeMap<Key, Slot>,
    /// The number of records that were put or removed.
    changes: usize,
    /// `true` if some records were kept, so that one may be older than another.
    has_kept: bool,
}

impl Draft {
    /// Returns `true` if some records may be older than others: a claim reports its jobs after their next change may
    /// have been committed.
    pub(super) fn has_kept(&self) -> bool {
        self.has_kept
    }

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
        self.changes += 1;
    }

    /// Removes a record.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.record = None;
            slot.dirty = true;
            self.changes += 1;
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

    /// Returns the records as they are after the commit.
    fn written(self) -> impl Iterator<Item = Versioned> {
        self.slots.into_values().filter_map(|slot| {
            let version = slot.version.unwrap_or_default() + u64::from(slot.dirty);
            Some(Versioned { version, record: slot.record? })
        })
    }
}

/// A queued change with its result, whatever its type.
trait QueuedChange: Send {
    fn keys(&self) -> Vec<Key>;
    fn is_step(&self) -> bool;
    fn is_patient(&self) -> bool;
    fn is_repeatable(&self) -> bool;
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

    fn is_step(&self) -> bool {
        self.change.is_step()
    }

    fn is_patient(&self) -> bool {
        self.change.is_patient()
    }

    fn is_repeatable(&self) -> bool {
        self.change.is_repeatable()
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
    kept: Option<Arc<KeptRecords>>,
    running: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Starts the writer. It ends when the last sender is dropped and its queue is empty.
    pub(super) fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        aborting: CancellationToken,
    ) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let kept = (!store.is_shared()).then(Arc::<KeptRecords>::default);
        let running = Arc::<AtomicUsize>::default();
        let committer = Committer {
            store,
            clock,
            entropy,
            kept: kept.clone(),
            running: Arc::clone(&running),
            aborting,
        };
        tokio::spawn(committer.run(inbox));
        Self { queue, kept, running }
    }

    /// Applies one change. Resolves when it is committed.
    pub(super) async fn apply<C: Change>(&self, change: C) -> Result<C::Out, EngineError> {
        let (reply, result) = oneshot::channel();
        let change = Box::new(Pending { change, out: None, reply });
        self.queue.send(change).await.map_err(|_| EngineError::Stopped)?;
        result.await.map_err(|_| EngineError::Stopped)?
    }

    /// Keeps a record that the store changed by itself, by a claim.
    pub(super) fn keep(&self, record: Versioned) {
        if let Some(kept) = &self.kept {
            kept.put(record);
        }
    }

    /// Counts a page that is being fetched until the guard is dropped: its job will send a step soon.
    pub(super) fn expect_step(&self) -> ExpectedStep {
        self.running.fetch_add(1, Ordering::Relaxed);
        ExpectedStep(Arc::clone(&self.running))
    }
}

/// A page that is being fetched.
#[derive(Debug)]
pub(super) struct ExpectedStep(Arc<AtomicUsize>);

impl Drop for ExpectedStep {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The task that commits.
struct Committer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The records of running jobs. Nothing is kept of a shared store: other processes change its records.
    kept: Option<Arc<KeptRecords>>,
    /// The number of pages that are being fetched.
    running: Arc<AtomicUsize>,
    /// Canceled when nothing waits out an outage any more.
    aborting: CancellationToken,
}

impl Committer {
    async fn run(self, mut inbox: mpsc::Receiver<Box<dyn QueuedChange>>) {
        let mut outage = None;
        while let Some(first) = inbox.recv().await {
            let mut group = Group::of(first);
            group.fill(&mut inbox);
            if group.has_only_steps && self.running.load(Ordering::Relaxed) > group.changes.len() {
                self.clock.sleep(LINGER).await;
                group.fill(&mut inbox);
            }
            let count = u32::try_from(group.changes.len()).unwrap_or(u32::MAX);
            metrics::histogram!("rungs_commit_changes").record(count);
            match self.commit_after_outage(&mut group, &mut outage, &mut inbox).await {
                Ok(()) => group.finish(None),
                Err(error) => self.commit_apart(group, Arc::new(error)).await,
            }
        }
    }

    /// Commits the changes of a failed commit one by one if they may be repeated: the store may have refused all for one
    /// of them. Reports the failure of the others.
    async fn commit_apart(&self, group: Group, failed: Arc<StoreError>) {
        let is_refusal =
            |it: &StoreError| !matches!(it, StoreError::Unavailable { .. } | StoreError::Conflict);
        if !is_refusal(&failed) || group.changes.len() == 1 {
            return group.finish(Some(&failed));
        }
        // The reason for which no further change is tried: it would take as long to fail.
        let mut gave_up: Option<Arc<StoreError>> = None;
        for change in group.changes {
            if !change.is_repeatable() {
                change.finish(Some(Arc::clone(&failed)));
            } else if gave_up.is_some() {
                change.finish(gave_up.clone());
            } else {
                let mut alone = Group::of(change);
                let error = self.commit(&mut alone).await.err().map(Arc::new);
                alone.finish(error.as_ref());
                gave_up = error.filter(|it| !is_refusal(it));
            }
        }
    }

    /// Commits once the store can be reached. `outage` is the ongoing one, if any, and is carried from
    /// group to group.
    async fn commit_after_outage(
        &self,
        group: &mut Group,
        outage: &mut Option<Outage>,
        inbox: &mut mpsc::Receiver<Box<dyn QueuedChange>>,
    ) -> Result<(), StoreError> {
        let began = self.clock.monotonic();
        loop {
            let error = match self.commit(group).await {
                Err(error @ StoreError::Unavailable { .. }) => error,
                done => {
                    *outage = None;
                    return done;
                }
            };
            let now = self.clock.monotonic();
            let outage = outage.get_or_insert_with(|| Outage::new(now));
            let lasted = outage.lasted(now);
            let is_over = self.aborting.is_cancelled() && lasted >= outage::CALL_PATIENCE;
            if is_over || now.saturating_sub(began) >= outage::LONGEST {
                return Err(error);
            }
            tracing::warn!(?lasted, error = &error as &dyn std::error::Error, "the writer waits");
            if lasted >= outage::CALL_PATIENCE {
                group.fill(inbox);
                group.finish_impatient(&Arc::new(error));
                if group.changes.is_empty() {
                    return Ok(());
                }
            }
            self.clock.sleep(outage.next_wait()).await;
        }
    }

    /// Decides and commits, on kept records if that is possible.
    async fn commit(&self, group: &mut Group) -> Result<(), StoreError> {
        group.sort_keys();
        if let Some(kept) = &self.kept
            && self.commit_kept(kept, group).await?
        {
            return Ok(());
        }
        self.apply(group).await
    }

    /// Commits what is decided on kept records. Returns `false` if they were not enough: a change was refused, for
    /// which nothing is committed that would notice that they are outdated, or the commit conflicted.
    async fn commit_kept(&self, kept: &KeptRecords, group: &mut Group) -> Result<bool, StoreError> {
        let slots = kept_slots(kept, &group.keys);
        if slots.is_empty() {
            return Ok(false);
        }
        let mut draft = self.draft(&group.keys, slots).await?;
        if group.apply(&mut draft, self.clock.now()) {
            return Ok(false);
        }
        match self.store.commit(draft.writes()).await {
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
            Ok(()) => {
                draft.written().for_each(|it| kept.put(it));
                Ok(true)
            }
        }
    }

    /// Lets the store load the records, decides, and commits.
    async fn apply(&self, group: &mut Group) -> Result<(), StoreError> {
        let keys: Vec<Key> = group.keys.iter().map(|it| it.key.clone()).collect();
        let retries = Retries::new(self.clock.as_ref(), self.entropy.as_ref(), CONFLICTS_END);
        let mut decided = None;
        let decide = |found: Vec<Option<Versioned>>| {
            let slots = keys.iter().cloned().zip(found.into_iter().map(Slot::of)).collect();
            let mut draft = Draft { slots, changes: 0, has_kept: false };
            group.apply(&mut draft, self.clock.now());
            let writes = draft.writes();
            decided = Some(draft);
            writes
        };
        self.store.apply(keys.clone(), Box::new(decide), retries).await?;
        if let (Some(kept), Some(draft)) = (&self.kept, decided) {
            draft.written().for_each(|it| kept.put(it));
        }
        Ok(())
    }

    /// Loads the records that are not in `slots`.
    async fn draft(
        &self,
        keys: &[NamedKey],
        mut slots: BTreeMap<Key, Slot>,
    ) -> Result<Draft, StoreError> {
        let missing = keys.iter().map(|it| &it.key).filter(|it| !slots.contains_key(it));
        let missing: Vec<_> = missing.cloned().collect();
        if !missing.is_empty() {
            let loaded = self.store.load(missing.clone()).await?;
            slots.extend(missing.into_iter().zip(loaded.into_iter().map(Slot::of)));
        }
        Ok(Draft { slots, changes: 0, has_kept: true })
    }
}

/// Takes the kept records of steps.
fn kept_slots(kept: &KeptRecords, keys: &[NamedKey]) -> BTreeMap<Key, Slot> {
    let mut slots = BTreeMap::new();
    for NamedKey { key, must_load } in keys {
        // What is taken and not used would be outdated by the commit.
        if let Some(found) = kept.take(key).filter(|_| !must_load) {
            slots.insert(key.clone(), Slot::of(Some(found)));
        }
    }
    slots
}

/// A key that some change names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NamedKey {
    key: Key,
    /// `false` if only steps name it.
    must_load: bool,
}

/// The changes of one commit.
struct Group {
    keys: Vec<NamedKey>,
    changes: Vec<Box<dyn QueuedChange>>,
    has_only_steps: bool,
}

impl Group {
    fn of(first: Box<dyn QueuedChange>) -> Self {
        let mut group = Self { keys: Vec::new(), changes: Vec::new(), has_only_steps: true };
        group.add(first);
        group
    }

    fn add(&mut self, change: Box<dyn QueuedChange>) {
        let must_load = !change.is_step();
        self.has_only_steps &= change.is_step();
        self.keys.extend(change.keys().into_iter().map(|key| NamedKey { key, must_load }));
        self.changes.push(change);
    }

    /// Sorts the keys, each of which is named once then.
    fn sort_keys(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup_by(|later, first| {
            let is_same = later.key == first.key;
            first.must_load |= is_same && later.must_load;
            is_same
        });
    }

    /// Applies the changes in turn. Returns `true` if one of them was refused.
    fn apply(&mut self, draft: &mut Draft, now: Timestamp) -> bool {
        let mut is_refused = false;
        for change in &mut self.changes {
            let before = draft.changes;
            change.apply(draft, now);
            is_refused |= draft.changes == before;
        }
        is_refused
    }

    /// Reports the result to all callers.
    fn finish(self, failed: Option<&Arc<StoreError>>) {
        for change in self.changes {
            change.finish(failed.cloned());
        }
    }

    /// Reports the failure to the callers that can try again, and keeps the other changes.
    fn finish_impatient(&mut self, failed: &Arc<StoreError>) {
        let changes = std::mem::take(&mut self.changes);
        (self.keys, self.has_only_steps) = (Vec::new(), true);
        for change in changes {
            if change.is_patient() {
                self.add(change);
            } else {
                change.finish(Some(Arc::clone(failed)));
            }
        }
    }

    /// Adds what waits, up to the size of a commit.
    fn fill(&mut self, inbox: &mut mpsc::Receiver<Box<dyn QueuedChange>>) {
        while self.keys.len() < GROUP_KEYS {
            let Ok(change) = inbox.try_recv() else { return };
            self.add(change);
        }
    }
}
