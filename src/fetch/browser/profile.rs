//! The folder that a browser keeps its files in, and what an earlier host may have left of it.
//!
//! A host that is killed removes nothing. Its browser leaves by itself when its pipe ends; one that
//! hangs does not. So each folder says whose it is, and whoever starts the next browser ends the
//! browsers of dead hosts and removes their folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// What the names of the folders begin with.
const PREFIX: &str = "rungs-browser-";
/// In a folder: the host's process, as [`stamp`] writes it.
const OWNER: &str = "rungs-owner";

/// A folder of a browser. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Profile(PathBuf);

impl Profile {
    /// Makes one below the system's folder for such things.
    pub(super) fn make() -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let own = std::process::id();
        let name = format!("{PREFIX}{own}-{:016x}", u64::from_ne_bytes(bytes));
        let path = std::env::temp_dir().join(name);
        make_private(&path)?;
        let profile = Self(path);
        fs::write(profile.0.join(OWNER), stamp(own).unwrap_or_default())?;
        Ok(profile)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

impl Drop for Profile {
    fn drop(&mut self) {
        // The last of the browser's processes may still write; what they leave is removed by the
        // next start.
        for _ in 0..3 {
            match fs::remove_dir_all(&self.0) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
        }
    }
}

/// A process, told from a later one of the same id by when it started; `None` if there is none.
fn stamp(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything; the start time is the 20th field behind it.
    let behind = stat.rsplit_once(')')?.1;
    let state = behind.split_whitespace().next()?;
    let started = behind.split_whitespace().nth(19)?;
    (state != "Z" && state != "X").then(|| format!("{process} {started}"))
}

/// Ends the browsers of hosts that are gone, and removes their folders. On systems without `/proc`
/// nobody can be told to be gone, so nothing is done.
pub(super) fn clean_up() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let Ok(owner) = fs::read_to_string(path.join(OWNER)) else { continue };
        let Some(process) = owner.split(' ').next().and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        if owner.is_empty() || stamp(process).as_deref() == Some(owner.as_str()) {
            continue;
        }
        end_users_of(&path);
        if fs::remove_dir_all(&path).is_ok() {
            tracing::info!(path = %path.display(), "a browser of a dead process was cleaned up");
        }
    }
}

/// Ends every process whose command line names `profile`: the browser, its helpers, and what watches
/// over them in a group of its own.
fn end_users_of(profile: &Path) {
    let name = profile.as_os_str().as_encoded_bytes();
    for process in processes() {
        let Ok(line) = fs::read(format!("/proc/{process}/cmdline")) else { continue };
        let Some(pid) = Pid::from_raw(process).filter(|_| contains(&line, name)) else { continue };
        // A browser leads a group of its own; of another group there is none of this id.
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether `part` is in `all`, which is no longer than a command line.
pub(super) fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len().max(1)).any(|it| it == part)
}

/// Every process there is; none where there is no `/proc`.
pub(super) fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_goes_with_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;

        let profile = Profile::make().expect("a folder");
        let path = profile.path().to_owned();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        drop(profile);

        assert_eq!(mode & 0o777, 0o700);
        assert!(!path.exists());
    }

    #[test]
    fn only_folders_of_dead_processes_are_cleaned_up() {
        let (alive, dead) = (Profile::make().expect("one"), Profile::make().expect("two"));
        let odd = Profile::make().expect("three");
        // A process of the same id that started at another time is another process.
        fs::write(dead.path().join(OWNER), format!("{} 1", std::process::id())).expect("written");
        fs::write(odd.path().join(OWNER), "").expect("written");

        clean_up();

        assert!(alive.path().exists());
        assert!(!dead.path().exists());
        assert!(odd.path().exists(), "whose folder it is was not known");
    }
}
