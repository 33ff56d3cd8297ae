//! Claims: what is due, under a lease, once.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::{JoinSet, yield_now};

use super::{AnyStore, abandoned_after, at_once, get, job_at, put, sample};
use crate::core::id::WorkerId;
use crate::core::job::{Job, JobState, Lease};
use crate::core::record::{Claim, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Store, StoreError};

pub(super) async fn add_job(store: &AnyStore, number: u64, ready_at: u64) {
    put(store, Record::Job(sample::job(number, sample::at(ready_at))), None).await.expect("new");
}

pub(super) async fn claimed(store: &AnyStore, claim: Claim) -> Vec<Record> {
    store.claim(claim).await.expect("claiming works").into_iter().map(|it| it.record).collect()
}

pub(super) async fn claimed_jobs(store: &AnyStore, claim: Claim) -> Vec<Job> {
    let jobs = claimed(store, claim).await.into_iter().map(|it| match it {
        Record::Job(job) => job,
        other => panic!("the queue of jobs gave {other:?}"),
    });
    jobs.collect()
}

pub(super) fn jobs_at(now: u64) -> Claim {
    sample::claim(Queue::Jobs, now)
}

pub(super) async fn due(store: &AnyStore, queue: Queue) -> Option<u64> {
    store.due(queue).await.expect("due").map(Timestamp::as_millis)
}

/// By the moment at which they fell due, not by key.
pub async fn what_is_due_is_claimed_earliest_first(store: AnyStore) {
    for (number, ready_at) in [(1, 300), (2, 100), (3, 200)] {
        add_job(&store, number, ready_at).await;
    }

    let order: Vec<_> = claimed_jobs(&store, jobs_at(1_000)).await.iter().map(|it| it.id).collect();

    assert_eq!(order, [2, 3, 1].map(sample::job_id));
}

/// The rest stays for the next claim.
pub async fn a_claim_takes_no_more_than_its_limit(store: AnyStore) {
    for number in 1..=3 {
        add_job(&store, number, number).await;
    }

    let first = claimed_jobs(&store, Claim { limit: 2, ..jobs_at(10) }).await;
    let none = claimed_jobs(&store, Claim { limit: 0, ..jobs_at(10) }).await;
    let rest = claimed_jobs(&store, jobs_at(10)).await;

    assert_eq!((first.len(), none.len(), rest.len()), (2, 0, 1));
}

/// Due is from the moment on, and not a millisecond sooner.
pub async fn nothing_is_claimed_before_it_is_due(store: AnyStore) {
    add_job(&store, 1, 100).await;

    assert!(claimed_jobs(&store, jobs_at(99)).await.is_empty());
    assert_eq!(claimed_jobs(&store, jobs_at(100)).await.len(), 1);
}

/// A lease that runs keeps the job from all others.
pub async fn no_two_claims_take_the_same_job(store: AnyStore) {
    add_job(&store, 1, 1).await;

    let first = claimed_jobs(&store, jobs_at(10)).await;
    let second = claimed_jobs(&store, jobs_at(109)).await;

    assert_eq!(first.len(), 1);
    assert_eq!(first[0].state, JobState::Processing);
    assert!(second.is_empty(), "the lease runs until 110");
}

/// The next claim counts the lost lease and has a number of its own.
pub async fn a_lease_that_ran_out_is_claimed_again(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let first = claimed_jobs(&store, jobs_at(10)).await;

    let again = claimed_jobs(&store, Claim { worker: WorkerId(2), ..jobs_at(110) }).await;

    assert_eq!((first[0].claims, first[0].lost), (1, 0));
    assert_eq!(again.len(), 1, "the lease ran out at 110");
    assert_eq!((again[0].claims, again[0].lost), (2, 1));
    assert_eq!(again[0].lease.map(|it| it.worker), Some(WorkerId(2)));
}

/// Nothing leads out of an ended state.
pub async fn an_ended_job_is_never_claimed(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let job = claimed_jobs(&store, jobs_at(10)).await.remove(0);
    for (number, state) in [(1, JobState::Failed), (2, JobState::Succeeded)] {
        let ended = Job { id: sample::job_id(number), state, lease: None, ..job.clone() };
        let expected = (number == 1).then_some(2);
        put(&store, Record::Job(ended), expected).await.expect("fresh");
    }

    assert!(claimed_jobs(&store, jobs_at(1_000_000)).await.is_empty());
    assert_eq!(due(&store, Queue::Jobs).await, None);
}

/// What a claim returns is what a load finds, version included.
pub async fn a_claim_is_kept_as_it_was_returned(store: AnyStore) {
    add_job(&store, 1, 1).await;

    let claimed = store.claim(jobs_at(10)).await.expect("claim");

    assert_eq!(claimed[0].version, 2, "a claim is a write");
    let kept = get(&store, claimed[0].record.key()).await;
    assert_eq!(kept.as_ref(), Some(&claimed[0]));
}

/// Who read the job before the claim cannot write over it.
pub async fn a_claimed_job_refuses_the_version_before(store: AnyStore) {
    add_job(&store, 1, 1).await;
    claimed(&store, jobs_at(10)).await;

    let stale = put(&store, Record::Job(sample::job(1, sample::at(1))), Some(1)).await;

    assert!(matches!(stale, Err(StoreError::Conflict)), "expected a conflict, got {stale:?}");
}

/// An event is delivered by one at a time, and again once its lease ran out.
pub async fn notices_are_claimed_under_a_lease(store: AnyStore) {
    put(&store, Record::Notification(sample::notice(1, sample::at(5))), None).await.expect("new");
    let claim = |now| sample::claim(Queue::Notifications, now);

    assert!(claimed(&store, claim(4)).await.is_empty());
    assert_eq!(claimed(&store, claim(5)).await.len(), 1);
    assert_eq!(due(&store, Queue::Notifications).await, Some(105));
    assert!(claimed(&store, claim(104)).await.is_empty());
    assert_eq!(claimed(&store, claim(105)).await.len(), 1);
}

/// Expiry knows no lease: the record is handed out, and again, until it is removed.
pub async fn what_expires_is_handed_out_unchanged(store: AnyStore) {
    let batch = Record::Batch(sample::batch(1, Some(sample::at(5))));
    put(&store, batch.clone(), None).await.expect("new");

    for _ in 0..2 {
        let found = store.claim(sample::claim(Queue::Expiry, 5)).await.expect("claim");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].version, &found[0].record), (1, &batch));
    }
}

/// Workers that claim at once share the jobs out, none twice and none forgotten.
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

    assert_eq!(taken.len(), 60);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 60, "a job was taken twice");
}

/// Of many that are due the limit takes the first, and the next claim the next.
pub async fn a_limited_claim_takes_the_earliest(store: AnyStore) {
    for (number, ready_at) in [(1, 500), (2, 300), (3, 100), (4, 400), (5, 200)] {
        add_job(&store, number, ready_at).await;
    }

    let mut order = Vec::new();
    for _ in 0..3 {
        let taken = claimed_jobs(&store, Claim { limit: 2, ..jobs_at(1_000) }).await;
        order.push(taken.iter().map(|it| it.id).collect::<Vec<_>>());
    }

    assert_eq!(
        order,
        [vec![3, 5], vec![2, 4], vec![1]]
            .map(|it| it.into_iter().map(sample::job_id).collect::<Vec<_>>())
    );
}

/// Looking is no write: versions stay, and so does what others read before.
pub async fn a_claim_of_nothing_due_writes_nothing(store: AnyStore) {
    add_job(&store, 1, 100).await;

    assert!(claimed_jobs(&store, jobs_at(99)).await.is_empty());
    assert!(claimed_jobs(&store, Claim { limit: 0, ..jobs_at(200) }).await.is_empty());

    let found = get(&store, job_at(1, 100).key()).await.expect("present");
    assert_eq!((found.version, found.record), (1, job_at(1, 100)));
}

/// The store writes what `Record::claimed` says, lease and all, and adds nothing of its own.
pub async fn a_claimed_record_is_what_the_core_makes_of_it(store: AnyStore) {
    let notice = Record::Notification(sample::notice(1, sample::at(1)));
    put(&store, notice.clone(), None).await.expect("new");
    add_job(&store, 1, 1).await;

    for (queue, before) in [(Queue::Jobs, job_at(1, 1)), (Queue::Notifications, notice)] {
        let claim = Claim {
            queue,
            worker: WorkerId(u64::MAX - 1),
            now: sample::at(17),
            until: sample::at(1_018),
            limit: 3,
        };
        assert_eq!(claimed(&store, claim).await, [before.claimed(&claim).expect("it is due")]);
    }
}

/// The version that a claim returns is the record's, so the worker need not load it again.
pub async fn who_claimed_may_write_at_the_version_it_was_given(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let found = store.claim(jobs_at(10)).await.expect("claim").remove(0);

    put(&store, job_at(1, 500), Some(found.version)).await.expect("nobody wrote since");

    let kept = get(&store, job_at(1, 500).key()).await.expect("present");
    assert_eq!((kept.version, kept.record), (found.version + 1, job_at(1, 500)));
}

/// A lease is against every claim, that of its own worker included.
pub async fn a_worker_cannot_claim_over_its_own_lease(store: AnyStore) {
    add_job(&store, 1, 1).await;
    assert_eq!(claimed_jobs(&store, jobs_at(10)).await.len(), 1);

    for now in [10, 11, 109] {
        assert!(claimed_jobs(&store, jobs_at(now)).await.is_empty(), "at {now}");
    }
}

/// A lease's end is a moment as any other: neither before those that wait nor behind them.
pub async fn lost_leases_stand_in_line_with_the_rest(store: AnyStore) {
    add_job(&store, 1, 1).await;
    assert_eq!(claimed_jobs(&store, jobs_at(10)).await.len(), 1, "its lease runs until 110");
    add_job(&store, 2, 111).await;
    add_job(&store, 3, 109).await;

    let order: Vec<_> = claimed_jobs(&store, jobs_at(500)).await.iter().map(|it| it.id).collect();

    assert_eq!(order, [3, 1, 2].map(sample::job_id));
}

/// Whoever is still at it says so with a commit, and is left alone until then.
pub async fn a_renewed_lease_is_waited_for(store: AnyStore) {
    add_job(&store, 1, 1).await;
    let found = store.claim(jobs_at(10)).await.expect("claim").remove(0);
    let Record::Job(job) = found.record else { panic!("no job") };
    let lease = Some(Lease { worker: WorkerId(1), until: sample::at(500) });

    put(&store, Record::Job(Job { lease, ..job }), Some(found.version)).await.expect("fresh");

    assert_eq!(due(&store, Queue::Jobs).await, Some(500));
    assert!(claimed_jobs(&store, jobs_at(499)).await.is_empty());
    assert_eq!(claimed_jobs(&store, jobs_at(500)).await.len(), 1);
}

/// Without its lease it is due when it says, not when the lease would have ended.
pub async fn a_job_put_back_waits_for_its_moment(store: AnyStore) {
    for (number, ready_at) in [(1, 30), (2, 700)] {
        add_job(&store, number, 1).await;
        let found = store.claim(jobs_at(10)).await.expect("claim").remove(0);
        let Record::Job(job) = found.record else { panic!("no job") };
        let (state, ready_at) = (JobState::Queued, sample::at(ready_at));
        let back = Job { state, ready_at, lease: None, ..job };
        put(&store, Record::Job(back), Some(found.version)).await.expect("fresh");
    }

    assert!(claimed_jobs(&store, jobs_at(29)).await.is_empty());
    assert_eq!(claimed_jobs(&store, jobs_at(30)).await[0].id, sample::job_id(1));
    assert!(claimed_jobs(&store, Claim { worker: WorkerId(2), ..jobs_at(129) }).await.is_empty());
    assert_eq!(due(&store, Queue::Jobs).await, Some(130), "the second lease of the first job");
    let last = claimed_jobs(&store, jobs_at(700)).await;
    assert!(last.iter().any(|it| it.id == sample::job_id(2)));
}

/// Three queues drained side by side: each thing once, whichever worker asks for which.
pub async fn claims_of_all_queues_at_once_take_each_once(store: AnyStore) {
    for number in 1..=20 {
        add_job(&store, number, 1).await;
        put(&store, Record::Notification(sample::notice(number, sample::at(1))), None)
            .await
            .expect("new");
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

    assert_eq!(taken.len(), 40);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 40, "something was taken twice");
}

/// Of a claim and a commit that meet at one job the second sees the first: either the commit
/// conflicts, or what is claimed is what it wrote.
pub async fn a_claim_and_a_commit_at_once_agree(store: AnyStore) {
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
            Err(other) => panic!("a writer was told {other:?}"),
        })
        .collect();
    taken.extend(claimed_jobs(&store, Claim { limit: 100, ..jobs_at(10) }).await);

    assert_eq!(taken.len() as u64, JOBS);
    for job in taken {
        let ready_at = if written.contains(&job.id) { 2 } else { 1 };
        assert_eq!(job.ready_at, sample::at(ready_at), "a change was lost, or came behind a claim");
        let kept = get(&store, Record::Job(job.clone()).key()).await.expect("present");
        assert_eq!((kept.version, kept.record), (ready_at + 1, Record::Job(job)));
    }
}

/// Wherever the claimer goes away, the job is free or under a lease that ends.
pub async fn a_dropped_claim_loses_no_job(store: AnyStore) {
    for polls in 0..6 {
        let number = polls as u64 + 1;
        add_job(&store, number, 1).await;
        abandoned_after(polls, store.claim(jobs_at(10))).await;

        let mut until = jobs_at(1_000);
        until.until = sample::at(u64::MAX);
        let taken = claimed_jobs(&store, until).await;

        assert_eq!(taken.len(), 1, "a claim was dropped after {polls} polls");
        assert_eq!(taken[0].id, sample::job_id(number));
    }
}
