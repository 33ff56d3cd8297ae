//! Claims: due records are handed out once, under a lease.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::{JoinSet, yield_now};

use super::{AnyStore, abandoned_after, assert_conflict, at_once, get, job_at, put, sample};
use crate::core::id::WorkerId;
use crate::core::job::{Job, JobState, Lease};
use crate::core::record::{Claim, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Store, StoreError};
use crate::testkit::kit::{MustBeThere, MustSucceed, breach, must, must_eq};

pub(super) async fn add_job(store: &AnyStore, number: u64, ready_at: u64) {
    put(store, Record::Job(sample::job(number, sample::at(ready_at))), None)
        .await
        .must_succeed("a commit of a new record");
}

pub(super) async fn claimed(store: &AnyStore, claim: Claim) -> Vec<Record> {
    store.claim(claim).await.must_succeed("a claim").into_iter().map(|it| it.record).collect()
}

pub(super) async fn claimed_jobs(store: &AnyStore, claim: Claim) -> Vec<Job> {
    let jobs = claimed(store, claim).await.into_iter().map(|it| match it {
        Record::Job(job) => job,
        other => breach!("a claim of jobs returned {other:?}", "return jobs only"),
    });
    jobs.collect()
}

pub(super) fn jobs_at(now: u64) -> Claim {
    sample::claim(Queue::Jobs, now)
}

pub(super) async fn due(store: &AnyStore, queue: Queue) -> Option<u64> {
    store.due(queue, Timestamp::default()).await.must_succeed("`due`").map(Timestamp::as_millis)
}

/// Jobs are claimed in the order of their due times, not of their keys.
pub async fn due_jobs_are_claimed_earliest_first(store: AnyStore) {
    for (number, ready_at) in [(1, 300), (2, 100), (3, 200)] {
        add_job(&store, number, ready_at).await;
    }

    let order: Vec<_> = claimed_jobs(&store, jobs_at(1_000)).await.iter().map(|it| it.id).collect();

    must_eq!(order, [2, 3, 1].map(sample::job_id), "the order of the claimed jobs");
}

/// The limit of a claim leaves the rest for the next one.
pub async fn a_claim_takes_at_most_its_limit(store: AnyStore) {
    for number in 1..=3 {
        add_job(&store, number, number).await;
    }

    let first = claimed_jobs(&store, Claim { limit: 2, ..jobs_at(10) }).await;
    let none = claimed_jobs(&store, Claim { limit: 0, ..jobs_at(10) }).await;
    let rest = claimed_jobs(&store, jobs_at(10)).await;

    must_eq!(
        (first.len(), none.len(), rest.len()),
        (2, 0, 1),
        "the numbers of jobs that claims with limits 2, 0 and 10 took, of 3 due,"
    );
}

/// A job is due from its time on, and not a millisecond earlier.
pub async fn nothing_is_claimed_before_it_is_due(store: AnyStore) {
    add_job(&store, 1, 100).await;

    must!(
        claimed_jobs(&store, jobs_at(99)).await.is_empty(),
        "a job that is due at 100 ms was claimed at 99 ms",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed_jobs(&store, jobs_at(100)).await.len(),
        1,
        "the number of jobs claimed at the moment at which one is due"
    );
}

/// A job under a running lease is not claimed again.
pub async fn no_two_claims_take_the_same_job(store: AnyStore) {
    add_job(&store, 1, 1).await;

    let first = claimed_jobs(&store, jobs_at(10)).await;
    let second = claimed_jobs(&store, jobs_at(109)).await;

    must_eq!(first.len(), 1, "the number of jobs that the first claim took");
    must_eq!(first[0].state, JobState::Processing, "the state of a claimed job");
    must!(
        second.is_empty(),
        "a job was claimed at 109 ms although its lease runs until 110 ms",
        "leave a leased job alone"
    );
}

/// An expired lease is counted as lost, and the next claim has a new number.
pub async fn a_job_with_an_expired_lease_is_claimed_again(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let first = claimed_jobs(&store, jobs_at(10)).await;

    let again = claimed_jobs(&store, Claim { worker: WorkerId(2), ..jobs_at(110) }).await;

    must_eq!(first.len(), 1, "the number of jobs that the first claim took");
    must_eq!(
        (first[0].claims, first[0].lost),
        (1, 0),
        "the counts of claims and lost leases after the first claim"
    );
    must_eq!(again.len(), 1, "the number of jobs claimed once the lease had expired");
    must_eq!(
        (again[0].claims, again[0].lost),
        (2, 1),
        "the counts of claims and lost leases after the second claim"
    );
    must_eq!(
        again[0].lease.map(|it| it.worker),
        Some(WorkerId(2)),
        "the worker that the new lease names"
    );
}

/// A job that has ended is never claimed.
pub async fn an_ended_job_is_never_claimed(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let jobs = claimed_jobs(&store, jobs_at(10)).await;
    let job = jobs.into_iter().next().must_be_there("a job that is due, in a claim,");
    for (number, state) in [(1, JobState::Failed), (2, JobState::Succeeded)] {
        let ended = Job { id: sample::job_id(number), state, lease: None, ..job.clone() };
        let expected = (number == 1).then_some(2);
        put(&store, Record::Job(ended), expected)
            .await
            .must_succeed("a commit at the current version");
    }

    must!(
        claimed_jobs(&store, jobs_at(1_000_000)).await.is_empty(),
        "a job that has ended was claimed",
        "leave ended jobs out of every claim"
    );
    must_eq!(
        due(&store, Queue::Jobs).await,
        None,
        "the earliest moment in the queue of jobs that have all ended"
    );
}

/// A load returns the record and the version that the claim returned.
pub async fn a_claim_is_kept_as_it_was_returned(store: AnyStore) {
    add_job(&store, 1, 1).await;

    let claimed = store.claim(jobs_at(10)).await.must_succeed("a claim");

    must_eq!(claimed.len(), 1, "the number of jobs that the claim took");
    must_eq!(claimed[0].version, 2, "the version of a record that was claimed once");
    let kept = get(&store, claimed[0].record.key()).await;
    must_eq!(kept.as_ref(), Some(&claimed[0]), "the record that a load finds after the claim");
}

/// A writer that read the job before the claim cannot overwrite it.
pub async fn a_claimed_job_refuses_its_previous_version(store: AnyStore) {
    add_job(&store, 1, 1).await;
    claimed(&store, jobs_at(10)).await;

    let stale = put(&store, Record::Job(sample::job(1, sample::at(1))), Some(1)).await;

    assert_conflict("a commit that expects version 1 of a job claimed at version 2", &stale);
}

/// A notification is claimed by one worker at a time, and again after its lease has expired.
pub async fn notifications_are_claimed_under_a_lease(store: AnyStore) {
    put(&store, Record::Notification(sample::notice(1, sample::at(5))), None)
        .await
        .must_succeed("a commit of a new record");
    let claim = |now| sample::claim(Queue::Notifications, now);

    must!(
        claimed(&store, claim(4)).await.is_empty(),
        "a notification due at 5 ms was claimed at 4 ms",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed(&store, claim(5)).await.len(),
        1,
        "the number of notifications claimed at the moment at which one is due"
    );
    must_eq!(
        due(&store, Queue::Notifications).await,
        Some(105),
        "the next due moment of the queue of notifications, one of which has a lease until 105 ms,"
    );
    must!(
        claimed(&store, claim(104)).await.is_empty(),
        "a notification was claimed at 104 ms although its lease runs until 105 ms",
        "leave a leased notification alone"
    );
    must_eq!(
        claimed(&store, claim(105)).await.len(),
        1,
        "the number of notifications claimed once the lease had expired"
    );
}

/// Expired records have no lease: they are returned again until they are removed.
pub async fn expired_records_are_returned_unchanged(store: AnyStore) {
    let batch = Record::Batch(sample::batch(1, Some(sample::at(5))));
    put(&store, batch.clone(), None).await.must_succeed("a commit of a new record");

    for _ in 0..2 {
        let found = store.claim(sample::claim(Queue::Expiry, 5)).await.must_succeed("a claim");
        must_eq!(found.len(), 1, "the number of expired records that a claim returned");
        must_eq!(
            (found[0].version, &found[0].record),
            (1, &batch),
            "an expired batch that was claimed, with its version,"
        );
    }
}

/// Concurrent workers claim every job exactly once.
pub async fn concurrent_claims_take_each_job_once(store: AnyStore) {
    for number in 1..=60 {
        add_job(&store, number, 1).await;
    }
    let workers = at_once((1..=8).map(|worker| {
        let store = Arc::clone(&store);
        let claim = Claim { worker: WorkerId(worker), ..jobs_at(10) };
        async move { claimed_jobs(&store, claim).await }
    }));

    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().map(|it| it.id).collect();

    must_eq!(taken.len(), 60, "the number of jobs that 8 workers claimed at once, of 60,");
    must_eq!(
        taken.iter().collect::<HashSet<_>>().len(),
        60,
        "the number of distinct jobs that 8 workers claimed at once"
    );
}

/// A limited claim takes the earliest jobs, and the next claim the following ones.
pub async fn a_limited_claim_takes_the_earliest(store: AnyStore) {
    for (number, ready_at) in [(1, 500), (2, 300), (3, 100), (4, 400), (5, 200)] {
        add_job(&store, number, ready_at).await;
    }

    let mut order = Vec::new();
    for _ in 0..3 {
        let taken = claimed_jobs(&store, Claim { limit: 2, ..jobs_at(1_000) }).await;
        order.push(taken.iter().map(|it| it.id).collect::<Vec<_>>());
    }

    must_eq!(
        order,
        [vec![3, 5], vec![2, 4], vec![1]]
            .map(|it| it.into_iter().map(sample::job_id).collect::<Vec<_>>()),
        "the order in which claims of two took the jobs"
    );
}

/// A claim that takes nothing changes no version.
pub async fn a_claim_of_nothing_due_writes_nothing(store: AnyStore) {
    add_job(&store, 1, 100).await;

    must!(
        claimed_jobs(&store, jobs_at(99)).await.is_empty(),
        "a job that is due at 100 ms was claimed at 99 ms",
        "hand out nothing before it is due"
    );
    must!(
        claimed_jobs(&store, Claim { limit: 0, ..jobs_at(200) }).await.is_empty(),
        "a claim with limit 0 returned a job",
        "return nothing"
    );

    let found = get(&store, job_at(1, 100).key()).await.must_be_there("a committed record");
    must_eq!(
        (found.version, found.record),
        (1, job_at(1, 100)),
        "a job after two claims that took nothing, with its version,"
    );
}

/// The store writes exactly the result of `Record::claimed`.
pub async fn a_claimed_record_is_the_one_that_the_core_returns(store: AnyStore) {
    let notice = Record::Notification(sample::notice(1, sample::at(1)));
    put(&store, notice.clone(), None).await.must_succeed("a commit of a new record");
    add_job(&store, 1, 1).await;

    for (queue, before) in [(Queue::Jobs, job_at(1, 1)), (Queue::Notifications, notice)] {
        let worker = WorkerId(u64::MAX - 1);
        let claim = Claim::new(queue, worker, sample::at(17), sample::at(1_018), 3);
        must_eq!(
            claimed(&store, claim.clone()).await,
            [before.claimed(&claim).expect("the record is due")],
            "the record that a claim returned"
        );
    }
}

/// A claim returns the current version, so the worker need not load the record again.
pub async fn a_claim_returns_the_version_to_commit_at(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let found = store.claim(jobs_at(10)).await.must_succeed("a claim");
    let found = found.into_iter().next().must_be_there("a job that is due, in a claim,");

    put(&store, job_at(1, 500), Some(found.version))
        .await
        .must_succeed("a commit at the version of a claim");

    let kept = get(&store, job_at(1, 500).key()).await.must_be_there("a committed record");
    must_eq!(
        (kept.version, kept.record),
        (found.version + 1, job_at(1, 500)),
        "the job that its worker wrote at the version of its claim, with its version,"
    );
}

/// A lease also blocks claims of its own worker.
pub async fn a_worker_cannot_claim_over_its_own_lease(store: AnyStore) {
    add_job(&store, 1, 1).await;
    must_eq!(
        claimed_jobs(&store, jobs_at(10)).await.len(),
        1,
        "the number of jobs that the first claim took"
    );

    for now in [10, 11, 109] {
        must!(
            claimed_jobs(&store, jobs_at(now)).await.is_empty(),
            "a worker claimed a job at {now} ms over its own lease, which runs until 110 ms",
            "leave a leased job alone, whoever claims"
        );
    }
}

/// An expired lease is ordered by its end among the due times of waiting jobs.
pub async fn expired_leases_are_ordered_by_their_end(store: AnyStore) {
    add_job(&store, 1, 1).await;
    must_eq!(
        claimed_jobs(&store, jobs_at(10)).await.len(),
        1,
        "the number of jobs that the first claim took"
    );
    add_job(&store, 2, 111).await;
    add_job(&store, 3, 109).await;

    let order: Vec<_> = claimed_jobs(&store, jobs_at(500)).await.iter().map(|it| it.id).collect();

    must_eq!(
        order,
        [3, 1, 2].map(sample::job_id),
        "the order of a lost lease that ended at 110 ms among jobs due at 109 ms and 111 ms"
    );
}

/// A renewed lease blocks claims until its new end.
pub async fn a_renewed_lease_blocks_claims_until_its_end(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let found = store.claim(jobs_at(10)).await.must_succeed("a claim");
    let found = found.into_iter().next().must_be_there("a job that is due, in a claim,");
    let Record::Job(job) = found.record else {
        breach!("a claim of jobs returned another kind of record", "return jobs only")
    };
    let lease = Some(Lease { worker: WorkerId(1), until: sample::at(500) });

    put(&store, Record::Job(Job { lease, ..job }), Some(found.version))
        .await
        .must_succeed("a commit at the current version");

    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(500),
        "the next due moment after the lease was renewed until 500 ms"
    );
    must!(
        claimed_jobs(&store, jobs_at(499)).await.is_empty(),
        "a job was claimed at 499 ms although its lease was renewed until 500 ms",
        "leave a leased job alone"
    );
    must_eq!(
        claimed_jobs(&store, jobs_at(500)).await.len(),
        1,
        "the number of jobs claimed once the renewed lease had expired"
    );
}

/// A job that was returned to the queue is due at its `ready_at`, not at the end of the released lease.
pub async fn a_job_returned_to_the_queue_is_due_at_its_time(store: AnyStore) {
    for (number, ready_at) in [(1, 30), (2, 700)] {
        add_job(&store, number, 1).await;
        let found = store.claim(jobs_at(10)).await.must_succeed("a claim");
        let found = found.into_iter().next().must_be_there("a job that is due, in a claim,");
        let Record::Job(job) = found.record else {
            breach!("a claim of jobs returned another kind of record", "return jobs only")
        };
        let (state, ready_at) = (JobState::Queued, sample::at(ready_at));
        let back = Job { state, ready_at, lease: None, ..job };
        put(&store, Record::Job(back), Some(found.version))
            .await
            .must_succeed("a commit at the current version");
    }

    must!(
        claimed_jobs(&store, jobs_at(29)).await.is_empty(),
        "a job that was put back until 30 ms was claimed at 29 ms",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed_jobs(&store, jobs_at(30)).await.first().map(|it| it.id),
        Some(sample::job_id(1)),
        "the job claimed at 30 ms"
    );
    must!(
        claimed_jobs(&store, Claim { worker: WorkerId(2), ..jobs_at(129) }).await.is_empty(),
        "a job was claimed at 129 ms although its second lease runs until 130 ms",
        "leave a leased job alone"
    );
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(130),
        "the next due moment while the second lease of a job runs until 130 ms"
    );
    let last = claimed_jobs(&store, jobs_at(700)).await;
    must!(
        last.iter().any(|it| it.id == sample::job_id(2)),
        "a job that was put back until 700 ms was not claimed at 700 ms",
        "hand out what is due"
    );
}

/// Concurrent claims in all three queues return every record exactly once.
pub async fn concurrent_claims_of_all_queues_take_each_record_once(store: AnyStore) {
    for number in 1..=20 {
        add_job(&store, number, 1).await;
        put(&store, Record::Notification(sample::notice(number, sample::at(1))), None)
            .await
            .must_succeed("a commit of a new record");
    }
    let mut workers = JoinSet::new();
    for worker in 1..=8 {
        let store = Arc::clone(&store);
        let queue = if worker % 2 == 0 { Queue::Jobs } else { Queue::Notifications };
        workers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let claim = sample::claim(queue, 10);
                let more =
                    claimed(&store, Claim { worker: WorkerId(worker), limit: 3, ..claim }).await;
                if more.is_empty() {
                    return taken;
                }
                taken.extend(more.iter().map(Record::key));
                yield_now().await;
            }
        });
    }

    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();

    must_eq!(
        taken.len(),
        40,
        "the number of records that 8 workers claimed from two queues, of 40,"
    );
    must_eq!(
        taken.iter().collect::<HashSet<_>>().len(),
        40,
        "the number of distinct records that 8 workers claimed from two queues"
    );
}

/// A claim and a concurrent commit of the same job are ordered: either the commit conflicts, or the claim returns
/// the committed record.
pub async fn a_claim_and_a_concurrent_commit_agree(store: AnyStore) {
    const JOBS: u64 = 24;
    for number in 1..=JOBS {
        add_job(&store, number, 1).await;
    }
    let mut writers = JoinSet::new();
    let mut claims = JoinSet::new();
    for number in 1..=JOBS {
        let store = Arc::clone(&store);
        writers.spawn(async move { (number, put(&store, job_at(number, 2), Some(1)).await) });
    }
    for _ in 0..4 {
        let store = Arc::clone(&store);
        claims.spawn(async move { claimed_jobs(&store, Claim { limit: 6, ..jobs_at(10) }).await });
    }

    let mut taken: Vec<_> = claims.join_all().await.into_iter().flatten().collect();
    let written: HashSet<_> = writers
        .join_all()
        .await
        .into_iter()
        .filter_map(|(number, result)| match result {
            Ok(()) => Some(sample::job_id(number)),
            Err(StoreError::Conflict) => None,
            Err(other) => breach!(
                "a commit beside a claim was answered {other:?}",
                "accept it or answer StoreError::Conflict"
            ),
        })
        .collect();
    taken.extend(claimed_jobs(&store, Claim { limit: 100, ..jobs_at(10) }).await);

    must_eq!(taken.len() as u64, JOBS, "the number of jobs claimed beside commits");
    for job in taken {
        let ready_at = if written.contains(&job.id) { 2 } else { 1 };
        must_eq!(
            job.ready_at,
            sample::at(ready_at),
            "the ready_at of a job that a commit and a claim changed at once"
        );
        let kept =
            get(&store, Record::Job(job.clone()).key()).await.must_be_there("a committed record");
        must_eq!(
            (kept.version, kept.record),
            (ready_at + 1, Record::Job(job)),
            "the job that a load finds after a claim beside a commit, with its version,"
        );
    }
}

/// After a dropped claim, the job is free or under a lease that expires.
pub async fn a_dropped_claim_loses_no_job(store: AnyStore) {
    for polls in 0..6 {
        let number = polls as u64 + 1;
        add_job(&store, number, 1).await;
        abandoned_after(polls, store.claim(jobs_at(10))).await;

        let mut until = jobs_at(1_000);
        until.until = sample::at(u64::MAX);
        let taken = claimed_jobs(&store, until).await;

        must_eq!(
            taken.len(),
            1,
            "the number of jobs claimed after a claim was dropped at poll {polls}"
        );
        must_eq!(
            taken[0].id,
            sample::job_id(number),
            "the job claimed after a claim was dropped at poll {polls}"
        );
    }
}
