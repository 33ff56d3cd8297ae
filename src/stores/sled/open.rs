//! Opens a store directory and detects damage.

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::catch_unwind;
use std::path::Path;
use std::thread;
use std::time::Instant;

use ::sled::{Batch, Config, Db, Error, Mode};

use crate::core::time::Timestamp;
use crate::ports::store::StoreError;
use crate::stores::opening::{LOCK_PATIENCE, LOCK_PAUSE};
use crate::stores::{check_in_place, sync_ancestors, sync_dir};

use super::STORE;
use super::acknowledged::AcknowledgedCommits;
use super::table::{DB, Table, commits, damaged, failed, from_sled};

/// The size of the page cache of sled: 16 MiB, because most records are read soon after they were written.
const CACHE_BYTES: u64 = 16_777_216;

/// The layout of keys and files that this release writes.
const FORMAT: u64 = 1;
const FORMAT_KEY: &[u8] = b"meta/format";
/// The file that is created last in a new store. If it exists, the database must contain its format: sled treats a
/// file that it cannot read as empty.
const MARKER: &str = "rungs-store";
/// A file of the other store on disk.
const JOURNAL: &str = "rungs-journal";
/// The file of sled's settings.
const CONF: &str = "conf";
/// The file of the number of acknowledged commits.
const ACKNOWLEDGED: &str = "acknowledged";

/// Opens or creates the store in `dir`, and releases the leases of the previous process in its
/// records.
pub(super) fn open(dir: &Path, now: Timestamp) -> Result<Table, StoreError> {
    // sled panics on some kinds of damage.
    let opened = catch_unwind(|| {
        let table = open_table(dir)?;
        table.release(now)?;
        Ok(table)
    });
    opened.unwrap_or_else(|_| Err(damaged("sled gave up reading it")))
}

/// Opens a store again after a failed write, if `file` is still its database. The leases stay: the process that has
/// them is this one.
pub(super) fn open_again(dir: &Path, file: &File) -> Result<Table, StoreError> {
    check_in_place(file, &dir.join(DB)).map_err(failed)?;
    let opened = catch_unwind(|| {
        let table = open_made(dir, open_db(dir)?)?;
        table.index()?;
        Ok(table)
    });
    opened.unwrap_or_else(|_| Err(damaged("sled gave up reading it")))
}

fn open_table(dir: &Path) -> Result<Table, StoreError> {
    if dir.exists() && !dir.is_dir() {
        return Err(damaged(format!("{} is not a directory", dir.display())));
    }
    fs::create_dir_all(dir).map_err(failed)?;
    if dir.join(JOURNAL).exists() {
        return Err(StoreError::OtherStore { store: STORE, found: "journal" });
    }
    let is_made = dir.join(MARKER).exists();
    let length = dir.join(DB).metadata().map_or(0, |it| it.len());
    if length > 0 && !dir.join(CONF).exists() {
        return Err(not_ours(dir));
    }
    if length == 0 && !is_made {
        // sled refuses a truncated settings file, which a process leaves behind that was killed at this point.
        forget(&dir.join(CONF)).map_err(failed)?;
    }
    let db = open_db(dir)?;
    if is_made { open_made(dir, db) } else { make(dir, db) }
}

fn not_ours(dir: &Path) -> StoreError {
    damaged(format!("{} holds a `db` that is not ours", dir.display()))
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open_db(dir: &Path) -> Result<Db, StoreError> {
    let began = Instant::now();
    loop {
        match config(dir).open() {
            Ok(db) => return Ok(db),
            Err(Error::Corruption { .. }) if forget_half_snapshots(dir).map_err(failed)? => {}
            Err(error) if !is_locked(&error) => return Err(from_sled(error)),
            Err(_) if began.elapsed() >= LOCK_PATIENCE => {
                return Err(StoreError::InUse { store: STORE });
            }
            Err(_) => thread::sleep(LOCK_PAUSE),
        }
    }
}

/// Removes a partial snapshot of a process that was killed. Returns `true` if there was one.
///
/// sled writes a snapshot beside its records and renames it when it is complete. It takes a partial one for the
/// newest and refuses to open. All records are in the log, from which it reads them without the snapshot. sled
/// only reads snapshots under its lock, so no process is writing one.
fn forget_half_snapshots(dir: &Path) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(path = %path.display(), "removed the partial snapshot of a killed process");
            forget(&path)?;
            any = true;
        }
    }
    Ok(any)
}

fn config(dir: &Path) -> Config {
    Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .mode(Mode::HighThroughput)
        // No caller waits for sled's periodic flush: each commit requests its own.
        .flush_every_ms(None)
}

/// Returns `true` if another process holds the lock, which sled reports only in its message.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Io(it) if it.to_string().contains("could not acquire lock"))
}

/// Opens an existing store.
fn open_made(dir: &Path, db: Db) -> Result<Table, StoreError> {
    if !has_format(&db)? {
        return Err(damaged("its records are gone"));
    }
    let Some((file, acknowledged)) = read_acknowledged(&dir.join(ACKNOWLEDGED)).map_err(failed)?
    else {
        return Err(damaged(format!("its file `{ACKNOWLEDGED}` is missing or cannot be read")));
    };
    let commits = commits(&db)?;
    if commits < acknowledged {
        let gone = acknowledged - commits;
        return Err(damaged(format!("its last {gone} acknowledged commits are missing")));
    }
    Table::new(dir.to_owned(), db, file, commits).map_err(failed)
}

fn read_acknowledged(path: &Path) -> io::Result<Option<(AcknowledgedCommits, u64)>> {
    match AcknowledgedCommits::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read,
    }
}

/// Returns `true` if the database contains a format; fails if it is another one.
fn has_format(db: &Db) -> Result<bool, StoreError> {
    let Some(found) = db.get(FORMAT_KEY).map_err(from_sled)? else { return Ok(false) };
    match found.as_ref().try_into().map(u64::from_be_bytes) {
        Ok(FORMAT) => Ok(true),
        Ok(found) => Err(StoreError::LaterFormat { store: STORE, found, reads: FORMAT }),
        Err(_) => Err(damaged("its format cannot be read")),
    }
}

/// Creates a store, or completes one whose creation was interrupted by a kill.
fn make(dir: &Path, db: Db) -> Result<Table, StoreError> {
    if !has_format(&db)? && !db.is_empty() {
        return Err(not_ours(dir));
    }
    let commits = commits(&db)?;
    let file = AcknowledgedCommits::make(&dir.join(ACKNOWLEDGED)).map_err(failed)?;
    let table = Table::new(dir.to_owned(), db, file, commits).map_err(failed)?;
    let mut batch = Batch::default();
    batch.insert(FORMAT_KEY, &FORMAT.to_be_bytes());
    table.write(batch)?;
    seal(dir).map_err(failed)?;
    Ok(table)
}

/// Syncs the files and entries of a new store, the marker last.
fn seal(dir: &Path) -> io::Result<()> {
    File::open(dir.join(CONF))?.sync_all()?;
    sync_dir(dir)?;
    let mut file = File::create(dir.join(MARKER))?;
    writeln!(file, "Records and results of rungs. One process at a time.")?;
    file.sync_all()?;
    sync_dir(dir)?;
    sync_ancestors(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::record::{Queue, Record};
    use crate::ports::store::{Store, Write};
    use crate::stores::{Sled, codec};
    use crate::testkit::run;
    use crate::testkit::store::{Scratch, sample};

    const NOW: Timestamp = Timestamp::from_millis(1);

    fn made(scratch: &Scratch) {
        open(scratch.path(), NOW).map(drop).expect("an empty directory opens");
    }

    /// Returns the message of an opening that must fail.
    fn refusal(scratch: &Scratch) -> String {
        match open(scratch.path(), NOW) {
            Ok(_) => panic!("it opened"),
            Err(error) => error.to_string(),
        }
    }

    fn write(scratch: &Scratch, key: &[u8], value: &[u8]) {
        // `Sled::open` waits: sled releases its lock a moment after it was closed.
        let db = open_db(scratch.path()).expect("sled opens it");
        db.insert(key, value).expect("written");
        db.flush().expect("flushed");
    }

    /// Rewrites every record as JSON, as releases before format 2 wrote it.
    fn rewrite_in_format_1(scratch: &Scratch) {
        let db = open_db(scratch.path()).expect("sled opens it");
        for entry in db.scan_prefix(b"r") {
            let (key, value) = entry.expect("readable");
            let found = codec::decode(&value).expect("a record");
            let header = [&[1], &value[1..18]].concat();
            let record = serde_json::to_vec(&found.record).expect("plain data");
            db.insert(key, [header, record].concat()).expect("written");
        }
        db.flush().expect("flushed");
    }

    #[test]
    fn a_store_of_an_earlier_release_is_read_and_resumed() {
        let scratch = Scratch::new();
        let mut records = sample::every_kind();
        records.push(Record::Job(sample::job(9, NOW)));
        let write = |record: &Record, expected| Write {
            key: record.key(),
            expected,
            record: Some(record.clone()),
        };
        let store = Sled::open_with(scratch.path(), NOW).expect("an empty directory");
        let commit = store.commit(records.iter().map(|it| write(it, None)).collect());
        run(commit).expect("written");
        drop(store);
        rewrite_in_format_1(&scratch);

        let store = Sled::open_with(scratch.path(), NOW).expect("it opens");

        let found = run(store.load(records.iter().map(Record::key).collect())).expect("readable");
        let resumed = records.iter().map(|it| it.abandoned(NOW).unwrap_or_else(|| it.clone()));
        assert!(found.iter().flatten().map(|it| it.record.clone()).eq(resumed), "{found:?}");
        let claimed = run(store.claim(sample::claim(Queue::Jobs, 5))).expect("claimed");
        assert_eq!(claimed.len(), 2, "the queued job, and the one of the dead process");
        let account = &found[0].as_ref().expect("the account");
        run(store.commit(vec![write(&account.record, Some(account.version))])).expect("written");
    }

    #[test]
    fn a_database_of_another_program_is_refused_and_left_alone() {
        let scratch = Scratch::new();
        write(&scratch, b"key", b"another's");

        assert!(refusal(&scratch).contains("not ours"), "{}", refusal(&scratch));

        let db = open_db(scratch.path()).expect("sled opens it");
        assert_eq!(db.iter().count(), 1);
    }

    #[test]
    fn a_database_without_its_settings_is_refused() {
        let scratch = Scratch::new();
        made(&scratch);
        fs::remove_file(scratch.path().join(CONF)).expect("removed");

        assert!(refusal(&scratch).contains("not ours"), "{}", refusal(&scratch));
    }

    #[test]
    fn truncated_settings_without_records_are_created_anew() {
        let (whole, half) = (Scratch::new(), Scratch::new());
        made(&whole);
        let conf = fs::read(whole.path().join(CONF)).expect("it is there");
        for length in 0..conf.len() {
            fs::remove_dir_all(half.path()).expect("removed");
            fs::create_dir(half.path()).expect("made");
            fs::write(half.path().join(CONF), &conf[..length]).expect("written");

            made(&half);
        }
    }

    #[test]
    fn truncated_settings_beside_records_are_damage() {
        let scratch = Scratch::new();
        made(&scratch);
        fs::remove_file(scratch.path().join(MARKER)).expect("removed");
        let path = scratch.path().join(CONF);
        let half = fs::read(&path).expect("it is there")[..30].to_vec();
        fs::write(&path, &half).expect("written");

        refusal(&scratch);

        assert_eq!(fs::read(&path).expect("it is there"), half);
    }

    #[test]
    fn a_partial_snapshot_of_a_killed_process_is_skipped() {
        for half in [&b""[..], b"half", &[7; 100]] {
            let scratch = Scratch::new();
            made(&scratch);
            write(&scratch, b"key", b"value");
            let left = scratch.path().join("snap.7FFFFFFFFFFFFFFF.generating");
            fs::write(&left, half).expect("written");

            let db = open_db(scratch.path()).expect("it opens without");

            assert_eq!(db.get(b"key").expect("readable").as_deref(), Some(&b"value"[..]));
            assert!(!left.exists());
        }
    }

    #[test]
    fn an_unknown_record_format_is_named() {
        let later = "has format 2 of a later release, and this one reads format 1: use the release";
        for (format, said) in [(&2_u64.to_be_bytes()[..], later), (b"x", "cannot be read")] {
            for is_finished in [MARKER, "nothing"] {
                let scratch = Scratch::new();
                made(&scratch);
                write(&scratch, FORMAT_KEY, format);
                forget(&scratch.path().join(is_finished)).expect("removed");

                assert!(refusal(&scratch).contains(said), "{}", refusal(&scratch));
            }
        }
    }

    #[test]
    fn a_store_that_lacks_only_its_last_step_is_finished() {
        let scratch = Scratch::new();
        made(&scratch);
        let marker = scratch.path().join(MARKER);
        fs::remove_file(&marker).expect("removed");

        made(&scratch);

        assert!(marker.exists());
        made(&scratch);
    }

    #[test]
    fn a_store_without_its_count_of_commits_is_refused() {
        for bytes in [None, Some(b"")] {
            let scratch = Scratch::new();
            made(&scratch);
            let path = scratch.path().join(ACKNOWLEDGED);
            fs::remove_file(&path).expect("removed");
            if let Some(bytes) = bytes {
                fs::write(&path, bytes).expect("written");
            }

            assert!(refusal(&scratch).contains("`acknowledged`"), "{}", refusal(&scratch));
        }
    }

    #[test]
    fn a_count_of_commits_that_cannot_be_opened_is_no_damage() {
        let scratch = Scratch::new();
        made(&scratch);
        let path = scratch.path().join(ACKNOWLEDGED);
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("in its place");

        assert_eq!(refusal(&scratch), "the sled store failed");
    }

    #[test]
    fn missing_commits_are_counted() {
        let scratch = Scratch::new();
        for _opening in 0..4 {
            made(&scratch);
        }
        write(&scratch, b"meta/commits", &2_u64.to_be_bytes());

        let said = refusal(&scratch);

        assert!(said.contains("its last 3 acknowledged commits are missing"), "{said}");
    }
}
