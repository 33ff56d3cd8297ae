//! The index: due times are consistent with the records.

use std::collections::HashSet;

use super::claims::{add_job, claimed, claimed_jobs, due, jobs_at};
use super::{AnyStore, account, get, job, job_at, put, removal, sample};
use crate::core::batch::{Notification, NotificationState};
use crate::core::job::{Job, JobState};
use crate::core::record::{Claim, Queue, Record};
use crate::testkit::kit::{MustSucceed, must, must_eq};

/// A claim in one queue returns no record of another.
pub async fn queues_are_kept_apart(store: AnyStore) {
    add_job(&store, 1, 1).await;
    put(&store, Record::Notification(sample::notice(1, sample::at(2))), None)
        .await
        .must_succeed("a commit of a new record");
    put(&store, Record::Batch(sample::batch(1, Some(sample::at(3)))), None)
        .await
        .must_succeed("a commit of a new record");
    put(&store, Record::Crawl(sample::crawl(1, sample::at(4))), None)
        .await
        .must_succeed("a commit of a new record");

    for (queue, at) in Queue::ALL.into_iter().zip(1..) {
        must_eq!(due(&store, queue).await, Some(at), "the next due moment of the queue {queue:?}");
        must_eq!(
            claimed(&store, sample::claim(queue, 9)).await.len(),
            1,
            "the number of records claimed from the queue {queue:?}, which holds one,"
        );
    }
}

/// The earliest due time follows new records, changes and claims.
pub async fn the_earliest_due_time_follows_commits(store: AnyStore) {
    add_job(&store, 1, 300).await;
    add_job(&store, 2, 200).await;
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(200),
        "the next due moment of jobs due at 300 ms and 200 ms"
    );

    put(&store, Record::Job(sample::job(2, sample::at(400))), Some(1))
        .await
        .must_succeed("a commit at the current version");
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(300),
        "the next due moment after the earlier job was moved to 400 ms"
    );

    claimed(&store, jobs_at(350)).await;
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(400),
        "the next due moment after the first job was claimed"
    );
    claimed(&store, jobs_at(400)).await;
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(450),
        "the next due moment while the first lease runs until 450 ms"
    );
}

/// A record without a due time is in no queue, because it would be claimed again and again.
pub async fn records_without_a_due_time_are_in_no_queue(store: AnyStore) {
    let ended = |number, state| Record::Job(Job { state, ..sample::job(number, sample::at(1)) });
    let told = |number, state| {
        Record::Notification(Notification { state, ..sample::notice(number, sample::at(1)) })
    };
    let records = [
        account(1),
        Record::Batch(sample::batch(1, None)),
        Record::LedgerEntry(sample::entry(1, 0)),
        Record::Site(sample::site("example.com")),
        Record::IdempotencyRecord(sample::submission("a", "b", 1)),
        ended(1, JobState::Succeeded),
        ended(2, JobState::Failed),
        told(1, NotificationState::Delivered),
        told(2, NotificationState::GivenUp),
        told(3, NotificationState::Unaddressed),
    ];

    for record in records {
        put(&store, record, None).await.must_succeed("a commit of a new record");
    }

    for queue in Queue::ALL {
        must_eq!(
            due(&store, queue).await,
            None,
            "the next due moment of the queue {queue:?}, in which nothing belongs,"
        );
        must!(
            claimed(&store, sample::claim(queue, 1_000)).await.is_empty(),
            "a claim from the queue {queue:?} returned a record that waits for nothing",
            "return nothing"
        );
    }
}

/// An earlier due time replaces the old one at once.
pub async fn an_earlier_due_time_replaces_the_old_one(store: AnyStore) {
    add_job(&store, 1, 500).await;

    put(&store, job_at(1, 20), Some(1)).await.must_succeed("a commit at the current version");

    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(20),
        "the next due moment after a job was moved from 500 ms to 20 ms"
    );
    must_eq!(
        claimed_jobs(&store, jobs_at(20)).await.len(),
        1,
        "the number of jobs claimed at 20 ms"
    );
    must!(
        claimed_jobs(&store, jobs_at(100)).await.is_empty(),
        "the job was claimed at 100 ms although its lease runs until 120 ms",
        "leave a leased job alone"
    );
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(120),
        "the next due moment while the lease runs until 120 ms"
    );
}

/// A record that is rewritten with the same due time has one index entry.
pub async fn rewriting_the_same_due_time_counts_once(store: AnyStore) {
    add_job(&store, 1, 5).await;
    for version in 1..=3 {
        put(&store, job_at(1, 5), Some(version))
            .await
            .must_succeed("a commit at the current version");
    }

    must_eq!(
        claimed_jobs(&store, jobs_at(5)).await.len(),
        1,
        "the number of jobs claimed, of one that was written four times with the same moment,"
    );
    must!(
        claimed_jobs(&store, jobs_at(50)).await.is_empty(),
        "a job that was written four times with the same moment was claimed a second time",
        "keep one index entry for it"
    );

    store
        .commit(vec![removal(job(1).key(), Some(5))])
        .await
        .must_succeed("a commit at the current version");
    must_eq!(due(&store, Queue::Jobs).await, None, "the next due moment after the job was removed");
}

/// Jobs that are due at the same millisecond are all kept.
pub async fn records_with_equal_due_times_are_all_kept(store: AnyStore) {
    for number in 1..=20 {
        add_job(&store, number, 7).await;
    }
    store
        .commit(vec![removal(job(4).key(), Some(1))])
        .await
        .must_succeed("a commit at the current version");

    let mut taken = HashSet::new();
    for _ in 0..7 {
        for job in claimed_jobs(&store, Claim { limit: 3, ..jobs_at(7) }).await {
            let id = job.id;
            must!(taken.insert(job.id), "the job {id:?} was claimed twice", "hand it out once");
        }
    }

    must_eq!(taken.len(), 19, "the number of jobs claimed, of 19 due at the same moment,");
    must!(
        !taken.contains(&sample::job_id(4)),
        "a removed job was claimed",
        "remove its index entry with it"
    );
}

/// A removed record is no longer due in any queue.
pub async fn a_removed_record_is_never_due(store: AnyStore) {
    for number in 1..=2 {
        let at = sample::at(number * 10);
        let records = [
            Record::Job(sample::job(number, at)),
            Record::Notification(sample::notice(number, at)),
            Record::Batch(sample::batch(number, Some(at))),
            Record::Crawl(sample::crawl(number, at)),
        ];
        for record in records {
            put(&store, record, None).await.must_succeed("a commit of a new record");
        }
    }

    for queue in Queue::ALL {
        for left in [Some(20), None] {
            let number = if left.is_some() { 1 } else { 2 };
            let record = match queue {
                Queue::Jobs => job(number),
                Queue::Notifications => Record::Notification(sample::notice(number, sample::at(0))),
                Queue::Expiry => Record::Batch(sample::batch(number, None)),
                Queue::Crawls => Record::Crawl(sample::crawl(number, sample::at(0))),
            };
            store
                .commit(vec![removal(record.key(), Some(1))])
                .await
                .must_succeed("a commit at the current version");
            must_eq!(
                due(&store, queue).await,
                left,
                "the next due moment of the queue {queue:?} after a removal"
            );
        }
        must!(
            claimed(&store, sample::claim(queue, 1_000)).await.is_empty(),
            "a claim from the queue {queue:?} returned a removed record",
            "return nothing"
        );
    }
}

/// A delivered notification is no longer due, although its record still contains a time.
pub async fn a_delivered_notification_leaves_its_queue(store: AnyStore) {
    let notice = sample::notice(1, sample::at(5));
    put(&store, Record::Notification(notice.clone()), None)
        .await
        .must_succeed("a commit of a new record");
    must_eq!(
        claimed(&store, sample::claim(Queue::Notifications, 5)).await.len(),
        1,
        "the number of notifications claimed"
    );

    let told = Notification { state: NotificationState::Delivered, ..notice };
    put(&store, Record::Notification(told), Some(2))
        .await
        .must_succeed("a commit at the version of a claim");

    must_eq!(
        due(&store, Queue::Notifications).await,
        None,
        "the next due moment after the notification was delivered"
    );
    must!(
        claimed(&store, sample::claim(Queue::Notifications, 1_000)).await.is_empty(),
        "a delivered notification was claimed",
        "leave it out of its queue"
    );
}

/// A batch is due for expiry only after its end.
pub async fn a_batch_that_ends_begins_to_expire(store: AnyStore) {
    put(&store, Record::Batch(sample::batch(1, None)), None)
        .await
        .must_succeed("a commit of a new record");
    must_eq!(
        due(&store, Queue::Expiry).await,
        None,
        "the moment at which an unfinished batch expires"
    );

    let ended = Record::Batch(sample::batch(1, Some(sample::at(90))));
    put(&store, ended.clone(), Some(1)).await.must_succeed("a commit at the current version");

    must!(
        claimed(&store, sample::claim(Queue::Expiry, 89)).await.is_empty(),
        "a batch that expires at 90 ms was claimed at 89 ms",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed(&store, sample::claim(Queue::Expiry, 90)).await,
        [ended],
        "the records that expired at 90 ms"
    );
}

/// Cache entries are ordered by time in the same queue as batches.
pub async fn cache_entries_fall_due_for_expiry(store: AnyStore) {
    let answer = Record::CacheEntry(sample::cached(1, sample::at(5)));
    let batch = Record::Batch(sample::batch(1, Some(sample::at(6))));
    for record in [&batch, &answer] {
        put(&store, record.clone(), None).await.must_succeed("a commit of a new record");
    }

    must_eq!(
        due(&store, Queue::Expiry).await,
        Some(5),
        "the next expiry, of a cache entry at 5 ms and a batch at 6 ms,"
    );
    must_eq!(
        claimed(&store, sample::claim(Queue::Expiry, 6)).await,
        [answer.clone(), batch],
        "the records that expired until 6 ms"
    );
    must_eq!(
        get(&store, answer.key()).await.map(|it| it.version),
        Some(1),
        "the version of a cache entry that a claim handed out"
    );
}

/// A day of usage falls due for expiry.
pub async fn days_of_usage_fall_due_for_expiry(store: AnyStore) {
    let day = sample::usage("a", 3);
    let at = day.expires_at().as_millis();
    put(&store, Record::Usage(day.clone()), None).await.must_succeed("a commit of a new record");

    must_eq!(
        due(&store, Queue::Expiry).await,
        Some(at),
        "the moment at which a day of usage expires"
    );
    must!(
        claimed(&store, sample::claim(Queue::Expiry, at - 1)).await.is_empty(),
        "a day of usage was claimed a millisecond before it expires",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed(&store, sample::claim(Queue::Expiry, at)).await,
        [Record::Usage(day)],
        "the records that expired with a day of usage"
    );
}

/// The first and the last millisecond are valid due times.
pub async fn the_first_and_the_last_due_time_are_kept(store: AnyStore) {
    let last = u64::MAX;
    add_job(&store, 1, last).await;
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(last),
        "the next due moment of a job due at the last moment"
    );
    add_job(&store, 2, 0).await;
    must_eq!(
        due(&store, Queue::Jobs).await,
        Some(0),
        "the next due moment after a job due at 0 ms was added"
    );

    let claim = |now, until| Claim { now: sample::at(now), until: sample::at(until), ..jobs_at(0) };
    let first = claimed_jobs(&store, claim(0, last)).await;
    must_eq!(
        first.iter().map(|it| it.id).collect::<Vec<_>>(),
        [sample::job_id(2)],
        "the jobs claimed at 0 ms"
    );
    must!(
        claimed_jobs(&store, claim(last - 1, last)).await.is_empty(),
        "a job due at the last moment was claimed a millisecond before",
        "hand out nothing before it is due"
    );
    must_eq!(
        claimed_jobs(&store, claim(last, last)).await.len(),
        2,
        "the number of jobs claimed at the last moment"
    );
}
