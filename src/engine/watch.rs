//! Handles on batches: waiting for the end, and progress events.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::id::{BatchId, JobId};
use crate::core::job::{Attempt, Job, JobState};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::events::ProgressEvents;
use crate::engine::report::BatchReport;
use crate::engine::shared_event::SharedEvent;

/// The number of events after which a slow reader loses the oldest.
const BACKLOG: usize = 1_024;
/// The interval at which a waiter reads the store, because another process may be running the batch.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The most jobs that a handle reads at once.
const JOBS_AT_ONCE: usize = 256;
/// The interval of [`BatchHandle::wait`] if the store is shared: the engine then looks for ends in other processes, for
/// all waiters at once.
const SHARED_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A progress event of a batch.
///
/// A handle reports the end of every job exactly once, and then the end of the batch: ends that it missed are read from the
/// store. The other events only show progress. A reader that falls more than 1,024 events behind loses the oldest of
/// them. Other events from before the first call, or from another process, are not reported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProgressEvent {
    /// A worker claimed a job.
    JobStarted {
        /// The job.
        job: JobId,
    },
    /// One attempt ended.
    Attempted {
        /// The job.
        job: JobId,
        /// The attempt, as it is added to the trail.
        attempt: Attempt,
    },
    /// A job was returned to the queue and is retried later.
    JobRescheduled {
        /// The job.
        job: JobId,
    },
    /// A job ended.
    JobEnded {
        /// The job's record after its end.
        job: Box<Job>,
    },
    /// The last job ended. No event follows.
    BatchEnded {
        /// The batch's final status.
        status: BatchStatus,
    },
}

/// The channels of the batches that somebody listens to or waits for.
///
/// An event that nobody listens to is not made.
#[derive(Debug, Default)]
pub(super) struct ProgressChannels {
    events: DashMap<BatchId, broadcast::Sender<Arc<SharedEvent>>>,
    /// The senders are dropped at the end of their batch, which wakes those who wait for it.
    ends: DashMap<BatchId, watch::Sender<()>>,
}

impl ProgressChannels {
    fn subscribe(&self, batch: BatchId) -> broadcast::Receiver<Arc<SharedEvent>> {
        self.events.entry(batch).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Publishes an event of a running batch to those who listen.
    pub(super) fn publish(&self, batch: BatchId, event: impl FnOnce() -> ProgressEvent) {
        if let Some(channel) = self.events.get(&batch) {
            // Without a receiver no handle misses the event.
            let _ = channel.send(Arc::new(SharedEvent::new(event())));
        }
    }

    /// Publishes the end of a batch, once its last event is published.
    pub(super) fn publish_end(&self, batch: BatchId, status: BatchStatus) {
        if let Some((_, channel)) = self.events.remove(&batch) {
            let event = ProgressEvent::BatchEnded { status };
            let _ = channel.send(Arc::new(SharedEvent::new(event)));
        }
        self.ends.remove(&batch);
    }

    /// Returns the batches that somebody listens to or waits for.
    pub(super) fn watched(&self) -> BTreeSet<BatchId> {
        let events = self.events.iter().map(|it| *it.key());
        let ends = self.ends.iter().map(|it| *it.key());
        events.chain(ends).collect()
    }

    /// Returns a signal of the batch's end. It misses an end from before.
    fn end_of(&self, batch: BatchId) -> EndSignal<'_> {
        let ended = self.ends.entry(batch).or_insert_with(|| watch::channel(()).0).subscribe();
        EndSignal { channels: self, batch, ended: Some(ended) }
    }

    /// Drops the channel of a batch whose last listener is gone.
    fn unsubscribe(&self, batch: BatchId) {
        self.events.remove_if(&batch, |_, it| it.receiver_count() == 0);
    }
}

/// A signal of a batch's end, see [`ProgressChannels::end_of`].
struct EndSignal<'a> {
    channels: &'a ProgressChannels,
    batch: BatchId,
    ended: Option<watch::Receiver<()>>,
}

impl EndSignal<'_> {
    async fn wait(&mut self) {
        if let Some(ended) = &mut self.ended {
            // Nothing is ever sent: it fails when the sender is dropped.
            let _ = ended.changed().await;
        }
    }
}

impl Drop for EndSignal<'_> {
    fn drop(&mut self) {
        self.ended = None;
        self.channels.ends.remove_if(&self.batch, |_, it| it.receiver_count() == 0);
    }
}

/// A handle on a submitted batch: waits for its end and receives its progress events.
///
/// Dropping it does not affect the batch. [`Engine::batch_handle`] returns another one for the same id.
#[derive(Debug)]
pub struct BatchHandle {
    engine: Engine,
    record: BatchRecord,
    jobs: Vec<JobId>,
    /// The events since the first call of [`BatchHandle::next_event`]: a handle that only waits costs nothing.
    events: Option<broadcast::Receiver<Arc<SharedEvent>>>,
    /// `true` while nothing has to be read from the store.
    caught_up: bool,
    /// The time of the last read, by the monotonic clock.
    read_at: Duration,
    /// `true` once the jobs that had started before the first call were reported.
    has_begun: bool,
    /// The jobs whose end was reported.
    reported: HashSet<JobId>,
    /// The events to report next: ends that the channel did not deliver.
    rest: VecDeque<Arc<SharedEvent>>,
    done: bool,
}

impl Drop for BatchHandle {
    fn drop(&mut self) {
        if self.events.take().is_some() {
            self.engine.shared.progress.unsubscribe(self.id());
        }
    }
}

impl BatchHandle {
    pub(super) fn new(engine: Engine, record: BatchRecord, jobs: Vec<JobId>) -> Self {
        Self {
            engine,
            record,
            jobs,
            events: None,
            caught_up: false,
            read_at: Duration::ZERO,
            has_begun: false,
            reported: HashSet::new(),
            rest: VecDeque::new(),
            done: false,
        }
    }

    /// Returns the batch's id.
    pub fn id(&self) -> BatchId {
        self.record.id
    }

    /// Returns the batch's record from the time at which this handle was created: after [`Engine::submit`], the committed
    /// record.
    pub fn record(&self) -> &BatchRecord {
        &self.record
    }

    /// Returns the ids of the batch's jobs in the order of the items.
    pub fn job_ids(&self) -> &[JobId] {
        &self.jobs
    }

    /// Reads the batch's current record from the store.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if the batch has expired.
    pub async fn batch(&self) -> Result<BatchRecord, EngineError> {
        self.engine.batch(self.id()).await
    }

    /// Waits for the next event. Returns `None` once the batch has ended.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] as soon as the engine begins to shut down, so that an endpoint that streams events does
    /// not delay your application's own shutdown. [`EngineError::Store`] if the store fails; the handle can be used
    /// again when the store works again.
    pub async fn next_event(&mut self) -> Result<Option<ProgressEvent>, EngineError> {
        Ok(self.next_shared_event().await?.map(SharedEvent::into_event))
    }

    /// As [`BatchHandle::next_event`], without a copy of the event for each listener.
    pub(crate) async fn next_shared_event(
        &mut self,
    ) -> Result<Option<Arc<SharedEvent>>, EngineError> {
        let shared = Arc::clone(&self.engine.shared);
        while !self.done {
            if let Some(event) = self.rest.pop_front() {
                self.done = matches!(event.event(), ProgressEvent::BatchEnded { .. });
                return Ok(Some(event));
            }
            let is_stopping = shared.lifecycle.stopping.is_cancelled();
            if is_stopping || !self.caught_up {
                let is_running = self.catch_up().await?;
                if is_running && is_stopping {
                    return Err(EngineError::Stopped);
                }
                continue;
            }
            if shared.peers.is_some() && shared.elapsed(self.read_at) >= POLL_INTERVAL {
                // Events of this process must not hide the ends in others.
                self.caught_up = false;
                continue;
            }
            let Some(events) = &mut self.events else { continue };
            // An event that is there precedes the end, so it is reported first.
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = shared.lifecycle.stopping.cancelled() => continue,
                () = shared.sleep(POLL_INTERVAL) => {
                    self.caught_up = false;
                    continue;
                }
            };
            match event {
                Ok(event) => match event.event() {
                    ProgressEvent::BatchEnded { status } => self.ending(*status).await?,
                    // This end was reported before.
                    ProgressEvent::JobEnded { job } if !self.reported.insert(job.id) => {}
                    _ => return Ok(Some(event)),
                },
                Err(RecvError::Lagged(_)) => self.caught_up = false,
                // The batch has ended, and an earlier call was dropped after it received the end.
                Err(RecvError::Closed) => (self.events, self.caught_up) = (None, false),
            }
        }
        Ok(None)
    }

    /// Reads from the store what the channel did not deliver. Returns `true` if the batch has not ended.
    async fn catch_up(&mut self) -> Result<bool, EngineError> {
        let id = self.id();
        // Before the batch is read, so that no end falls between the two.
        self.events.get_or_insert_with(|| self.engine.shared.progress.subscribe(id));
        let batch = self.batch().await?;
        if batch.status() != BatchStatus::Processing {
            self.ending(batch.status()).await?;
            return Ok(false);
        }
        let ended = batch.tally.total.saturating_sub(batch.tally.pending());
        if !self.has_begun || ended as usize > self.reported.len() {
            self.add_missed((ended as usize).saturating_sub(self.reported.len())).await?;
            self.has_begun = true;
        }
        self.caught_up = true;
        self.read_at = self.engine.shared.monotonic();
        Ok(true)
    }

    /// Queues the ends that were not reported, `missed` of them at least, and at the first call the starts of the jobs
    /// that are running.
    ///
    /// Jobs end about in the order in which they were submitted, so after the first call a few reads find them.
    async fn add_missed(&mut self, missed: usize) -> Result<(), EngineError> {
        let rest = self.jobs.iter().copied().filter(|it| !self.reported.contains(it));
        let rest: Vec<JobId> = rest.collect();
        let enough = self.reported.len().saturating_add(missed);
        // The first call queues starts, which are not to be queued again if the call is canceled between two reads.
        let size = if self.has_begun { JOBS_AT_ONCE } else { rest.len().max(1) };
        for ids in rest.chunks(size) {
            if self.has_begun && self.reported.len() >= enough {
                break;
            }
            for job in self.engine.jobs_with_ids(ids).await? {
                if job.state.is_ended() {
                    if self.reported.insert(job.id) {
                        self.queue(ProgressEvent::JobEnded { job: Box::new(job) });
                    }
                } else if job.state == JobState::Processing && !self.has_begun {
                    self.queue(ProgressEvent::JobStarted { job: job.id });
                }
            }
        }
        Ok(())
    }

    /// Queues the last events of a batch that has ended.
    ///
    /// Jobs that end together are published after their commit and in any order. The ends that the channel has
    /// not delivered by then are read from the store.
    async fn ending(&mut self, status: BatchStatus) -> Result<(), EngineError> {
        self.add_missed(usize::MAX).await?;
        self.queue(ProgressEvent::BatchEnded { status });
        self.caught_up = true;
        Ok(())
    }

    fn queue(&mut self, event: ProgressEvent) {
        self.rest.push_back(Arc::new(SharedEvent::new(event)));
    }

    /// Turns the handle into a [`Stream`](futures_core::Stream) of its events.
    pub fn into_events(self) -> ProgressEvents {
        ProgressEvents::new(self)
    }

    /// Waits for the batch's end and returns its final status.
    ///
    /// There is no time limit: each job ends by its own deadline, [`Settings::job_deadline`] at the latest. A shutdown's
    /// grace period counts: jobs that finish within it still end the batch.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] if the engine has shut down first, [`EngineError::Store`] if the store fails,
    /// [`EngineError::BatchNotFound`] if the batch has expired.
    ///
    /// [`Settings::job_deadline`]: crate::engine::Settings::job_deadline
    pub async fn wait(&mut self) -> Result<BatchStatus, EngineError> {
        let shared = Arc::clone(&self.engine.shared);
        let poll = if shared.peers.is_some() { SHARED_POLL_INTERVAL } else { POLL_INTERVAL };
        loop {
            // Before the status is read, so that no end falls between the two.
            let mut end = shared.progress.end_of(self.id());
            let is_stopped = shared.lifecycle.stopped.is_cancelled();
            let status = self.batch().await?.status();
            if status != BatchStatus::Processing {
                return Ok(status);
            }
            if is_stopped {
                return Err(EngineError::Stopped);
            }
            tokio::select! {
                biased;
                () = end.wait() => {}
                () = shared.lifecycle.stopped.cancelled() => {}
                () = shared.sleep(poll) => {}
            }
        }
    }

    /// Waits for the batch's end and returns the result of every job.
    ///
    /// # Errors
    ///
    /// Those of [`BatchHandle::wait`], and [`EngineError::ResultMissing`] or [`EngineError::Unreadable`] if a stored page
    /// cannot be read.
    pub async fn report(&mut self) -> Result<BatchReport, EngineError> {
        self.wait().await?;
        let id = self.id();
        self.engine.batch_report(id).await?.ok_or(EngineError::BatchNotEnded(id))
    }
}
