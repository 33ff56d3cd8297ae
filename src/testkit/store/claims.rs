//! Claims, leases and the index of what is due.

use std::collections::HashSet;

use super::{get, put, sample};
use crate::core::id::WorkerId;
use crate::core::job::{Job, JobState};
use crate::core::record::{Claim, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{Store, StoreError};

async fn add_job(store: &impl Store, number: u64, ready_at: u64) {
    put(store, Record::Job(sample::job(number, sample::at(ready_at))), None).await.expect("new");
}

async fn claimed(store: &impl Store, claim: Claim) -> Vec<Record> {
    store.claim(claim).await.expect("claiming works").into_iter().map(|it| it.record).collect()
}

async fn claimed_jobs(store: &impl Store, claim: Claim) -> Vec<Job> {
    let jobs = claimed(store, claim).await.into_iter().map(|it| match it {
        Record::Job(job) => job,
        other => panic!("the queue of jobs gave {other:?}"),
    });
    jobs.collect()
}

fn jobs_at(now: u64) -> Claim {
    sample::claim(Queue::Jobs, now)
}

async fn due(store: &impl Store, queue: Queue) -> Option<u64> {
    store.due(queue).await.expect("due").map(Timestamp::as_millis)
}

/// By the moment at which they fell due, not by key.
pub async fn what_is_due_is_claimed_earliest_first(store: impl Store) {
    for (number, ready_at) in [(1, 300), (2, 100), (3, 200)] {
        add_job(&store, number, ready_at).await;
    }

    let order: Vec<_> = claimed_jobs(&store, jobs_at(1_000)).await.iter().map(|it| it.id).collect();

    assert_eq!(order, [2, 3, 1].map(sample::job_id));
}

/// The rest stays for the next claim.
pub async fn a_claim_takes_no_more_than_its_limit(store: impl Store) {
    for number in 1..=3 {
        add_job(&store, number, number).await;
    }

    let first = claimed_jobs(&store, Claim { limit: 2, ..jobs_at(10) }).await;
    let none = claimed_jobs(&store, Claim { limit: 0, ..jobs_at(10) }).await;
    let rest = claimed_jobs(&store, jobs_at(10)).await;

    assert_eq!((first.len(), none.len(), rest.len()), (2, 0, 1));
}

/// Due is from the moment on, and not a millisecond sooner.
pub async fn nothing_is_claimed_before_it_is_due(store: impl Store) {
    add_job(&store, 1, 100).await;

    assert!(claimed_jobs(&store, jobs_at(99)).await.is_empty());
    assert_eq!(claimed_jobs(&store, jobs_at(100)).await.len(), 1);
}

/// A lease that runs keeps the job from all others.
pub async fn no_two_claims_take_the_same_job(store: impl Store) {
    add_job(&store, 1, 1).await;

    let first = claimed_jobs(&store, jobs_at(10)).await;
    let second = claimed_jobs(&store, jobs_at(109)).await;

    assert_eq!(first.len(), 1);
    assert_eq!(first[0].state, JobState::Processing);
    assert!(second.is_empty(), "the lease runs until 110");
}

/// The next claim counts the lost lease and has a number of its own.
pub async fn a_lease_that_ran_out_is_claimed_again(store: impl Store) {
    add_job(&store, 1, 1).await;
    let first = claimed_jobs(&store, jobs_at(10)).await;

    let again = claimed_jobs(&store, Claim { worker: WorkerId(2), ..jobs_at(110) }).await;

    assert_eq!((first[0].claims, first[0].lost), (1, 0));
    assert_eq!(again.len(), 1, "the lease ran out at 110");
    assert_eq!((again[0].claims, again[0].lost), (2, 1));
    assert_eq!(again[0].lease.map(|it| it.worker), Some(WorkerId(2)));
}

/// Nothing leads out of an ended state.
pub async fn an_ended_job_is_never_claimed(store: impl Store) {
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
pub async fn a_claim_is_kept_as_it_was_returned(store: impl Store) {
    add_job(&store, 1, 1).await;

    let claimed = store.claim(jobs_at(10)).await.expect("claim");

    assert_eq!(claimed[0].version, 2, "a claim is a write");
    let kept = get(&store, claimed[0].record.key()).await;
    assert_eq!(kept.as_ref(), Some(&claimed[0]));
}

/// Who read the job before the claim cannot write over it.
pub async fn a_claimed_job_refuses_the_version_before(store: impl Store) {
    add_job(&store, 1, 1).await;
    claimed(&store, jobs_at(10)).await;

    let stale = put(&store, Record::Job(sample::job(1, sample::at(1))), Some(1)).await;

    assert!(matches!(stale, Err(StoreError::Conflict)), "expected a conflict, got {stale:?}");
}

/// An event is delivered by one at a time, and again once its lease ran out.
pub async fn notices_are_claimed_under_a_lease(store: impl Store) {
    put(&store, Record::Notice(sample::notice(1, sample::at(5))), None).await.expect("new");
    let claim = |now| sample::claim(Queue::Notices, now);

    assert!(claimed(&store, claim(4)).await.is_empty());
    assert_eq!(claimed(&store, claim(5)).await.len(), 1);
    assert_eq!(due(&store, Queue::Notices).await, Some(105));
    assert!(claimed(&store, claim(104)).await.is_empty());
    assert_eq!(claimed(&store, claim(105)).await.len(), 1);
}

/// Expiry knows no lease: the record is handed out, and again, until it is removed.
pub async fn what_expires_is_handed_out_unchanged(store: impl Store) {
    let batch = Record::Batch(sample::batch(1, Some(sample::at(5))));
    put(&store, batch.clone(), None).await.expect("new");

    for _ in 0..2 {
        let found = store.claim(sample::claim(Queue::Expiry, 5)).await.expect("claim");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].version, &found[0].record), (1, &batch));
    }
}

/// A claim in one queue gives nothing of another.
pub async fn queues_are_kept_apart(store: impl Store) {
    add_job(&store, 1, 1).await;
    put(&store, Record::Notice(sample::notice(1, sample::at(2))), None).await.expect("new");
    put(&store, Record::Batch(sample::batch(1, Some(sample::at(3)))), None).await.expect("new");

    for (queue, at) in Queue::ALL.into_iter().zip(1..) {
        assert_eq!(due(&store, queue).await, Some(at), "{queue:?}");
        assert_eq!(claimed(&store, sample::claim(queue, 9)).await.len(), 1, "{queue:?}");
    }
}

/// The index is kept in step: with new records, changed ones and claims.
pub async fn due_says_the_earliest_and_follows_commits(store: impl Store) {
    add_job(&store, 1, 300).await;
    add_job(&store, 2, 200).await;
    assert_eq!(due(&store, Queue::Jobs).await, Some(200));

    put(&store, Record::Job(sample::job(2, sample::at(400))), Some(1)).await.expect("fresh");
    assert_eq!(due(&store, Queue::Jobs).await, Some(300), "the old entry is gone");

    claimed(&store, jobs_at(350)).await;
    assert_eq!(due(&store, Queue::Jobs).await, Some(400));
    claimed(&store, jobs_at(400)).await;
    assert_eq!(due(&store, Queue::Jobs).await, Some(450), "the first lease runs out next");
}

/// Workers that claim at once share the jobs out, none twice and none forgotten.
pub async fn concurrent_claims_take_each_job_once(store: impl Store + Clone + 'static) {
    for number in 1..=60 {
        add_job(&store, number, 1).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for worker in 1..=8 {
        let store = store.clone();
        let claim = Claim { worker: WorkerId(worker), ..jobs_at(10) };
        workers.spawn(async move { claimed_jobs(&store, claim).await });
    }

    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().map(|it| it.id).collect();

    assert_eq!(taken.len(), 60);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 60, "a job was taken twice");
}
