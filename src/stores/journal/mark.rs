//! The end of what was acknowledged and the first segment in use, in a file beside the log.
//!
//! A torn end of the log is normal after a crash and looks like a log that never had its last commits. The position is
//! written after each sync and before the commits are acknowledged: a log that ends before it has lost some.
//!
//! The position is not synced, because that would double the cost of a commit. A killed process loses nothing. After a
//! power loss the position may be too small, and the loss of later commits remains undetected. It is never too great.
//! The first segment is synced before older ones are removed, so that a segment that is missing differs from one that was removed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::file::write_at;
use super::segment::Position;

/// The bytes of a slot: the position (8), the first segment (4) and the CRC-32 of both.
const SLOT: usize = 16;
/// The number of slots, written in turn, so that one is intact whenever the machine stops.
const SLOTS: usize = 2;

/// The content of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Acknowledged {
    pub(super) position: Position,
    pub(super) first_segment: u32,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    turn: usize,
    newest: Acknowledged,
}

impl Mark {
    /// Creates the file, or truncates one whose creation was interrupted by a kill.
    pub(super) fn make(path: &Path, first: Acknowledged) -> io::Result<Self> {
        let file = File::options().create(true).truncate(true).write(true).open(path)?;
        let mut mark = Self { file, turn: 0, newest: first };
        for _ in 0..SLOTS {
            mark.write(first)?;
        }
        mark.file.sync_all()?;
        Ok(mark)
    }

    /// Opens the file, `None` if it is missing or no slot is intact.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        (&file).take((SLOT * SLOTS) as u64).read_to_end(&mut bytes)?;
        let slots = bytes.chunks(SLOT).enumerate().filter_map(|(at, it)| Some((at, read(it)?)));
        let newest = slots.max_by_key(|(_, it)| *it);
        Ok(newest.map(|(at, newest)| Self { file, turn: at + 1, newest }))
    }

    pub(super) fn newest(&self) -> Acknowledged {
        self.newest
    }

    /// Writes the end of the log, before the last commits are acknowledged.
    pub(super) fn advance(&mut self, position: Position) -> io::Result<()> {
        self.write(Acknowledged { position, ..self.newest })
    }

    /// Writes the first segment in use durably, before older ones are removed.
    pub(super) fn begin_at(&mut self, first_segment: u32) -> io::Result<()> {
        self.write(Acknowledged { first_segment, ..self.newest })?;
        self.file.sync_data()
    }

    fn write(&mut self, new: Acknowledged) -> io::Result<()> {
        write_at(&self.file, &slot(new), (self.turn % SLOTS * SLOT) as u64)?;
        self.turn += 1;
        self.newest = new;
        Ok(())
    }
}

/// Returns the content of the file in a new store.
pub(super) fn made(first: Acknowledged) -> Vec<u8> {
    slot(first).repeat(SLOTS)
}

fn slot(content: Acknowledged) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&content.position.0.to_le_bytes());
    bytes[8..12].copy_from_slice(&content.first_segment.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Option<Acknowledged> {
    let position = Position(u64::from_le_bytes(*bytes.first_chunk()?));
    let first_segment = u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let content = Acknowledged { position, first_segment };
    (slot(content) == bytes).then_some(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(position: u64) -> Acknowledged {
        Acknowledged { position: Position(position), first_segment: 1 }
    }

    fn reopened(path: &Path) -> Option<Acknowledged> {
        Mark::open(path).expect("readable").map(|it| it.newest())
    }

    #[test]
    fn a_torn_slot_leaves_the_previous_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        let mut mark = Mark::make(&path, at(0)).expect("made");
        for position in 1..=6 {
            mark.advance(Position(position)).expect("written");
            assert_eq!(reopened(&path), Some(at(position)));
            let whole = fs::read(&path).expect("readable");
            let newest = usize::from(position % 2 == 0) * SLOT;
            for byte in newest..newest + SLOT {
                let mut torn = whole.clone();
                torn[byte] ^= 1;
                fs::write(&path, torn).expect("written");
                assert_eq!(reopened(&path), Some(at(position - 1)), "byte {byte}");
            }
            fs::write(&path, whole).expect("written");
            mark = Mark::open(&path).expect("readable").expect("whole");
        }
    }

    #[test]
    fn a_file_without_an_intact_slot_has_no_content() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("acknowledged");
        assert_eq!(reopened(&path), None);
        for bytes in [&[][..], &[1; SLOT - 1], &[7; 1_000]] {
            fs::write(&path, bytes).expect("written");

            assert_eq!(reopened(&path), None, "{} bytes", bytes.len());
        }
    }
}
