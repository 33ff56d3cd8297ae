//! The path of a page from a fast site to stored Markdown and text, with each store, beside the loop that an engineer
//! would write by hand: reqwest and htmd, nothing stored, judged or charged.
//!
//! The contenders run in turns, each in a process of its own. `RUNGS_PIPELINE=all` adds pages of 500 KB, 256 pages at
//! once and a site that needs 50 ms.

use std::time::Duration;

use rungs_bench::pages::{CONTENDERS, PageSite, Run, child};

const ROUNDS: usize = 3;

fn main() {
    if child() {
        return;
    }
    let site = PageSite::start();
    let run = |size, pages, concurrency, latency| Run {
        size,
        pages,
        concurrency,
        latency: Duration::from_millis(latency),
    };
    let mut runs = vec![run(5_000, 3_000, 32, 0), run(50_000, 600, 32, 0)];
    if std::env::var("RUNGS_PIPELINE").is_ok_and(|it| it == "all") {
        runs.extend([
            run(500_000, 100, 32, 0),
            run(5_000, 3_000, 256, 0),
            run(5_000, 2_000, 32, 50),
            run(5_000, 5_000, 256, 50),
        ]);
    }
    for run in runs {
        println!(
            "\n{} KB, {} at once, {} ms latency, {} pages",
            run.size / 1_000,
            run.concurrency,
            run.latency.as_millis(),
            run.pages
        );
        println!(
            "{:<8} {:>11} {:>6} {:>9} {:>9}",
            "", "CPU ms/page", "ratio", "pages/s", "peak MiB"
        );
        let costs = site.measure_in_turns(&CONTENDERS, run, ROUNDS);
        for (contender, cost) in CONTENDERS.iter().zip(&costs) {
            let ratio = cost.cpu_ms / costs[0].cpu_ms;
            println!(
                "{contender:<8} {:>11.3} {ratio:>6.2} {:>9.0} {:>9}",
                cost.cpu_ms, cost.rate, cost.peak_mib
            );
        }
        if !run.latency.is_zero() {
            let bound = run.concurrency as f64 / run.latency.as_secs_f64();
            println!("bound: {bound:.0} pages/s");
        }
    }
}
