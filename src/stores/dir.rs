//! Directories: makes their entries durable, and detects that they were removed.

use std::fs::File;
use std::io;
use std::path::Path;

/// Syncs the entries of `dir`: a file's own fsync does not cover its name.
#[cfg(unix)]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Does nothing on systems where directories cannot be opened as files: they keep names durable themselves.
#[cfg(not(unix))]
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::options().read(true).open(dir).map(drop).or(Ok(()))
}

/// Syncs the entries of every directory above `dir`, the nearest first: creating a directory creates an entry in its
/// parent, which may itself be new.
pub(super) fn sync_ancestors(dir: &Path) -> io::Result<()> {
    each_ancestor(dir, sync_dir)
}

/// Calls `sync` for every directory above `dir`, existing ones included: the process that created them may have been
/// killed before it synced them.
fn each_ancestor(dir: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    for ancestor in dir.canonicalize()?.ancestors().skip(1) {
        match sync(ancestor) {
            // This program has created nothing in a directory that it may not open or write.
            Err(error) if is_not_ours(&error) => {}
            synced => synced?,
        }
    }
    Ok(())
}

fn is_not_ours(error: &io::Error) -> bool {
    // Some file systems cannot sync a directory at all.
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};

    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

/// Checks that `path` still leads to `file`, which was opened there.
///
/// A removed or replaced file can still be written and synced, but its content is lost when it is closed.
#[cfg(all(unix, any(feature = "journal", feature = "sled")))]
pub(super) fn check_in_place(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let open = file.metadata()?;
    let same = match path.metadata() {
        Ok(found) => (found.dev(), found.ino()) == (open.dev(), open.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if same {
        return Ok(());
    }
    let what = format!("{} was removed or replaced while it was open", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, what))
}

/// Checks only the path: the system refuses to remove an open file.
#[cfg(all(not(unix), any(feature = "journal", feature = "sled")))]
pub(super) fn check_in_place(_file: &File, path: &Path) -> io::Result<()> {
    path.metadata().map(drop)
}

#[cfg(all(test, unix, any(feature = "journal", feature = "sled")))]
mod tests {
    use super::*;

    #[test]
    fn every_directory_above_a_new_one_is_synced() {
        let scratch = tempfile::tempdir().expect("a directory");
        let top = scratch.path().canonicalize().expect("it is there");
        let dir = top.join("a/b/c");
        std::fs::create_dir_all(&dir).expect("made");
        let mut synced = Vec::new();

        let all = each_ancestor(&dir, |it| {
            synced.push(it.to_owned());
            let is_ours = it.starts_with(&top);
            if is_ours { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
        });

        all.expect("others' directories are left to them");
        assert_eq!(synced[..3], [top.join("a/b"), top.join("a"), top.clone()]);
        let failed = each_ancestor(&dir, |_| Err(io::Error::other("broken")));
        assert!(failed.is_err(), "{failed:?}");
        sync_ancestors(&dir).expect("they can be synced");
    }

    #[test]
    fn a_missing_path_is_distinguished_from_a_replaced_file() {
        let scratch = tempfile::tempdir().expect("a directory");
        let (dir, path) = (scratch.path().join("dir"), scratch.path().join("dir/file"));
        std::fs::create_dir(&dir).expect("made");
        let file = File::create(&path).expect("made");
        check_in_place(&file, &path).expect("it is where it was");

        std::fs::remove_file(&path).expect("removed");
        let gone = check_in_place(&file, &path).expect_err("there is no file");
        std::fs::remove_dir(&dir).expect("removed");
        std::fs::write(&dir, "a file in the directory's place").expect("written");
        let nowhere = check_in_place(&file, &path).expect_err("there is no directory");

        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        assert_eq!(nowhere.kind(), io::ErrorKind::NotADirectory);
    }
}
