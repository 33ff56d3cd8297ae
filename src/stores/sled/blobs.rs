//! The files of oversized values, which sled keeps apart and does not sync.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::stores::sync_dir;

/// The age from which a directory's modification time proves that nothing was added since: the kernel's clock for it
/// moves in steps of up to 10 ms, and some file systems only store whole or every second seconds.
const SETTLED_AFTER: Duration = Duration::from_millis(50);
const SETTLED_AFTER_WHOLE_SECONDS: Duration = Duration::from_secs(3);

/// The directory of the files, and which of them are synced.
#[derive(Debug)]
pub(super) struct Blobs {
    dir: PathBuf,
    synced: HashSet<OsString>,
    /// The modification time of the directory at the last look, if it had settled by then.
    unchanged_since: Option<SystemTime>,
}

impl Blobs {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, synced: HashSet::new(), unchanged_since: None }
    }

    /// Syncs the files that are new since the last call.
    ///
    /// A directory that has not changed is not read, because most stores never have such a file.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        let modified = self.dir.metadata()?.modified()?;
        if self.unchanged_since == Some(modified) {
            return Ok(());
        }
        // Taken before the directory is read: what is added later changes its time.
        let settled = is_settled(modified, SystemTime::now());
        let mut found = HashSet::new();
        let mut is_new = false;
        for entry in self.dir.read_dir()? {
            let name = entry?.file_name();
            if !self.synced.contains(&name) {
                is_new = true;
                match File::open(self.dir.join(&name)) {
                    Ok(file) => file.sync_all()?,
                    // sled has removed it in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            found.insert(name);
        }
        if is_new {
            sync_dir(&self.dir)?;
        }
        self.synced = found;
        self.unchanged_since = settled.then_some(modified);
        Ok(())
    }
}

/// Returns `true` if a file that is added from `now` on changes the modification time.
fn is_settled(modified: SystemTime, now: SystemTime) -> bool {
    let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let step = match since_1970.subsec_nanos() {
        0 => SETTLED_AFTER_WHOLE_SECONDS,
        _ => SETTLED_AFTER,
    };
    now.duration_since(modified).is_ok_and(|age| age >= step)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_added_to_a_settled_directory_is_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut blobs = Blobs::new(dir.path().to_owned());
        // As if the directory had been made long ago.
        let past = SystemTime::now() - Duration::from_mins(1);
        File::open(dir.path()).expect("open").set_modified(past).expect("set");
        blobs.sync().expect("readable");
        assert!(blobs.unchanged_since.is_some(), "it has settled");

        fs::write(dir.path().join("blob"), "large").expect("written");
        blobs.sync().expect("readable");

        assert!(blobs.synced.contains(&OsString::from("blob")));
    }

    #[test]
    fn a_directory_that_changed_just_now_is_read_again() {
        let (second, nanos) = (Duration::from_secs(1), Duration::from_nanos(1));
        let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        let fine = whole + nanos;

        assert!(!is_settled(fine, fine) && !is_settled(fine, fine - second));
        assert!(is_settled(fine, fine + SETTLED_AFTER));
        assert!(!is_settled(whole, whole + second) && is_settled(whole, whole + 3 * second));
    }
}
