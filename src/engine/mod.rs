//! The engine: the only place that loops or waits.
//!
//! # Architecture invariants
//!
//! * It sees ports and core, and no adapter.
//! * Every decision is the core's; what is here carries it out.
//! * Time, chance and threads come through their ports, and no choice is left to the runtime: a wait
//!   for several things names the one that comes first. So the same seed gives the same run.

mod artifacts;
mod attempt;
mod builder;
mod cache;
mod changes;
mod clock;
mod document;
mod error;
mod images;
mod outbox;
mod pace;
mod prompt;
mod reaper;
mod report;
mod robots;
mod scans;
mod submit;
mod watch;
mod worker;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::core::batch::{BatchRecord, BatchStatus, Notification};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId, WorkerId};
use crate::core::job::{Job, Outcome};
use crate::core::ladder::Capabilities;
use crate::core::ledger::{Account, LedgerEntry};
use crate::core::price::PriceList;
use crate::core::record::{Key, Queue, Record, RecordKind};
use crate::core::request::Limits;
use crate::core::time::{Day, Timestamp};
use crate::core::usage::DailyUsage;
use crate::ports::clock::{Clock, Entropy, Threads};
use crate::ports::extract::Extractor;
use crate::ports::notify::{NotificationFormat, Notifier};
use crate::ports::prompt::PromptExtractor;
use crate::ports::store::{Bodies, ListQuery, Store, Versioned};

pub use artifacts::{Artifact, PRINT, SCREENSHOT};
pub use builder::{EngineBuilder, Settings};
pub use clock::{SystemClock, SystemEntropy, SystemThreads};
pub use error::{BuildError, EngineError, SubmitError};
pub use pace::Pacing;
pub use report::{BatchReport, JobReport, Page};
pub use robots::RobotsPolicy;
pub use submit::{Batch, Estimate};
pub use watch::{BatchHandle, ProgressEvent};

use builder::Fetchers;
use pace::Pace;
use robots::Manners;
use watch::Watchers;
use writer::Writer;

/// Everything that the engine's tasks share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Arc<dyn Store>,
    bodies: Arc<dyn Bodies>,
    fetchers: Fetchers,
    extractor: Arc<dyn Extractor>,
    prompts: Option<Arc<dyn PromptExtractor>>,
    notifier: Option<Arc<dyn Notifier>>,
    notification_format: Arc<dyn NotificationFormat>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    threads: Arc<dyn Threads>,
    settings: Settings,
    limits: Limits,
    prices: PriceList,
    tools: Capabilities,
    worker: WorkerId,
    writer: Writer,
    pace: Pace,
    manners: Manners,
    /// One place a page that is being fetched.
    places: Semaphore,
    /// One place a processor: extraction is pure work.
    extracting: Semaphore,
    watchers: Watchers,
    jobs_ready: Notify,
    notifications_ready: Notify,
    /// No new claims.
    stopping: CancellationToken,
    /// Running jobs are put back.
    aborting: CancellationToken,
    /// Everything has ended.
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl Shared {
    /// One record, without its version.
    async fn load(&self, key: Key) -> Result<Option<Record>, EngineError> {
        let mut found = self.store.load(vec![key]).await?;
        Ok(found.pop().flatten().map(|it| it.record))
    }

    /// Sleeps until something in `queue` is due, or `ready` says so, or the engine stops; for
    /// `longest` at most, since another process may have put something into the store.
    async fn rest(&self, queue: Queue, ready: &Notify, longest: Duration) {
        let next = self.store.due(queue).await.ok().flatten();
        let wait = next.map_or(longest, |at| at.since(self.clock.now()).min(longest));
        // A millisecond at least: a clock that stands still must not make this spin.
        let wait = wait.max(Duration::from_millis(1));
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {}
            () = ready.notified() => {}
            () = self.clock.sleep(wait) => {}
        }
    }

    async fn batch(&self, id: BatchId) -> Result<BatchRecord, EngineError> {
        match self.load(Key::Batch(id)).await? {
            Some(Record::Batch(batch)) => Ok(batch),
            _ => Err(EngineError::NoBatch(id)),
        }
    }
}

/// The engine: a cheap handle, of which a host may have as many clones as it likes.
///
/// When the last one is dropped without [`Engine::shutdown`], work stops where it is; the store puts
/// it back when its leases end.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    _guard: Arc<Guard>,
}

/// Stops the tasks when the last handle goes.
#[derive(Debug)]
struct Guard {
    _stopping: DropGuard,
    _aborting: DropGuard,
    _stopped: DropGuard,
}

impl Engine {
    /// Puts an engine together.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    fn started(shared: Arc<Shared>) -> Self {
        let guard = Guard {
            _stopping: shared.stopping.clone().drop_guard(),
            _aborting: shared.aborting.clone().drop_guard(),
            _stopped: shared.stopped.clone().drop_guard(),
        };
        Self { shared, _guard: Arc::new(guard) }
    }

    /// What tiers and readers there are.
    pub fn tools(&self) -> Capabilities {
        self.shared.tools
    }

    /// A handle on a batch that was submitted before, perhaps by an earlier process.
    pub async fn handle(&self, id: BatchId) -> Result<BatchHandle, EngineError> {
        self.batch(id).await?;
        Ok(BatchHandle::new(self.clone(), id))
    }

    /// A batch's record: its status and its tally, without any result.
    pub async fn batch(&self, id: BatchId) -> Result<BatchRecord, EngineError> {
        self.shared.batch(id).await
    }

    /// The jobs of a batch in the order of the request, without their results.
    pub async fn jobs(&self, id: BatchId) -> Result<Vec<Job>, EngineError> {
        let batch = self.batch(id).await?;
        let keys = batch.jobs.into_iter().map(Key::Job).collect();
        let found = self.shared.store.load(keys).await?;
        Ok(found.into_iter().flatten().filter_map(as_job).collect())
    }

    /// A batch with its jobs, as they were at one moment: tally and states agree.
    pub async fn progress(&self, id: BatchId) -> Result<(BatchRecord, Vec<Job>), EngineError> {
        let mut keys = vec![Key::Batch(id)];
        keys.extend(self.batch(id).await?.jobs.into_iter().map(Key::Job));
        let mut found = self.shared.store.load(keys).await?.into_iter().flatten();
        let Some(Record::Batch(batch)) = found.next().map(|it| it.record) else {
            return Err(EngineError::NoBatch(id));
        };
        Ok((batch, found.filter_map(as_job).collect()))
    }

    /// What it was built with.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The bounds of a submission.
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The time by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Batches, newest first, behind `after`; of all accounts.
    pub async fn batches(
        &self,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, EngineError> {
        let after = after.map(Key::Batch);
        let list = ListQuery { kind: RecordKind::Batch, after, descending: true, limit };
        let found = self.shared.store.list(list).await?;
        Ok(found.into_iter().filter_map(as_batch).collect())
    }

    /// An account's batches, newest first, behind `after`. Pages that were submitted by themselves are not
    /// among them.
    pub async fn batches_of(
        &self,
        account: &AccountId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchRecord>, EngineError> {
        let after = Key::AccountBatch(account.clone(), after.unwrap_or(BatchId::LAST));
        let list = ListQuery {
            kind: RecordKind::AccountBatch,
            after: Some(after),
            descending: true,
            limit,
        };
        let owned = self.shared.store.list(list).await?.into_iter();
        let keys = owned.map_while(|it| match it.record {
            // The accounts before this one follow.
            Record::AccountBatch(it) if it.account == *account => Some(Key::Batch(it.batch)),
            _ => None,
        });
        let found = self.shared.store.load(keys.collect()).await?;
        Ok(found.into_iter().flatten().filter_map(as_batch).collect())
    }

    /// What an account submitted and spent on each day from `first` on, where there was anything.
    pub async fn usage(
        &self,
        account: &AccountId,
        first: Day,
    ) -> Result<Vec<DailyUsage>, EngineError> {
        let today = self.now().day();
        let days = std::iter::successors(Some(first), |it| Some(it.next()));
        let keys = days.take_while(|it| *it <= today).map(|it| Key::Usage(account.clone(), it));
        let found = self.shared.store.load(keys.collect()).await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter_map(|it| match it.record {
                Record::Usage(usage) => Some(usage),
                _ => None,
            })
            .collect())
    }

    /// One job without its result.
    pub async fn job_record(&self, id: JobId) -> Result<Job, EngineError> {
        match self.shared.load(Key::Job(id)).await? {
            Some(Record::Job(job)) => Ok(job),
            _ => Err(EngineError::NoJob),
        }
    }

    /// One job with its result.
    pub async fn job(&self, id: JobId) -> Result<JobReport, EngineError> {
        self.read(self.job_record(id).await?).await
    }

    /// Everything that is known of a batch, the results of its ended jobs included.
    pub async fn report(&self, id: BatchId) -> Result<BatchReport, EngineError> {
        let batch = self.batch(id).await?;
        let mut jobs = Vec::with_capacity(batch.jobs.len());
        for job in self.jobs(id).await? {
            jobs.push(self.read(job).await?);
        }
        Ok(BatchReport { batch, jobs })
    }

    /// A job's record with the page that it names.
    pub async fn read(&self, job: Job) -> Result<JobReport, EngineError> {
        let Some(Outcome::Succeeded { body, .. }) = &job.outcome else {
            return Ok(JobReport { job, page: None });
        };
        let bytes = self.shared.bodies.get(body.clone()).await?.ok_or(EngineError::NoJob)?;
        let page = serde_json::from_slice(&bytes)
            .map_err(|why| EngineError::Unreadable(why.to_string()))?;
        Ok(JobReport { job, page: Some(page) })
    }

    /// The one event of a batch's end with its delivery log, once the batch has ended.
    pub async fn notice(&self, id: BatchId) -> Result<Option<Notification>, EngineError> {
        self.delivery(self.batch(id).await?.event).await
    }

    /// An event by its own id, with its delivery log.
    pub async fn delivery(&self, id: NotificationId) -> Result<Option<Notification>, EngineError> {
        Ok(match self.shared.load(Key::Notification(id)).await? {
            Some(Record::Notification(notice)) => Some(notice),
            _ => None,
        })
    }

    /// Delivers an event once more, with the same id and the same body, and says how it stands. One that
    /// waits for an attempt anyway stays as it is, and so does one that has no address.
    pub async fn redeliver(&self, id: NotificationId) -> Result<Option<Notification>, EngineError> {
        let notice = self.shared.writer.apply(changes::Redeliver(id)).await?;
        self.shared.notifications_ready.notify_one();
        Ok(notice)
    }

    /// A batch's ledger lines, oldest first.
    pub async fn entries(&self, id: BatchId) -> Result<Vec<LedgerEntry>, EngineError> {
        let count = self.batch(id).await?.entries;
        let keys = (0..count).map(|it| Key::LedgerEntry(id, it)).collect();
        let found = self.shared.store.load(keys).await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter_map(|it| match it.record {
                Record::LedgerEntry(entry) => Some(entry),
                _ => None,
            })
            .collect())
    }

    /// An account, or `None` if nothing was ever booked on it.
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, EngineError> {
        Ok(match self.shared.load(Key::Account(id.clone())).await? {
            Some(Record::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// Adds credits to an account, which is opened if there is none.
    pub async fn grant(&self, id: &AccountId, amount: Credits) -> Result<Account, EngineError> {
        let unlimited = self.shared.settings.unlimited_accounts;
        let grant = changes::Grant { account: id.clone(), amount, unlimited };
        self.shared.writer.apply(grant).await?.ok_or(EngineError::TooMuch)
    }

    /// Ends every job of a batch that has not ended, and releases what was held for them.
    pub async fn cancel(&self, id: BatchId) -> Result<BatchStatus, EngineError> {
        let batch = self.batch(id).await?;
        let day = batch.created_at.day();
        let format = Arc::clone(&self.shared.notification_format);
        let (account, jobs) = (batch.account, batch.jobs);
        let cancel = changes::Cancel { batch: id, account, day, jobs, format };
        let (cancelled, ended) = self.shared.writer.apply(cancel).await?;
        for job in cancelled {
            self.shared.watchers.tell(id, ProgressEvent::JobEnded { job: Box::new(job) });
        }
        if let Some(status) = ended {
            self.shared.watchers.tell(id, ProgressEvent::BatchEnded { status });
            self.shared.notifications_ready.notify_one();
        }
        Ok(self.batch(id).await?.status())
    }

    /// Stops: no new claims, running jobs get the grace time to end, the rest are put back.
    ///
    /// Everything that was accepted is in the store, and the next engine on it goes on.
    pub async fn shutdown(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        shared.stopping.cancel();
        shared.tasks.close();
        tokio::select! {
            biased;
            () = shared.tasks.wait() => {}
            () = shared.clock.sleep(shared.settings.grace) => {
                shared.aborting.cancel();
                shared.tasks.wait().await;
            }
        }
        shared.aborting.cancel();
        shared.stopped.cancel();
        Ok(())
    }
}

fn as_batch(it: Versioned) -> Option<BatchRecord> {
    match it.record {
        Record::Batch(batch) => Some(batch),
        _ => None,
    }
}

fn as_job(it: Versioned) -> Option<Job> {
    match it.record {
        Record::Job(job) => Some(job),
        _ => None,
    }
}
