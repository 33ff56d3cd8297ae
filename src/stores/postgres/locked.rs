//! Changes that are decided while their records are locked, so that concurrent changes of one record queue instead of
//! failing.

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ports::store::{StoreError, Versioned};

use super::error::ended;
use super::writer::Changes;

/// The outcome of a change that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The writes are committed.
    Written,
    /// Nothing was written, because another transaction was first or the connection broke: decide again.
    Again,
}

/// A request to lock records, decide, and write, as the writer sees it.
pub(super) struct Locking {
    pub(super) keys: Vec<Vec<u8>>,
    /// Receives the records in the order of the keys, once they are locked.
    pub(super) locked: oneshot::Sender<Vec<Option<Versioned>>>,
    /// Sends the decision. Without one, the locks are released.
    pub(super) decided: oneshot::Receiver<Changes>,
    pub(super) deadline: Instant,
    /// Receives the outcome.
    pub(super) done: oneshot::Sender<Result<Outcome, StoreError>>,
}

/// The same request, as the caller sees it.
pub(super) struct Locked {
    found: oneshot::Receiver<Vec<Option<Versioned>>>,
    decided: oneshot::Sender<Changes>,
    done: oneshot::Receiver<Result<Outcome, StoreError>>,
}

impl Locking {
    pub(super) fn new(keys: Vec<Vec<u8>>, deadline: Instant) -> (Self, Locked) {
        let (locked, found) = oneshot::channel();
        let (decide, decided) = oneshot::channel();
        let (finish, done) = oneshot::channel();
        let locking = Self { keys, locked, decided, deadline, done: finish };
        (locking, Locked { found, decided: decide, done })
    }
}

impl Locked {
    /// Waits for the records and returns the outcome of what `decide` makes of them, or `None` if nothing is to be written.
    pub(super) async fn decide(
        self,
        decide: impl FnOnce(Vec<Option<Versioned>>) -> Result<Option<Changes>, StoreError>,
    ) -> Result<Option<Outcome>, StoreError> {
        let Self { found, decided, done } = self;
        let Ok(found) = found.await else {
            // The records could not be locked, and the outcome has the reason.
            return done.await.map_err(|_| ended())?.map(Some);
        };
        let Some(changes) = decide(found)? else { return Ok(None) };
        // A writer that has ended has dropped `done`, too: the next line reports it.
        let _ = decided.send(changes);
        done.await.map_err(|_| ended())?.map(Some)
    }
}
