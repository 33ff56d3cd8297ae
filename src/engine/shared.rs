//! The state that the engine's tasks share.
//!
//! [`Engine`](crate::engine::Engine) is a handle on one [`Shared`]. The worker, the outbox and the
//! reaper hold the same one, so it is grouped by what changes it: the adapters and the configuration
//! never change after `build`, scheduling changes with every page, the lifecycle once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::batch::BatchRecord;
use crate::core::id::{AccountId, BatchId, JobId, WorkerId};
use crate::core::ladder::Capabilities;
use crate::core::price::PriceList;
use crate::core::record::{Key, Queue, Record};
use crate::core::request::Limits;
use crate::core::time::Timestamp;
use crate::engine::builder::{Fetchers, Settings};
use crate::engine::cancel::RunningBatches;
use crate::engine::error::EngineError;
use crate::engine::in_hand::JobCounts;
use crate::engine::jumps::ClockJumps;
use crate::engine::permits::Permits;
use crate::engine::profiles::SiteProfiles;
use crate::engine::robots::{RobotsCache, RobotsPolicy};
use crate::engine::watch::ProgressChannels;
use crate::engine::writer::Writer;
use crate::ports::clock::{BlockingPool, Clock, Entropy};
use crate::ports::extract::Extractor;
use crate::ports::notify::{NotificationFormat, Notifier};
use crate::ports::prompt::PromptExtractor;
use crate::ports::store::{Bodies, Store};

/// The implementations of the ports that the application chose.
#[derive(Debug)]
pub(super) struct Adapters {
    pub(super) store: Arc<dyn Store>,
    pub(super) bodies: Arc<dyn Bodies>,
    pub(super) fetchers: Fetchers,
    pub(super) extractor: Arc<dyn Extractor>,
    pub(super) prompts: Option<Arc<dyn PromptExtractor>>,
    pub(super) notifier: Option<Arc<dyn Notifier>>,
    pub(super) notification_format: Arc<dyn NotificationFormat>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) blocking_pool: Arc<dyn BlockingPool>,
}

/// The values that the engine was built with.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    pub(super) prices: PriceList,
    pub(super) robots: RobotsPolicy,
    /// The accounts whose weight is not 1.
    pub(super) weights: BTreeMap<AccountId, u32>,
    /// The tiers and readers that the fetchers provide.
    pub(super) capabilities: Capabilities,
}

/// Everything that a job may have to wait for.
#[derive(Debug)]
pub(super) struct Scheduling {
    pub(super) permits: Permits,
    pub(super) robots: RobotsCache,
    pub(super) profiles: SiteProfiles,
    /// One permit per processor, because extraction is pure computation.
    pub(super) extraction_permits: Semaphore,
    /// Bounds the pages that were fetched and are not read yet. While there is no room, they keep the permits of
    /// their requests.
    pub(super) page_room: Semaphore,
    /// The jobs that the worker has claimed.
    pub(super) in_hand: JobCounts,
    /// Set when a job was put back, which may fall due before any other.
    pub(super) job_put_back: AtomicBool,
    /// Wakes the worker.
    pub(super) jobs_ready: Notify,
    /// Wakes the outbox.
    pub(super) notifications_ready: Notify,
}

/// The stages of a shutdown, and the tasks it waits for.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    /// Canceled when nothing more is to be claimed.
    pub(super) stopping: CancellationToken,
    /// Canceled when running jobs are to be put back into the queue.
    pub(super) aborting: CancellationToken,
    /// Canceled when every task has ended.
    pub(super) stopped: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Everything that the engine's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) adapters: Adapters,
    pub(super) config: Config,
    pub(super) scheduling: Scheduling,
    pub(super) lifecycle: Lifecycle,
    pub(super) progress: ProgressChannels,
    pub(super) running_batches: RunningBatches,
    pub(super) clock_jumps: ClockJumps,
    pub(super) writer: Writer,
    /// The owner of this process's leases.
    pub(super) worker: WorkerId,
}

impl Shared {
    /// Builds the state and starts the writer, which needs a tokio runtime.
    pub(super) fn new(adapters: Adapters, config: Config) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let settings = &config.settings;
        Self {
            scheduling: Scheduling {
                permits: Permits::new(
                    Arc::clone(&adapters.clock),
                    settings,
                    adapters.fetchers.browser.as_ref().and_then(|it| it.max_pages()),
                    config.weights.clone(),
                ),
                robots: RobotsCache::default(),
                profiles: SiteProfiles::default(),
                extraction_permits: Semaphore::new(processors),
                page_room: Semaphore::new(settings.concurrency.div_ceil(2).max(processors)),
                in_hand: JobCounts::new(settings.concurrency, config.weights.clone()),
                job_put_back: AtomicBool::new(false),
                jobs_ready: Notify::new(),
                notifications_ready: Notify::new(),
            },
            lifecycle: Lifecycle::default(),
            progress: ProgressChannels::default(),
            running_batches: RunningBatches::default(),
            clock_jumps: ClockJumps::default(),
            writer: Writer::start(Arc::clone(&adapters.store), Arc::clone(&adapters.clock)),
            worker: WorkerId(adapters.entropy.random_u64()),
            adapters,
            config,
        }
    }

    /// Returns the time by the engine's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.adapters.clock.now()
    }

    /// Returns a time to measure durations with, see [`Clock::monotonic`].
    pub(super) fn monotonic(&self) -> Duration {
        self.adapters.clock.monotonic()
    }

    /// Returns the time since `monotonic`.
    pub(super) fn elapsed(&self, monotonic: Duration) -> Duration {
        self.monotonic().saturating_sub(monotonic)
    }

    /// Waits by the engine's clock.
    pub(super) async fn sleep(&self, wait: Duration) {
        self.adapters.clock.sleep(wait).await;
    }

    /// Loads one record, without its version.
    pub(super) async fn load(&self, key: Key) -> Result<Option<Record>, EngineError> {
        let mut found = self.adapters.store.load(vec![key]).await?;
        Ok(found.pop().flatten().map(|it| it.record))
    }

    /// Loads a batch's record.
    pub(super) async fn batch(&self, id: BatchId) -> Result<BatchRecord, EngineError> {
        match self.load(Key::Batch(id)).await? {
            Some(Record::Batch(batch)) => Ok(batch),
            _ => Err(EngineError::BatchNotFound(id)),
        }
    }

    /// Returns the ids of a batch's jobs.
    pub(super) async fn job_ids(&self, batch: &BatchRecord) -> Result<Vec<JobId>, EngineError> {
        if !batch.inline_jobs.is_empty() {
            return Ok(batch.inline_jobs.clone());
        }
        match self.load(Key::BatchJobs(batch.id)).await? {
            Some(Record::BatchJobs(list)) => Ok(list.jobs),
            _ => Ok(Vec::new()),
        }
    }

    /// Sleeps until something in `queue` is due, `ready` is notified or the engine stops, and for
    /// `longest` at most: another process may have put something into the store.
    pub(super) async fn wait_for_due(&self, queue: Queue, ready: &Notify, longest: Duration) {
        let next = self.adapters.store.due(queue, Timestamp::default()).await.ok().flatten();
        let wait = next.map_or(longest, |at| at.since(self.now()).min(longest));
        self.wait_for_work(ready, wait).await;
    }

    /// Sleeps for `wait`, until `ready` is notified or the engine stops.
    pub(super) async fn wait_for_work(&self, ready: &Notify, wait: Duration) {
        // At least a millisecond: a clock that stands still must not turn this into a busy loop.
        let wait = wait.max(Duration::from_millis(1));
        tokio::select! {
            biased;
            () = self.lifecycle.stopping.cancelled() => {}
            () = ready.notified() => {}
            () = self.sleep(wait) => {}
        }
    }
}
