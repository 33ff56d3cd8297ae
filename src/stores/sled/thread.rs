//! The thread that calls sled: it applies everything that waits for it, flushes once, and replies.
//!
//! One thread, because commits and reads take turns anyway, and because each further thread that is woken for a page
//! costs more than most of what sled does for it.
//!
//! # Invariants
//!
//! * A reply is sent after the flush of everything that its operation saw.
//! * An operation whose future is dropped is applied whole or not at all.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::ports::store::StoreError;

use super::database::Database;
use super::table::{Applied, Table, failed};

/// The most operations that wait for the thread. Callers beyond it wait for room.
const QUEUE: usize = 1_024;

/// The handle of the thread. Dropping it ends the thread, which closes the database.
pub(super) struct StoreThread {
    queue: Option<mpsc::Sender<Box<dyn Operation>>>,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    pub(super) fn start(database: Database) -> Result<Self, StoreError> {
        let (queue, inbox) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("rungs-store".to_owned());
        let thread = thread.spawn(move || run(&database, inbox)).map_err(failed)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `work` on the table, and returns its value once what it saw is on disk.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Table) -> Result<Applied<T>, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        let operation = Call { work: Some(work), applied: None, reply: Some(reply) };
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Box::new(operation)).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported to its callers.
            let _ = thread.join();
        }
    }
}

fn ended() -> StoreError {
    failed("its thread has ended: open the store again")
}

fn run(database: &Database, mut inbox: mpsc::Receiver<Box<dyn Operation>>) {
    while let Some(first) = inbox.blocking_recv() {
        let mut group = vec![first];
        while let Ok(next) = inbox.try_recv() {
            group.push(next);
        }
        let served = database.run(|table| {
            for operation in &mut group {
                operation.apply(table);
            }
            for operation in &mut group {
                operation.finish(table);
            }
            Ok(())
        });
        if let Err(error) = served {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            for operation in &mut group {
                operation.refuse(&why);
            }
        }
    }
}

/// A queued call, whatever it returns.
trait Operation: Send {
    /// Changes or reads the table in memory.
    fn apply(&mut self, table: &Table);
    /// Waits for the flush, and replies.
    fn finish(&mut self, table: &Table);
    /// Replies that the table cannot be used.
    fn refuse(&mut self, why: &str);
}

struct Call<F, T> {
    work: Option<F>,
    applied: Option<Result<Applied<T>, StoreError>>,
    reply: Option<oneshot::Sender<Result<T, StoreError>>>,
}

impl<F, T> Call<F, T> {
    fn reply(&mut self, result: Result<T, StoreError>) {
        if let Some(reply) = self.reply.take() {
            // The caller may no longer wait.
            let _ = reply.send(result);
        }
    }
}

impl<F, T> Operation for Call<F, T>
where
    F: FnOnce(&Table) -> Result<Applied<T>, StoreError> + Send,
    T: Send,
{
    fn apply(&mut self, table: &Table) {
        let Some(work) = self.work.take() else { return };
        // sled panics on some kinds of damage.
        let applied = catch_unwind(AssertUnwindSafe(|| work(table)));
        self.applied = Some(applied.unwrap_or_else(|_| Err(failed("a call panicked"))));
    }

    fn finish(&mut self, table: &Table) {
        let result = match self.applied.take() {
            None => return,
            Some(Err(error)) => Err(error),
            Some(Ok(Applied { value, ticket })) => flushed(table, ticket).map(|()| value),
        };
        self.reply(result);
    }

    fn refuse(&mut self, why: &str) {
        self.reply(Err(failed(why)));
    }
}

fn flushed(table: &Table, ticket: u64) -> Result<(), StoreError> {
    let flushed = catch_unwind(AssertUnwindSafe(|| table.durable(ticket)));
    flushed.unwrap_or_else(|_| Err(failed("a flush panicked")))
}
