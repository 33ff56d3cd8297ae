//! Opening a directory: what may be wrong with it, and what is said then.

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ::sled::{Batch, Config, Db, Error, Mode};

use crate::ports::store::StoreError;
use crate::stores::sync_dir;

use super::STORE;
use super::table::{Table, damaged, failed, from_sled};

/// How long to wait for another process to let go.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The layout of keys and files that is written.
const FORMAT: u64 = 1;
const FORMAT_KEY: &[u8] = b"meta/format";
/// Made last when a store is new. Where it is, the database must know its format: sled takes a file
/// it cannot make sense of for an empty one.
const MARKER: &str = "rungs-store";

/// Opens the database in `dir`, or makes it.
pub(super) fn open(dir: &Path) -> Result<Table, StoreError> {
    if dir.exists() && !dir.is_dir() {
        return Err(damaged(format!("{} is not a directory", dir.display())));
    }
    fs::create_dir_all(dir).map_err(failed)?;
    let is_empty = |name: &str| dir.join(name).metadata().is_ok_and(|it| it.len() == 0);
    if dir.join("db").exists() && !is_empty("db") && !dir.join("conf").exists() {
        return Err(damaged(format!("{} holds a `db` that is not ours", dir.display())));
    }
    let db = open_db(dir)?;
    let table = Table::new(dir.to_owned(), db).map_err(failed)?;
    check_format(&table)?;
    Ok(table)
}

fn open_db(dir: &Path) -> Result<Db, StoreError> {
    let began = Instant::now();
    loop {
        match try_open(dir.to_owned())? {
            Ok(db) => return Ok(db),
            Err(error) if !is_locked(&error) => return Err(from_sled(error)),
            Err(_) if began.elapsed() >= PATIENCE => {
                return Err(StoreError::InUse { store: STORE });
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn try_open(dir: PathBuf) -> Result<Result<Db, Error>, StoreError> {
    let open = move || {
        Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .mode(Mode::HighThroughput)
            // Nothing waits for a flush that it did not ask for.
            .flush_every_ms(None)
            .open()
    };
    // sled panics at some kinds of damage.
    catch_unwind(open).map_err(|_| damaged("sled gave up reading it"))
}

/// sled says so in words only.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Io(it) if it.to_string().contains("could not acquire lock"))
}

fn check_format(table: &Table) -> Result<(), StoreError> {
    let marker = table.dir().join(MARKER);
    let Some(found) = table.db().get(FORMAT_KEY).map_err(from_sled)? else {
        if marker.exists() {
            return Err(damaged("its records are gone"));
        }
        return make(table, &marker);
    };
    let found = found.as_ref().try_into().map(u64::from_be_bytes);
    match found {
        Ok(FORMAT) if marker.exists() => Ok(()),
        // The process that made it was killed before its last step.
        Ok(FORMAT) => make(table, &marker),
        Ok(other) => Err(damaged(format!(
            "it has format {other}, which a later release wrote; this one reads format {FORMAT}"
        ))),
        Err(_) => Err(damaged("its format cannot be read")),
    }
}

fn make(table: &Table, marker: &Path) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.insert(FORMAT_KEY, &FORMAT.to_be_bytes());
    let ticket = table.apply(batch)?;
    table.durable(ticket)?;
    seal(table.dir(), marker).map_err(failed)
}

/// Puts the new directory's files and names on disk, the marker last.
fn seal(dir: &Path, marker: &Path) -> io::Result<()> {
    File::open(dir.join("conf"))?.sync_all()?;
    sync_dir(dir)?;
    let mut file = File::create(marker)?;
    writeln!(file, "Records and results of rungs. One process at a time.")?;
    file.sync_all()?;
    sync_dir(dir)?;
    // The directory's own name is in the one above.
    dir.canonicalize()?.parent().map_or(Ok(()), sync_dir)
}
