//! A file that only reserves disk space. It is deleted when the disk is full, so that old segments can be copied and
//! removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use fs2::FileExt;

use crate::stores::space::DiskSpace;

pub(super) const NAME: &str = "spare";
/// The size of the file is this part of a segment.
const PER_SEGMENT: u64 = 8;

#[derive(Debug)]
pub(super) struct SpareFile {
    path: PathBuf,
    bytes: u64,
}

impl SpareFile {
    /// Returns the spare file of the store in `dir`, which may not exist yet.
    pub(super) fn new(dir: &Path, segment_bytes: u64) -> Self {
        Self { path: dir.join(NAME), bytes: segment_bytes / PER_SEGMENT }
    }

    /// Creates the file if it is missing and the disk has room for it.
    pub(super) fn hold(&self, space: &DiskSpace) -> io::Result<()> {
        let is_held = self.path.metadata().is_ok_and(|it| it.len() >= self.bytes);
        if is_held || space.reserve(self.bytes).is_err() {
            return Ok(());
        }
        let made = File::create(&self.path).and_then(|file| file.allocate(self.bytes));
        if made.is_err() {
            // A part of it helps nobody.
            self.give_up()?;
        }
        made
    }

    /// Gives the space of the file to the disk. Does nothing if it is missing.
    pub(super) fn give_up(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_file_takes_space_until_it_is_given_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let space = DiskSpace::new(dir.path().to_owned());
        let file = SpareFile::new(dir.path(), 1 << 20);
        file.give_up().expect("there is none");

        for _ in 0..2 {
            file.hold(&space).expect("there is room");
            let held = File::open(dir.path().join(NAME)).and_then(|it| it.allocated_size());
            assert_eq!(held.expect("it is there"), 1 << 17);
        }
        file.give_up().expect("removed");
        assert!(!dir.path().join(NAME).exists());
        let huge = SpareFile::new(dir.path(), u64::MAX);
        huge.hold(&space).expect("what has no room is not created");
        assert!(!dir.path().join(NAME).exists());
    }
}
