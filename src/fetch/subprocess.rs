//! Child programs: the search for their files, the environment variables that they inherit, and how they were ended.

#[cfg(any(feature = "browser", feature = "ocr"))]
use std::path::{Path, PathBuf};
#[cfg(any(feature = "ocr", feature = "pdf"))]
use std::process::ExitStatus;

/// Signals with which an operator, a supervisor or the kernel's memory killer ends a process: HUP, INT, QUIT, KILL and
/// TERM, whose numbers POSIX defines. Those that a process causes itself, such as an abort, are not among them.
#[cfg(any(feature = "ocr", feature = "pdf"))]
const SIGNALS_FROM_OUTSIDE: [i32; 5] = [1, 2, 3, 9, 15];

/// Returns `true` if a signal from outside ended the process, which says nothing about its input.
#[cfg(any(feature = "ocr", feature = "pdf"))]
pub(super) fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;

    status.signal().is_some_and(|signal| SIGNALS_FROM_OUTSIDE.contains(&signal))
}

/// Finds a program: a bare name on the `PATH`, anything else as a path.
#[cfg(any(feature = "browser", feature = "ocr"))]
pub(super) fn find_executable(name: &Path) -> Option<PathBuf> {
    if name.components().count() != 1 || name.is_absolute() {
        return name.is_file().then(|| name.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // A relative entry would depend on the current directory.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// Returns those of the named environment variables that are set, for a child that inherits no others.
pub(super) fn inherited_environment(
    names: &'static [&'static str],
) -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)))
}
