//! Engines that share a store with others.
//!
//! Each writes a heartbeat, reads those of the others, and claims only from the slots that it owns among them. It also
//! learns here of batches that ended elsewhere: by the last job of another process, or because they were canceled.
//!
//! # Invariants
//!
//! * A new engine, or one that missed its heartbeats, claims nothing for one beat: by then the engines that had its slots
//!   have released them.
//! * An engine claims no job of a slot in which another one still has jobs, which it claimed when the slot was its own.
//!   The site of such jobs would get the requests of both.
//! * An engine whose heartbeat is overdue owns nothing, because others may have taken its slots.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OnceCell};

use crate::core::batch::BatchStatus;
use crate::core::id::WorkerId;
use crate::core::record::{Key, Queue, Record, RecordKind};
use crate::core::slots::Slots;
use crate::core::time::Timestamp;
use crate::core::worker::WorkerRecord;
use crate::engine::error::EngineError;
use crate::engine::shared::Shared;
use crate::engine::store_clock::StoreClock;
use crate::ports::clock::Clock;
use crate::ports::store::{ListQuery, Store, StoreError, Write};

/// The time between two heartbeats.
const BEAT: Duration = Duration::from_secs(2);
/// The time for which a heartbeat counts: two may be late.
const ALIVE_FOR: Duration = Duration::from_secs(6);
/// The time after which a heartbeat that failed is tried again.
const BEAT_AGAIN: Duration = Duration::from_millis(500);
/// The most processes that share a store.
const MAX_WORKERS: usize = 1_024;
/// The time between two looks at batches that others may end.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest time between two looks.
const MIN_LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The most batches that are read at once.
const MAX_BATCHES: usize = 1_000;
/// The shortest time between two wake-ups by the store.
const MIN_WAKE_INTERVAL: Duration = Duration::from_millis(20);

/// The state of this engine among the engines that share its store.
#[derive(Debug)]
pub(super) struct Peers {
    clock: Arc<StoreClock>,
    is_clock_set: OnceCell<()>,
    state: Mutex<State>,
    /// Notified when a batch ended in another process.
    batch_ended: Notify,
}

#[derive(Debug)]
struct State {
    slots: Slots,
    /// The slots in which others have jobs.
    taken: Slots,
    started_at: Option<Timestamp>,
    /// The end of the last heartbeat, by the clock of the store and by the monotonic clock.
    alive_until: Timestamp,
    due_at: Duration,
}

impl Peers {
    /// Returns the state of an engine that has not written a heartbeat, and a clock that shows the time of the store.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        let state = State {
            slots: Slots::NONE,
            taken: Slots::NONE,
            started_at: None,
            alive_until: Timestamp::default(),
            due_at: Duration::ZERO,
        };
        Self {
            clock: Arc::new(StoreClock::new(own)),
            is_clock_set: OnceCell::new(),
            state: Mutex::new(state),
            batch_ended: Notify::new(),
        }
    }

    /// Returns the clock of the store.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Sets the clock by that of the store, the first time that it is called.
    pub(super) async fn set_clock_once(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.is_clock_set.get_or_try_init(|| self.clock.set(store)).await?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the slots of this engine.
    pub(super) fn slots(&self) -> Slots {
        let state = self.lock();
        if self.clock.monotonic() < state.due_at { state.slots } else { Slots::NONE }
    }

    /// Returns the slots to claim jobs from.
    pub(super) fn job_slots(&self) -> Slots {
        let taken = self.lock().taken;
        self.slots().without(&taken)
    }

    /// Writes a heartbeat and divides the slots among those who are alive. Returns `true` if the engine can claim from other
    /// slots than before.
    async fn beat(
        &self,
        store: &dyn Store,
        worker: WorkerId,
        in_hand: impl Fn() -> Slots,
    ) -> Result<bool, StoreError> {
        let due_at = self.clock.monotonic().saturating_add(ALIVE_FOR);
        self.clock.set(store).await?;
        let now = self.clock.now();
        let found = store.list(ListQuery::new(RecordKind::Worker, MAX_WORKERS)).await?;
        let mut others = Vec::new();
        let mut expected = None;
        for found in found {
            match found.record {
                Record::Worker(it) if it.id == worker => expected = Some(found.version),
                Record::Worker(it) => others.push(it),
                _ => {}
            }
        }
        let (started_at, is_first) = {
            let state = self.lock();
            (state.started_at.unwrap_or(now), state.started_at.is_none() && others.is_empty())
        };
        others.retain(|it| it.is_alive(now));
        let alive: Vec<_> = others.iter().map(|it| it.id).collect();
        let slots = Slots::owned(worker, &alive);
        let taken = others.iter().fold(Slots::NONE, |taken, it| taken.with(&it.in_hand));
        let before = self.release(&slots, &taken);
        let record = WorkerRecord::new(worker, started_at, now.after(ALIVE_FOR));
        let record = record.with_in_hand(in_hand());
        let until = record.until;
        let key = Key::Worker(worker);
        let write = Write { key, expected, record: Some(Record::Worker(record)) };
        store.commit(vec![write]).await?;
        let mut state = self.lock();
        // After an outage, all who share the store first write what they have finished.
        let slots = if now < state.alive_until || is_first { slots } else { Slots::NONE };
        let (started_at, alive_until) = (Some(started_at), until);
        *state = State { slots, taken, started_at, alive_until, due_at };
        drop(state);
        let (had, others_had) = before;
        if slots != had {
            tracing::info!(?slots, "the processes that share the store changed");
        }
        Ok(slots.without(&taken) != had.without(&others_had))
    }

    /// Gives up the slots that are not in `slots`, so that the jobs of the last claim from them are counted as in hand.
    /// Returns its slots before and those in which others had jobs.
    fn release(&self, slots: &Slots, taken: &Slots) -> (Slots, Slots) {
        let mut state = self.lock();
        let before = (state.slots, state.taken);
        state.slots = state.slots.without(&Slots::ALL.without(slots));
        state.taken = *taken;
        before
    }

    /// Gives the slots of this engine to the others.
    pub(super) async fn leave(
        &self,
        store: &dyn Store,
        worker: WorkerId,
    ) -> Result<(), StoreError> {
        self.lock().slots = Slots::NONE;
        let key = Key::Worker(worker);
        let found = store.load(vec![key.clone()]).await?;
        let Some(found) = found.into_iter().flatten().next() else { return Ok(()) };
        store.commit(vec![Write { key, expected: Some(found.version), record: None }]).await
    }
}

/// Starts the tasks of an engine that shares its store.
pub(super) fn start(shared: &Arc<Shared>) {
    if shared.peers.is_none() {
        return;
    }
    let tasks = &shared.lifecycle.tasks;
    tasks.spawn(beats(Arc::clone(shared)));
    tasks.spawn(looks(Arc::clone(shared)));
    for queue in Queue::ALL {
        tasks.spawn(wake_ups(Arc::clone(shared), queue));
    }
}

/// Writes heartbeats until the engine stops.
async fn beats(shared: Arc<Shared>) {
    let Some(peers) = &shared.peers else { return };
    let store = shared.adapters.store.as_ref();
    while !shared.lifecycle.stopping.is_cancelled() {
        let beaten = if shared.works() {
            peers.beat(store, shared.worker, || shared.scheduling.in_hand.slots()).await
        } else {
            peers.clock.set(store).await.map(|()| false)
        };
        let wait = match beaten {
            Ok(has_changed) => {
                if has_changed {
                    shared.scheduling.jobs_ready.notify_one();
                    shared.scheduling.notifications_ready.notify_one();
                }
                BEAT
            }
            Err(error) => {
                tracing::warn!(%error, "writing a heartbeat failed");
                BEAT_AGAIN
            }
        };
        shared.sleep_unless_stopping(wait).await;
    }
}

/// Looks at batches that another process may end, until the engine begins to stop.
async fn looks(shared: Arc<Shared>) {
    let Some(peers) = &shared.peers else { return };
    while !shared.lifecycle.stopping.is_cancelled() {
        if let Err(error) = look(&shared).await {
            tracing::warn!(%error, "looking for batches that ended elsewhere failed");
        }
        shared.sleep_unless_stopping(MIN_LOOK_INTERVAL).await;
        shared.wait_for_work(&peers.batch_ended, LOOK).await;
    }
}

/// Ends the work of this process for batches that have ended: abandons their pages and wakes their waiters.
async fn look(shared: &Shared) -> Result<(), EngineError> {
    let mut batches = shared.running_batches.ids();
    batches.extend(shared.progress.watched());
    let batches: Vec<_> = batches.into_iter().collect();
    for batches in batches.chunks(MAX_BATCHES) {
        let keys = batches.iter().copied().map(Key::Batch).collect();
        let found = shared.adapters.store.load(keys).await?;
        for (&id, found) in batches.iter().zip(found) {
            let status = match found.map(|it| it.record) {
                Some(Record::Batch(batch)) => batch.status(),
                _ => continue,
            };
            if status != BatchStatus::Processing {
                shared.running_batches.abandon(id);
                shared.progress.publish_end(id, status);
            }
        }
    }
    Ok(())
}

/// Wakes the tasks that act on `queue` when another process wrote something for them.
async fn wake_ups(shared: Arc<Shared>, queue: Queue) {
    let Some(peers) = &shared.peers else { return };
    let woken = match queue {
        Queue::Jobs => &shared.scheduling.jobs_ready,
        Queue::Notifications => &shared.scheduling.notifications_ready,
        Queue::Expiry => &peers.batch_ended,
    };
    while !shared.lifecycle.stopping.is_cancelled() {
        tokio::select! {
            biased;
            () = shared.lifecycle.stopping.cancelled() => return,
            () = shared.adapters.store.changed(queue) => woken.notify_one(),
        }
        shared.sleep_unless_stopping(MIN_WAKE_INTERVAL).await;
    }
}

impl Shared {
    /// Gives the slots of this engine to the others. If that fails, they take them some seconds later.
    pub(super) async fn leave_peers(&self) {
        let Some(peers) = &self.peers else { return };
        if let Err(error) = peers.leave(self.adapters.store.as_ref(), self.worker).await {
            tracing::warn!(%error, "removing the heartbeat failed");
        }
    }
}
