//! The embedded store on disk, for one process at a time.
//!
//! # Architecture invariants
//!
//! * sled is called from blocking threads only.
//! * All writes go through [`table::Table`], under its one lock.

mod acknowledged;
mod database;
mod open;
mod table;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::core::record::{Claim, Key, Queue};
use crate::core::time::{Timestamp, millis};
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use crate::stores::BodyFiles;
use crate::stores::blocking;

use database::Database;
use table::Table;

const STORE: &str = "sled";

/// Keeps records in a directory, and bodies in files beside them.
///
/// ```
/// use rungs::stores::Sled;
///
/// # let dir = std::env::temp_dir().join(format!("rungs-sled-doc-{}", std::process::id()));
/// let store = Sled::open(&dir)?;
///
/// let clone = store.clone(); // shares the open store
/// drop((store, clone)); // releases the directory
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), rungs::Error>(())
/// ```
///
/// A commit is on disk before it is acknowledged. sled's own flush leaves the data in the page cache of the
/// operating system, so an fsync of its files follows. Commits that arrive while a flush runs share the next one.
///
/// Only one process can open a directory at a time. Clones share the open store, and dropping the last one releases
/// the directory.
///
/// # Full disk
///
/// An eighth of the disk, between 1 and 32 MiB, is kept free: a write that would need it is refused before it begins.
/// Reads go on, and writes work again as soon as there is room; nothing has to be restarted. If a write is cut off all
/// the same, because something else filled the disk in that moment, reads fail too until the store has opened itself
/// again, which it tries with the next call at least a second later.
#[derive(Clone)]
pub struct Sled {
    database: Arc<Database>,
    bodies: BodyFiles,
}

impl fmt::Debug for Sled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sled").field("dir", &self.database.dir).finish_non_exhaustive()
    }
}

impl Sled {
    /// Opens the store in `dir`, creating it if it is missing.
    ///
    /// Blocks while the log is read. If another process has the store open, waits up to 3 s for its lock, because a
    /// killed process may hold it for a moment. Releases the leases of the previous process.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process keeps the store open, [`StoreError::Damaged`] if the data cannot be
    /// read or acknowledged commits are missing, [`StoreError::Backend`] if the disk fails.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::open_with(dir, Timestamp::from_millis(millis(since_1970)))
    }

    /// Opens the store like [`Sled::open`], at the time `now`.
    pub fn open_with(dir: impl AsRef<Path>, now: Timestamp) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let table = open::open(dir, now)?;
        let bodies = BodyFiles::open(dir.join("bodies"))?;
        Ok(Self { database: Arc::new(Database::new(dir.to_owned(), table)?), bodies })
    }

    /// Runs `work` on a blocking thread.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Table) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let database = Arc::clone(&self.database);
        Box::pin(blocking(STORE, move || database.run(work)))
    }
}

impl Store for Sled {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        self.blocking(move |it| it.load(&keys))
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.blocking(move |it| it.list(&list))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.blocking(move |it| it.claim(&claim))
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(move |it| it.commit(writes))
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.blocking(move |it| it.due(queue, from))
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.bodies.clone()))
    }
}
