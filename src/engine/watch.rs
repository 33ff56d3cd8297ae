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

/// Events that a slow reader may be behind before it loses some.
const BACKLOG: usize = 1_024;
/// How often a waiter looks at the store, for a batch that another process works on.
const LOOK: Duration = Duration::from_secs(1);

/// A progress event of a batch.
///
/// A handle always reports the end of every job, once, and then the end of the batch: ends that were missed are read from
/// the store. The events between are for showing progress. A reader that falls more than 1,024 events behind loses the
/// oldest of them, and those from before the handle was created, or from another process, do not arrive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProgressEvent {
    /// A worker took a job.
    JobStarted {
        /// The job.
        job: JobId,
    },
    /// One attempt ended.
    Attempted {
        /// The job.
        job: JobId,
        /// What it found.
        attempt: Attempt,
    },
    /// A job will be tried again later.
    JobRescheduled {
        /// The job.
        job: JobId,
    },
    /// A job ended.
    JobEnded {
        /// The job as it is now.
        job: Box<Job>,
    },
    /// The last job ended. Nothing follows.
    BatchEnded {
        /// How.
        status: BatchStatus,
    },
}

/// The channels on which each batch's progress is published, while anyone receives.
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
            // Without a receiver there is nobody to miss the event.
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
/// Dropping it changes nothing about the batch. [`Engine::batch_handle`] returns another one for the same id.
#[derive(Debug)]
pub struct BatchHandle {
    engine: Engine,
    record: BatchRecord,
    events: broadcast::Receiver<ProgressEvent>,
    /// The jobs whose end was told.
    told: HashSet<JobId>,
    /// What is told next, once the batch has ended.
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
        Self { engine, record, events, told: HashSet::new(), rest: VecDeque::new(), done: false }
    }

    /// The batch's id.
    pub fn id(&self) -> BatchId {
        self.record.id
    }

    /// The batch's record as it was when this handle was created: after [`Engine::submit`], what was committed.
    pub fn record(&self) -> &BatchRecord {
        &self.record
    }

    /// The batch's record as it is now.
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
            // What is in the channel came before the end, so it is told first.
            match self.events.try_recv() {
                Ok(ProgressEvent::BatchEnded { status }) => self.ending(status).await?,
                Ok(event) => return Ok(Some(self.heard(event))),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) if status != BatchStatus::Processing => self.ending(status).await?,
                Err(_) => tokio::select! {
                    biased;
                    event = self.events.recv() => match event {
                        Ok(ProgressEvent::BatchEnded { status }) => self.ending(status).await?,
                        Ok(event) => return Ok(Some(self.heard(event))),
                        Err(_) => {}
                    },
                    () = stop.cancelled() => {}
                    () = self.engine.shared.sleep(LOOK) => {}
                },
            }
        }
        Ok(None)
    }

    /// Turns the handle into a [`Stream`](futures_core::Stream) of its events.
    pub fn into_events(self) -> ProgressEvents {
        ProgressEvents::new(self)
    }

    fn heard(&mut self, event: ProgressEvent) -> ProgressEvent {
        if let ProgressEvent::JobEnded { job } = &event {
            self.told.insert(job.id);
        }
        event
    }

    /// Jobs that end together are committed before they are told, and not told in that order: what
    /// the channel has not brought by the batch's end is read from the store.
    async fn ending(&mut self, status: BatchStatus) -> Result<(), EngineError> {
        let jobs = self.engine.jobs(self.id()).await?;
        let untold = jobs.into_iter().filter(|it| !self.told.contains(&it.id));
        self.rest.extend(untold.map(|it| ProgressEvent::JobEnded { job: Box::new(it) }));
        self.rest.push_back(ProgressEvent::BatchEnded { status });
        Ok(())
    }

    /// Waits for the batch's end. A shutdown's grace period counts: jobs that finish within it still end the batch.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] if the engine has shut down first, [`EngineError::Store`] if the store fails.
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

    /// Waits for the batch's end and returns every result.
    ///
    /// # Errors
    ///
    /// [`EngineError::Stopped`] if the engine has shut down first, [`EngineError::Store`] if the store fails.
    pub async fn report(&mut self) -> Result<BatchReport, EngineError> {
        self.wait().await?;
        let id = self.id();
        self.engine.batch_report(id).await?.ok_or(EngineError::BatchNotFound(id))
    }
}
