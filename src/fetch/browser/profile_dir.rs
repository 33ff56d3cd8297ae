//! The directory in which a browser keeps its files, and the cleanup after a crash.
//!
//! A process that is killed removes nothing. Its browser exits by itself when its pipe ends, unless it hangs.
//! Each directory therefore names the process that created it, and whoever launches the next browser kills the
//! browsers of dead processes and removes their directories.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::process::procfs;

/// Prefix of the directories' names.
const PREFIX: &str = "rungs-browser-";
/// File in the directory that holds the identity of the process that created it.
const OWNER_FILE: &str = "rungs-owner";
/// Attempts to remove a directory while the browser's last processes may still write to it.
const REMOVE_ATTEMPTS: usize = 3;

/// A browser's directory. Dropping it removes it.
#[derive(Debug)]
pub(super) struct ProfileDir(PathBuf);

impl ProfileDir {
    /// Creates one in the system's temporary directory, readable by this user only.
    pub(super) fn create() -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let own_id = std::process::id();
        let name = format!("{PREFIX}{own_id}-{:016x}", u64::from_ne_bytes(bytes));
        let path = std::env::temp_dir().join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let profile = Self(path);
        let owner = procfs::process_identity(own_id).unwrap_or_default();
        fs::write(profile.0.join(OWNER_FILE), owner)?;
        Ok(profile)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ProfileDir {
    fn drop(&mut self) {
        // What is left after the last attempt is removed by `clean_up`.
        for _ in 0..REMOVE_ATTEMPTS {
            match fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
        }
    }
}

/// Kills the browsers of dead processes and removes their directories.
///
/// A directory without an identity is kept. Where there is no `/proc`, no directory has one, so nothing is
/// cleaned up.
pub(super) fn clean_up() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let Ok(owner) = fs::read_to_string(path.join(OWNER_FILE)) else { continue };
        let owner_id = owner.split(' ').next().and_then(|id| id.parse::<u32>().ok());
        let Some(owner_id) = owner_id else { continue };
        if procfs::process_identity(owner_id).as_deref() == Some(owner.as_str()) {
            continue;
        }
        kill_users_of(&path);
        if fs::remove_dir_all(&path).is_ok() {
            tracing::info!(path = %path.display(), "cleaned up after a browser of a dead process");
        }
    }
}

/// Kills every process whose command line names the directory: the browser, its helpers, and the shell that
/// watches over them in a group of its own.
fn kill_users_of(profile: &Path) {
    let name = profile.as_os_str().as_encoded_bytes();
    for process in procfs::processes() {
        let uses_it = procfs::command_line_contains(process, name);
        let Some(pid) = Pid::from_raw(process).filter(|_| uses_it) else { continue };
        // A browser leads a group of its own. For its helpers there is no group with their id.
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_directory_is_private_and_removed_on_drop() {
        use std::os::unix::fs::PermissionsExt as _;

        let profile = ProfileDir::create().expect("a directory");
        let path = profile.path().to_owned();
        let mode = fs::metadata(&path).expect("it exists").permissions().mode();
        drop(profile);

        assert_eq!(mode & 0o777, 0o700);
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_directories_of_dead_processes_are_cleaned_up() {
        let create = || ProfileDir::create().expect("a directory");
        let (alive, dead, unknown) = (create(), create(), create());
        // A process with the same id that started at another time is another process.
        let other = format!("{} 1", std::process::id());
        fs::write(dead.path().join(OWNER_FILE), other).expect("written");
        fs::write(unknown.path().join(OWNER_FILE), "").expect("written");

        clean_up();

        assert!(alive.path().exists());
        assert!(!dead.path().exists());
        assert!(unknown.path().exists(), "its owner is unknown");
    }
}
