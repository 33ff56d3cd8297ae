//! The start of a reading process: this very executable, turned into a reader before its `main`.
//!
//! A constructor does this, so your application needs no setup. The executable is started again with a task in its
//! environment. The constructor finds the task, reads, replies and exits, so `main` is never reached. In every other
//! process it records that it is linked and returns. This is the only file with unsafe code: the attribute promises
//! that nothing here needs the setup of `main`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::protocol::ReadTask;
use super::reader;

/// Environment variable that holds a reader's task.
pub(super) const TASK_VARIABLE: &str = "RUNGS_PDF_READER_TASK";

static IS_LINKED: AtomicBool = AtomicBool::new(false);

#[ctor::ctor(unsafe)]
fn start() {
    IS_LINKED.store(true, Ordering::Relaxed);
    let Some(task) = std::env::var_os(TASK_VARIABLE) else { return };
    let task = task.to_str().and_then(|json| serde_json::from_str::<ReadTask>(json).ok());
    // A variable of this name with another value was set by someone else, and must not end the program.
    if let Some(task) = task {
        std::process::exit(reader::run(task));
    }
}

/// Returns `true` if starting this executable again starts a reader.
///
/// The executable does not become a reader if this code is part of a library that the executable loads later, such as an extension of an
/// interpreter: then its `main` would run. On Linux the mapping of this code is therefore compared with the
/// executable's. Elsewhere the child's first message decides, before it gets a document.
pub(super) fn is_in_executable() -> bool {
    IS_LINKED.load(Ordering::Relaxed) && executable::contains(own_address())
}

fn own_address() -> usize {
    // A function of this file; only its address is used.
    let function: fn() -> bool = is_in_executable;
    function as usize
}

#[cfg_attr(target_os = "linux", path = "executable/procfs.rs")]
#[cfg_attr(not(target_os = "linux"), path = "executable/no_procfs.rs")]
pub(super) mod executable;
