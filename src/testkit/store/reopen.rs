//! Reopening: a durable store keeps its records when it is closed and opened again.

use std::path::Path;

use super::steps::{books, claim_jobs, end, submit};
use super::{
    AnyStore, Open, account, assert_conflict, get, job, job_at, put, removal, sample, write,
};
use crate::core::batch::{Notification, NotificationState};
use crate::core::job::{Job, JobState};
use crate::core::record::{Claim, Queue, Record, RecordKind};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store};
use crate::testkit::kit::{MustBeThere, MustSucceed, breach, must, must_eq};

/// Acknowledged records survive a reopening, and so does their index.
pub async fn acknowledged_commits_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(5), None).await.must_succeed("a commit of a new record");
    put(&store, Record::Job(sample::job(1, sample::at(7))), None)
        .await
        .must_succeed("a commit of a new record");
    drop(store);

    let store = open(dir);

    let found = get(&store, account(5).key()).await.must_be_there("an acknowledged record");
    must_eq!(found.record, account(5), "the acknowledged record");
    must_eq!(
        store.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        Some(sample::at(7)),
        "the next due moment"
    );
}

/// Reopening releases the leases of the previous process.
pub async fn leases_are_released_at_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, Record::Job(sample::job(1, sample::at(1))), None)
        .await
        .must_succeed("a commit of a new record");
    put(&store, Record::Notification(sample::notice(1, sample::at(1))), None)
        .await
        .must_succeed("a commit of a new record");
    put(&store, Record::Crawl(sample::crawl(1, sample::at(1))), None)
        .await
        .must_succeed("a commit of a new record");
    let far = sample::at(u64::MAX);
    for queue in [Queue::Jobs, Queue::Notifications, Queue::Crawls] {
        let mut claim = sample::claim(queue, 10);
        claim.until = far;
        must_eq!(
            store.claim(claim).await.must_succeed("a claim").len(),
            1,
            "the number of records claimed from the queue {queue:?}"
        );
    }
    drop(store);

    let store = open(dir);

    let key = Record::Job(sample::job(1, sample::at(1))).key();
    let Some(Record::Job(job)) = get(&store, key).await.map(|it| it.record) else {
        breach!("the claimed job was gone after the reopening", "keep it");
    };
    must_eq!(
        (job.state, job.claims, job.lost),
        (JobState::Queued, 1, 1),
        "the state, the claims and the lost leases of a job that a closed process held"
    );
    for queue in [Queue::Jobs, Queue::Notifications, Queue::Crawls] {
        let due = store
            .due(queue, Timestamp::default())
            .await
            .must_succeed("`due`")
            .must_be_there("the next due moment");
        must!(
            due < far,
            "the queue {queue:?} waits for the lease of a closed process",
            "release the lease"
        );
    }
}

/// A body is as durable as the record that names it.
pub async fn bodies_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    let Some(bodies) = store.bodies() else { return };
    let first =
        bodies.put(sample::batch_id(1), b"first".to_vec()).await.must_succeed("a put of a body");
    drop((store, bodies));

    let store = open(dir);
    let bodies = store.bodies().must_be_there("the store of bodies that it had before");
    let second =
        bodies.put(sample::batch_id(1), b"second".to_vec()).await.must_succeed("a put of a body");

    must_eq!(
        bodies.get(first).await.must_succeed("a get of a body"),
        Some(b"first".to_vec()),
        "the body that was put before the reopening"
    );
    must_eq!(
        bodies.get(second).await.must_succeed("a get of a body"),
        Some(b"second".to_vec()),
        "the body that was put after the reopening"
    );
}

/// A version that was read before a reopening is still compared after it.
pub async fn versions_continue_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    put(&store, account(2), Some(1)).await.must_succeed("a commit at the current version");
    drop(store);

    let store = open(dir);

    must!(
        put(&store, account(3), Some(1)).await.is_err(),
        "a commit at a stale version was accepted after the reopening",
        "answer StoreError::Conflict"
    );
    put(&store, account(3), Some(2)).await.must_succeed("a commit at the current version");
    must_eq!(
        get(&store, account(0).key()).await.map(|it| it.version),
        Some(3),
        "the version of a record that was written three times"
    );
}

/// Every field of every kind survives, except leases, which end with their process.
pub async fn every_kind_of_record_survives_a_reopening(dir: &Path, open: Open<'_>) {
    let mut records = sample::every_kind();
    records.retain(|it| it.abandoned(sample::at(0)).is_none());
    assert!(records.len() >= 8, "a running job and a notice under way are all that has leases");
    let mut large = sample::batch(9, None);
    large.inline_jobs = (0..20_000).map(sample::job_id).collect();
    records.push(Record::Batch(large));
    records.push(Record::BatchJobs(sample::batch_jobs(9, 20_000)));
    let store = open(dir);
    for record in &records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }
    drop(store);

    let store = open(dir);

    for record in &records {
        let found = get(&store, record.key()).await;
        let key = record.key();
        must!(
            found.is_some_and(|it| it.record == *record),
            "the record {key:?} came back changed",
            "be what was committed"
        );
    }
}

pub(super) fn jobs(descending: bool) -> ListQuery {
    ListQuery { kind: RecordKind::Job, after: None, descending, limit: usize::MAX }
}

/// Thousands of records survive, from many commits and from one.
pub async fn thousands_of_records_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in 1..=50 {
        put(&store, job(number), None).await.must_succeed("a commit of a new record");
    }
    let many = (51..=3_000).map(|it| write(job(it), None)).collect();
    store.commit(many).await.must_succeed("a commit of new records");
    drop(store);

    let store = open(dir);

    let found = store.list(jobs(false)).await.must_succeed("a list");
    must_eq!(found.len(), 3_000, "the number of jobs after the reopening");
    for (number, it) in (1..).zip(&found) {
        must!(
            it.record == job(number) && it.version == 1,
            "job {number} came back as {it:?}",
            "return what was committed, at version 1"
        );
    }
}

/// A refused commit is not applied later.
pub async fn a_refused_commit_leaves_nothing_over_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(1), None).await.must_succeed("a commit of a new record");
    let changes = vec![write(job(1), None), write(account(2), Some(9))];
    let refused = store.commit(changes).await;
    assert_conflict("a commit of two changes, the second of which is stale", &refused);
    drop(store);

    let store = open(dir);

    must_eq!(get(&store, job(1).key()).await, None, "a job of a refused commit");
    must_eq!(
        store.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        None,
        "the due moment that a refused commit left in the index"
    );
    must_eq!(
        get(&store, account(0).key()).await.map(|it| it.record),
        Some(account(1)),
        "the account that a refused commit would have changed"
    );
}

/// A removed record and its index entry do not return.
pub async fn a_removed_record_stays_removed_over_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in 1..=3 {
        put(&store, job_at(number, number), None).await.must_succeed("a commit of a new record");
    }
    store
        .commit(vec![removal(job(1).key(), Some(1))])
        .await
        .must_succeed("a commit at the current version");
    drop(store);

    let store = open(dir);
    must_eq!(get(&store, job(1).key()).await, None, "a removed job");
    must_eq!(
        store.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        Some(sample::at(2)),
        "the next due moment after the first job was removed"
    );
    store
        .commit(vec![removal(job(2).key(), Some(1))])
        .await
        .must_succeed("a commit at the current version");
    drop(store);

    let store = open(dir);
    let found = store.list(jobs(false)).await.must_succeed("a list");
    must_eq!(
        found.iter().map(|it| it.record.key()).collect::<Vec<_>>(),
        [job(3).key()],
        "the jobs that are left after two of three were removed"
    );
}

/// Lists are ordered by key after a reopening too.
pub async fn lists_keep_their_order_over_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in [7, 3, 9, 1, 8, 2] {
        put(&store, job(number), None).await.must_succeed("a commit of a new record");
    }
    put(&store, job_at(3, 5), Some(1)).await.must_succeed("a commit at the current version");
    drop(store);

    let store = open(dir);

    let order = |found: Vec<crate::ports::store::Versioned>| {
        found.into_iter().map(|it| it.record.key()).collect::<Vec<_>>()
    };
    let up = order(store.list(jobs(false)).await.must_succeed("a list"));
    must_eq!(up, [1, 2, 3, 7, 8, 9].map(|it| job(it).key()), "the list of jobs");
    let down = order(store.list(jobs(true)).await.must_succeed("a list"));
    must_eq!(down, [9, 8, 7, 3, 2, 1].map(|it| job(it).key()), "the descending list of jobs");
}

/// The index of every queue survives, including changed due times.
pub async fn due_jobs_are_claimed_in_order_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for (number, at) in [(1, 300), (2, 100), (3, 200)] {
        put(&store, job_at(number, at), None).await.must_succeed("a commit of a new record");
    }
    put(&store, job_at(2, 400), Some(1)).await.must_succeed("a commit at the current version");
    put(&store, Record::Notification(sample::notice(1, sample::at(8))), None)
        .await
        .must_succeed("a commit of a new record");
    put(&store, Record::Batch(sample::batch(1, Some(sample::at(9)))), None)
        .await
        .must_succeed("a commit of a new record");
    drop(store);

    let store = open(dir);

    let moments = [(Queue::Jobs, 200), (Queue::Notifications, 8), (Queue::Expiry, 9)];
    for (queue, at) in moments {
        must_eq!(
            store.due(queue, Timestamp::default()).await.must_succeed("`due`"),
            Some(sample::at(at)),
            "the next due moment of the queue {queue:?}"
        );
        let early = store.claim(sample::claim(queue, at - 1)).await.must_succeed("a claim");
        must!(
            early.is_empty(),
            "a record of the queue {queue:?} was claimed before its moment",
            "hand out nothing before it is due"
        );
    }
    let order: Vec<_> = claim_at(&store, 1_000).await.iter().map(|it| it.id).collect();
    must_eq!(order, [3, 1, 2].map(sample::job_id), "the order of the claimed jobs");
}

async fn claim_at(store: &AnyStore, now: u64) -> Vec<Job> {
    let claim = Claim { limit: 100, ..sample::claim(Queue::Jobs, now) };
    let found = store.claim(claim).await.must_succeed("a claim").into_iter();
    found
        .map(|it| match it.record {
            Record::Job(job) => job,
            other => breach!("a claim of jobs returned {other:?}", "return jobs only"),
        })
        .collect()
}

/// A released lease counts as lost, and late commits of its worker are refused.
pub async fn a_released_lease_counts_as_lost_and_its_claim_is_stale(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, job(1), None).await.must_succeed("a commit of a new record");
    let claimed = store.claim(sample::claim(Queue::Jobs, 10)).await.must_succeed("a claim");
    let claimed = claimed.into_iter().next().must_be_there("a job that is due, in a claim,");
    drop(store);

    let store = open(dir);

    let stale = put(&store, claimed.record, Some(claimed.version)).await;
    assert_conflict("a commit at the version of a claim whose lease was released", &stale);
    let again = claim_at(&store, u64::MAX).await;
    must_eq!(again.len(), 1, "the number of jobs claimed after the reopening");
    must_eq!(
        (again[0].claims, again[0].lost),
        (2, 1),
        "the claims and the lost leases of a job that was claimed before and after the reopening"
    );
}

/// A reopening does not change the version or the due time of waiting records.
pub async fn a_reopening_changes_nothing_but_leases(dir: &Path, open: Open<'_>) {
    let records = vec![
        job_at(1, 5),
        job_at(2, u64::MAX),
        Record::Notification(sample::notice(1, sample::at(7))),
        Record::Batch(sample::batch(1, Some(sample::at(9)))),
        account(1),
    ];
    let store = open(dir);
    for record in &records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }
    drop(store);

    let store = open(dir);

    for record in records {
        let found = get(&store, record.key()).await.must_be_there("a committed record");
        must_eq!(
            (found.version, found.record),
            (1, record),
            "a record that waited over the reopening, with its version,"
        );
    }
}

/// A lease counts as lost once, even if the store is opened several times.
pub async fn reopening_again_releases_nothing_twice(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, job(1), None).await.must_succeed("a commit of a new record");
    must_eq!(claim_at(&store, 10).await.len(), 1, "the number of jobs claimed");
    drop(store);
    let store = open(dir);
    let once = get(&store, job(1).key()).await.must_be_there("a committed record");
    drop(store);

    let store = open(dir);

    must_eq!(
        get(&store, job(1).key()).await.must_be_there("a committed record"),
        once,
        "the job after a second reopening"
    );
    must!(
        matches!(&once.record, Record::Job(it) if it.lost == 1),
        "the job came back as {once:?}",
        "count one lost lease"
    );
}

/// Ended records stay ended over a reopening.
pub async fn ended_records_stay_ended_over_a_reopening(dir: &Path, open: Open<'_>) {
    let told = |number, state| {
        Record::Notification(Notification { state, ..sample::notice(number, sample::at(1)) })
    };
    let ended = |number, state| Record::Job(Job { state, ..sample::job(number, sample::at(1)) });
    let records = vec![
        ended(1, JobState::Succeeded),
        ended(2, JobState::Failed),
        told(1, NotificationState::Delivered),
        told(2, NotificationState::GivenUp),
    ];
    let store = open(dir);
    for record in &records {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }
    drop(store);

    let store = open(dir);

    for queue in [Queue::Jobs, Queue::Notifications] {
        must_eq!(
            store.due(queue, Timestamp::default()).await.must_succeed("`due`"),
            None,
            "the next due moment of the queue {queue:?}, all of whose records have ended,"
        );
        let claim = Claim { now: sample::at(u64::MAX), ..sample::claim(queue, 10) };
        must!(
            store.claim(claim).await.must_succeed("a claim").is_empty(),
            "a claim from the queue {queue:?} returned a record that has ended",
            "return nothing"
        );
    }
    for record in records {
        must_eq!(
            get(&store, record.key()).await.map(|it| it.record),
            Some(record),
            "a record that had ended before the reopening"
        );
    }
}

/// The ledger balances after a batch was ended over three openings of its store.
pub async fn the_ledger_adds_up_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    submit(&store, 6).await;
    let before = books(&store).await.0;
    drop(store);

    for life in 1..=3_u32 {
        let store = open(dir);
        let (account, batch) = books(&store).await;
        let sum = account.free().0 + account.held().0 + account.spent().0;
        must_eq!(
            (sum, account.granted()),
            (before.granted().0, before.granted()),
            "the sum of free, held and spent credits, with what was granted,"
        );
        must_eq!(batch.tally.succeeded, (life - 1) * 2, "the number of jobs that succeeded so far");
        for job in claim_jobs(&store, u64::from(life), 2).await {
            end(&store, &job).await;
        }
        drop(store);
    }

    let store = open(dir);
    let (account, batch) = books(&store).await;
    must_eq!(
        (account.held().0, account.spent()),
        (0, batch.charged),
        "the held and the spent credits after the batch ended"
    );
    must_eq!(
        (batch.tally.succeeded, batch.tally.pending()),
        (6, 0),
        "the numbers of succeeded and pending jobs after the batch ended"
    );
    let notices =
        ListQuery { kind: RecordKind::Notification, after: None, descending: false, limit: 9 };
    must_eq!(
        store.list(notices).await.must_succeed("a list").len(),
        1,
        "the number of notifications of one batch"
    );
}

/// Removed bodies do not return, and other bodies stay.
pub async fn removed_bodies_stay_removed(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    let Some(bodies) = store.bodies() else { return };
    let gone =
        bodies.put(sample::batch_id(1), b"gone".to_vec()).await.must_succeed("a put of a body");
    let kept =
        bodies.put(sample::batch_id(2), b"kept".to_vec()).await.must_succeed("a put of a body");
    bodies.remove(sample::batch_id(1)).await.must_succeed("a removal of bodies");
    drop((store, bodies));

    let store = open(dir);
    let bodies = store.bodies().must_be_there("the store of bodies that it had before");

    must_eq!(
        bodies.get(gone).await.must_succeed("a get of a body"),
        None,
        "a body of a batch that was removed before the reopening"
    );
    must_eq!(
        bodies.get(kept).await.must_succeed("a get of a body"),
        Some(b"kept".to_vec()),
        "a body of another batch"
    );
}
