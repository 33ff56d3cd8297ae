//! The number of acknowledged commits, in a file beside the database.
//!
//! sled skips data that it cannot read at the end of its log, as it must after a crash. A truncated database
//! therefore looks like one that never had its last commits. This number is written after every flush and before
//! its commits are acknowledged: if the database has fewer commits, acknowledged ones were lost.
//!
//! The file is not synced, because that would double the cost of a commit. A killed process loses nothing. After a
//! power loss the number may be too small, and a loss of commits then remains undetected. It is never too great.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// The bytes of a slot: the number and the first 8 bytes of its SHA-256.
const SLOT: usize = 16;
/// The number of slots, written in turn, so that one is intact whenever the machine stops.
const SLOTS: usize = 2;

/// The open file.
#[derive(Debug)]
pub(super) struct AcknowledgedCommits {
    file: Mutex<(File, usize)>,
}

impl AcknowledgedCommits {
    /// Creates the file, or truncates one whose creation was interrupted by a kill.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        let acknowledged = Self { file: Mutex::new((file, 0)) };
        for _ in 0..SLOTS {
            acknowledged.write(0)?;
        }
        acknowledged.file.lock().unwrap_or_else(PoisonError::into_inner).0.sync_all()?;
        Ok(acknowledged)
    }

    /// Opens the file and reads the number, `None` if no slot is intact.
    pub(super) fn open(path: &Path) -> io::Result<Option<(Self, u64)>> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take((SLOT * SLOTS) as u64).read_to_end(&mut bytes)?;
        let slots = bytes.chunks(SLOT).enumerate().filter_map(|(at, it)| Some((at, read(it)?)));
        let Some((at, newest)) = slots.max_by_key(|(_, it)| *it) else { return Ok(None) };
        Ok(Some((Self { file: Mutex::new((file, at + 1)) }, newest)))
    }

    /// Writes the number of commits, before the last of them are acknowledged.
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
        AcknowledgedCommits::open(path).expect("it is there").map(|(_, it)| it)
    }

    #[test]
    fn the_newest_number_reads_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        let file = AcknowledgedCommits::make(&path).expect("made");
        assert_eq!(reopened(&path), Some(0));

        for number in 1..=5 {
            file.write(number).expect("written");
            assert_eq!(reopened(&path), Some(number));
        }
        let (file, _) = AcknowledgedCommits::open(&path).expect("it is there").expect("whole");
        for number in 6..=9 {
            file.write(number).expect("written");
            assert_eq!(reopened(&path), Some(number));
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_previous_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        let file = AcknowledgedCommits::make(&path).expect("made");
        for (number, newest) in [(1, 0), (2, SLOT), (3, 0), (4, SLOT)] {
            file.write(number).expect("written");
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
    fn the_first_number_after_an_opening_keeps_the_previous_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        let mut file = AcknowledgedCommits::make(&path).expect("made");
        for number in 1..=4 {
            file.write(number).expect("written");
            (file, _) = AcknowledgedCommits::open(&path).expect("it is there").expect("whole");
            let bytes = fs::read(&path).expect("readable");
            let slots: Vec<_> = bytes.chunks(SLOT).map(read).collect();
            assert!(slots.contains(&Some(number - 1)), "{slots:?}");
        }
    }

    #[test]
    fn a_file_without_an_intact_slot_has_no_number() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        for bytes in [&[][..], &[0; SLOT - 1], &[0; SLOT * SLOTS], &[7; 1_000]] {
            fs::write(&path, bytes).expect("written");

            assert_eq!(reopened(&path), None, "{} bytes", bytes.len());
        }
    }
}
