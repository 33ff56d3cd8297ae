//! The engine's own commits: submit, end a job, expire. Many records each, many workers at once.

use std::sync::Arc;

use super::{AnyStore, assert_conflict, at_once, get, put, removal, sample, write};
use crate::core::batch::{BatchRecord, BatchStatus, Tally};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, WorkerId};
use crate::core::job::{BodyRef, Fence, Job, JobState};
use crate::core::ledger::Account;
use crate::core::record::{Claim, Key, Kind, Queue, Record};
use crate::core::step::{Records, StepInput, step};
use crate::core::tier::Tier;
use crate::ports::store::{ListQuery, Store, StoreError, Versioned, Write};

const GRANTED: Credits = Credits(1_000);
const HOLD: Credits = Credits(10);
const CHARGE: Credits = Credits(3);

/// Submits batch 1 with this many jobs, all due at once: the batch, its jobs and the hold in one
/// commit.
pub(super) async fn submit(store: &AnyStore, jobs: u32) {
    let mut account = sample::account("default", GRANTED.0);
    let ids: Vec<_> = (1..=u64::from(jobs)).map(sample::job_id).collect();
    let mut changes = Vec::new();
    for number in 1..=u64::from(jobs) {
        account.hold(HOLD).expect("it is covered");
        let job = Job { hold: HOLD, ..sample::job(number, sample::at(1)) };
        changes.push(write(Record::Job(job), None));
    }
    let batch = BatchRecord {
        tally: Tally { total: jobs, ..Tally::default() },
        estimate: account.held(),
        webhook: Some("https://example.com/hook".to_owned()),
        jobs: ids,
        ..sample::batch(1, None)
    };
    changes.push(write(Record::Batch(batch), None));
    changes.push(write(Record::Account(account), None));
    store.commit(changes).await.expect("all new");
}

fn record(found: Option<Versioned>) -> (u64, Record) {
    let found = found.expect("nothing was removed");
    (found.version, found.record)
}

/// The account and the batch as they are.
pub(super) async fn books(store: &AnyStore) -> (Account, BatchRecord) {
    let keys = vec![Key::Account(AccountId::default()), Key::Batch(sample::batch_id(1))];
    let mut found = store.load(keys).await.expect("load").into_iter();
    let mut next = || record(found.next().flatten()).1;
    match (next(), next()) {
        (Record::Account(account), Record::Batch(batch)) => (account, batch),
        other => panic!("their keys led to {other:?}"),
    }
}

/// The commit that ends `job` with a page, decided from what is in the store now.
async fn ending(store: &AnyStore, job: &Job) -> Vec<Write> {
    let keys = vec![Key::Job(job.id), Key::Batch(job.batch), Key::Account(job.account.clone())];
    let mut found = store.load(keys).await.expect("load").into_iter();
    let mut next = || record(found.next().flatten());
    let ((job_version, Record::Job(kept)), (batch_version, Record::Batch(batch))) =
        (next(), next())
    else {
        panic!("the keys of a job and a batch led elsewhere");
    };
    let (account_version, Record::Account(account)) = next() else {
        panic!("the key of an account led elsewhere");
    };
    let worker = job.lease.expect("it was claimed").worker;
    let records = Records { job: &kept, batch: &batch, account: &account };
    let input = StepInput::Succeed {
        tier: Tier::Curl,
        charged: CHARGE,
        body: BodyRef("somewhere".to_owned()),
        cached: false,
        attempts: Vec::new(),
    };
    let done = step(records, Some(Fence { worker, claim: job.claims }), input, sample::at(50));
    let done = done.expect("the lease still runs");
    let ending = done.ending.expect("a page ends the job");
    let mut changes = vec![
        write(Record::Job(done.job), Some(job_version)),
        write(Record::Batch(ending.batch), Some(batch_version)),
        write(Record::Account(ending.account), Some(account_version)),
        write(Record::Entry(ending.entry), None),
    ];
    changes.extend(ending.notice.map(|it| write(Record::Notification(it), None)));
    changes
}

/// Claims as many as `limit` and returns them.
pub(super) async fn claim_jobs(store: &AnyStore, worker: u64, limit: usize) -> Vec<Job> {
    let claim = Claim { worker: WorkerId(worker), limit, ..sample::claim(Queue::Jobs, 10) };
    let found = store.claim(claim).await.expect("claim");
    found
        .into_iter()
        .map(|it| match it.record {
            Record::Job(job) => job,
            other => panic!("the queue of jobs gave {other:?}"),
        })
        .collect()
}

/// Ends a claimed job, trying again as long as others were faster.
pub(super) async fn end(store: &AnyStore, job: &Job) {
    loop {
        match store.commit(ending(store, job).await).await {
            Ok(()) => return,
            Err(StoreError::Conflict) => tokio::task::yield_now().await,
            Err(other) => panic!("a worker was told {other:?}"),
        }
    }
}

async fn count(store: &AnyStore, kind: Kind) -> usize {
    let list = ListQuery { kind, after: None, descending: false, limit: 1_000 };
    store.list(list).await.expect("list").len()
}

/// Job, batch, account, ledger line and event change together.
pub async fn the_end_of_a_job_is_one_commit(store: AnyStore) {
    submit(&store, 1).await;
    let job = claim_jobs(&store, 1, 1).await.remove(0);

    end(&store, &job).await;

    let (account, batch) = books(&store).await;
    assert_eq!(
        (account.free(), account.held(), account.spent()),
        (Credits(997), Credits(0), CHARGE)
    );
    assert_eq!((batch.status(), batch.charged), (BatchStatus::Completed, CHARGE));
    let (version, kept) = record(get(&store, Key::Job(job.id)).await);
    assert!(matches!(kept, Record::Job(it) if it.state == JobState::Succeeded && version == 3));
    assert_eq!((count(&store, Kind::Entry).await, count(&store, Kind::Notification).await), (1, 1));
    let due = |queue| store.due(queue);
    assert_eq!(due(Queue::Jobs).await.expect("due"), None);
    assert_eq!(due(Queue::Notifications).await.expect("due"), Some(sample::at(50)));
    assert!(due(Queue::Expiry).await.expect("due").is_some(), "the batch expires some day");
}

/// The same end again, from a worker that was slow: all of it is refused, the ledger's line too.
pub async fn a_late_result_changes_nothing(store: AnyStore) {
    submit(&store, 2).await;
    let job = claim_jobs(&store, 1, 1).await.remove(0);
    let late = ending(&store, &job).await;
    end(&store, &job).await;
    let before = books(&store).await;

    assert_conflict(&store.commit(late).await);

    assert_eq!(books(&store).await, before);
    assert_eq!(count(&store, Kind::Entry).await, 1);
}

/// Credits are conserved, every job ends once, and exactly one event comes into being.
pub async fn a_batch_that_many_workers_end_adds_up(store: AnyStore) {
    submit(&store, 24).await;
    let workers = at_once((1..=6).map(|worker| {
        let store = Arc::clone(&store);
        async move {
            loop {
                let jobs = claim_jobs(&store, worker, 2).await;
                if jobs.is_empty() {
                    return;
                }
                for job in jobs {
                    end(&store, &job).await;
                }
            }
        }
    }));

    workers.join_all().await;

    let (account, batch) = books(&store).await;
    let spent = Credits(24 * CHARGE.0);
    assert_eq!((account.free(), account.held()), (Credits(GRANTED.0 - spent.0), Credits::ZERO));
    assert_eq!((account.spent(), batch.charged), (spent, spent));
    assert_eq!(batch.tally, Tally { total: 24, succeeded: 24, failed: 0 });
    assert_eq!(count(&store, Kind::Entry).await, 24, "a line for each settlement");
    assert_eq!(count(&store, Kind::Notification).await, 1, "one event for the batch");
}

/// One idempotency key, many submissions: one batch and one hold, and nothing of the others.
pub async fn of_concurrent_submissions_one_is_accepted(store: AnyStore) {
    let account = sample::account("a", GRANTED.0);
    put(&store, Record::Account(account.clone()), None).await.expect("new");
    let mut held = account;
    held.hold(HOLD).expect("it is covered");
    let hosts = at_once((1..=8).map(|number| {
        let (store, held) = (Arc::clone(&store), held.clone());
        async move {
            let changes = vec![
                write(Record::Batch(sample::batch(number, None)), None),
                write(Record::Account(held), Some(1)),
                write(Record::Submission(sample::submission("a", "order-1", number)), None),
            ];
            (number, store.commit(changes).await)
        }
    }));

    let results = hosts.join_all().await;
    let accepted = results.iter().filter(|it| it.1.is_ok()).map(|it| it.0).collect::<Vec<_>>();

    assert_eq!(accepted.len(), 1, "accepted: {accepted:?}");
    let submission = Record::Submission(sample::submission("a", "order-1", accepted[0]));
    assert_eq!(record(get(&store, submission.key()).await), (1, submission));
    assert_eq!(count(&store, Kind::Batch).await, 1, "a refused submission left its batch");
}

/// A batch goes with its jobs, its ledger and its event, and what is beside it stays.
pub async fn an_expired_batch_is_removed_whole(store: AnyStore) {
    submit(&store, 3).await;
    for job in claim_jobs(&store, 1, 3).await {
        end(&store, &job).await;
    }
    put(&store, Record::Entry(sample::entry(2, 0)), None).await.expect("new");
    let mut changes = Vec::new();
    for kind in [Kind::Batch, Kind::Job, Kind::Notification] {
        let list = ListQuery { kind, after: None, descending: false, limit: 9 };
        let found = store.list(list).await.expect("list");
        changes.extend(found.iter().map(|it| removal(it.record.key(), Some(it.version))));
    }
    let entries = (0..3).map(|it| removal(Key::Entry(sample::batch_id(1), it), Some(1)));
    changes.extend(entries);

    store.commit(changes).await.expect("all fresh");

    for (kind, left) in
        [(Kind::Batch, 0), (Kind::Job, 0), (Kind::Notification, 0), (Kind::Entry, 1)]
    {
        assert_eq!(count(&store, kind).await, left, "{kind:?}");
    }
    for queue in Queue::ALL {
        assert_eq!(store.due(queue).await.expect("due"), None, "{queue:?}");
    }
    assert!(get(&store, Key::Account(AccountId::default())).await.is_some(), "the sums stay");
}
