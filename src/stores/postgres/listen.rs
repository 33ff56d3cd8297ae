//! Wake-ups between processes. They are hints: a process that misses one finds the work by polling.
//!
//! A notification is a statement of its own after the commit that added work, because inside the transaction it takes a
//! lock of the whole server. Each process sends ten per second at most for each queue.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};
use tokio_postgres::types::Type;

use crate::core::backoff::Backoff;
use crate::core::record::Queue;
use crate::core::time::Timestamp;
use crate::ports::store::{StoreError, Write};

use super::config::Target;
use super::error::Failure;
use super::link::{Session, drive};
use super::reader::Readers;

/// The pause between two notifications.
const PAUSE: Duration = Duration::from_millis(100);
/// The waits between attempts to listen.
const AGAIN: Backoff = Backoff::new(u32::MAX, Duration::from_millis(100), Duration::from_secs(10));
/// The longest wait for a notification to oneself.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

const QUEUES: [Queue; 4] = Queue::ALL;

/// The queues that a commit wakes, in the order of [`QUEUES`].
pub(super) type Wakes = [bool; QUEUES.len()];

/// Tells other processes of new work, and hears of theirs.
#[derive(Clone, Debug)]
pub(super) struct WakeUps {
    /// New work of this process, by queue.
    added: [Arc<Notify>; QUEUES.len()],
    /// New work of other processes, by queue.
    heard: [Arc<Notify>; QUEUES.len()],
    /// Held by every clone: the listener ends with the last.
    _alive: mpsc::Sender<()>,
}

impl WakeUps {
    pub(super) fn start(target: &Arc<Target>, readers: &Readers) -> Self {
        let (alive, ended) = mpsc::channel(1);
        let wake_ups = Self { added: Default::default(), heard: Default::default(), _alive: alive };
        // A process ignores notifications with its own id.
        let own = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let (added, heard) = (wake_ups.added.clone(), wake_ups.heard.clone());
        let (target, readers) = (Arc::clone(target), readers.clone());
        tokio::spawn(async move {
            let mut ended = ended;
            let telling = QUEUES
                .map(|queue| tell(&readers, &target.schema, &own, queue, &added[place(queue)]));
            let [jobs, notifications, expiry, crawls] = telling;
            tokio::select! {
                _ = ended.recv() => {}
                () = jobs => {}
                () = notifications => {}
                () = expiry => {}
                () = crawls => {}
                () = listen(&target, &own, &heard) => {}
            }
        });
        wake_ups
    }

    /// Tells other processes of the work that a commit added.
    pub(super) fn committed(&self, wakes: Wakes) {
        for (added, is_added) in self.added.iter().zip(wakes) {
            if is_added {
                added.notify_one();
            }
        }
    }

    /// Resolves when another process has added work to a queue.
    pub(super) async fn changed(&self, queue: Queue) {
        self.heard[place(queue)].notified().await;
    }
}

fn place(queue: Queue) -> usize {
    QUEUES.iter().position(|it| *it == queue).unwrap_or_default()
}

/// Returns the queues that writes wake, now or later: other processes then learn when.
pub(super) fn wakes(writes: &[Write]) -> Wakes {
    let mut wakes = Wakes::default();
    let records = writes.iter().filter_map(|it| it.record.as_ref());
    for queue in records.filter_map(|it| it.wakes(Timestamp::from_millis(u64::MAX))) {
        wakes[place(queue)] = true;
    }
    wakes
}

async fn tell(readers: &Readers, channel: &str, own: &str, queue: Queue, added: &Notify) {
    loop {
        added.notified().await;
        let payload = format!("{own} {}", queue as u8);
        let params = [(&channel as _, Type::TEXT), (&payload as _, Type::TEXT)];
        if let Err(error) = readers.query("SELECT pg_notify($1, $2)", &params).await {
            tracing::debug!(%error, "other processes were not told of new work: they poll");
        }
        sleep(PAUSE).await;
    }
}

/// Listens until the server refuses it. Poolers and some servers that speak the protocol do.
async fn listen(target: &Arc<Target>, own: &str, heard: &[Arc<Notify>; QUEUES.len()]) {
    let mut failures: u32 = 0;
    loop {
        match hear(target, own, heard).await {
            Ok(()) => failures = 0,
            Err(Failure::Lost(_) | Failure::Conflict) => failures = failures.saturating_add(1),
            Err(Failure::Refused(error)) => {
                tracing::debug!(%error, "the database sends no notifications: new work is polled");
                return std::future::pending().await;
            }
        }
        sleep(AGAIN.exact(failures.max(1), 2)).await;
    }
}

/// Listens until the connection is lost.
async fn hear(
    target: &Arc<Target>,
    own: &str,
    heard: &[Arc<Notify>; QUEUES.len()],
) -> Result<(), Failure> {
    let (session, driver) = Session::open(target).await?;
    let notified = |payload: &str| {
        let Some((from, queue)) = payload.split_once(' ') else { return };
        if from == own {
            return;
        }
        for (heard, known) in heard.iter().zip(QUEUES) {
            if queue == (known as u8).to_string() {
                heard.notify_one();
            }
        }
    };
    let driving = drive(driver, session.abandoned(), notified);
    let listening = async {
        session.execute(&format!("LISTEN {}", target.quoted_schema())).await?;
        // Something may have been missed before.
        for heard in heard {
            heard.notify_one();
        }
        std::future::pending().await
    };
    tokio::select! {
        _ = driving => Ok(()),
        refused = listening => refused,
    }
}

/// Returns `true` if a notification arrives at a connection that listens.
pub(super) async fn arrives(target: &Arc<Target>) -> Result<bool, StoreError> {
    let (session, driver) = Session::open(target).await.map_err(Failure::into_store_error)?;
    let teller = Session::spawned(target).await.map_err(Failure::into_store_error)?;
    let arrived = Notify::new();
    let channel = format!("rungs_probe_{:016x}", getrandom::u64().unwrap_or_default());
    let driving = drive(driver, session.abandoned(), |_| arrived.notify_one());
    let probing = async {
        session.execute(&format!("LISTEN {channel}")).await?;
        teller.execute(&format!("NOTIFY {channel}")).await?;
        Ok::<_, Failure>(timeout(PROBE_DEADLINE, arrived.notified()).await.is_ok())
    };
    tokio::select! {
        _ = driving => Ok(false),
        probed = probing => Ok(probed.unwrap_or(false)),
    }
}
