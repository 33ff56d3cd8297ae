//! The absence of `/proc`: memory is not limited, and no process can be identified.

use rustix::process::Pid;

/// `/proc` cannot be read on this system.
pub(in super::super) const IS_AVAILABLE: bool = false;

/// Kills nothing: the memory of other processes is unknown.
pub(super) fn kill_oversized_renderers(_: Pid, _: u64) -> bool {
    false
}

/// Returns no processes.
pub(in super::super) fn processes() -> impl Iterator<Item = i32> {
    std::iter::empty()
}

/// Returns `false`: command lines are unknown.
pub(in super::super) fn command_line_contains(_: i32, _: &[u8]) -> bool {
    false
}

/// Returns `None`: start times are unknown.
pub(in super::super) fn process_identity(_: u32) -> Option<String> {
    None
}
