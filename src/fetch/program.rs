//! Programs that run beside us: where they are, and what they see of the host.

#[cfg(any(feature = "browser", feature = "ocr"))]
use std::path::{Path, PathBuf};

/// Looks for a program: a bare name on the `PATH`, anything else where it says.
#[cfg(any(feature = "browser", feature = "ocr"))]
pub(super) fn find(name: &Path) -> Option<PathBuf> {
    if name.components().count() != 1 || name.is_absolute() {
        return name.is_file().then(|| name.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|it| it.is_absolute())
        .map(|it| it.join(name))
        .find(|it| it.is_file())
}

/// What of the environment a program sees: `names` that are set, and nothing else of the host's.
pub(super) fn environment(
    names: &'static [&'static str],
) -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    names.iter().filter_map(|it| Some((*it, std::env::var_os(it)?)))
}
