//! The process that is killed. It submits batches, retries those that failed, works, and prints each acknowledgment.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rungs::core::backoff::Backoff;
use rungs::core::batch::{BatchRecord, BatchStatus, NotificationState};
use rungs::core::id::AccountId;
use rungs::core::time::Timestamp;
use rungs::engine::Pacing;
use rungs::fetch::Http;
use rungs::net::NetPolicy;
use rungs::ports::store::Store;
use rungs::stores::{Journal, Sled};
use rungs::webhook::Webhooks;
use rungs::{Batch, BatchHandle, Engine, EngineError, ProgressEvent, Retry, Settings, SubmitError};

use crate::world::{next_in_chain, page_urls, turn_of};

/// The variable that makes a process a child and contains its plan.
pub(crate) const PLAN: &str = "RUNGS_KILL_CHILD";
/// The prefix of its lines.
pub(crate) const MARK: &str = "child: ";
/// New batches in each process.
pub(crate) const BATCHES_A_ROUND: usize = 4;
const ACCOUNTS: [&str; 3] = ["acme", "bolt", "crow"];
/// The interval at which the child reads the notifications. The engine has no event for a delivery.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The name of a directory that holds a journal; others hold sled.
pub(crate) const JOURNAL: &str = "journal";
/// Segments of the journal, so small that some are filled, copied and removed in each life.
const SEGMENT_BYTES: u64 = 48 << 10;

/// Opens the store of the kind that the directory's name gives, or the database at a URL.
pub(crate) fn open_store(dir: &Path) -> Arc<dyn Store> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let now = Timestamp::from_millis(u64::try_from(since_1970.as_millis()).expect("it fits"));
    #[cfg(feature = "postgres")]
    if let Some(url) = dir.to_str().filter(|it| is_database(it)) {
        // The runtime of the connections is not that of the caller.
        let url = url.to_owned();
        let connect = move || crate::postgres::block_on(connected(&url));
        return Arc::new(std::thread::spawn(connect).join().expect("connected"));
    }
    if dir.ends_with(JOURNAL) {
        let opened = Journal::open_sized(dir, now, SEGMENT_BYTES);
        return Arc::new(opened.unwrap_or_else(|error| panic!("{error}: {error:?}")));
    }
    Arc::new(Sled::open_with(dir, now).unwrap_or_else(|error| panic!("{error}: {error:?}")))
}

/// Connects to a database, and waits for it while it is down.
#[cfg(feature = "postgres")]
async fn connected(url: &str) -> rungs::stores::Postgres {
    let deadline = std::time::Instant::now() + crate::PATIENCE;
    loop {
        match rungs::stores::Postgres::connect(url).await {
            Err(rungs::ports::store::StoreError::Unavailable { .. })
                if std::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            opened => return opened.unwrap_or_else(|error| panic!("{error}: {error:?}")),
        }
    }
}

/// Returns `true` if a store is named by the URL of a database.
fn is_database(dir: &str) -> bool {
    dir.starts_with("postgres://")
}

/// The work of a child.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    /// The site and the receiver.
    pub(crate) world: (String, String),
    pub(crate) round: u32,
    /// Keys of earlier batches to submit again.
    pub(crate) again: Vec<String>,
    /// `true` if the child ends by itself once everything is done.
    pub(crate) finish: bool,
}

impl Plan {
    pub(crate) fn to_text(&self) -> String {
        let Self { dir, world: (site, receiver), round, again, finish } = self;
        serde_json::json!([dir, site, receiver, round, again, finish]).to_string()
    }

    pub(crate) fn from_env() -> Option<Self> {
        let text = env::var(PLAN).ok()?;
        let (dir, site, receiver, round, again, finish) =
            serde_json::from_str(&text).expect("a plan is what the parent wrote");
        Some(Self { dir, world: (site, receiver), round, again, finish })
    }

    fn keys(&self) -> impl Iterator<Item = String> {
        let new = (0..BATCHES_A_ROUND).map(|it| format!("{}-{it}", self.round));
        new.chain(self.again.clone())
    }

    /// The batch of this key, the same in every process.
    fn batch(&self, key: &str) -> Batch {
        let (site, receiver) = &self.world;
        let turn = turn_of(key);
        let urls = page_urls(key, 3 + turn % 4, |_| site.clone());
        let account = AccountId::new(ACCOUNTS[turn % 3]).expect("a valid name");
        let batch = Batch::new(urls).account(account).idempotency_key(key);
        if turn % 4 == 3 { batch } else { batch.webhook(format!("{receiver}/{key}")) }
    }

    fn engine(&self) -> Engine {
        let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
        let quick =
            |retries| Backoff::new(retries, Duration::from_millis(2), Duration::from_millis(20));
        // Other stores release the leases of a dead process when they are opened; those in a database expire.
        let is_database = self.dir.to_str().is_some_and(is_database);
        let lease = if is_database { Duration::from_secs(1) } else { Settings::default().lease };
        Engine::builder()
            .store(open_store(&self.dir))
            .http(Http::new().network(network.clone()))
            .webhooks(Webhooks::signed_with("s").network(network))
            .settings(
                Settings::default()
                    .with_concurrency(8)
                    .with_lease(lease)
                    .with_pacing(Pacing::default().with_per_host(6))
                    .with_retry(quick(2))
                    .with_webhook_retry(quick(20)),
            )
            .build()
            .expect("all parts are there")
    }
}

/// Prints a fact that is true from now on, even if this process is killed.
fn print_fact(words: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{MARK}{words}")
        .and_then(|()| stdout.flush())
        .expect("the parent reads the output");
}

pub(crate) fn run(plan: &Plan) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(work(plan));
}

async fn work(plan: &Plan) {
    let engine = plan.engine();
    print_fact("opened");
    let mut following = tokio::task::JoinSet::new();
    for batch in available(|| engine.batches(None, usize::MAX)).await {
        if batch.status() == BatchStatus::Processing {
            let handle = available(|| engine.batch_handle(batch.id)).await;
            following.spawn(follow(engine.clone(), handle, plan.clone()));
        } else if let Some(handle) = retry(&engine, &batch, plan).await {
            // The process before may have died between the end and the retry, or after both.
            following.spawn(follow(engine.clone(), handle, plan.clone()));
        }
    }
    for key in plan.keys() {
        let handle = engine.submit(plan.batch(&key)).await.expect("accepted");
        print_fact(&format!("accepted {key} {}", handle.id()));
        following.spawn(follow(engine.clone(), handle, plan.clone()));
    }
    while let Some(followed) = following.join_next().await {
        followed.expect("following does not fail");
    }
    print_fact("idle");
    if !plan.finish {
        std::future::pending::<()>().await;
    }
    while !all_delivered(&engine).await {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    engine.shutdown().await;
}

/// Follows a batch and the chain of its retries.
async fn follow(engine: Engine, mut handle: BatchHandle, plan: Plan) {
    loop {
        let id = handle.id();
        loop {
            match handle.next_event().await {
                Ok(Some(ProgressEvent::JobEnded { job })) => {
                    print_fact(&format!("ended {} {}", job.id, job.state.as_str()));
                }
                Ok(Some(ProgressEvent::BatchEnded { status })) => {
                    print_fact(&format!("batch {id} {}", status.as_str()));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) if error.is_unavailable() => tokio::time::sleep(POLL_INTERVAL).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        let ended = available(|| engine.batch(id)).await;
        match retry(&engine, &ended, &plan).await {
            Some(next) => handle = next,
            None => return,
        }
    }
}

/// Retries an ended batch with failed jobs, until its chain is as long as it may be.
async fn retry(engine: &Engine, batch: &BatchRecord, plan: &Plan) -> Option<BatchHandle> {
    let key = next_in_chain(batch.idempotency_key.as_deref()?)?;
    if batch.tally.failed == 0 {
        return None;
    }
    let webhook = format!("{}/{key}", plan.world.1);
    let retry = Retry::of(batch.id).idempotency_key(key.as_str()).webhook(webhook);
    let submitted = available(|| async {
        match engine.retry(retry.clone()).await {
            Err(SubmitError::Engine(error)) => Err(error),
            submitted => Ok(submitted.expect("accepted")),
        }
    });
    let handle = submitted.await;
    print_fact(&format!("retried {key} {}", handle.id()));
    Some(handle)
}

/// Repeats a call while the database is down.
async fn available<T, F: Future<Output = Result<T, EngineError>>>(call: impl Fn() -> F) -> T {
    let deadline = Instant::now() + crate::PATIENCE;
    loop {
        match call().await {
            Err(error) if error.is_unavailable() && Instant::now() < deadline => {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            done => return done.expect("the store responds"),
        }
    }
}

async fn all_delivered(engine: &Engine) -> bool {
    for batch in available(|| engine.batches(None, usize::MAX)).await {
        let notice = available(|| engine.batch_notification(batch.id)).await;
        if notice.is_none_or(|it| it.state == NotificationState::Pending) {
            return false;
        }
    }
    true
}
