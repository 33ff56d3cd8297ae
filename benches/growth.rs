//! The cost of long runs: CPU time, peak of memory and disk space of 1,000 to 50,000 pages of 5 KB in one process, with
//! each store that keeps its data on disk.

use std::time::Duration;

use rungs_bench::pages::{CONTENDERS, PageSite, Run, child};

fn main() {
    if child() {
        return;
    }
    let site = PageSite::start();
    println!(
        "{:<8} {:>7} {:>11} {:>9} {:>9} {:>14}",
        "", "pages", "CPU ms/page", "pages/s", "peak MiB", "disk KiB/page"
    );
    for contender in &CONTENDERS[2..] {
        for pages in [1_000, 5_000, 20_000, 50_000] {
            let run = Run { size: 5_000, pages, concurrency: 32, latency: Duration::ZERO };
            let cost = site.measure(contender, run);
            println!(
                "{contender:<8} {pages:>7} {:>11.3} {:>9.0} {:>9} {:>14.2}",
                cost.cpu_ms,
                cost.rate,
                cost.peak_mib,
                cost.disk_mib * 1_024.0 / pages as f64
            );
        }
    }
}
