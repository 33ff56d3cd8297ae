//! Readings of this process that the benches share.

pub mod pages;
pub mod postgres;

use std::fs;
use std::time::Duration;

/// Ticks of the kernel's clock in a second, which Linux fixes for user space.
const TICKS: u64 = 100;

/// CPU time that this process has used, in user and kernel.
pub fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |it| it.1);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|it| it.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

/// The most memory that this process has held since [`reset_peak`], in MiB.
pub fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

/// Begins a new peak.
pub fn reset_peak() {
    // Where the kernel does not let us, the peak is that of the whole process.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
