//! Commits: one transaction after another on a connection of their own.
//!
//! # Invariants
//!
//! * A commit goes on when its caller has gone away: it is applied whole or not at all.
//! * A commit whose outcome is unknown, because the connection broke, is looked up before it is reported.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::Type;

use crate::core::job::JobState;
use crate::core::record::Record;
use crate::ports::store::{StoreError, Versioned, Write, has_duplicate_keys};

use super::STORE;
use super::config::Target;
use super::error::{Failure, ended, reason};
use super::evidence::Evidence;
use super::link::{Link, PATIENCE, Session};
use super::locked::{Locked, Locking, Outcome};
use super::row::{Columns, in_order};
use super::statements::Statements;

/// The most commits that wait. Callers beyond it wait for room.
const QUEUE: usize = 1_024;
/// The longest time for which records stay locked for a decision.
const DECISION_PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for which the outcome of a commit is looked up. A failover takes up to a minute.
const LOOKUP_PATIENCE: Duration = Duration::from_mins(2);
/// The pause between two looks at a commit that the server has not ended yet.
const LOOKUP_PAUSE: Duration = Duration::from_millis(50);

/// Writes that are decided.
pub(super) struct Changes {
    columns: Columns,
    /// `true` if they may be lost with the server's last moments.
    relaxed: bool,
}

impl Changes {
    /// Encodes writes. Returns `None` if there are none.
    pub(super) fn of(writes: &[Write]) -> Result<Option<Self>, StoreError> {
        if has_duplicate_keys(writes) {
            return Err(StoreError::Conflict);
        }
        if writes.is_empty() {
            return Ok(None);
        }
        let relaxed = writes.iter().all(is_relaxed);
        Ok(Some(Self { columns: Columns::of(writes)?, relaxed }))
    }
}

/// A commit that waits for its turn.
struct Pending {
    changes: Changes,
    deadline: Instant,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// A piece of work for the task.
enum Work {
    Commit(Pending),
    Lock(Locking),
}

/// Sends commits to the task that makes them.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
}

impl Writer {
    pub(super) fn start(target: &Arc<Target>, statements: &Arc<Statements>) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let committer =
            Committer { link: Link::start(target, "writer"), statements: Arc::clone(statements) };
        tokio::spawn(committer.run(inbox));
        Self { queue }
    }

    pub(super) async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let Some(changes) = Changes::of(&writes)? else { return Ok(()) };
        let (reply, result) = oneshot::channel();
        let pending = Pending { changes, deadline: Instant::now() + PATIENCE, reply };
        self.queue.send(Work::Commit(pending)).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }

    /// Queues a request to lock records. [`Locked`] yields the records and takes the decision.
    pub(super) async fn lock(&self, keys: Vec<Vec<u8>>) -> Result<Locked, StoreError> {
        let (locking, locked) = Locking::new(keys, Instant::now() + PATIENCE);
        self.queue.send(Work::Lock(locking)).await.map_err(|_| ended())?;
        Ok(locked)
    }
}

/// Returns `true` for a lease that is renewed and a profile of a site. If one is lost with the server's last moments,
/// a job runs again or a lesson is learned again.
fn is_relaxed(write: &Write) -> bool {
    match &write.record {
        Some(Record::Site(_)) => true,
        Some(Record::Job(job)) => write.expected.is_some() && job.state == JobState::Processing,
        _ => false,
    }
}

/// The reason why an attempt failed.
enum Setback {
    /// Nothing was written.
    NotWritten(Failure),
    /// The connection broke after the commit of this transaction was sent.
    Unknown { transaction: String, why: String },
}

struct Committer {
    link: Link,
    statements: Arc<Statements>,
}

impl Committer {
    async fn run(self, mut inbox: mpsc::Receiver<Work>) {
        while let Some(work) = inbox.recv().await {
            match work {
                Work::Commit(pending) => {
                    let result = self.commit(&pending).await;
                    // The caller may no longer wait.
                    let _ = pending.reply.send(result);
                }
                Work::Lock(locking) => self.lock(locking).await,
            }
        }
    }

    /// Locks records, waits for the decision, and commits it.
    async fn lock(&self, locking: Locking) {
        let Locking { keys, locked, decided, deadline, done } = locking;
        if locked.is_closed() {
            return;
        }
        let result = match self.link.session(deadline).await {
            Ok(session) => self.decide(&session, &keys, locked, decided).await,
            Err(error) => Err(error),
        };
        // The caller may no longer wait.
        let _ = done.send(result);
    }

    async fn decide(
        &self,
        session: &Session,
        keys: &[Vec<u8>],
        locked: oneshot::Sender<Vec<Option<Versioned>>>,
        decided: oneshot::Receiver<Changes>,
    ) -> Result<Outcome, StoreError> {
        let params = [(&keys as _, Type::BYTEA_ARRAY)];
        let (begun, found) = tokio::join!(
            biased;
            session.execute("BEGIN"),
            session.query(&self.statements.lock, &params),
        );
        let found =
            begun.and(found).and_then(|rows| in_order(keys, &rows).map_err(Failure::Refused));
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                roll_back(session).await;
                return not_written(session, failure);
            }
        };
        // A caller that has gone away decides nothing.
        let _ = locked.send(found);
        // A decision takes microseconds, so a longer wait is a caller that has gone away or hangs.
        let decided = timeout(DECISION_PATIENCE, decided).await;
        let Ok(Ok(changes)) = decided else {
            roll_back(session).await;
            return Ok(Outcome::Again);
        };
        match self.write_after(session, &changes, std::future::ready(Ok(()))).await {
            Ok(()) => Ok(Outcome::Written),
            Err(Setback::NotWritten(failure)) => not_written(session, failure),
            Err(Setback::Unknown { transaction, why }) => {
                let is_written = self.was_committed(session, &changes, &transaction, &why).await?;
                Ok(if is_written { Outcome::Written } else { Outcome::Again })
            }
        }
    }

    async fn commit(&self, pending: &Pending) -> Result<(), StoreError> {
        loop {
            let session = self.link.session(pending.deadline).await?;
            match self.attempt(&session, &pending.changes).await {
                Ok(()) => return Ok(()),
                Err(Setback::NotWritten(Failure::Conflict)) => return Err(StoreError::Conflict),
                Err(Setback::NotWritten(failure)) => {
                    session.may_retry(failure, pending.deadline)?;
                }
                Err(Setback::Unknown { transaction, why }) => {
                    if self.was_committed(&session, &pending.changes, &transaction, &why).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Makes one attempt, in one transaction.
    async fn attempt(&self, session: &Session, changes: &Changes) -> Result<(), Setback> {
        // Sent together with the statement below: the server runs one after the other.
        let begin = session.execute("BEGIN");
        self.write_after(session, changes, begin).await
    }

    /// Writes and commits in the transaction that `opening` begins.
    async fn write_after(
        &self,
        session: &Session,
        changes: &Changes,
        opening: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Setback> {
        let mut params = changes.columns.params().to_vec();
        params.push((&changes.relaxed, Type::BOOL));
        let written = session.query(&self.statements.write, &params);
        let (opened, written) = tokio::join!(biased; opening, written);
        let written = match opened.and(written) {
            Ok(rows) => rows,
            Err(failure) => {
                roll_back(session).await;
                return Err(Setback::NotWritten(failure));
            }
        };
        let row = written.first().map(|it| (it.get::<_, i64>(0), it.get::<_, String>(1)));
        let (count, transaction) = row.unwrap_or_default();
        if usize::try_from(count) != Ok(changes.columns.len()) {
            roll_back(session).await;
            return Err(Setback::NotWritten(Failure::Conflict));
        }
        session.execute("COMMIT").await.map_err(|failure| match failure {
            Failure::Lost(why) => Setback::Unknown { transaction, why },
            other => Setback::NotWritten(other),
        })
    }

    /// Returns `true` if a transaction was committed, although its connection broke.
    async fn was_committed(
        &self,
        broken: &Session,
        changes: &Changes,
        transaction: &str,
        why: &str,
    ) -> Result<bool, StoreError> {
        broken.abandon();
        tracing::warn!(why, "the connection broke during a commit: looking it up");
        let deadline = Instant::now() + LOOKUP_PATIENCE;
        loop {
            let session = self.link.session(deadline).await;
            let session = session.map_err(|it| unknown(&reason(&it)))?;
            match self.look_up(&session, changes, transaction).await {
                Ok(Some(Evidence::Written)) => return Ok(true),
                Ok(Some(Evidence::NotWritten)) => return Ok(false),
                Ok(Some(Evidence::None)) => {
                    return Err(unknown("its records have changed since"));
                }
                // The server has not noticed yet that the connection is gone.
                Ok(None) | Err(Failure::Conflict) => {}
                Err(Failure::Lost(_)) => session.abandon(),
                Err(Failure::Refused(error)) => return Err(unknown(&reason(&error))),
            }
            if Instant::now() >= deadline {
                return Err(unknown("the server did not end it"));
            }
            sleep(LOOKUP_PAUSE).await;
        }
    }

    /// Looks a transaction up. Returns `None` while it has not ended.
    async fn look_up(
        &self,
        session: &Session,
        changes: &Changes,
        transaction: &str,
    ) -> Result<Option<Evidence>, Failure> {
        let standby = session.query("SELECT pg_is_in_recovery()", &[]).await?;
        if standby.first().is_some_and(|it| it.get(0)) {
            // Its records may be old.
            return Err(Failure::Lost("the server is a standby".to_owned()));
        }
        // It is an error to ask for a number that was not given yet.
        let sql = "SELECT CASE WHEN $1::text::xid8 < pg_current_xact_id() THEN pg_xact_status($1::text::xid8) END";
        let rows = session.query(sql, &[(&transaction, Type::TEXT)]).await?;
        match rows.first().and_then(|it| it.get::<_, Option<&str>>(0)) {
            Some("aborted") => return Ok(Some(Evidence::NotWritten)),
            Some("in progress") => return Ok(None),
            // Committed, by this transaction or after a crash by another one with its number; or long ago; or the number is
            // in the future, because the server crashed or another one took over.
            _ => {}
        }
        let keys = [(changes.columns.keys() as _, Type::BYTEA_ARRAY)];
        let rows = session.query(&self.statements.look_up, &keys).await?;
        Ok(Some(Evidence::of(&changes.columns, &rows)))
    }
}

fn unknown(why: &str) -> StoreError {
    StoreError::Backend {
        store: STORE,
        source: format!("the outcome of a commit is unknown: {why}").into(),
    }
}

/// Returns the outcome of a transaction that wrote nothing.
fn not_written(session: &Session, failure: Failure) -> Result<Outcome, StoreError> {
    match failure {
        Failure::Refused(error) => Err(error),
        Failure::Conflict => Ok(Outcome::Again),
        Failure::Lost(_) => {
            session.abandon();
            Ok(Outcome::Again)
        }
    }
}

/// Ends a failed transaction. A connection that does not do so is of no more use.
async fn roll_back(session: &Session) {
    if session.execute("ROLLBACK").await.is_err() {
        session.abandon();
    }
}
