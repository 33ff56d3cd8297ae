//! Cancellation of batches, which reaches pages that are being fetched at once.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::core::batch::BatchRecord;
use crate::core::credits::Credits;
use crate::core::id::BatchId;
use crate::engine::Engine;
use crate::engine::changes;
use crate::engine::error::EngineError;
use crate::engine::shared::Shared;
use crate::engine::watch::ProgressEvent;

/// Canceled batches that are remembered. A claim that was made just before a cancellation learns of it so.
const MAX_REMEMBERED: usize = 256;

/// The result of [`Engine::cancel`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cancellation {
    /// The batch's record after the call.
    pub batch: BatchRecord,
    /// The number of jobs that this call canceled.
    pub canceled_jobs: usize,
    /// The credits that this call released.
    pub released: Credits,
}

impl Engine {
    /// Cancels every job of a batch that has not ended and releases its hold. Pages that this process is fetching are
    /// abandoned at once, those of another process that shares the store within a second or two.
    ///
    /// Calling it again, or for a batch that has ended, changes nothing and reports that nothing was released.
    ///
    /// # Errors
    ///
    /// [`EngineError::BatchNotFound`] if there is no such batch.
    pub async fn cancel(&self, id: BatchId) -> Result<Cancellation, EngineError> {
        let (canceled_jobs, released) = self.shared.cancel_batch(id).await?;
        Ok(Cancellation { batch: self.batch(id).await?, canceled_jobs, released })
    }
}

impl Shared {
    /// Cancels a batch. Returns the number of jobs that this call canceled, and the credits that it released.
    pub(super) async fn cancel_batch(&self, id: BatchId) -> Result<(usize, Credits), EngineError> {
        self.set_clock_once().await?;
        let batch = self.batch(id).await?;
        let jobs = self.job_ids(&batch).await?;
        let day = batch.created_at.day();
        let format = Arc::clone(&self.adapters.notification_format);
        let retention = self.config.settings.retention;
        let (account, crawl) = (batch.account, batch.crawl);
        let cancel = changes::Cancel { batch: id, account, crawl, day, jobs, format, retention };
        let (canceled, ended) = self.writer.apply(cancel).await?;
        self.running_batches.cancel(id);
        let released = canceled.iter().map(|it| it.hold).sum();
        let canceled_jobs = canceled.len();
        for job in canceled {
            self.progress.publish(id, || ProgressEvent::JobEnded { job: Box::new(job) });
        }
        if let Some(status) = ended {
            self.progress.publish_end(id, status);
            self.scheduling.notifications_ready.notify_one();
        }
        if crawl.is_some() {
            self.crawl_changed();
            self.scheduling.notifications_ready.notify_one();
        }
        Ok((canceled_jobs, released))
    }
}

/// The batches whose jobs this process has in hand.
#[derive(Debug, Default)]
pub(super) struct RunningBatches {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<BatchId, Running>,
    /// Newest last.
    canceled: VecDeque<BatchId>,
}

#[derive(Debug)]
struct Running {
    canceled: CancellationToken,
    jobs: usize,
}

impl RunningBatches {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a job of the batch as in hand until the returned guard is dropped.
    pub(super) fn enter(&self, batch: BatchId) -> RunningJob<'_> {
        let mut state = self.lock();
        let was_canceled = state.canceled.contains(&batch);
        let running = state.running.entry(batch);
        let running =
            running.or_insert_with(|| Running { canceled: CancellationToken::new(), jobs: 0 });
        running.jobs += 1;
        if was_canceled {
            running.canceled.cancel();
        }
        RunningJob { batches: self, batch, canceled: running.canceled.clone() }
    }

    /// Returns the batches that have jobs in hand.
    pub(super) fn ids(&self) -> BTreeSet<BatchId> {
        self.lock().running.keys().copied().collect()
    }

    /// Abandons the jobs of a batch that are in hand, because the batch has ended.
    pub(super) fn abandon(&self, batch: BatchId) {
        if let Some(running) = self.lock().running.get(&batch) {
            running.canceled.cancel();
        }
    }

    /// Cancels the jobs of the batch that are in hand, and those that are about to be.
    fn cancel(&self, batch: BatchId) {
        let mut state = self.lock();
        if let Some(running) = state.running.get(&batch) {
            running.canceled.cancel();
        }
        if !state.canceled.contains(&batch) {
            state.canceled.push_back(batch);
        }
        if state.canceled.len() > MAX_REMEMBERED {
            state.canceled.pop_front();
        }
    }
}

/// A job in hand.
#[derive(Debug)]
pub(super) struct RunningJob<'a> {
    batches: &'a RunningBatches,
    batch: BatchId,
    /// Canceled together with the batch.
    pub(super) canceled: CancellationToken,
}

impl Drop for RunningJob<'_> {
    fn drop(&mut self) {
        let mut state = self.batches.lock();
        if let Some(running) = state.running.get_mut(&self.batch) {
            running.jobs -= 1;
            if running.jobs == 0 {
                state.running.remove(&self.batch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Timestamp;

    fn batch(number: u64) -> BatchId {
        BatchId::new(Timestamp::from_millis(number), 0, number)
    }

    #[test]
    fn a_cancellation_reaches_jobs_that_are_in_hand_and_those_just_claimed() {
        let batches = RunningBatches::default();
        let (before, other) = (batches.enter(batch(1)), batches.enter(batch(2)));

        batches.cancel(batch(1));
        let after = batches.enter(batch(1));

        assert!(before.canceled.is_cancelled() && after.canceled.is_cancelled());
        assert!(!other.canceled.is_cancelled());
    }

    #[test]
    fn nothing_is_kept_of_batches_without_jobs_in_hand() {
        let batches = RunningBatches::default();
        for number in 0..1_000 {
            drop(batches.enter(batch(number)));
            batches.cancel(batch(number));
        }

        let state = batches.lock();
        assert_eq!((state.running.len(), state.canceled.len()), (0, MAX_REMEMBERED));
    }
}
