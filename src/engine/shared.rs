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
use crate::core::id::{AccountId, BatchId, JobId, SessionId, WorkerId};
use crate::core::ladder::Capabilities;
use crate::core::price::PriceList;
use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::request::Limits;
use crate::core::time::Timestamp;
use crate::engine::builder::{Fetchers, Settings};
use crate::engine::cancel::RunningBatches;
use crate::engine::crawl::Crawls;
use crate::engine::error::EngineError;
use crate::engine::in_hand::JobCounts;
use crate::engine::jumps::ClockJumps;
use crate::engine::keyed_locks::KeyedLocks;
use crate::engine::map::under_way::MapsUnderWay;
use crate::engine::peers::Peers;
use crate::engine::permits::Permits;
use crate::engine::profiles::SiteProfiles;
use crate::engine::robots::{RobotsCache, RobotsPolicy};
use crate::engine::traces::Traces;
use crate::engine::watch::ProgressChannels;
use crate::engine::writer::Writer;
use crate::ports::clock::{BlockingPool, Clock, Entropy};
use crate::ports::extract::Extractor;
use crate::ports::notify::{NotificationFormat, Notifier};
use crate::ports::prompt::PromptExtractor;
use crate::ports::session::SessionStore;
use crate::ports::store::{Bodies, Store, Versioned};

/// The shortest wait for something that falls due in a shared store.
const SHORTEST_SHARED_WAIT: Duration = Duration::from_millis(20);

/// The extractions under way at the same time, each with a document of up to 5 MiB.
const MAX_EXTRACTIONS: usize = 64;

/// The implementations of the ports that the application chose.
#[derive(Debug)]
pub(super) struct Adapters {
    pub(super) store: Arc<dyn Store>,
    pub(super) bodies: Arc<dyn Bodies>,
    pub(super) fetchers: Fetchers,
    pub(super) extractor: Arc<dyn Extractor>,
    pub(super) prompts: Option<Arc<dyn PromptExtractor>>,
    pub(super) sessions: Option<Arc<dyn SessionStore>>,
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
    /// The work that this engine does besides calls.
    pub(super) duty: Duty,
    /// The spans of submissions, jobs and deliveries.
    pub(super) traces: Traces,
}

/// The work that an engine does besides the calls of its handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Duty {
    /// Jobs, deliveries of notifications and the removal of expired records.
    #[default]
    All,
    /// Nothing: other processes that share the store do the work.
    CallsOnly,
}

/// Everything that a job may have to wait for.
#[derive(Debug)]
pub(super) struct Scheduling {
    pub(super) permits: Permits,
    pub(super) robots: RobotsCache,
    pub(super) profiles: SiteProfiles,
    /// One permit per processor, because extraction is pure computation.
    pub(super) extraction_permits: Semaphore,
    /// Bounds the extractions under way, which hold their documents in memory.
    pub(super) extraction_room: Arc<Semaphore>,
    /// Bounds the pages that were fetched and are not read yet. While there is no room, they keep the permits of
    /// their requests.
    pub(super) page_room: Semaphore,
    /// The jobs that the worker has claimed.
    pub(super) in_hand: JobCounts,
    /// Set when a job was put back, which may fall due before any other.
    pub(super) job_put_back: AtomicBool,
    /// Serializes the changes of each stored session.
    pub(super) session_locks: KeyedLocks<(AccountId, SessionId), ()>,
    /// Serializes the creation of an account's sessions.
    pub(super) session_creations: KeyedLocks<AccountId, ()>,
    /// Wakes the worker.
    pub(super) jobs_ready: Notify,
    /// Wakes the outbox.
    pub(super) notifications_ready: Notify,
    /// Wakes the task that advances crawls.
    pub(super) crawls_ready: Notify,
    pub(super) crawls: Crawls,
    pub(super) maps: MapsUnderWay,
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
    /// The engines that share the store, if it can be shared.
    pub(super) peers: Option<Peers>,
}

impl Shared {
    /// Builds the state and starts the writer, which needs a tokio runtime.
    pub(super) fn new(mut adapters: Adapters, config: Config) -> Self {
        let peers = adapters.store.is_shared().then(|| Peers::new(Arc::clone(&adapters.clock)));
        if let Some(peers) = &peers {
            adapters.clock = peers.clock();
        }
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let settings = &config.settings;
        let lifecycle = Lifecycle::default();
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
                extraction_room: Arc::new(Semaphore::new(MAX_EXTRACTIONS)),
                page_room: Semaphore::new(settings.concurrency.div_ceil(2).max(processors)),
                in_hand: JobCounts::new(settings.concurrency, config.weights.clone()),
                job_put_back: AtomicBool::new(false),
                session_locks: KeyedLocks::default(),
                session_creations: KeyedLocks::default(),
                jobs_ready: Notify::new(),
                notifications_ready: Notify::new(),
                crawls_ready: Notify::new(),
                crawls: Crawls::default(),
                maps: MapsUnderWay::default(),
            },
            progress: ProgressChannels::default(),
            running_batches: RunningBatches::default(),
            clock_jumps: ClockJumps::default(),
            writer: Writer::start(
                Arc::clone(&adapters.store),
                Arc::clone(&adapters.clock),
                Arc::clone(&adapters.entropy),
                lifecycle.aborting.clone(),
            ),
            lifecycle,
            worker: WorkerId(adapters.entropy.random_u64()),
            peers,
            adapters,
            config,
        }
    }

    /// Leaves a site alone for as long as it asks, up to the longest wait of a retry.
    pub(super) fn pause_site(&self, site: &str, wait: Duration) {
        let wait = wait.min(self.config.settings.retry.longest);
        self.scheduling.permits.pause(site, self.now().after(wait));
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

    /// Waits by the engine's clock, or until the engine stops.
    pub(super) async fn sleep_unless_stopping(&self, wait: Duration) {
        tokio::select! {
            biased;
            () = self.lifecycle.stopping.cancelled() => {}
            () = self.sleep(wait) => {}
        }
    }

    /// Returns `true` if the engine runs jobs, delivers notifications and removes expired records.
    pub(super) fn works(&self) -> bool {
        self.config.duty == Duty::All
    }

    /// Takes over the time of a shared store, before the first time that is written.
    pub(super) async fn set_clock_once(&self) -> Result<(), EngineError> {
        if let Some(peers) = &self.peers {
            peers.set_clock_once(self.adapters.store.as_ref()).await?;
        }
        Ok(())
    }

    /// Returns a claim for a lease of this duration, from the slots of this engine. That of jobs ends with
    /// [`Peers::end_claim`].
    pub(super) fn claim(&self, queue: Queue, lease: Duration, limit: usize) -> Claim {
        let now = self.now();
        let claim = Claim::new(queue, self.worker, now, now.after(lease), limit);
        match &self.peers {
            Some(peers) => {
                let (slots, per_slot) = match queue {
                    Queue::Jobs => (peers.begin_claim(), self.scheduling.permits.per_site()),
                    Queue::Notifications | Queue::Expiry | Queue::Crawls => (peers.slots(), limit),
                };
                claim.by_the_stores_clock().within(slots, per_slot)
            }
            None => claim,
        }
    }

    /// Claims records that are due, unless the engine owns no slot at this time.
    pub(super) async fn claim_due(&self, claim: Claim) -> Result<Vec<Versioned>, EngineError> {
        if claim.limit == 0 || claim.slots.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.adapters.store.claim(claim).await?)
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
        // What is due in a shared store and was not claimed is in the slots of others.
        let shared = self.peers.is_some();
        let from =
            if shared { self.now().after(SHORTEST_SHARED_WAIT) } else { Timestamp::default() };
        let next = self.adapters.store.due(queue, from).await.ok().flatten();
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
