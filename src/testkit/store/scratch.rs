//! Temporary directories.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

/// An empty directory that is removed with its owner.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates a directory among the temporary files of the system.
    ///
    /// # Panics
    ///
    /// Panics if the directory cannot be created.
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("rungs-{}-{number}", process::id()));
        // A killed run with the same process id may have left one.
        fs::remove_dir_all(&dir).ok();
        fs::create_dir_all(&dir).expect("the directory for temporary files can be written");
        Self(dir)
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
