//! Connections that come back by themselves.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, Row, Socket};
use tokio_util::sync::CancellationToken;

use crate::core::backoff::Backoff;
use crate::ports::store::StoreError;

use super::config::Target;
use super::error::{Failure, explained, unavailable};
use super::tls::Stream;

/// The longest time for which a call waits for a connection before it is refused as unavailable.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time for a new connection, with TLS and authentication.
const DIAL_DEADLINE: Duration = Duration::from_secs(10);
/// The longest time for a statement. A connection on which one takes longer counts as lost.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(30);
/// The waits between attempts to connect.
const REDIAL: Backoff = Backoff::new(u32::MAX, Duration::from_millis(50), Duration::from_secs(2));

/// A parameter of a statement.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

type Driver = Connection<Socket, Stream<Socket>>;

/// An open connection.
pub(super) struct Session {
    client: Client,
    target: Arc<Target>,
    /// Ends the connection, whatever it waits for.
    abandoned: CancellationToken,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// Opens a connection.
    pub(super) async fn open(target: &Arc<Target>) -> Result<(Self, Driver), Failure> {
        let dialed = timeout(DIAL_DEADLINE, target.config.connect(target.tls.clone())).await;
        let (client, driver) = match dialed {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(Failure::Lost(explained(&error, target))),
            Err(_) => {
                let seconds = DIAL_DEADLINE.as_secs();
                return Err(Failure::Lost(format!(
                    "no connection within {seconds} s: check the host and the port"
                )));
            }
        };
        let abandoned = CancellationToken::new();
        Ok((Self { client, target: Arc::clone(target), abandoned }, driver))
    }

    /// Opens a connection whose driver runs in a task of its own.
    pub(super) async fn spawned(target: &Arc<Target>) -> Result<Self, Failure> {
        let (session, driver) = Self::open(target).await?;
        let abandoned = session.abandoned.clone();
        tokio::spawn(drive(driver, abandoned, |_| {}));
        Ok(session)
    }

    /// Runs a statement, and returns its rows.
    pub(super) async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        self.within(self.client.query_typed(sql, params)).await
    }

    /// Runs statements without parameters.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.within(self.client.batch_execute(sql)).await
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        match timeout(STATEMENT_DEADLINE, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Failure::of(&error, &self.target)),
            Err(_) => {
                self.abandon();
                let seconds = STATEMENT_DEADLINE.as_secs();
                Err(Failure::Lost(format!("the server did not respond within {seconds} s")))
            }
        }
    }

    /// Returns `Ok` if a statement that failed may run again before `deadline`. Abandons a lost connection.
    pub(super) fn may_retry(&self, failure: Failure, deadline: Instant) -> Result<(), StoreError> {
        if matches!(failure, Failure::Lost(_)) {
            self.abandon();
        }
        match failure {
            Failure::Lost(_) | Failure::Conflict if Instant::now() < deadline => Ok(()),
            failure => Err(failure.into_store_error()),
        }
    }

    fn is_open(&self) -> bool {
        !self.abandoned.is_cancelled() && !self.client.is_closed()
    }

    /// Returns the token that ends the connection.
    pub(super) fn abandoned(&self) -> CancellationToken {
        self.abandoned.clone()
    }

    /// Closes the connection, in whatever state it is. The server rolls back an open transaction.
    pub(super) fn abandon(&self) {
        self.abandoned.cancel();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Moves the bytes of a connection until it ends, and returns the reason.
pub(super) async fn drive(
    mut driver: Driver,
    abandoned: CancellationToken,
    mut notified: impl FnMut(&str),
) -> String {
    loop {
        let next = tokio::select! {
            biased;
            () = abandoned.cancelled() => return "it was closed".to_owned(),
            next = poll_fn(|cx| driver.poll_message(cx)) => next,
        };
        match next {
            None => return "the server closed the connection".to_owned(),
            Some(Err(error)) => return super::error::told(&error),
            Some(Ok(AsyncMessage::Notification(it))) => notified(it.payload()),
            Some(Ok(AsyncMessage::Notice(notice))) => {
                tracing::debug!(notice = notice.message(), "a notice of the database");
            }
            Some(Ok(_)) => {}
        }
    }
}

#[derive(Debug)]
enum State {
    Up(Arc<Session>),
    /// There is no connection, for this reason.
    Down(String),
}

/// A connection that is opened again when it is lost. Dropping the last clone closes it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    state: watch::Receiver<State>,
}

impl Link {
    /// Begins to connect. `role` names the connection in the log.
    pub(super) fn start(target: &Arc<Target>, role: &'static str) -> Self {
        let (sender, state) = watch::channel(State::Down("it is being opened".to_owned()));
        let target = Arc::clone(target);
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = keep_open(&target, role, &sender) => {}
            }
        });
        Self { state }
    }

    /// Returns the connection. Waits for one until `deadline`.
    pub(super) async fn session(&self, deadline: Instant) -> Result<Arc<Session>, StoreError> {
        let mut state = self.state.clone();
        let is_up = |it: &State| matches!(it, State::Up(session) if session.is_open());
        let up = timeout_at(deadline, state.wait_for(is_up)).await;
        if let Ok(Ok(found)) = up
            && let State::Up(session) = &*found
        {
            return Ok(Arc::clone(session));
        }
        let why = match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            State::Up(_) => "the connection was lost".to_owned(),
        };
        Err(unavailable(why))
    }
}

async fn keep_open(target: &Arc<Target>, role: &'static str, state: &watch::Sender<State>) {
    let mut failures: u32 = 0;
    loop {
        match Session::open(target).await {
            Ok((session, driver)) => {
                if failures > 0 {
                    tracing::info!(role, "the database is reachable again");
                }
                let abandoned = session.abandoned.clone();
                state.send_replace(State::Up(Arc::new(session)));
                let why = drive(driver, abandoned, |_| {}).await;
                tracing::warn!(
                    role,
                    why,
                    "the connection to the database was lost: opening it again"
                );
                state.send_replace(State::Down(why));
                failures = 1;
            }
            Err(failure) => {
                let why = match failure {
                    Failure::Lost(why) => why,
                    other => other.into_store_error().to_string(),
                };
                if failures <= 1 {
                    tracing::warn!(role, why, "the database cannot be reached");
                }
                failures = failures.saturating_add(1);
                state.send_replace(State::Down(why));
            }
        }
        tokio::time::sleep(REDIAL.exact(failures, 2)).await;
    }
}
