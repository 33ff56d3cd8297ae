//! Commits: one transaction after another on a connection of their own.
//!
//! # Invariants
//!
//! * A commit goes on when its caller has gone away: it is applied whole or not at all.
//! * A commit whose end is unknown, because the connection broke, is looked up before it is reported.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::core::job::JobState;
use crate::core::record::Record;
use crate::ports::store::{StoreError, Versioned, Write, has_duplicate_keys};
use crate::stores::codec;

use super::STORE;
use super::config::Target;
use super::error::{Failure, from_codec, unavailable};
use super::link::{Link, Session};
use super::locked::{Locked, Locking, Outcome};
use super::row::Columns;
use super::statements::Statements;

/// The most commits that wait. Callers beyond it wait for room.
const QUEUE: usize = 1_024;
/// The longest time for which a commit waits for the connection before it is refused as unavailable.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for which records stay locked for a decision.
const DECISION_PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for which the end of a commit is looked up. A failover takes up to a minute.
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
    pub(super) fn of(writes: &[Write]) -> Result<Self, StoreError> {
        Ok(Self { columns: Columns::of(writes)?, relaxed: writes.iter().all(is_relaxed) })
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
        if has_duplicate_keys(&writes) {
            return Err(StoreError::Conflict);
        }
        if writes.is_empty() {
            return Ok(());
        }
        let (reply, result) = oneshot::channel();
        let deadline = Instant::now() + PATIENCE;
        let pending = Pending { changes: Changes::of(&writes)?, deadline, reply };
        self.queue.send(Work::Commit(pending)).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }

    /// Locks records and returns them, with the place for the decision and that of the end.
    pub(super) async fn lock(&self, keys: Vec<Vec<u8>>) -> Result<Locked, StoreError> {
        let (locking, locked) = Locking::new(keys, Instant::now() + PATIENCE);
        self.queue.send(Work::Lock(locking)).await.map_err(|_| ended())?;
        Ok(locked)
    }
}

pub(super) fn ended() -> StoreError {
    unavailable("the runtime that opened the store has ended: open the store again")
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

/// The end of an attempt that did not succeed.
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
            Err(failure) => return self.gave_up(session, failure).await,
        };
        let is_heard = locked.send(found).is_ok();
        // A decision takes microseconds, so a longer wait is a caller that has gone away or hangs.
        let decided = timeout(DECISION_PATIENCE, decided).await;
        let Ok(Ok(changes)) = decided else {
            roll_back(session).await;
            return if is_heard { Ok(Outcome::Again) } else { Ok(Outcome::Written) };
        };
        match self.write_after(session, &changes, std::future::ready(Ok(()))).await {
            Ok(()) => Ok(Outcome::Written),
            Err(Setback::NotWritten(Failure::Refused(error))) => Err(error),
            Err(Setback::NotWritten(Failure::Conflict)) => Ok(Outcome::Again),
            Err(Setback::NotWritten(Failure::Lost(_))) => {
                session.abandon();
                Ok(Outcome::Again)
            }
            Err(Setback::Unknown { transaction, why }) => {
                session.abandon();
                tracing::warn!(why, "the connection broke during a commit: looking it up");
                let is_written = self.was_committed(&transaction).await?;
                Ok(if is_written { Outcome::Written } else { Outcome::Again })
            }
        }
    }

    /// Ends a transaction that could not lock its records.
    async fn gave_up(&self, session: &Session, failure: Failure) -> Result<Outcome, StoreError> {
        match failure {
            Failure::Lost(_) => session.abandon(),
            _ => roll_back(session).await,
        }
        match failure {
            Failure::Refused(error) => Err(error),
            Failure::Lost(_) | Failure::Conflict => Ok(Outcome::Again),
        }
    }

    async fn commit(&self, pending: &Pending) -> Result<(), StoreError> {
        loop {
            let session = self.link.session(pending.deadline).await?;
            match self.attempt(&session, &pending.changes).await {
                Ok(()) => return Ok(()),
                Err(Setback::NotWritten(Failure::Lost(why))) => {
                    session.abandon();
                    if Instant::now() >= pending.deadline {
                        return Err(unavailable(why));
                    }
                }
                Err(Setback::NotWritten(failure)) => return Err(failure.into_store_error()),
                Err(Setback::Unknown { transaction, why }) => {
                    session.abandon();
                    tracing::warn!(why, "the connection broke during a commit: looking it up");
                    if self.was_committed(&transaction).await? {
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

    /// Returns `true` if a transaction was committed.
    async fn was_committed(&self, transaction: &str) -> Result<bool, StoreError> {
        let deadline = Instant::now() + LOOKUP_PATIENCE;
        let unknown = |why: String| StoreError::Backend {
            store: STORE,
            source: format!("the end of a commit is unknown: {why}").into(),
        };
        loop {
            let session = self.link.session(deadline).await;
            let session = session.map_err(|it| {
                let why = std::error::Error::source(&it)
                    .map_or_else(|| it.to_string(), ToString::to_string);
                unknown(why)
            })?;
            let sql = "SELECT pg_xact_status($1::text::xid8)";
            match session.query(sql, &[(&transaction, Type::TEXT)]).await {
                Ok(rows) => {
                    match rows.first().and_then(|it| it.get::<_, Option<String>>(0)).as_deref() {
                        Some("committed") => return Ok(true),
                        Some("aborted") => return Ok(false),
                        // The server has not noticed yet that the connection is gone.
                        Some(_) => {}
                        None => {
                            return Err(unknown(
                                "the server no longer knows the transaction".to_owned(),
                            ));
                        }
                    }
                }
                Err(Failure::Lost(_)) => session.abandon(),
                Err(Failure::Conflict) => {}
                Err(Failure::Refused(_)) => {
                    return Err(unknown(
                        "another server took over that does not know the transaction".to_owned(),
                    ));
                }
            }
            if Instant::now() >= deadline {
                return Err(unknown("the server did not end it".to_owned()));
            }
            sleep(LOOKUP_PAUSE).await;
        }
    }
}

/// Ends a failed transaction. A connection that does not do so is of no more use.
async fn roll_back(session: &Session) {
    if session.execute("ROLLBACK").await.is_err() {
        session.abandon();
    }
}

/// Decodes the records of rows, in the order of their keys' list.
fn in_order(keys: &[Vec<u8>], rows: &[Row]) -> Result<Vec<Option<Versioned>>, StoreError> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let value = codec::decode(row.get(1)).map_err(from_codec)?;
        found.insert(row.get::<_, Vec<u8>>(0), value);
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}
