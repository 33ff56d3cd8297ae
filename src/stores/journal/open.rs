//! Opens or creates a store directory.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::core::time::Timestamp;
use crate::ports::store::StoreError;
use crate::stores::opening::{LOCK_PATIENCE, LOCK_PAUSE};
use crate::stores::{sync_ancestors, sync_dir};

use super::mark::{Acknowledged, Mark};
use super::replay::{index_jobs, replay};
use super::segment::{self, HEADER, Position, Segment};
use super::state::{Commit, State};
use super::{STORE, checkpoint, damaged, failed, mark, spare_file};

/// The layout of files that this release writes.
const FORMAT: u32 = 1;
/// The file that is created last in a new store: format, id of the store, and CRC-32 of both.
const MARKER: &str = "rungs-journal";
/// The marker before it is complete, and the most bytes of it.
const PARTIAL_MARKER: &str = "rungs-journal.partial";
const MAX_MARKER: u64 = 256;
/// The file that the process with the store locks.
const LOCK: &str = "lock";
/// The file of the acknowledged position.
const ACKNOWLEDGED: &str = "acknowledged";
/// The first segment.
const FIRST_SEGMENT: &str = "0000000001.log";
/// Files of a sled store.
const OF_SLED: [&str; 2] = ["rungs-store", "db"];
/// The records rewritten per commit when leases are released.
const RELEASE_AT_ONCE: usize = 256;

/// Opens or creates the store in `dir`, and releases the leases of the previous process. Returns it with the file that
/// holds its lock.
pub(super) fn open(
    dir: &Path,
    now: Timestamp,
    segment_bytes: u64,
) -> Result<(State, File), StoreError> {
    if dir.exists() && !dir.is_dir() {
        return Err(damaged(format!("{} is not a directory", dir.display())));
    }
    fs::create_dir_all(dir).map_err(failed)?;
    if OF_SLED.iter().any(|it| dir.join(it).exists()) {
        return Err(StoreError::OtherStore { store: STORE, found: "sled" });
    }
    if !dir.join(MARKER).exists() {
        // Before the lock is created: nothing is written into a directory of another program.
        check_is_new(dir)?;
    }
    let lock = locked(dir)?;
    let store = match read_marker(&dir.join(MARKER))? {
        Some(store) => store,
        None => make(dir)?,
    };
    checkpoint::remove_partial(dir).map_err(failed)?;
    let Some(mark) = Mark::open(&dir.join(ACKNOWLEDGED)).map_err(failed)? else {
        return Err(damaged(format!("its file `{ACKNOWLEDGED}` is missing or cannot be read")));
    };
    let mut replayed = replay(dir, store, mark.newest())?;
    let leased = index_jobs(&mut replayed)?;
    let mut state = State::new(replayed, mark, segment_bytes)?;
    for group in leased.chunks(RELEASE_AT_ONCE) {
        let mut commit = Commit::default();
        for found in group {
            let Some(record) = found.record.abandoned(now) else { continue };
            commit.push(&record.key().to_bytes(), found.version + 1, Some(&record))?;
            state.index.jobs.put(&record);
        }
        state.commit(&commit)?;
    }
    state.sync_now().map_err(failed)?;
    let end = state.end_position();
    state.mark.advance(end).map_err(failed)?;
    Ok((state, lock))
}

/// Locks the directory for this process.
fn locked(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if began.elapsed() >= LOCK_PATIENCE => {
                return Err(StoreError::InUse { store: STORE });
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
        }
    }
}

/// Returns the id of an existing store.
fn read_marker(path: &Path) -> Result<Option<u64>, StoreError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(failed)?,
    };
    let text = String::from_utf8_lossy(&text);
    let mut words = text.split_whitespace();
    let format = words.next().and_then(|it| it.parse::<u32>().ok());
    let store = words.next().and_then(|it| u64::from_str_radix(it, 16).ok());
    match (format, store) {
        (Some(format), Some(store)) if text == marker(format, store) => {
            if format == FORMAT {
                return Ok(Some(store));
            }
            let (found, reads) = (u64::from(format), u64::from(FORMAT));
            Err(StoreError::LaterFormat { store: STORE, found, reads })
        }
        _ => Err(damaged(format!("its file `{MARKER}` cannot be read"))),
    }
}

fn marker(format: u32, store: u64) -> String {
    let content = format!("{format} {store:016x}");
    let sum = crc32fast::hash(content.as_bytes());
    format!("{content} {sum:08x}\nA journal of rungs. One process at a time.\n")
}

/// Creates a store, or completes one whose creation was interrupted by a kill. Returns its id.
fn make(dir: &Path) -> Result<u64, StoreError> {
    check_is_new(dir)?;
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(failed)?;
    let store = u64::from_le_bytes(id);
    Segment::create(dir, 1, store, 0).map_err(failed)?;
    Mark::make(&dir.join(ACKNOWLEDGED), first_mark()?).map_err(failed)?;
    seal(dir, store).map_err(failed)?;
    Ok(store)
}

/// Returns the content of the acknowledged position's file in a new store.
fn first_mark() -> Result<Acknowledged, StoreError> {
    let offset = u32::try_from(HEADER).map_err(failed)?;
    Ok(Acknowledged { position: Position::new(1, offset), first_segment: 1 })
}

/// Refuses a directory with files that are named like those of a store, unless an interrupted creation left them behind: a
/// store that lost its marker, or files of other programs that would be overwritten. Other files do not matter.
fn check_is_new(dir: &Path) -> Result<(), StoreError> {
    let mark = mark::made(first_mark()?);
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        let path = entry.path();
        let is_expected = match &*shown {
            LOCK => begins(&path, &[], 0),
            ACKNOWLEDGED => begins(&path, &mark, mark.len() as u64),
            PARTIAL_MARKER => begins(&path, format!("{FORMAT} ").as_bytes(), MAX_MARKER),
            FIRST_SEGMENT => begins(&path, &segment::first_header(), HEADER),
            spare_file::NAME => Ok(false),
            other => Ok(!segment::is_numbered(other)),
        };
        // Another process may have completed its store since the marker was looked for.
        if !is_expected.map_err(failed)? && !dir.join(MARKER).exists() {
            return Err(damaged(format!(
                "its file `{MARKER}` is missing, and the directory contains `{shown}`"
            )));
        }
    }
    Ok(())
}

/// Returns `true` if a file has at most `most` bytes and begins with `expected`, as far as it was written: zeros are
/// what a power loss leaves.
fn begins(path: &Path, expected: &[u8], most: u64) -> io::Result<bool> {
    let found = match path.metadata() {
        // Another process has just renamed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        found => found?,
    };
    if !found.is_file() || found.len() > most {
        return Ok(false);
    }
    if found.len() == 0 {
        // Not read: some systems let only the process with the lock read that file.
        return Ok(true);
    }
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        bytes => bytes?,
    };
    Ok(bytes.iter().zip(expected).all(|(found, expected)| found == expected || *found == 0))
}

/// Writes the marker durably, whole or not at all.
fn seal(dir: &Path, store: u64) -> io::Result<()> {
    let partial = dir.join(PARTIAL_MARKER);
    let mut file = File::create(&partial)?;
    file.write_all(marker(FORMAT, store).as_bytes())?;
    file.sync_all()?;
    sync_dir(dir)?;
    fs::rename(&partial, dir.join(MARKER))?;
    sync_dir(dir)?;
    sync_ancestors(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_later_release_is_not_called_damaged() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(MARKER), marker(2, 7)).expect("written");

        let refused =
            read_marker(&dir.path().join(MARKER)).expect_err("a later format").to_string();

        assert!(refused.contains("format 2 of a later release"), "{refused}");
        assert!(refused.ends_with("use the release that wrote it"), "{refused}");
    }
}
