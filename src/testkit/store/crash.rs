//! Crashes: a durable store keeps acknowledged commits, and no part of others.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::reopen::jobs;
use super::steps::claim_jobs;
use super::{AnyStore, Open, get, job, job_at, put, removal, sample, write};
use crate::core::job::JobState;
use crate::core::record::{Key, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::store::Store;
use crate::testkit::kit::{self, MustBeThere, MustSucceed, breach, must, must_eq};

/// Three jobs whose numbers begin with the same tens.
fn triple(tens: u64) -> [Record; 3] {
    [1, 2, 3].map(|it| job_at(tens * 10 + it, tens))
}

/// Returns the number of records of each triple. One or two are a partial commit.
async fn triples(store: &AnyStore, many: u64) -> Vec<usize> {
    let mut found = Vec::new();
    for tens in 1..=many {
        let keys: Vec<Key> = triple(tens).iter().map(Record::key).collect();
        found.push(store.load(keys).await.must_succeed("a load").iter().flatten().count());
    }
    found
}

/// If the process ends during commits, the acknowledged ones are kept, and the others are kept whole or not at
/// all.
pub async fn commits_during_a_crash_are_all_or_nothing(dir: &Path, open: Open<'_>) {
    const MANY: u64 = 40;
    let store = open(dir);
    let mut commits = JoinSet::new();
    for tens in 1..=MANY {
        let store = Arc::clone(&store);
        commits.spawn(async move {
            let new = triple(tens).map(|it| write(it, None)).to_vec();
            store.commit(new).await.must_succeed("a commit of new records");
            tens
        });
    }
    let mut acknowledged = Vec::new();
    for _ in 0..MANY / 4 {
        acknowledged.extend(commits.join_next().await.map(kit::joined));
    }
    commits.shutdown().await;
    drop(store);

    let store = open(dir);

    let found = triples(&store, MANY).await;
    must!(
        found.iter().all(|it| matches!(it, 0 | 3)),
        "the reopened store has these parts of commits of 3: {found:?}",
        "keep all of a commit or nothing"
    );
    for (tens, found) in (1..).zip(&found) {
        must!(
            *found == 3 || !acknowledged.contains(&tens),
            "the acknowledged commit {tens} was gone after the reopening",
            "keep what it acknowledged"
        );
    }
    let whole = (1..).zip(&found).filter(|it| *it.1 == 3).map(|it| it.0).collect::<Vec<u64>>();
    let due = store
        .due(Queue::Jobs, Timestamp::default())
        .await
        .must_succeed("`due`")
        .map(Timestamp::as_millis);
    must_eq!(
        due,
        whole.first().copied(),
        "the next due moment, which belongs to the first commit that was kept,"
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory for temporary files can be written");
    for entry in fs::read_dir(from).must_succeed("reading the directory of an open store") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a file of the store can be read");
        }
    }
}

/// A killed process leaves its files behind unchanged. The check opens a copy of the files that was taken while the
/// store was open.
pub async fn the_files_of_a_killed_process_contain_every_acknowledged_commit(
    dir: &Path,
    open: Open<'_>,
) {
    let (lives, copied) = (dir.join("lives"), dir.join("copied"));
    let store = open(&lives);
    for number in 1..=20 {
        put(&store, job_at(number, number), None).await.must_succeed("a commit of a new record");
    }
    store
        .commit(vec![removal(job(1).key(), Some(1))])
        .await
        .must_succeed("a commit at the current version");
    let claimed = claim_jobs(&store, 1, 1).await;
    let claimed = claimed.into_iter().next().must_be_there("a job that is due, in a claim,");
    let body = match store.bodies() {
        Some(it) => Some(
            it.put(sample::batch_id(1), b"body".to_vec()).await.must_succeed("a put of a body"),
        ),
        None => None,
    };
    copy(&lives, &copied);

    let left = open(&copied);

    must_eq!(
        left.list(jobs(false)).await.must_succeed("a list").len(),
        19,
        "the number of jobs in a copy of the files of an open store"
    );
    let Some(Record::Job(job)) = get(&left, Key::Job(claimed.id)).await.map(|it| it.record) else {
        breach!(
            "the claimed job was gone from a copy of the files of an open store",
            "have it on disk"
        );
    };
    must_eq!(
        (job.state, job.claims, job.lost),
        (JobState::Queued, 1, 1),
        "the state, the claims and the lost leases of a job that a killed process held"
    );
    must_eq!(
        left.due(Queue::Jobs, Timestamp::default()).await.must_succeed("`due`"),
        Some(sample::at(3)),
        "the next due moment in a copy of the files of an open store"
    );
    if let (Some(bodies), Some(body)) = (left.bodies(), body) {
        must_eq!(
            bodies.get(body).await.must_succeed("a get of a body"),
            Some(b"body".to_vec()),
            "an acknowledged body in a copy of the files of an open store"
        );
    }
    drop((store, left));
}
