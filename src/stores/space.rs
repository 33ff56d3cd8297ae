//! Free space: refuses writes while the disk has too little, so that a full disk fails a write before it is begun.
//!
//! A write that the disk cuts off leaves a store of which nothing is known until it is opened again. A write that is
//! refused leaves it as it was: reads go on, and so do writes as soon as there is room.

use std::io;
use std::path::PathBuf;

/// Part of the disk that is kept free, and its bounds in bytes.
const KEPT_PART: u64 = 8;
const KEPT_BYTES: (u64, u64) = (1 << 20, 32 << 20);

/// The free space of a directory's disk.
#[derive(Debug)]
pub(super) struct DiskSpace {
    dir: PathBuf,
}

impl DiskSpace {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Returns an error if the disk has no room for `bytes` beside the part that is kept free.
    ///
    /// It measures each time, which takes a microsecond: other programs can fill a disk within milliseconds.
    pub(super) fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.check(bytes, spare)
    }

    /// Returns an error if the disk has no room for `bytes`. Unlike [`DiskSpace::reserve`], it counts the part
    /// that is kept free: for writes that free space.
    #[cfg(feature = "journal")]
    pub(super) fn fits(&self, bytes: u64) -> io::Result<()> {
        self.check(bytes, |free, _| free)
    }

    fn check(&self, bytes: u64, usable: fn(u64, u64) -> u64) -> io::Result<()> {
        // A disk that cannot be measured is left to the write itself.
        let Ok(disk) = fs2::statvfs(&self.dir) else { return Ok(()) };
        if usable(disk.available_space(), disk.total_space()) < bytes {
            return Err(no_space());
        }
        Ok(())
    }
}

/// Returns the bytes that may be written on a disk with so much free space.
fn spare(free: u64, total: u64) -> u64 {
    free.saturating_sub((total / KEPT_PART).clamp(KEPT_BYTES.0, KEPT_BYTES.1))
}

fn no_space() -> io::Error {
    let message = "No space left on the store's disk: free some, and writes work again";
    io::Error::new(io::ErrorKind::StorageFull, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_disk_is_kept_free() {
        const MIB: u64 = 1 << 20;

        assert_eq!(spare(4 * MIB, 4 * MIB), 3 * MIB);
        assert_eq!(spare(MIB, 4 * MIB), 0);
        assert_eq!(spare(80 * MIB, 80 * MIB), 70 * MIB);
        assert_eq!(spare(100 << 30, 1 << 40), (100 << 30) - 32 * MIB);
    }

    #[test]
    fn more_than_the_disk_has_is_refused_and_less_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let space = DiskSpace::new(dir.path().to_owned());

        let refused = space.reserve(u64::MAX).expect_err("no disk is so large");

        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        space.reserve(1).expect("there is room");
        #[cfg(feature = "journal")]
        {
            assert!(space.fits(u64::MAX).is_err());
            space.fits(1).expect("there is room");
        }
    }
}
