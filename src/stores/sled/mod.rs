//! The embedded store on disk, for one process at a time.
//!
//! # Architecture invariants
//!
//! * sled is called from one thread, [`thread::StoreThread`], once it is open.
//! * All writes go through [`table::Table`], under its one lock.

mod acknowledged;
mod blobs;
mod database;
mod open;
mod table;
mod thread;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::record::{Claim, Key, Queue};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::{Bodies, ListQuery, Store, StoreError, Versioned, Write};
use crate::stores::BodyFiles;
use crate::stores::blocking_if_long;
use crate::stores::codec::{self, CodecError};
use crate::stores::opening::now;

use database::Database;
use table::{Applied, Table, from_codec};
use thread::StoreThread;

const STORE: &str = "sled";
/// The most records that are decoded on an async thread: some 20 microseconds each.
const DECODED_AT_ONCE: usize = 64;

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
    dir: PathBuf,
    thread: Arc<StoreThread>,
    bodies: BodyFiles,
}

impl fmt::Debug for Sled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sled").field("dir", &self.dir).finish_non_exhaustive()
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
        Self::open_with(dir, now())
    }

    /// Opens the store like [`Sled::open`], at the time `now`.
    pub fn open_with(dir: impl AsRef<Path>, now: Timestamp) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let table = open::open(dir, now)?;
        let bodies = BodyFiles::open(dir.join("bodies"))?;
        let thread = StoreThread::start(Database::new(dir.to_owned(), table)?)?;
        Ok(Self { dir: dir.to_owned(), thread: Arc::new(thread), bodies })
    }

    /// Runs `work` on the store's thread.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Table) -> Result<Applied<T>, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(self.thread.call(work))
    }
}

/// Decodes values, many of them on a blocking thread.
async fn decoded<T: Send + 'static>(
    values: Vec<T>,
    decode: fn(T) -> Result<Option<Versioned>, CodecError>,
) -> Result<Vec<Option<Versioned>>, StoreError> {
    let are_many = values.len() > DECODED_AT_ONCE;
    let all = move || values.into_iter().map(|it| decode(it).map_err(from_codec)).collect();
    blocking_if_long(are_many, STORE, all).await
}

impl Store for Sled {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let values = self.thread.call(move |it| it.load(&keys)).await?;
            decoded(values, |it| it.map(|it| codec::decode(&it)).transpose()).await
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let values = self.thread.call(move |it| it.list(&list)).await?;
            let found = decoded(values, |it| codec::decode(&it).map(Some)).await?;
            Ok(found.into_iter().flatten().collect())
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        self.call(move |it| it.claim(&claim))
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let bodies = self.bodies.clone();
            let commit = move |table: &Table| {
                // Before the records: after a crash, a record never names a body that is not there.
                bodies.cover(&writes)?;
                table.commit(writes)
            };
            let is_written = self.thread.call(commit).await?;
            if is_written { Ok(()) } else { Err(StoreError::Conflict) }
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.call(move |it| it.due(queue, from))
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.bodies.covered()))
    }
}
