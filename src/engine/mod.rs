//! The engine: the only place that loops or waits.
//!
//! It claims jobs, runs each on its ladder, stores results, delivers notifications and removes expired
//! batches. It decides nothing itself: `core` returns every plan, verdict, price and transition as a
//! value, and the engine carries it out.
//!
//! # Architecture invariants
//!
//! * It imports ports and core, and no adapter.
//! * Time, randomness and threads come through their ports, and a wait for several things prefers one
//!   of them in a fixed order. The same seed therefore gives the same run.

mod artifacts;
mod attempt;
mod budgets;
mod builder;
mod cache;
mod cancel;
mod changes;
mod clock;
mod compute;
mod confirmed;
mod content_hash;
mod crawl;
mod document;
mod error;
mod estimate;
mod events;
mod extraction;
mod fingerprint;
mod follow;
mod frames;
mod grant;
mod guarded_format;
mod images;
mod in_hand;
mod jumps;
mod kept;
mod keyed_locks;
mod ladder;
mod map;
mod outage;
mod outbox;
mod pace;
mod page_host;
mod page_labels;
mod peers;
mod permits;
mod profiles;
mod prompt;
mod queries;
mod read_ahead;
mod readers;
mod reaper;
mod renew;
mod report;
mod result;
mod retry;
mod robots;
mod scans;
mod sessions;
mod shared;
mod shared_event;
mod store_clock;
mod stored_page;
mod submit;
mod subrequest;
mod traces;
mod turns;
mod watch;
mod worker;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::DropGuard;

use crate::core::batch::Notification;
use crate::core::credits::Credits;
use crate::core::id::{AccountId, NotificationId};
use crate::core::ledger::Account;

pub use artifacts::{Artifact, PRINT, SCREENSHOT};
pub use builder::{EngineBuilder, Settings};
pub use cancel::Cancellation;
pub use clock::{SystemBlockingPool, SystemClock, SystemEntropy};
pub use content_hash::content_hash;
pub use crawl::{Crawl, CrawlCancellation, CrawlHandle};
pub use error::{BuildError, EngineError, SubmitError};
pub use estimate::Estimate;
pub use events::ProgressEvents;
pub use extraction::{Extraction, ExtractionError, ExtractionReport};
pub use grant::{Grant, Granted, grant_once};
pub use map::{Map, MappedUrl, SiteMap, UrlSource};
pub use pace::Pacing;
pub use page_labels::{
    DomainDifficulty, OwnProxyDiscount, QualityCode, QualityWarning, TierCapWarning,
};
pub use read_ahead::StoredResults;
pub use report::{BatchReport, JobReport, JobSnapshot, Page};
pub use retry::Retry;
pub use robots::RobotsPolicy;
pub use sessions::{
    NewSession, SessionError, SessionSecret, SessionUpdate, SessionValidation, Sessions,
};
#[cfg(feature = "server")]
pub(crate) use stored_page::{ExtractedParts, PageParts};
pub use stored_page::{StoredPage, StoredResult};
pub use submit::Batch;
pub use watch::{BatchHandle, ProgressEvent};

use shared::{Adapters, Config, Shared};

/// The longest wait of a shutdown for each of two last writes: the lessons about sites, and the removal of the heartbeat.
const LAST_WRITES: Duration = Duration::from_secs(2);
/// The longest wait of a shutdown for tasks that were aborted and still write to a shared store.
const AFTER_ABORT: Duration = Duration::from_secs(10);

/// A handle on a running engine. Clones are cheap and share it.
///
/// When the last clone is dropped without [`Engine::shutdown`], running jobs are aborted. Their leases
/// expire after [`Settings::lease`], and the next engine on the same store resumes them.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    _guard: Arc<Guard>,
}

/// Stops the tasks when the last handle is dropped.
#[derive(Debug)]
struct Guard {
    _stopping: DropGuard,
    _aborting: DropGuard,
    _stopped: DropGuard,
}

impl Engine {
    /// Returns a builder with default settings and no store or fetcher.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Starts the tasks, inside the current tokio runtime.
    fn start(adapters: Adapters, config: Config) -> Self {
        let shared = Arc::new(Shared::new(adapters, config));
        let lifecycle = &shared.lifecycle;
        if shared.works() {
            lifecycle.tasks.spawn(worker::run(Arc::clone(&shared)));
            lifecycle.tasks.spawn(outbox::run(Arc::clone(&shared)));
            lifecycle.tasks.spawn(reaper::run(Arc::clone(&shared)));
            lifecycle.tasks.spawn(crawl::run(Arc::clone(&shared)));
            lifecycle.tasks.spawn(profiles::run(Arc::clone(&shared)));
        }
        peers::start(&shared);
        let guard = Guard {
            _stopping: lifecycle.stopping.clone().drop_guard(),
            _aborting: lifecycle.aborting.clone().drop_guard(),
            _stopped: lifecycle.stopped.clone().drop_guard(),
        };
        Self { shared, _guard: Arc::new(guard) }
    }

    /// Adds credits to an account, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`EngineError::TooMuch`] if the account's credits would overflow.
    pub async fn grant(&self, id: &AccountId, amount: Credits) -> Result<Account, EngineError> {
        let unlimited = self.shared.config.settings.unlimited_accounts;
        let grant = changes::Grant { account: id.clone(), amount, unlimited };
        self.shared.writer.apply(grant).await?.ok_or(EngineError::TooMuch)
    }

    /// Delivers a notification again, with the same id and the same body, and returns its new record.
    /// One that waits for its next attempt is sent now. One that is being sent, or that has no webhook URL, is not changed.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotificationNotFound`] if there is no such notification.
    pub async fn redeliver(&self, id: NotificationId) -> Result<Notification, EngineError> {
        self.shared.set_clock_once().await?;
        let notification = self.shared.writer.apply(changes::Redeliver(id)).await?;
        self.shared.scheduling.notifications_ready.notify_one();
        notification.ok_or(EngineError::NotificationNotFound(id))
    }

    /// Shuts down: stops claiming jobs, waits for running jobs up to [`Settings::grace`] (10 s by default),
    /// and returns the others to the queue.
    ///
    /// Every accepted job is in the store. The next engine on that store resumes those that have not ended.
    ///
    /// While a shared store cannot be reached, this does not wait for it: some 10 s after the grace period it returns, and
    /// other engines fetch the pages again whose results could not be written, when their leases end.
    pub async fn shutdown(&self) {
        let shared = &self.shared;
        let lifecycle = &shared.lifecycle;
        lifecycle.stopping.cancel();
        lifecycle.tasks.close();
        tokio::select! {
            biased;
            () = self.drain() => {}
            never = shared.beat_while_leaving() => match never {},
        }
        lifecycle.aborting.cancel();
        tokio::select! {
            biased;
            () = shared.commit_lessons() => {}
            () = shared.sleep(LAST_WRITES) => {}
        }
        tokio::select! {
            biased;
            () = shared.leave_peers() => {}
            () = shared.sleep(LAST_WRITES) => {}
        }
        lifecycle.stopped.cancel();
    }

    /// Waits for the tasks, and from the end of the grace on for their jobs to go back into the queue.
    async fn drain(&self) {
        let Shared { lifecycle, config, .. } = &*self.shared;
        tokio::select! {
            biased;
            () = lifecycle.tasks.wait() => {}
            () = self.shared.sleep(config.settings.grace) => {
                lifecycle.aborting.cancel();
                self.wait_after_abort().await;
            }
        }
    }

    /// Waits for the tasks to end, but not for a shared store that does not respond: other engines take over.
    async fn wait_after_abort(&self) {
        let shared = &self.shared;
        if shared.peers.is_none() {
            return shared.lifecycle.tasks.wait().await;
        }
        tokio::select! {
            biased;
            () = shared.lifecycle.tasks.wait() => {}
            () = shared.sleep(AFTER_ABORT) => {
                tracing::error!("the shutdown does not wait for the store any longer");
            }
        }
    }
}
