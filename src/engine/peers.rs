//! Engines that share a store with others.
//!
//! Each writes a heartbeat, reads those of the others, and claims only from the slots that it owns among them. It also
//! learns here of batches that ended elsewhere: by the last job of another process, or because they were canceled.
//!
//! # Invariants
//!
//! * A new engine, or one that missed its heartbeats, claims nothing until the others have written theirs: by then the
//!   engines that had its slots have released them.
//! * An engine claims no job of a slot in which another engine still runs jobs that it claimed as the former owner: the
//!   site would get requests from both.
//! * An engine that shuts down owns nothing, and names its slots with unfinished jobs until they have ended.
//! * An engine whose heartbeat is overdue owns nothing, because others may have taken its slots.

use std::convert::Infallible;
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
/// The time from the first heartbeat to the second, with which an engine takes its slots. The others have written theirs
/// by then, even if that took a second.
const JOINED_AFTER: Duration = Duration::from_secs(3);
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
    /// The slots of the claim of jobs that is under way.
    claiming: Slots,
    /// The slots, and those of them to claim jobs from, after the last heartbeat that was written.
    divided: (Slots, Slots),
    started_at: Option<Timestamp>,
    /// The end of the last heartbeat, by the clock of the store and by the monotonic clock.
    alive_until: Timestamp,
    due_at: Duration,
}

impl State {
    /// Returns the slots, or none if the heartbeat is overdue.
    fn own(&self, monotonic: Duration) -> Slots {
        if monotonic < self.due_at { self.slots } else { Slots::NONE }
    }

    /// Takes `slots`. Returns `true` if they, or those of them to claim jobs from, are others than the last time.
    fn divide(&mut self, slots: Slots) -> bool {
        let before = self.divided;
        self.slots = slots;
        self.divided = (slots, slots.without(&self.taken));
        self.divided != before
    }
}

impl Peers {
    /// Returns the state of an engine that has not written a heartbeat, and a clock that shows the time of the store.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        let state = State {
            slots: Slots::NONE,
            taken: Slots::NONE,
            claiming: Slots::NONE,
            divided: (Slots::NONE, Slots::NONE),
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
        self.lock().own(self.clock.monotonic())
    }

    /// Returns the slots to claim jobs from. They count as in hand until [`Peers::end_claim`].
    pub(super) fn begin_claim(&self) -> Slots {
        let mut state = self.lock();
        state.claiming = state.own(self.clock.monotonic()).without(&state.taken);
        state.claiming
    }

    /// Ends the claim of jobs, once those that it returned count as in hand.
    pub(super) fn end_claim(&self) {
        self.lock().claiming = Slots::NONE;
    }

    /// Writes a heartbeat and divides the slots among those who are alive and do not leave. Returns `true` if the engine
    /// can claim from other slots than after the heartbeat before.
    async fn beat(&self, shared: &Shared) -> Result<bool, StoreError> {
        let (store, worker) = (shared.adapters.store.as_ref(), shared.worker);
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
        let (started_at, is_known) = {
            let state = self.lock();
            let is_first = state.started_at.is_none() && others.is_empty();
            (state.started_at.unwrap_or(now), now < state.alive_until || is_first)
        };
        others.retain(|it| it.is_alive(now));
        let is_leaving = shared.lifecycle.stopping.is_cancelled();
        // After an outage, all who share the store first write what they have finished.
        let slots = if is_known && !is_leaving {
            let staying = others.iter().filter(|it| !it.is_leaving);
            Slots::owned(worker, &staying.map(|it| it.id).collect::<Vec<_>>())
        } else {
            Slots::NONE
        };
        let taken = others.iter().fold(Slots::NONE, |taken, it| taken.with(&it.in_hand));
        let claiming = self.release(&slots, &taken);
        let in_hand = shared.scheduling.in_hand.slots().with(&claiming);
        let until = now.after(ALIVE_FOR);
        let record = WorkerRecord::new(worker, started_at, until).with_in_hand(in_hand);
        let record = if is_leaving { record.leaving() } else { record };
        let record = Some(Record::Worker(record));
        store.commit(vec![Write { key: Key::Worker(worker), expected, record }]).await?;
        let (had, has_changed) = {
            let mut state = self.lock();
            (state.started_at, state.alive_until, state.due_at) = (Some(started_at), until, due_at);
            (state.divided.0, state.divide(slots))
        };
        if slots != had {
            tracing::info!(?slots, "the processes that share the store changed");
        }
        Ok(has_changed)
    }

    /// Releases the slots that are not in `slots`. Returns those of them from which a claim is under way: its jobs are not
    /// counted yet.
    fn release(&self, slots: &Slots, taken: &Slots) -> Slots {
        let mut state = self.lock();
        state.slots = state.slots.and(slots);
        state.taken = *taken;
        state.claiming.without(slots)
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
            peers.beat(&shared).await
        } else {
            peers.clock.set(store).await.map(|()| false)
        };
        let wait = match beaten {
            Ok(has_changed) => {
                if has_changed {
                    shared.scheduling.jobs_ready.notify_one();
                    shared.scheduling.notifications_ready.notify_one();
                    shared.scheduling.crawls_ready.notify_one();
                }
                if peers.slots().is_empty() { JOINED_AFTER } else { BEAT }
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
        Queue::Crawls => &shared.scheduling.crawls_ready,
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
    /// Writes heartbeats of an engine that leaves, until it is dropped: the others take the slots, except those in which
    /// jobs still run.
    pub(super) async fn beat_while_leaving(&self) -> Infallible {
        let Some(peers) = self.peers.as_ref().filter(|_| self.works()) else {
            return std::future::pending().await;
        };
        loop {
            let wait = match peers.beat(self).await {
                Ok(_) => BEAT,
                Err(error) => {
                    tracing::warn!(%error, "writing a heartbeat failed");
                    BEAT_AGAIN
                }
            };
            self.sleep(wait).await;
        }
    }

    /// Gives the slots of this engine to the others. If that fails, they take them some seconds later.
    pub(super) async fn leave_peers(&self) {
        let Some(peers) = &self.peers else { return };
        if let Err(error) = peers.leave(self.adapters.store.as_ref(), self.worker).await {
            tracing::warn!(%error, "removing the heartbeat failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::slots::Slot;
    use crate::engine::clock::SystemClock;

    fn half() -> Slots {
        Slot::all().filter(|it| it.number() % 2 == 0).collect()
    }

    /// An engine that has all slots.
    fn alone() -> Peers {
        let peers = Peers::new(Arc::new(SystemClock));
        {
            let mut state = peers.lock();
            state.due_at = Duration::MAX;
            assert!(state.divide(Slots::ALL));
        }
        peers
    }

    #[test]
    fn a_claim_under_way_is_reported_for_slots_that_were_released() {
        let peers = alone();
        let lost = Slots::ALL.without(&half());

        assert_eq!(peers.begin_claim(), Slots::ALL);

        assert_eq!(peers.release(&half(), &Slots::NONE), lost);
        assert_eq!(peers.release(&half(), &Slots::NONE), lost, "until the claim has ended");
        peers.end_claim();
        assert_eq!(peers.release(&half(), &Slots::NONE), Slots::NONE);
        assert_eq!(peers.begin_claim(), half());
    }

    #[test]
    fn slots_that_were_freed_before_a_failed_heartbeat_are_a_change() {
        let peers = alone();
        peers.release(&Slots::ALL, &half());
        assert!(peers.lock().divide(Slots::ALL));

        // The heartbeat after the first of these was not written.
        peers.release(&Slots::ALL, &Slots::NONE);
        peers.release(&Slots::ALL, &Slots::NONE);

        assert!(peers.lock().divide(Slots::ALL));
        assert!(!peers.lock().divide(Slots::ALL), "nothing changed since");
    }

    #[test]
    fn slots_in_which_others_still_have_jobs_are_a_change() {
        let peers = alone();
        peers.release(&half(), &Slots::NONE);
        peers.lock().divide(half());

        peers.release(&Slots::ALL, &Slots::ALL.without(&half()));

        assert!(peers.lock().divide(Slots::ALL), "their notifications can be claimed");
        assert_eq!(peers.begin_claim(), half());
    }
}
