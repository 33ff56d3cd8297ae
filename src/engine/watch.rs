//! Handles on batches: waiting for the end, and progress events.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::core::batch::{BatchRecord, BatchStatus};
use crate::core::id::{BatchId, JobId};
use crate::core::job::{Attempt, Job};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::events::ProgressEvents;
use crate::engine::report::BatchReport;

/// The number of events after which a slow reader loses the oldest.
const BACKLOG: usize = 1_024;
/// The interval at which a waiter reads the store, because another process may be running the batch.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A progress event of a batch.
///
/// A handle reports the end of every job exactly once, and then the end of the batch: ends that it missed are read from the
/// store. The other events only show progress. A reader that falls more than 1,024 events behind loses the oldest of
/// them. Events from before the handle was created, or from another process, are not reported.
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

/// The channels of the batches that have handles.
#[derive(Debug, Default)]
pub(super) struct ProgressChannels {
    batches: DashMap<BatchId, broadcast::Sender<ProgressEvent>>,
}

impl ProgressChannels {
    pub(super) fn subscribe(&self, batch: BatchId) -> broadcast::Receiver<ProgressEvent> {
        self.batches.entry(batch).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    pub(super) fn publish(&self, batch: BatchId, event: ProgressEvent) {
        let ended = matches!(event, ProgressEvent::BatchEnded { .. });
        if let Some(channel) = self.batches.get(&batch) {
            // Without a receiver no handle misses the event.
            let _ = channel.send(event);
        }
        self.batches.remove_if(&batch, |_, it| ended || it.receiver_count() == 0);
    }

    /// Drops the channel of a batch whose last handle is being dropped.
    fn unsubscribe(&self, batch: BatchId) {
        self.batches.remove_if(&batch, |_, it| it.receiver_count() <= 1);
    }
}

/// A handle on a submitted batch: waits for its end and receives its progress events.
///
/// Dropping it does not affect the batch. [`Engine::batch_handle`] returns another one for the same id.
#[derive(Debug)]
pub struct BatchHandle {
    engine: Engine,
    record: BatchRecord,
    events: broadcast::Receiver<ProgressEvent>,
    /// The jobs whose end was reported.
    reported: HashSet<JobId>,
    /// The events to report next, once the batch has ended.
    rest: VecDeque<ProgressEvent>,
    done: bool,
}

impl Drop for BatchHandle {
    fn drop(&mut self) {
        self.engine.shared.progress.unsubscribe(self.id());
    }
}

impl BatchHandle {
    pub(super) fn new(engine: Engine, record: BatchRecord) -> Self {
        let events = engine.shared.progress.subscribe(record.id);
        Self {
            engine,
            record,
            events,
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
        let stopping = self.engine.shared.lifecycle.stopping.clone();
        self.next_until(&stopping).await
    }

    /// Waits for the next event, until `stop` is canceled.
    async fn next_until(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Option<ProgressEvent>, EngineError> {
        while !self.done {
            if let Some(event) = self.rest.pop_front() {
                self.done = matches!(event, ProgressEvent::BatchEnded { .. });
                return Ok(Some(event));
            }
            let status = self.batch().await?.status();
            if status == BatchStatus::Processing && stop.is_cancelled() {
                return Err(EngineError::Stopped);
            }
            // Events in the channel precede the end, so they are reported first.
            match self.events.try_recv() {
                Ok(ProgressEvent::BatchEnded { status }) => self.ending(status).await?,
                Ok(event) => return Ok(Some(self.note(event))),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) if status != BatchStatus::Processing => self.ending(status).await?,
                Err(_) => tokio::select! {
                    biased;
                    event = self.events.recv() => match event {
                        Ok(ProgressEvent::BatchEnded { status }) => self.ending(status).await?,
                        Ok(event) => return Ok(Some(self.note(event))),
                        Err(_) => {}
                    },
                    () = stop.cancelled() => {}
                    () = self.engine.shared.sleep(POLL_INTERVAL) => {}
                },
            }
        }
        Ok(None)
    }

    /// Turns the handle into a [`Stream`](futures_core::Stream) of its events.
    pub fn into_events(self) -> ProgressEvents {
        ProgressEvents::new(self)
    }

    fn note(&mut self, event: ProgressEvent) -> ProgressEvent {
        if let ProgressEvent::JobEnded { job } = &event {
            self.reported.insert(job.id);
        }
        event
    }

    /// Queues the last events of a batch that has ended.
    ///
    /// Jobs that end together are published after their commit and in any order. The ends that the channel has
    /// not delivered by then are read from the store.
    async fn ending(&mut self, status: BatchStatus) -> Result<(), EngineError> {
        let jobs = self.engine.jobs(self.id()).await?;
        let missed = jobs.into_iter().filter(|it| !self.reported.contains(&it.id));
        self.rest.extend(missed.map(|it| ProgressEvent::JobEnded { job: Box::new(it) }));
        self.rest.push_back(ProgressEvent::BatchEnded { status });
        Ok(())
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
        let stopped = self.engine.shared.lifecycle.stopped.clone();
        loop {
            let status = self.batch().await?.status();
            if status != BatchStatus::Processing {
                return Ok(status);
            }
            if self.next_until(&stopped).await?.is_none() {
                return self.batch().await.map(|it| it.status());
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
