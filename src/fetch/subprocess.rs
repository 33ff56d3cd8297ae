//! Child programs: the search for their files, and the environment variables that they inherit.

#[cfg(any(feature = "browser", feature = "ocr"))]
use std::path::{Path, PathBuf};

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
