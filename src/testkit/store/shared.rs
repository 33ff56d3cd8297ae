//! The profile of stores that several processes share: several handles on one store.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::apply::{apply, granted, named, one_more};
use super::claims::claimed_jobs;
use super::{AnyStore, Checking, get, job, job_at, put, sample};
use crate::core::id::WorkerId;
use crate::core::job::{Job, JobState};
use crate::core::record::{Claim, Queue, Record};
use crate::core::request::{Item, Limits};
use crate::core::slots::{Slot, Slots};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::Store;
use crate::testkit::kit::{
    self, CHECK_LIMIT, KitReport, MustBeThere, MustSucceed, at_once, breach, must, must_eq,
};

/// Opens another handle on one store.
#[doc(hidden)]
pub type OpenHandle = Arc<dyn Fn() -> BoxFuture<'static, AnyStore> + Send + Sync>;

/// A check of a store that is shared.
#[doc(hidden)]
pub type SharedCheck = fn(OpenHandle) -> Checking<'static>;

/// The clock of a process that is wrong by this much must not matter.
const OFF: Duration = Duration::from_mins(10);
/// The duration of the leases in these checks, far more than any of them takes.
const LEASE: Duration = Duration::from_mins(5);

/// Returns the time by the clock of the store.
async fn now(store: &AnyStore) -> Timestamp {
    let now = store.now().await.must_succeed("`now`");
    now.must_be_there("the time by the clock of a shared store")
}

/// A claim by the clock of the store, of a process whose own clock shows `now`.
fn claim(worker: u64, now: Timestamp, limit: usize) -> Claim {
    let claim = Claim::new(Queue::Jobs, WorkerId(worker), now, now.after(LEASE), limit);
    claim.by_the_stores_clock()
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_sub(by))
}

async fn stored_job(store: &AnyStore, number: u64) -> Job {
    match get(store, job(number).key()).await.must_be_there("a job").record {
        Record::Job(job) => job,
        other => breach!("the key of a job led to {other:?}", "return the job"),
    }
}

/// Handles read what others wrote.
pub async fn handles_show_the_same_records(open: OpenHandle) {
    let (here, there) = (open().await, open().await);
    must!(
        here.is_shared() && there.is_shared(),
        "`is_shared` was false although a second handle was opened",
        "return true"
    );

    put(&here, job(1), None).await.must_succeed("a commit of a new record");
    put(&there, job_at(1, 2), Some(1)).await.must_succeed("a commit through another handle");

    let found = get(&here, job(1).key()).await.must_be_there("the record");
    must_eq!(
        (found.version, found.record),
        (2, job_at(1, 2)),
        "the record that another handle wrote"
    );
}

/// A second process that opens the store leaves the first one its jobs.
pub async fn an_opening_releases_no_lease(open: OpenHandle) {
    let here = open().await;
    put(&here, job(1), None).await.must_succeed("a commit of a new record");
    let taken = claimed_jobs(&here, claim(1, now(&here).await, 1)).await;
    must_eq!(taken.len(), 1, "the number of jobs that the first claim took");

    let there = open().await;

    let job = stored_job(&there, 1).await;
    must_eq!(
        (job.state, job.lost),
        (JobState::Processing, 0),
        "a job in hand after another opening"
    );
    must_eq!(job.lease, taken.first().and_then(|it| it.lease), "the lease after another opening");
}

/// Sixteen claimers through four handles get every job once.
pub async fn claimers_of_many_handles_get_disjoint_jobs(open: OpenHandle) {
    const JOBS: u64 = 150;
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(open().await);
    }
    let now = now(&handles[0]).await;
    for number in 1..=JOBS {
        put(&handles[0], job(number), None).await.must_succeed("a commit of a new record");
    }

    let claimers = at_once((0..16).map(|number| {
        let store = Arc::clone(&handles[number % 4]);
        async move {
            let mut taken = Vec::new();
            loop {
                let more = claimed_jobs(&store, claim(number as u64, now, 7)).await;
                if more.is_empty() {
                    return taken;
                }
                taken.extend(more.into_iter().map(|it| it.id));
            }
        }
    }));
    let taken: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();

    let different: HashSet<_> = taken.iter().collect();
    must_eq!(
        (taken.len() as u64, different.len() as u64),
        (JOBS, JOBS),
        "the number of jobs that 16 claimers took of 150, and of different ones,"
    );
}

/// Leases are compared with the clock of the store, not of the process that claims.
pub async fn a_process_with_a_wrong_clock_steals_nothing(open: OpenHandle) {
    let (here, there) = (open().await, open().await);
    let at = now(&here).await;
    put(&here, Record::Job(sample::job(1, at)), None)
        .await
        .must_succeed("a commit of a new record");
    must_eq!(claimed_jobs(&here, claim(1, at, 1)).await.len(), 1, "the number of claimed jobs");
    put(&here, Record::Job(sample::job(2, at.after(LEASE))), None)
        .await
        .must_succeed("a commit of a new record");

    let stolen = claimed_jobs(&there, claim(2, at.after(OFF), 10)).await;

    must_eq!(
        stolen.iter().map(|it| it.id).collect::<Vec<_>>(),
        Vec::new(),
        "the jobs that a process took whose clock is 10 minutes fast"
    );
}

/// A process whose clock is slow gets leases that last as long as any other.
pub async fn a_process_with_a_slow_clock_keeps_its_leases(open: OpenHandle) {
    let (here, there) = (open().await, open().await);
    let at = now(&here).await;
    put(&here, job(1), None).await.must_succeed("a commit of a new record");

    let taken = claimed_jobs(&here, claim(1, earlier(at, OFF), 1)).await;
    let stolen = claimed_jobs(&there, claim(2, at, 1)).await;

    must_eq!(
        (taken.len(), stolen.len()),
        (1, 0),
        "the numbers of jobs that two claims of one took"
    );
    let until = taken.first().and_then(|it| it.lease).map(|it| it.until);
    must!(
        until.is_some_and(|it| it >= at.after(LEASE)),
        "a lease of 5 minutes that began at {at} by the clock of the store ends at {until:?}",
        "begin the lease at the time of the store"
    );
}

/// A claim takes nothing from slots that it does not name, in any queue.
pub async fn a_claim_takes_only_from_its_slots(open: OpenHandle) {
    let store = open().await;
    let mut records = Vec::new();
    for number in 1..=12 {
        let host = format!("https://host-{number}.example/");
        let mut job = sample::job(number, sample::at(1));
        let item = Item::get(host.clone());
        job.request = Arc::new(item.check(&Limits::default()).expect("a plain item passes"));
        let mut notice = sample::notice(number, sample::at(1));
        notice.url = Some(host);
        records.extend([Record::Job(job), Record::Notification(notice)]);
        records.push(Record::Batch(sample::batch(number, Some(sample::at(1)))));
        records.push(Record::Crawl(sample::crawl(number, sample::at(1))));
    }
    for record in &records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }
    let half: Slots = Slot::all().filter(|it| it.number() % 2 == 0).collect();

    for queue in Queue::ALL {
        let mut expected: Vec<_> =
            records.iter().filter(|it| it.due().is_some_and(|it| it.0 == queue)).collect();
        expected.retain(|it| half.contains(it.slot()));
        let mut expected: Vec<_> = expected.into_iter().map(Record::key).collect();
        expected.sort_unstable();
        let claim = sample::claim(queue, 10).within(half, usize::MAX);
        let claim = Claim { limit: 100, ..claim };

        let taken = store.claim(claim).await.must_succeed("a claim");

        let mut keys: Vec<_> = taken.iter().map(|it| it.record.key()).collect();
        keys.sort_unstable();
        must_eq!(keys, expected, "the keys that a claim of half of the slots took from {queue:?}");
    }
}

/// A claim leaves what is beyond the limit of a slot for later.
pub async fn a_claim_takes_no_more_of_a_slot_than_its_limit(open: OpenHandle) {
    let store = open().await;
    // One site, so one slot.
    for number in 1..=5 {
        put(&store, job(number), None).await.must_succeed("a commit of a new record");
    }
    let claim = || sample::claim(Queue::Jobs, 10).within(Slots::ALL, 2);

    let counts = [
        claimed_jobs(&store, claim()).await.len(),
        claimed_jobs(&store, claim()).await.len(),
        claimed_jobs(&store, claim()).await.len(),
    ];

    must_eq!(
        counts,
        [2, 2, 1],
        "the numbers of jobs that claims with a limit of 2 per slot took of 5"
    );
}

/// Decisions through several handles on one record all succeed, one after another.
pub async fn decisions_of_many_handles_lose_no_update(open: OpenHandle) {
    const EACH: u64 = 6;
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(open().await);
    }
    put(&handles[0], named("a", 0), None).await.must_succeed("a commit of a new record");

    let tasks = at_once((0..16).map(|number| {
        let store = Arc::clone(&handles[number % 4]);
        async move {
            for _ in 0..EACH {
                apply(&store, vec![named("a", 0).key()], one_more)
                    .await
                    .must_succeed("one of many calls of `apply` for one record");
            }
        }
    }));
    tasks.join_all().await;

    must_eq!(
        granted(&handles[0], "a").await,
        16 * EACH,
        "the sum of 96 calls of `apply` through four handles that each added one"
    );
}

/// A commit through one handle wakes those who wait through another.
pub async fn a_wake_up_crosses_handles(open: OpenHandle) {
    /// A hint may be lost, so it is given again.
    const AGAIN: Duration = Duration::from_millis(100);
    let (here, there) = (open().await, open().await);
    let at = now(&here).await;
    let record = |queue, number| match queue {
        Queue::Jobs => Record::Job(sample::job(number, at)),
        Queue::Notifications => Record::Notification(sample::notice(number, at)),
        Queue::Expiry => Record::Batch(sample::batch(number, Some(at.after(LEASE)))),
        Queue::Crawls => Record::Crawl(sample::crawl(number, at)),
    };

    for queue in Queue::ALL {
        let mut changed = there.changed(queue);
        let mut woken = false;
        for number in 1..=50 {
            put(&here, record(queue, number), None).await.must_succeed("a commit of a new record");
            woken = timeout(AGAIN, &mut changed).await.is_ok();
            if woken {
                break;
            }
        }
        must!(
            woken,
            "`changed({queue:?})` did not resolve in 5 seconds of commits through another handle",
            "wake the other processes"
        );
    }
}

macro_rules! shared_table {
    (() [$($check:ident)*]) => {
        /// Every check of a shared store by its name.
        #[doc(hidden)]
        pub const SHARED_CHECKS: &[(&str, SharedCheck)] =
            &[$((stringify!($check), |open| Box::pin($check(open)))),*];
    };
}

crate::each_shared_store_check!(shared_table,);

/// Runs every check of a store that several processes share, each on a store of its own.
///
/// `fresh` prepares an empty store and returns a function that opens a handle on it; each call stands for another
/// process. Run [`check_all`](super::check_all) as well, which checks one handle.
///
/// ```
/// use std::future::ready;
///
/// use rungs::stores::Memory;
/// use rungs::testkit::store::{self, SharedHandle};
///
/// let report = store::check_all_shared(|| {
///     let first = SharedHandle::new(Memory::new());
///     move || ready(first.open())
/// });
///
/// assert!(report.failed.is_empty(), "{report}");
/// ```
pub fn check_all_shared<S, O, F>(fresh: impl Fn() -> O + Clone + Send + 'static) -> KitReport
where
    S: Store + 'static,
    O: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = S> + Send + 'static,
{
    let checks = SHARED_CHECKS.iter().map(|&(name, check)| {
        let fresh = fresh.clone();
        (name, move || check(opener(fresh())))
    });
    kit::report(CHECK_LIMIT, checks)
}

/// Returns the function that opens handles in the form that the checks use.
#[doc(hidden)]
pub fn opener<S, F>(open: impl Fn() -> F + Send + Sync + 'static) -> OpenHandle
where
    S: Store + 'static,
    F: Future<Output = S> + Send + 'static,
{
    Arc::new(move || {
        let opening = open();
        Box::pin(async move { Arc::new(opening.await) as AnyStore })
    })
}

/// Calls a macro with the name of every check of a shared store; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_shared_store_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            handles_show_the_same_records
            an_opening_releases_no_lease
            claimers_of_many_handles_get_disjoint_jobs
            a_process_with_a_wrong_clock_steals_nothing
            a_process_with_a_slow_clock_keeps_its_leases
            a_claim_takes_only_from_its_slots
            a_claim_takes_no_more_of_a_slot_than_its_limit
            decisions_of_many_handles_lose_no_update
            a_wake_up_crosses_handles
        ] }
    };
}

/// Makes every check of a store that several processes share a `#[test]` of its own, in a module named by the first
/// argument.
///
/// The second is an expression that prepares an empty store and returns a function which opens a handle on it, as
/// [`check_all_shared`](crate::testkit::store::check_all_shared) takes it.
#[macro_export]
macro_rules! shared_store_conformance {
    ($suite:ident, $fresh:expr) => {
        $crate::each_shared_store_check!($crate::shared_store_conformance, @each $suite, $fresh);
    };
    ((@each $suite:ident, $fresh:expr) [$($check:ident)*]) => {
        mod $suite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::testkit::must_pass(|| {
                        $crate::testkit::store::$check($crate::testkit::store::opener($fresh))
                    });
                }
            )*
        }
    };
}
