//! How many commits were acknowledged, kept beside the database.
//!
//! sled passes over whatever it cannot read at the end of its log, as it must after a crash. So a
//! database that was cut short looks like one that never had its last commits. The number here is
//! written after every flush and before anybody is told of it: where the database has fewer
//! commits, some that were acknowledged are gone.
//!
//! It is not synced, which would double the cost of a commit. Killing the process loses none of it;
//! after a power cut it may be behind, and then less is noticed, but never too much.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// The number, and the first bytes of its SHA-256.
const SLOT: usize = 16;
/// Written in turn, so that one is whole whenever the machine stops.
const SLOTS: usize = 2;

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    file: Mutex<(File, usize)>,
}

impl Mark {
    /// Makes the file, or empties what a process left that was killed at making it.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        let mark = Self { file: Mutex::new((file, 0)) };
        for _ in 0..SLOTS {
            mark.write(0)?;
        }
        mark.file.lock().unwrap_or_else(PoisonError::into_inner).0.sync_all()?;
        Ok(mark)
    }

    /// Opens the file and reads it: `None` if no slot of it is whole.
    pub(super) fn open(path: &Path) -> io::Result<Option<(Self, u64)>> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take((SLOT * SLOTS) as u64).read_to_end(&mut bytes)?;
        let slots = bytes.chunks(SLOT).enumerate().filter_map(|(at, it)| Some((at, read(it)?)));
        let Some((at, newest)) = slots.max_by_key(|(_, it)| *it) else { return Ok(None) };
        Ok(Some((Self { file: Mutex::new((file, at + 1)) }, newest)))
    }

    /// Writes how many commits are acknowledged next.
    pub(super) fn write(&self, commits: u64) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, turn) = &mut *file;
        file.seek(SeekFrom::Start((*turn % SLOTS * SLOT) as u64))?;
        file.write_all(&slot(commits))?;
        *turn += 1;
        Ok(())
    }
}

fn slot(commits: u64) -> [u8; SLOT] {
    let number = commits.to_be_bytes();
    let sum: [u8; 32] = Sha256::digest(number).into();
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&number);
    bytes[8..].copy_from_slice(&sum[..8]);
    bytes
}

fn read(bytes: &[u8]) -> Option<u64> {
    let number = bytes.first_chunk().map(|it| u64::from_be_bytes(*it))?;
    (slot(number) == bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn reopened(path: &Path) -> Option<u64> {
        Mark::open(path).expect("it is there").map(|(_, it)| it)
    }

    #[test]
    fn the_newest_number_reads_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mark");
        let mark = Mark::make(&path).expect("made");
        assert_eq!(reopened(&path), Some(0));

        for number in 1..=5 {
            mark.write(number).expect("written");
            assert_eq!(reopened(&path), Some(number));
        }
        let (mark, _) = Mark::open(&path).expect("it is there").expect("whole");
        for number in 6..=9 {
            mark.write(number).expect("written");
            assert_eq!(reopened(&path), Some(number));
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mark");
        let mark = Mark::make(&path).expect("made");
        for (number, newest) in [(1, 0), (2, SLOT), (3, 0), (4, SLOT)] {
            mark.write(number).expect("written");
            let whole = fs::read(&path).expect("readable");
            for at in newest..newest + SLOT {
                let mut torn = whole.clone();
                torn[at] ^= 1;
                fs::write(&path, torn).expect("written");
                assert_eq!(reopened(&path), Some(number - 1), "byte {at}");
            }
            fs::write(&path, whole).expect("written");
        }
    }

    #[test]
    fn the_first_number_after_an_opening_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mark");
        let mut mark = Mark::make(&path).expect("made");
        for number in 1..=4 {
            mark.write(number).expect("written");
            (mark, _) = Mark::open(&path).expect("it is there").expect("whole");
            let bytes = fs::read(&path).expect("readable");
            let slots: Vec<_> = bytes.chunks(SLOT).map(read).collect();
            assert!(slots.contains(&Some(number - 1)), "{slots:?}");
        }
    }

    #[test]
    fn a_file_without_a_whole_slot_says_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("mark");
        for bytes in [&[][..], &[0; SLOT - 1], &[0; SLOT * SLOTS], &[7; 1_000]] {
            fs::write(&path, bytes).expect("written");

            assert_eq!(reopened(&path), None, "{} bytes", bytes.len());
        }
    }
}
