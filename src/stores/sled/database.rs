//! The database, which opens itself again after a failed write.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::ports::store::StoreError;

use super::open;
use super::table::{Table, failed};

/// The shortest time between two attempts to open a failed database again.
const ATTEMPT_INTERVAL: Duration = Duration::from_secs(1);

/// An open table. After a failed write it is closed, and opened again by a later call.
///
/// # Invariants
///
/// * No call reads from a table that has failed.
/// * The database that is opened again is the same file.
pub(super) struct Database {
    pub(super) dir: PathBuf,
    /// The table, or the reason for which it was closed and could not be opened again yet.
    table: RwLock<Result<Table, String>>,
    /// The file of the database when it was opened first.
    file: File,
    last_attempt: Mutex<Option<Instant>>,
}

impl Database {
    pub(super) fn new(dir: PathBuf, table: Table) -> Result<Self, StoreError> {
        let file = table.identity().map_err(failed)?;
        Ok(Self { dir, table: RwLock::new(Ok(table)), file, last_attempt: Mutex::default() })
    }

    /// Runs `work` on the table.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&Table) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.needs_attempt() {
            self.open_again();
        }
        match &*self.table.read().unwrap_or_else(PoisonError::into_inner) {
            // A table that has failed reports the reason with every call.
            Ok(table) => work(table),
            Err(why) => Err(failed(format!(
                "an earlier write failed: free space or restore the directory, or open the store again ({why})"
            ))),
        }
    }

    /// Returns `true` if the table has failed and the last attempt to open it again was long enough ago.
    fn needs_attempt(&self) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if table.as_ref().is_ok_and(|it| !it.has_failed()) {
            return false;
        }
        let mut last = self.last_attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < ATTEMPT_INTERVAL) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }

    /// Closes the table and opens it again. It stays closed if that fails.
    fn open_again(&self) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if table.as_ref().is_ok_and(|it| !it.has_failed()) {
            return;
        }
        // sled's lock is free once the table is dropped.
        *table = Err("it is being opened".to_owned());
        match open::open_again(&self.dir, &self.file) {
            Ok(opened) => {
                tracing::warn!(dir = %self.dir.display(), "the store was opened again after a failed write");
                *table = Ok(opened);
            }
            Err(error) => {
                let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                tracing::error!(%why, dir = %self.dir.display(), "the store cannot be opened again yet");
                *table = Err(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::record::Key;
    use crate::core::time::Timestamp;
    use crate::ports::store::Write;
    use crate::testkit::store::{Scratch, sample};

    const NOW: Timestamp = Timestamp::from_millis(1);

    fn account() -> Write {
        let record = crate::core::record::Record::Account(sample::account("a", 7));
        Write { key: record.key(), expected: None, record: Some(record) }
    }

    fn keys() -> Vec<Key> {
        vec![account().key]
    }

    fn database(scratch: &Scratch) -> Database {
        let table = open::open(scratch.path(), NOW).expect("an empty directory opens");
        let database = Database::new(scratch.path().to_owned(), table).expect("a handle");
        let commit = |table: &Table| table.durable(table.commit(vec![account()])?.ticket);
        database.run(commit).expect("there is room");
        database
    }

    /// Leaves the open table as a failed write leaves it.
    fn break_off(database: &Database) {
        let failed = database.run(|table| {
            table.fail("half a write");
            Ok(())
        });
        failed.expect("it fails now");
    }

    #[test]
    fn a_failed_database_opens_itself_again() {
        let scratch = Scratch::new();
        let database = database(&scratch);
        break_off(&database);
        assert!(database.table.read().expect("not poisoned").as_ref().is_ok_and(Table::has_failed));

        let loaded = database.run(|it| it.load(&keys())).expect("it is open again").value;

        assert!(loaded[0].is_some(), "what was acknowledged is there");
    }

    #[test]
    fn a_database_that_was_replaced_is_not_opened_again() {
        let scratch = Scratch::new();
        let database = database(&scratch);
        let db = scratch.path().join("db");
        let aside = scratch.path().join("aside");
        std::fs::rename(&db, &aside).expect("moved");
        std::fs::copy(&aside, &db).expect("another file in its place");
        break_off(&database);

        let refused = database.run(|it| it.load(&keys())).map(drop);

        assert!(refused.is_err(), "it is another file");
        *database.last_attempt.lock().expect("not poisoned") = None;
        std::fs::rename(&aside, &db).expect("moved back");
        database.run(|it| it.load(&keys())).expect("it is the same file again");
    }
}
