//! Making a directory's entries durable.

use std::fs::File;
use std::io;
use std::path::Path;

/// Puts the names of `dir` on disk: a file's own fsync does not cover its name.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Elsewhere directories cannot be opened as files, and the system keeps names itself.
#[cfg(not(unix))]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::options().read(true).open(dir).map(drop).or(Ok(()))
}
