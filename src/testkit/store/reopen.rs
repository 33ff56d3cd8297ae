//! What a durable store keeps when it is closed and opened again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

use tokio::task::JoinSet;

use super::steps::{books, claim_jobs, end, submit};
use super::{
    AnyStore, Open, account, assert_conflict, get, job, job_at, put, removal, sample, write,
};
use crate::core::batch::{Notification, NotificationState};
use crate::core::job::{Job, JobState};
use crate::core::record::{Claim, Key, Kind, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store};

/// An empty directory that is removed with its owner.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("rungs-{}-{number}", process::id()));
        // A killed run with the same process id may have left one.
        fs::remove_dir_all(&dir).ok();
        fs::create_dir_all(&dir).expect("the directory for temporary files can be written");
        Self(dir)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// What was acknowledged is there, and in the index.
pub async fn acknowledged_commits_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(5), None).await.expect("new");
    put(&store, Record::Job(sample::job(1, sample::at(7))), None).await.expect("new");
    drop(store);

    let store = open(dir);

    let found = get(&store, account(5).key()).await.expect("what was acknowledged is there");
    assert_eq!(found.record, account(5));
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), Some(sample::at(7)));
}

/// Nobody waits for a lease whose process is gone.
pub async fn leases_are_released_at_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, Record::Job(sample::job(1, sample::at(1))), None).await.expect("new");
    put(&store, Record::Notification(sample::notice(1, sample::at(1))), None).await.expect("new");
    let far = sample::at(u64::MAX);
    for queue in [Queue::Jobs, Queue::Notifications] {
        let mut claim = sample::claim(queue, 10);
        claim.until = far;
        assert_eq!(store.claim(claim).await.expect("claim").len(), 1);
    }
    drop(store);

    let store = open(dir);

    let key = Record::Job(sample::job(1, sample::at(1))).key();
    let Some(Record::Job(job)) = get(&store, key).await.map(|it| it.record) else {
        panic!("the job is gone");
    };
    assert_eq!((job.state, job.claims, job.lost), (JobState::Queued, 1, 1));
    for queue in [Queue::Jobs, Queue::Notifications] {
        let due = store.due(queue).await.expect("due").expect("still in its queue");
        assert!(due < far, "{queue:?} waits for a dead process");
    }
}

/// A body is as durable as the record that names it.
pub async fn bodies_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    let Some(bodies) = store.bodies() else { return };
    let first = bodies.put(sample::batch_id(1), b"first".to_vec()).await.expect("put");
    drop((store, bodies));

    let store = open(dir);
    let bodies = store.bodies().expect("it brought some before");
    let second = bodies.put(sample::batch_id(1), b"second".to_vec()).await.expect("put");

    assert_eq!(bodies.get(first).await.expect("get"), Some(b"first".to_vec()));
    assert_eq!(bodies.get(second).await.expect("get"), Some(b"second".to_vec()));
}

/// A version that was read before still decides afterwards.
pub async fn versions_go_on_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(1), None).await.expect("new");
    put(&store, account(2), Some(1)).await.expect("fresh");
    drop(store);

    let store = open(dir);

    assert!(put(&store, account(3), Some(1)).await.is_err(), "a stale version passed");
    put(&store, account(3), Some(2)).await.expect("the version goes on");
    assert_eq!(get(&store, account(0).key()).await.map(|it| it.version), Some(3));
}

/// Every field of every kind; but for leases, which end with their process.
pub async fn every_kind_of_record_survives_a_reopening(dir: &Path, open: Open<'_>) {
    let mut records = sample::every_kind();
    records.retain(|it| it.abandoned(sample::at(0)).is_none());
    assert!(records.len() >= 8, "a running job and a notice under way are all that has leases");
    let mut large = sample::batch(9, None);
    large.jobs = (0..20_000).map(sample::job_id).collect();
    records.push(Record::Batch(large));
    let store = open(dir);
    for record in &records {
        put(&store, record.clone(), None).await.expect("new");
    }
    drop(store);

    let store = open(dir);

    for record in &records {
        let found = get(&store, record.key()).await;
        assert!(
            found.is_some_and(|it| it.record == *record),
            "{:?} came back changed",
            record.key()
        );
    }
}

fn jobs(descending: bool) -> ListQuery {
    ListQuery { kind: Kind::Job, after: None, descending, limit: usize::MAX }
}

/// More than any buffer holds, in many commits and in one.
pub async fn thousands_of_records_survive_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in 1..=50 {
        put(&store, job(number), None).await.expect("new");
    }
    let many = (51..=3_000).map(|it| write(job(it), None)).collect();
    store.commit(many).await.expect("all new");
    drop(store);

    let store = open(dir);

    let found = store.list(jobs(false)).await.expect("list");
    assert_eq!(found.len(), 3_000);
    for (number, it) in (1..).zip(&found) {
        assert!(it.record == job(number) && it.version == 1, "job {number} came back as {it:?}");
    }
}

/// A conflict is an answer, not a delay.
pub async fn a_refused_commit_is_not_there_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, account(1), None).await.expect("new");
    let changes = vec![write(job(1), None), write(account(2), Some(9))];
    assert_conflict(&store.commit(changes).await);
    drop(store);

    let store = open(dir);

    assert_eq!(get(&store, job(1).key()).await, None);
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), None);
    assert_eq!(get(&store, account(0).key()).await.map(|it| it.record), Some(account(1)));
}

/// Neither the record nor its place in a queue comes back.
pub async fn what_was_removed_stays_removed(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in 1..=3 {
        put(&store, job_at(number, number), None).await.expect("new");
    }
    store.commit(vec![removal(job(1).key(), Some(1))]).await.expect("fresh");
    drop(store);

    let store = open(dir);
    assert_eq!(get(&store, job(1).key()).await, None);
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), Some(sample::at(2)));
    store.commit(vec![removal(job(2).key(), Some(1))]).await.expect("fresh");
    drop(store);

    let store = open(dir);
    let found = store.list(jobs(false)).await.expect("list");
    assert_eq!(found.iter().map(|it| it.record.key()).collect::<Vec<_>>(), [job(3).key()]);
}

/// By key, whatever the order in which the records were written or found.
pub async fn listings_keep_their_order_over_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for number in [7, 3, 9, 1, 8, 2] {
        put(&store, job(number), None).await.expect("new");
    }
    put(&store, job_at(3, 5), Some(1)).await.expect("fresh");
    drop(store);

    let store = open(dir);

    let order = |found: Vec<crate::ports::store::Versioned>| {
        found.into_iter().map(|it| it.record.key()).collect::<Vec<_>>()
    };
    let up = order(store.list(jobs(false)).await.expect("list"));
    assert_eq!(up, [1, 2, 3, 7, 8, 9].map(|it| job(it).key()));
    let down = order(store.list(jobs(true)).await.expect("list"));
    assert_eq!(down, [9, 8, 7, 3, 2, 1].map(|it| job(it).key()));
}

/// The index is there again, for every queue, moments that changed included.
pub async fn what_is_due_is_claimed_in_order_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    for (number, at) in [(1, 300), (2, 100), (3, 200)] {
        put(&store, job_at(number, at), None).await.expect("new");
    }
    put(&store, job_at(2, 400), Some(1)).await.expect("fresh");
    put(&store, Record::Notification(sample::notice(1, sample::at(8))), None).await.expect("new");
    put(&store, Record::Batch(sample::batch(1, Some(sample::at(9)))), None).await.expect("new");
    drop(store);

    let store = open(dir);

    let moments = [(Queue::Jobs, 200), (Queue::Notifications, 8), (Queue::Expiry, 9)];
    for (queue, at) in moments {
        assert_eq!(store.due(queue).await.expect("due"), Some(sample::at(at)), "{queue:?}");
        let early = store.claim(sample::claim(queue, at - 1)).await.expect("claim");
        assert!(early.is_empty(), "{queue:?}");
    }
    let order: Vec<_> = claim_at(&store, 1_000).await.iter().map(|it| it.id).collect();
    assert_eq!(order, [3, 1, 2].map(sample::job_id));
}

async fn claim_at(store: &AnyStore, now: u64) -> Vec<Job> {
    let claim = Claim { limit: 100, ..sample::claim(Queue::Jobs, now) };
    let found = store.claim(claim).await.expect("claim").into_iter();
    found
        .map(|it| match it.record {
            Record::Job(job) => job,
            other => panic!("the queue of jobs gave {other:?}"),
        })
        .collect()
}

/// A page that kills its process is counted, and what the dead worker still sends is refused.
pub async fn a_released_lease_counts_as_lost_and_its_claim_is_stale(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, job(1), None).await.expect("new");
    let claimed = store.claim(sample::claim(Queue::Jobs, 10)).await.expect("claim").remove(0);
    drop(store);

    let store = open(dir);

    assert_conflict(&put(&store, claimed.record, Some(claimed.version)).await);
    let again = claim_at(&store, u64::MAX).await;
    assert_eq!((again[0].claims, again[0].lost), (2, 1));
}

/// What waits, waits on: no version moves and no moment either.
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
        put(&store, record.clone(), None).await.expect("new");
    }
    drop(store);

    let store = open(dir);

    for record in records {
        let found = get(&store, record.key()).await.expect("present");
        assert_eq!((found.version, found.record), (1, record));
    }
}

/// A lease is lost once, however often its store is opened afterwards.
pub async fn reopening_again_releases_nothing_twice(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    put(&store, job(1), None).await.expect("new");
    assert_eq!(claim_at(&store, 10).await.len(), 1);
    drop(store);
    let store = open(dir);
    let once = get(&store, job(1).key()).await.expect("present");
    drop(store);

    let store = open(dir);

    assert_eq!(get(&store, job(1).key()).await.expect("present"), once);
    assert!(matches!(&once.record, Record::Job(it) if it.lost == 1), "{once:?}");
}

/// Nothing leads out of an ended state, a reopening least of all.
pub async fn what_ended_stays_ended_over_a_reopening(dir: &Path, open: Open<'_>) {
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
        put(&store, record.clone(), None).await.expect("new");
    }
    drop(store);

    let store = open(dir);

    for queue in [Queue::Jobs, Queue::Notifications] {
        assert_eq!(store.due(queue).await.expect("due"), None, "{queue:?}");
        let claim = Claim { now: sample::at(u64::MAX), ..sample::claim(queue, 10) };
        assert!(store.claim(claim).await.expect("claim").is_empty(), "{queue:?}");
    }
    for record in records {
        assert_eq!(get(&store, record.key()).await.map(|it| it.record), Some(record));
    }
}

/// Granted is free, held and spent, after a batch was ended in three lives of its store.
pub async fn the_ledger_adds_up_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    submit(&store, 6).await;
    let before = books(&store).await.0;
    drop(store);

    for life in 1..=3_u32 {
        let store = open(dir);
        let (account, batch) = books(&store).await;
        let sum = account.free().0 + account.held().0 + account.spent().0;
        assert_eq!((sum, account.granted()), (before.granted().0, before.granted()));
        assert_eq!(batch.tally.succeeded, (life - 1) * 2);
        for job in claim_jobs(&store, u64::from(life), 2).await {
            end(&store, &job).await;
        }
        drop(store);
    }

    let store = open(dir);
    let (account, batch) = books(&store).await;
    assert_eq!((account.held().0, account.spent()), (0, batch.charged));
    assert_eq!((batch.tally.succeeded, batch.tally.pending()), (6, 0));
    let notices = ListQuery { kind: Kind::Notification, after: None, descending: false, limit: 9 };
    assert_eq!(store.list(notices).await.expect("list").len(), 1, "one event for the batch");
}

/// A removed batch's bodies do not come back, and the others do not go.
pub async fn removed_bodies_stay_removed(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    let Some(bodies) = store.bodies() else { return };
    let gone = bodies.put(sample::batch_id(1), b"gone".to_vec()).await.expect("put");
    let kept = bodies.put(sample::batch_id(2), b"kept".to_vec()).await.expect("put");
    bodies.remove(sample::batch_id(1)).await.expect("remove");
    drop((store, bodies));

    let store = open(dir);
    let bodies = store.bodies().expect("it brought some before");

    assert_eq!(bodies.get(gone).await.expect("get"), None);
    assert_eq!(bodies.get(kept).await.expect("get"), Some(b"kept".to_vec()));
}

/// Three jobs whose numbers begin with the same tens.
fn triple(tens: u64) -> [Record; 3] {
    [1, 2, 3].map(|it| job_at(tens * 10 + it, tens))
}

/// How many of each triple are there; more than none and less than three is half a commit.
async fn triples(store: &AnyStore, many: u64) -> Vec<usize> {
    let mut found = Vec::new();
    for tens in 1..=many {
        let keys: Vec<Key> = triple(tens).iter().map(Record::key).collect();
        found.push(store.load(keys).await.expect("load").iter().flatten().count());
    }
    found
}

/// The process ends with commits on their way: those that were acknowledged are there, and none of
/// the others is there by half.
pub async fn commits_under_way_at_the_end_are_whole_or_not_there(dir: &Path, open: Open<'_>) {
    const MANY: u64 = 40;
    let store = open(dir);
    let mut commits = JoinSet::new();
    for tens in 1..=MANY {
        let store = Arc::clone(&store);
        commits.spawn(async move {
            let new = triple(tens).map(|it| write(it, None)).to_vec();
            store.commit(new).await.expect("all new");
            tens
        });
    }
    let mut acknowledged = Vec::new();
    for _ in 0..MANY / 4 {
        acknowledged.extend(commits.join_next().await.map(|it| it.expect("it was not cancelled")));
    }
    commits.shutdown().await;
    drop(store);

    let store = open(dir);

    let found = triples(&store, MANY).await;
    assert!(found.iter().all(|it| matches!(it, 0 | 3)), "half a commit is there: {found:?}");
    for (tens, found) in (1..).zip(&found) {
        assert!(
            *found == 3 || !acknowledged.contains(&tens),
            "{tens} was acknowledged and is gone"
        );
    }
    let whole = (1..).zip(&found).filter(|it| *it.1 == 3).map(|it| it.0).collect::<Vec<u64>>();
    let due = store.due(Queue::Jobs).await.expect("due").map(Timestamp::as_millis);
    assert_eq!(due, whole.first().copied(), "the index tells of other commits than the records");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory for temporary files can be written");
    for entry in fs::read_dir(from).expect("the store made it") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file of the store can be read");
        }
    }
}

/// A killed process leaves its files as they were at that moment: a copy of them, taken while the
/// store is open and without a word to it, is opened instead.
pub async fn what_a_killed_process_leaves_holds_all_that_was_acknowledged(
    dir: &Path,
    open: Open<'_>,
) {
    let (lives, copied) = (dir.join("lives"), dir.join("copied"));
    let store = open(&lives);
    for number in 1..=20 {
        put(&store, job_at(number, number), None).await.expect("new");
    }
    store.commit(vec![removal(job(1).key(), Some(1))]).await.expect("fresh");
    let claimed = claim_jobs(&store, 1, 1).await.remove(0);
    let body = match store.bodies() {
        Some(it) => Some(it.put(sample::batch_id(1), b"body".to_vec()).await.expect("put")),
        None => None,
    };
    copy(&lives, &copied);

    let left = open(&copied);

    assert_eq!(left.list(jobs(false)).await.expect("list").len(), 19);
    let Some(Record::Job(job)) = get(&left, Key::Job(claimed.id)).await.map(|it| it.record) else {
        panic!("the claimed job is gone");
    };
    assert_eq!((job.state, job.claims, job.lost), (JobState::Queued, 1, 1));
    assert_eq!(left.due(Queue::Jobs).await.expect("due"), Some(sample::at(3)));
    if let (Some(bodies), Some(body)) = (left.bodies(), body) {
        assert_eq!(bodies.get(body).await.expect("get"), Some(b"body".to_vec()));
    }
    drop((store, left));
}
