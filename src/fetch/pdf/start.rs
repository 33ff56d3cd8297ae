//! The start of a reading process: this very executable, turned into a reader before its `main`.
//!
//! A host has nothing to set up for it, and that is why a constructor stands here. The executable is
//! started again with a task in its environment; the constructor sees the task, reads, answers and
//! exits, so that `main` is never reached. In every other process it notes that it is there and
//! returns. This is the only file with unsafe code: the attribute promises that nothing here needs
//! what `main` sets up.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{child, frame::Task};

/// The environment's name for a reader's task.
pub(super) const TASK: &str = "RUNGS_PDF_READER_TASK";

static IS_LINKED: AtomicBool = AtomicBool::new(false);

#[ctor::ctor(unsafe)]
fn start() {
    IS_LINKED.store(true, Ordering::Relaxed);
    let Some(task) = std::env::var_os(TASK) else { return };
    let task = task.to_str().and_then(|it| serde_json::from_str::<Task>(it).ok());
    // A variable of this name that is no task is not ours, and no reason to end somebody's program.
    if let Some(task) = task {
        std::process::exit(child::run(task));
    }
}

/// Whether starting this executable again starts a reader.
///
/// It does not where this code lies in a library that the executable loads by itself later, as an
/// extension of an interpreter is: its `main` would run then. So the place of this code is looked for
/// in the executable's own mapping.
pub(super) fn is_in_executable() -> bool {
    IS_LINKED.load(Ordering::Relaxed) && is_mapped_from_executable(start_address())
}

fn start_address() -> usize {
    // The function in whose file the constructor lies; its address is only compared.
    let here: fn() -> bool = is_in_executable;
    here as usize
}

#[cfg(target_os = "linux")]
fn is_mapped_from_executable(address: usize) -> bool {
    use std::os::linux::fs::MetadataExt;

    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let Ok(executable) = std::fs::metadata("/proc/self/exe") else { return false };
    maps.lines().any(|line| {
        // `from-to rights offset device inode path`
        let mut fields = line.split_whitespace();
        let range = fields.next().and_then(|it| it.split_once('-'));
        let range = range.and_then(|(from, to)| {
            let place = |it| usize::from_str_radix(it, 16).ok();
            Some(place(from)?..place(to)?)
        });
        let inode = fields.nth(3).and_then(|it| it.parse().ok());
        range.is_some_and(|it| it.contains(&address)) && inode == Some(executable.st_ino())
    })
}

/// Elsewhere it cannot be asked; the first words of the child decide, before it gets a document.
#[cfg(not(target_os = "linux"))]
fn is_mapped_from_executable(_: usize) -> bool {
    true
}
