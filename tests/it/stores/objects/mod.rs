//! Bodies in a directory and on a server with the API of S3.

mod errors;
mod pages;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::ports::BoxFuture;
use rungs::ports::store::{Bodies, StoreError};
use rungs::stores::{Memory, Objects, ObjectsOptions};
use rungs::testkit::run;
use rungs::testkit::store::{Scratch, check_bodies, sample};
use tokio::task::JoinSet;

use crate::support::s3::S3;

/// Opens a directory of objects.
fn directory(scratch: &Scratch) -> Objects {
    Objects::open(&format!("file://{}", scratch.path().display())).expect("an empty directory")
}

/// Two handles, as of two processes. Bodies are read in turn through the one that stored them, which has them in
/// memory, and through the other one.
#[derive(Debug)]
struct Apart {
    writer: Objects,
    reader: Objects,
    reads: AtomicUsize,
}

impl Bodies for Apart {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        self.writer.put(batch, body)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let is_far = self.reads.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        if is_far { self.reader.get(body) } else { self.writer.get(body) }
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.remove(batch)
    }
}

/// Runs the kit, each check below a path of its own.
fn check(url: &str, options: &ObjectsOptions) {
    let (url, options) = (url.to_owned(), options.clone());
    let opened = Arc::new(AtomicUsize::new(0));

    let report = check_bodies(move || {
        let url = format!("{url}/{}", opened.fetch_add(1, Ordering::Relaxed));
        let open = || Objects::open_with(&url, options.clone()).expect("valid settings");
        Apart { writer: open(), reader: open(), reads: AtomicUsize::new(0) }
    });

    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(report.passed.len(), 11);
}

#[test]
fn directories_pass_the_kit_of_bodies() {
    let scratch = Scratch::new();
    check(&format!("file://{}", scratch.path().display()), &ObjectsOptions::new());
}

#[test]
fn an_s3_server_passes_the_kit_of_bodies() {
    let s3 = S3::start();

    check("s3://pages/kit", &s3.options());
}

#[test]
fn bodies_of_a_batch_that_arrive_together_share_objects() {
    let mut s3 = S3::start();
    let objects = s3.objects("packs");
    let (batch, other) = (sample::batch_id(1), sample::batch_id(2));

    let put = run(async {
        let mut writers = JoinSet::new();
        for number in 0..100_u64 {
            let objects = objects.clone();
            writers.spawn(async move {
                let body = format!("page {number}").into_bytes();
                (objects.put(batch, body.clone()).await.expect("stored"), body)
            });
        }
        writers.join_all().await
    });
    let writes = s3.writes();
    let alone = run(objects.put(other, b"alone".to_vec())).expect("stored");

    assert!((1..=20).contains(&writes), "{writes} requests for 100 bodies");
    let mut names: Vec<_> = put.iter().map(|it| it.0.0.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 100, "a reference for each body");
    let reader = s3.objects("packs");
    for (body, bytes) in put {
        assert_eq!(run(reader.get(body)).expect("readable"), Some(bytes));
    }
    s3.set_down(true);
    let lately = run(objects.get(alone.clone())).expect("no request is needed");
    assert_eq!(lately, Some(b"alone".to_vec()), "what this process stored lately is in memory");
    s3.set_down(false);
    run(objects.remove(batch)).expect("removed");
    let left = s3.keys();
    assert!(left.len() == 1 && left[0].contains(&other.to_string()), "{left:?}");
    assert_eq!(run(reader.get(alone)).expect("readable"), Some(b"alone".to_vec()));
}

#[test]
fn what_a_killed_process_left_goes_with_its_batch() {
    let scratch = Scratch::new();
    let objects = directory(&scratch);
    let batch = sample::batch_id(1);
    // The body of a commit that failed: nothing names it.
    run(objects.put(batch, b"orphan".to_vec())).expect("stored");
    let id = batch.to_string();
    let dir = scratch.path().join(&id[id.len() - 2..]).join(&id);
    assert_eq!(std::fs::read_dir(&dir).expect("the batch's directory").count(), 1);
    // A file that was not finished, as the library names it.
    std::fs::write(dir.join("0000000000000001-7#1"), "half").expect("written");

    run(directory(&scratch).remove(batch)).expect("removed");

    assert!(!dir.exists(), "the whole directory is gone");
}

#[test]
fn bodies_from_before_the_object_store_are_read_and_removed() {
    let scratch = Scratch::new();
    let memory = Memory::default();
    let (old_batch, batch) = (sample::batch_id(1), sample::batch_id(2));
    let old = run(Bodies::put(&memory, old_batch, b"old".to_vec())).expect("stored");
    let objects = directory(&scratch).with_previous(Arc::new(memory.clone()));

    let new = run(objects.put(batch, b"new".to_vec())).expect("stored");

    assert_eq!(run(objects.get(old.clone())).expect("readable"), Some(b"old".to_vec()));
    assert_eq!(run(Bodies::get(&memory, new.clone())).expect("no error"), None, "it is elsewhere");
    run(objects.remove(old_batch)).expect("removed");
    assert_eq!(run(objects.get(old)).expect("no error"), None);
    assert_eq!(run(objects.get(new)).expect("readable"), Some(b"new".to_vec()));
}
