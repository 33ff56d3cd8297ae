//! Real engines in a simulated world: a seed decides what sites, receivers, clocks, processes and
//! the store do, and an oracle checks every promise after every change.
//!
//! `RUNGS_SIM_SEEDS` says how many seeds are run, `RUNGS_SIM_FROM` where they begin, and
//! `RUNGS_SIM_SEED` runs one, prints its plan, and shrinks it if it fails.

#![cfg(all(feature = "http", feature = "testkit"))]

mod base;
mod link;
mod oracle;
mod plan;
mod rng;
mod run;
mod world;

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use plan::Plan;
use run::run;

/// Seeds of the normal test run.
const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|it| it.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// Panics that the plan asks for are not worth a line each.
fn hush() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        if !said.contains("a planned panic") {
            loud(info);
        }
    }));
}

/// Runs the seeds on all processors. Returns the first that failed, and the steps of all.
fn run_all(from: u64, count: u64) -> (Option<(u64, String)>, u64) {
    let (next, steps, failed) = (AtomicU64::new(from), AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || failed.load(Ordering::Relaxed) < seed {
                        return;
                    }
                    let outcome = run(&Plan::of(seed));
                    steps.fetch_add(outcome.steps, Ordering::Relaxed);
                    if outcome.failure.is_some() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    let failure = (failed != u64::MAX).then(|| {
        let failure = run(&Plan::of(failed)).failure;
        (failed, failure.unwrap_or_else(|| "a failure that did not come again".to_owned()))
    });
    (failure, steps.into_inner())
}

#[test]
fn no_seed_breaks_a_promise() {
    hush();
    if let Some(seed) = number("RUNGS_SIM_SEED") {
        return one(seed);
    }
    let (from, count) =
        (number("RUNGS_SIM_FROM").unwrap_or(0), number("RUNGS_SIM_SEEDS").unwrap_or(SEEDS));
    let begun = Instant::now();

    let (failure, steps) = run_all(from, count);

    println!("{count} seeds from {from}: {steps} steps in {:?}", begun.elapsed());
    if let Some((seed, what)) = failure {
        panic!("seed {seed}: {what}; replay with RUNGS_SIM_SEED={seed} and --test sim");
    }
}

/// Runs one seed, and says the smallest plan that still fails if it does.
fn one(seed: u64) {
    let plan = Plan::of(seed);
    let outcome = run(&plan);
    println!("{plan:#?}\n{outcome:?}");
    let Some(what) = outcome.failure else { return };
    let invariant = what.split(':').next().unwrap_or_default().to_owned();
    let same = |it: &Plan| run(it).failure.is_some_and(|it| it.starts_with(&invariant));
    let smallest = plan::shrink(plan, same);
    println!("shrunk: {smallest:#?}\n{:?}", run(&smallest));
    panic!("seed {seed}: {what}");
}

#[test]
fn a_seed_replays_identically() {
    hush();
    for seed in 0..40 {
        let (first, second) = (run(&Plan::of(seed)), run(&Plan::of(seed)));

        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(first.steps, second.steps, "seed {seed}");
    }
}

#[test]
fn most_runs_accept_something() {
    hush();
    let accepted: usize = (0..100).map(|seed| run(&Plan::of(seed)).accepted).sum();

    assert!(accepted > 150, "{accepted} batches in 100 runs");
}
