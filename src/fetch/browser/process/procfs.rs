//! Processes as Linux's `/proc` shows them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// `/proc` can be read on this system.
pub(in super::super) const IS_AVAILABLE: bool = true;

/// Kills each renderer in a process group whose private resident memory is over the limit. Returns `true` if
/// any was killed.
pub(super) fn kill_oversized_renderers(group: Pid, max_memory_bytes: u64) -> bool {
    let mut any_killed = false;
    for process in processes().filter(|process| group_of(*process) == Some(group)) {
        let is_renderer = command_line_contains(process, b"--type=renderer");
        let is_oversized = private_bytes(process).is_some_and(|bytes| bytes > max_memory_bytes);
        if is_renderer
            && is_oversized
            && let Some(pid) = Pid::from_raw(process)
        {
            tracing::warn!(process, "killed a page that used more memory than its limit");
            any_killed |= kill_process(pid, Signal::KILL).is_ok();
        }
    }
    any_killed
}

/// Returns the ids of all processes.
pub(in super::super) fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns `true` if a process's command line contains `part`.
pub(in super::super) fn command_line_contains(process: i32, part: &[u8]) -> bool {
    let Ok(line) = fs::read(format!("/proc/{process}/cmdline")) else { return false };
    line.windows(part.len().max(1)).any(|window| window == part)
}

/// Identifies a process by its id and start time, so that a later process with the same id differs. Returns
/// `None` if there is no such process, or it has ended and is not reaped.
pub(in super::super) fn process_identity(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may contain anything; the start time is the 20th field after it.
    let fields = stat.rsplit_once(')')?.1;
    let state = fields.split_whitespace().next()?;
    let started = fields.split_whitespace().nth(19)?;
    (state != "Z" && state != "X").then(|| format!("{process} {started}"))
}

fn group_of(process: i32) -> Option<Pid> {
    parse_group(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parse_group(stat: &str) -> Option<Pid> {
    // State, parent, group: after the name, which may contain anything.
    let group = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()?;
    // The group of a process that is ending is -1 or 0.
    Some(group).filter(|group| *group > 0).and_then(Pid::from_raw)
}

/// Resident memory that a process does not share with others, in bytes.
fn private_bytes(process: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let mut pages = statm.split_whitespace().map(str::parse::<u64>);
    let (_, resident, shared) = (pages.next()?, pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * u64::try_from(rustix::param::page_size()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_ending_has_no_group() {
        assert_eq!(parse_group("7 (a) b) S 1 42 42 0"), Pid::from_raw(42));
        for ending in ["7 (a) X 0 -1 -1 0", "7 (a) X 0 0 0 0", "7 (a) X", ""] {
            assert_eq!(parse_group(ending), None, "{ending}");
        }
    }
}
