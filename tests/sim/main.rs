//! Real engines in a simulated world: a seed decides what sites, receivers, clocks, processes and
//! the store do, and an oracle checks every guarantee after every change.
//!
//! `RUNGS_SIM_SEEDS` sets the number of seeds, `RUNGS_SIM_FROM` the first one. `RUNGS_SIM_SEED` runs one seed, prints its
//! plan, and shrinks the plan if it fails. With `RUNGS_SIM_STORE=journal`, a journal on a real file system runs beside the
//! simulated store and must answer alike, also after its log was cut by a crash.

#![cfg(all(feature = "http", feature = "journal", feature = "testkit"))]

mod base;
mod books;
mod chains;
mod crawls;
mod disk;
mod link;
mod oracle;
mod plan;
mod rng;
mod run;
mod world;

use std::collections::BTreeMap;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use plan::Plan;
use run::run;

/// Seeds of the normal test run.
const SEEDS: u64 = 1_000;
/// The same with a journal.
const SEEDS_ON_DISK: u64 = 30;

/// The situations that a run of [`SEEDS`] seeds or more must produce.
const SITUATIONS: [&str; 31] = [
    "crawl ended",
    "crawl canceled",
    "crawl out of credits",
    "lease of a crawl taken over",
    "batch accepted",
    "crash after a call",
    "crash before a call",
    "event delivered",
    "event delivered late",
    "event given up",
    "event told again",
    "job put back",
    "key refused for another body",
    "lease renewed",
    "lost lease taken over",
    "overdrawn account refused",
    "page by the browser",
    "page failed",
    "batch retried",
    "item told",
    "page from the cache",
    "page over HTTP",
    "result of a stale claim",
    "running job cancelled",
    "same key, same batch",
    "sites divided among engines",
    "store call gone wrong",
    "store out of reach",
    "submission of unknown fate",
    "unflushed commits lost in a crash",
    "waiting job cancelled",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|it| it.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// Suppresses the messages of planned panics.
fn hush() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        if !said.contains("a planned panic") {
            loud(info);
        }
    }));
}

/// The results of many runs.
struct Summary {
    /// The first seed that failed, and how.
    failure: Option<(u64, String)>,
    steps: u64,
    seen: BTreeMap<&'static str, u64>,
}

/// Runs the seeds on all processors.
fn run_all(from: u64, count: u64, plan_of: fn(u64) -> Plan) -> Summary {
    let all = Mutex::new(BTreeMap::<&'static str, u64>::new());
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
                    let outcome = run(&plan_of(seed));
                    steps.fetch_add(outcome.steps, Ordering::Relaxed);
                    let mut all = all.lock().expect("nothing panics under it");
                    for (situation, times) in outcome.seen {
                        *all.entry(situation).or_default() += times;
                    }
                    drop(all);
                    if outcome.failure.is_some() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    let failure = (failed != u64::MAX).then(|| {
        let failure = run(&plan_of(failed)).failure;
        (failed, failure.unwrap_or_else(|| "a failure that did not come again".to_owned()))
    });
    let seen = all.into_inner().expect("nothing panics under it");
    Summary { failure, steps: steps.into_inner(), seen }
}

#[test]
fn every_seed_keeps_every_guarantee() {
    hush();
    let on_disk = std::env::var("RUNGS_SIM_STORE").is_ok_and(|it| it == "journal");
    let plan_of = if on_disk { Plan::with_journal } else { Plan::of };
    if let Some(seed) = number("RUNGS_SIM_SEED") {
        return one(plan_of(seed));
    }
    let (from, count) =
        (number("RUNGS_SIM_FROM").unwrap_or(0), number("RUNGS_SIM_SEEDS").unwrap_or(SEEDS));
    let begun = Instant::now();

    let summary = run_all(from, count, plan_of);

    println!("{count} seeds from {from}: {} steps in {:?}", summary.steps, begun.elapsed());
    for (situation, times) in &summary.seen {
        println!("{times:>12} {situation}");
    }
    if let Some((seed, what)) = summary.failure {
        panic!("seed {seed}: {what}; replay with RUNGS_SIM_SEED={seed} and --test sim");
    }
    if count >= SEEDS {
        let missing: Vec<_> =
            SITUATIONS.iter().filter(|it| !summary.seen.contains_key(*it)).collect();
        assert!(missing.is_empty(), "no seed produced: {missing:?}");
    }
}

/// Runs one seed and, if it fails, prints the smallest plan that still fails.
fn one(plan: Plan) {
    let seed = plan.seed;
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
fn a_journal_answers_like_the_simulated_store() {
    hush();

    let summary = run_all(0, SEEDS_ON_DISK, Plan::with_journal);

    assert_eq!(summary.failure, None);
    assert!(summary.seen.contains_key("log of the journal cut in a crash"), "no log was cut");
}
