//! What a durable store keeps when it is closed and opened again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process};

use super::{get, put, sample};
use crate::core::job::JobState;
use crate::core::record::{Queue, Record};
use crate::ports::store::Store;

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
pub async fn acknowledged_commits_survive_a_reopening<S: Store>(
    dir: &Path,
    open: impl Fn(&Path) -> S,
) {
    let store = open(dir);
    let account = Record::Account(sample::account("a", 5));
    put(&store, account.clone(), None).await.expect("new");
    put(&store, Record::Job(sample::job(1, sample::at(7))), None).await.expect("new");
    drop(store);

    let store = open(dir);

    let found = get(&store, account.key()).await.expect("what was acknowledged is there");
    assert_eq!(found.record, account);
    assert_eq!(store.due(Queue::Jobs).await.expect("due"), Some(sample::at(7)));
}

/// Nobody waits for a lease whose process is gone.
pub async fn leases_are_released_at_a_reopening<S: Store>(dir: &Path, open: impl Fn(&Path) -> S) {
    let store = open(dir);
    put(&store, Record::Job(sample::job(1, sample::at(1))), None).await.expect("new");
    put(&store, Record::Notice(sample::notice(1, sample::at(1))), None).await.expect("new");
    let far = sample::at(u64::MAX);
    for queue in [Queue::Jobs, Queue::Notices] {
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
    for queue in [Queue::Jobs, Queue::Notices] {
        let due = store.due(queue).await.expect("due").expect("still in its queue");
        assert!(due < far, "{queue:?} waits for a dead process");
    }
}

/// A body is as durable as the record that names it.
pub async fn bodies_survive_a_reopening<S: Store>(dir: &Path, open: impl Fn(&Path) -> S) {
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
pub async fn versions_go_on_after_a_reopening<S: Store>(dir: &Path, open: impl Fn(&Path) -> S) {
    let account = |granted| Record::Account(sample::account("a", granted));
    let store = open(dir);
    put(&store, account(1), None).await.expect("new");
    put(&store, account(2), Some(1)).await.expect("fresh");
    drop(store);

    let store = open(dir);

    assert!(put(&store, account(3), Some(1)).await.is_err(), "a stale version passed");
    put(&store, account(3), Some(2)).await.expect("the version goes on");
    assert_eq!(get(&store, account(0).key()).await.map(|it| it.version), Some(3));
}
