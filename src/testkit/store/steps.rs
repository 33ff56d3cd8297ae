//! The engine's commits: submit, end a job, expire. Each changes many records, and many workers commit at once.

use std::sync::Arc;

use super::{AnyStore, assert_conflict, at_once, get, put, removal, sample, write};
use crate::core::batch::{BatchRecord, BatchStatus, Tally};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, WorkerId};
use crate::core::job::{BodyRef, Fence, Job, JobState};
use crate::core::ledger::Account;
use crate::core::record::{Claim, Key, Queue, Record, RecordKind};
use crate::core::step::{MIN_RETENTION, Records, StepInput, step};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::ports::store::{ListQuery, Store, StoreError, Versioned, Write};
use crate::testkit::kit::{MustBeThere, MustSucceed, breach, must, must_eq};

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
        inline_jobs: ids,
        ..sample::batch(1, None)
    };
    changes.push(write(Record::Batch(batch), None));
    changes.push(write(Record::Account(account), None));
    store.commit(changes).await.must_succeed("a commit of new records");
}

fn record(found: Option<Versioned>) -> (u64, Record) {
    let found = found.must_be_there("a record that nobody removed");
    (found.version, found.record)
}

/// Loads the account and the batch.
pub(super) async fn books(store: &AnyStore) -> (Account, BatchRecord) {
    let keys = vec![Key::Account(AccountId::default()), Key::Batch(sample::batch_id(1))];
    let mut found = store.load(keys).await.must_succeed("a load").into_iter();
    let mut next = || record(found.next().flatten()).1;
    match (next(), next()) {
        (Record::Account(account), Record::Batch(batch)) => (account, batch),
        other => breach!(
            "the keys of an account and a batch led to {other:?}",
            "return the account and the batch"
        ),
    }
}

/// Returns the commit that ends `job` with a page, decided from the current records.
async fn ending(store: &AnyStore, job: &Job) -> Vec<Write> {
    let keys = vec![Key::Job(job.id), Key::Batch(job.batch), Key::Account(job.account.clone())];
    let mut found = store.load(keys).await.must_succeed("a load").into_iter();
    let mut next = || record(found.next().flatten());
    let ((job_version, Record::Job(kept)), (batch_version, Record::Batch(batch))) =
        (next(), next())
    else {
        breach!(
            "the keys of a job and a batch led to other records",
            "return the job and the batch"
        );
    };
    let (account_version, Record::Account(account)) = next() else {
        breach!("the key of an account led to another record", "return the account");
    };
    let worker = job.lease.must_be_there("the lease of a claimed job").worker;
    let (on_hold, hold) = (account.held(), kept.hold);
    must!(
        on_hold >= hold,
        "the account of a running job had {on_hold} on hold, less than the {hold} of the job",
        "keep them until the job has ended, which happens once"
    );
    let records = Records { job: &kept, batch: &batch, account: &account };
    let input = StepInput::Succeed {
        tier: Tier::Curl,
        charged: CHARGE,
        body: BodyRef("somewhere".to_owned()),
        cached: false,
        attempts: Vec::new(),
    };
    let fence = Fence { worker, claim: job.claims };
    let done = step(records, Some(fence), input, sample::at(50), MIN_RETENTION);
    let done = done.must_succeed("the step of a job under its lease");
    let ending = done.ending.must_be_there("the end of a job whose page was scraped");
    let mut changes = vec![
        write(Record::Job(done.job), Some(job_version)),
        write(Record::Batch(ending.batch), Some(batch_version)),
        write(Record::Account(ending.account), Some(account_version)),
        write(Record::LedgerEntry(ending.entry), None),
    ];
    let notification = ending.completion.map(|it| it.notification(&batch, "{}".to_owned()));
    changes.extend(notification.map(|it| write(Record::Notification(it), None)));
    changes
}

/// Claims at most `limit` jobs and returns them.
pub(super) async fn claim_jobs(store: &AnyStore, worker: u64, limit: usize) -> Vec<Job> {
    let claim = Claim { worker: WorkerId(worker), limit, ..sample::claim(Queue::Jobs, 10) };
    let found = store.claim(claim).await.must_succeed("a claim");
    found
        .into_iter()
        .map(|it| match it.record {
            Record::Job(job) => job,
            other => breach!("a claim of jobs returned {other:?}", "return jobs only"),
        })
        .collect()
}

/// Ends a claimed job, retrying after conflicts.
pub(super) async fn end(store: &AnyStore, job: &Job) {
    loop {
        match store.commit(ending(store, job).await).await {
            Ok(()) => return,
            Err(StoreError::Conflict) => tokio::task::yield_now().await,
            Err(other) => breach!(
                "a commit that raced with others was answered {other:?}",
                "accept it or answer StoreError::Conflict"
            ),
        }
    }
}

async fn count(store: &AnyStore, kind: RecordKind) -> usize {
    let list = ListQuery { kind, after: None, descending: false, limit: 1_000 };
    store.list(list).await.must_succeed("a list").len()
}

/// Job, batch, account, ledger entry and notification change in one commit.
pub async fn the_end_of_a_job_is_one_commit(store: AnyStore) {
    submit(&store, 1).await;
    let jobs = claim_jobs(&store, 1, 1).await;
    let job = jobs.into_iter().next().must_be_there("a job that is due, in a claim,");

    end(&store, &job).await;

    let (account, batch) = books(&store).await;
    must_eq!(
        (account.free(), account.held(), account.spent()),
        (Credits(997), Credits(0), CHARGE),
        "the free, held and spent credits after a job ended"
    );
    must_eq!(
        (batch.status(), batch.charged),
        (BatchStatus::Completed, CHARGE),
        "the status and the charge of the batch after its one job ended"
    );
    let (version, kept) = record(get(&store, Key::Job(job.id)).await);
    must!(
        matches!(&kept, Record::Job(it) if it.state == JobState::Succeeded && version == 3),
        "the ended job was stored as {kept:?} at version {version}",
        "store it as succeeded, at version 3"
    );
    must_eq!(
        (
            count(&store, RecordKind::LedgerEntry).await,
            count(&store, RecordKind::Notification).await
        ),
        (1, 1),
        "the numbers of ledger lines and notifications after a job ended"
    );
    let due = |queue| store.due(queue, Timestamp::default());
    must_eq!(
        due(Queue::Jobs).await.must_succeed("`due`"),
        None,
        "the next due moment of the queue of jobs, which have all ended,"
    );
    must_eq!(
        due(Queue::Notifications).await.must_succeed("`due`"),
        Some(sample::at(50)),
        "the moment at which the notification is due"
    );
    must!(
        due(Queue::Expiry).await.must_succeed("`due`").is_some(),
        "a batch that has ended is in no expiry queue",
        "index the moment at which it expires"
    );
}

/// A second end of the same job is refused as a whole, including its ledger entry.
pub async fn a_late_result_changes_nothing(store: AnyStore) {
    submit(&store, 2).await;
    let jobs = claim_jobs(&store, 1, 1).await;
    let job = jobs.into_iter().next().must_be_there("a job that is due, in a claim,");
    let late = ending(&store, &job).await;
    end(&store, &job).await;
    let before = books(&store).await;

    let refused = store.commit(late).await;
    assert_conflict("the commit of a worker whose job has ended", &refused);

    must_eq!(books(&store).await, before, "the account and the batch after a late result");
    must_eq!(
        count(&store, RecordKind::LedgerEntry).await,
        1,
        "the number of ledger lines after a late result"
    );
}

/// Credits are conserved, every job ends once, and exactly one notification is created.
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
    must_eq!(
        (account.free(), account.held()),
        (Credits(GRANTED.0 - spent.0), Credits::ZERO),
        "the free and held credits after six workers ended 24 jobs"
    );
    must_eq!(
        (account.spent(), batch.charged),
        (spent, spent),
        "the spent credits and the charge of the batch after six workers ended 24 jobs"
    );
    must_eq!(
        batch.tally,
        Tally { total: 24, succeeded: 24, failed: 0 },
        "the tally after six workers ended 24 jobs"
    );
    must_eq!(
        count(&store, RecordKind::LedgerEntry).await,
        24,
        "the number of ledger lines after six workers ended 24 jobs"
    );
    must_eq!(
        count(&store, RecordKind::Notification).await,
        1,
        "the number of notifications of one batch"
    );
}

/// Of many submissions with one idempotency key, one is accepted and the others leave no records.
pub async fn one_of_concurrent_submissions_is_accepted(store: AnyStore) {
    let account = sample::account("a", GRANTED.0);
    put(&store, Record::Account(account.clone()), None)
        .await
        .must_succeed("a commit of a new record");
    let mut held = account;
    held.hold(HOLD).expect("it is covered");
    let hosts = at_once((1..=8).map(|number| {
        let (store, held) = (Arc::clone(&store), held.clone());
        async move {
            let changes = vec![
                write(Record::Batch(sample::batch(number, None)), None),
                write(Record::Account(held), Some(1)),
                write(Record::IdempotencyRecord(sample::submission("a", "order-1", number)), None),
            ];
            (number, store.commit(changes).await)
        }
    }));

    let results = hosts.join_all().await;
    let accepted = results.iter().filter(|it| it.1.is_ok()).map(|it| it.0).collect::<Vec<_>>();

    must_eq!(
        accepted.len(),
        1,
        "the number of submissions accepted, of 8 with one idempotency key,"
    );
    let submission = Record::IdempotencyRecord(sample::submission("a", "order-1", accepted[0]));
    must_eq!(
        record(get(&store, submission.key()).await),
        (1, submission),
        "the record of the idempotency key, with its version,"
    );
    must_eq!(
        count(&store, RecordKind::Batch).await,
        1,
        "the number of batches after 8 submissions with one idempotency key"
    );
}

/// An expired batch is removed with its jobs, ledger and notification. Other records stay.
pub async fn an_expired_batch_is_removed_with_its_records(store: AnyStore) {
    submit(&store, 3).await;
    for job in claim_jobs(&store, 1, 3).await {
        end(&store, &job).await;
    }
    put(&store, Record::LedgerEntry(sample::entry(2, 0)), None)
        .await
        .must_succeed("a commit of a new record");
    let mut changes = Vec::new();
    for kind in [RecordKind::Batch, RecordKind::Job, RecordKind::Notification] {
        let list = ListQuery { kind, after: None, descending: false, limit: 9 };
        let found = store.list(list).await.must_succeed("a list");
        changes.extend(found.iter().map(|it| removal(it.record.key(), Some(it.version))));
    }
    let entries = (0..3).map(|it| removal(Key::LedgerEntry(sample::batch_id(1), it), Some(1)));
    changes.extend(entries);

    store.commit(changes).await.must_succeed("a commit at the current versions");

    for (kind, left) in [
        (RecordKind::Batch, 0),
        (RecordKind::Job, 0),
        (RecordKind::Notification, 0),
        (RecordKind::LedgerEntry, 1),
    ] {
        must_eq!(
            count(&store, kind).await,
            left,
            "the number of records of the kind {kind:?} after the batch was removed"
        );
    }
    for queue in Queue::ALL {
        must_eq!(
            store.due(queue, Timestamp::default()).await.must_succeed("`due`"),
            None,
            "the due moment that a removed batch left in the queue {queue:?}"
        );
    }
    must!(
        get(&store, Key::Account(AccountId::default())).await.is_some(),
        "the account was gone after its batch was removed",
        "keep it"
    );
}
