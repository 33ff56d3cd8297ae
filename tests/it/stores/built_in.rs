//! The built-in stores pass the conformance kit. The one on disk also survives crashes and disk faults.

use std::cell::RefCell;
use std::fs;
use std::future::ready;

use rungs::core::record::{Key, Record};
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::{BodyFiles, Journal, Memory, Sled};
use rungs::testkit::run;
use rungs::testkit::store::{
    CHECKS, REOPEN_CHECKS, SHARED_CHECKS, Scratch, SharedHandle, get, put, sample,
};

rungs::store_conformance!(memory, Memory::default());

rungs::store_conformance!(sled, fresh());

rungs::store_reopen_conformance!(sled_reopened, |dir: &std::path::Path| {
    Sled::open(dir).expect("it opens")
});

rungs::store_conformance!(journal, fresh_journal());

rungs::store_reopen_conformance!(journal_reopened, |dir: &std::path::Path| {
    Journal::open(dir).expect("it opens")
});

rungs::shared_store_conformance!(shared_memory, {
    let first = SharedHandle::new(Memory::default());
    move || ready(first.open())
});

thread_local! {
    /// The directories of this test's stores: a test has a thread of its own, and they go with it.
    static SCRATCHES: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// A store in a directory that lasts as long as the test.
fn fresh() -> Sled {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    SCRATCHES.with_borrow_mut(|it| it.push(scratch));
    store
}

/// The same of a journal.
fn fresh_journal() -> Journal {
    let scratch = Scratch::new();
    let store = Journal::open(scratch.path()).expect("an empty directory opens");
    SCRATCHES.with_borrow_mut(|it| it.push(scratch));
    store
}

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

/// Makes a store with one record and closes it.
fn written(scratch: &Scratch) {
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    run(put(&store, account(1), None)).expect("new");
}

#[test]
fn a_directory_in_use_is_refused_with_the_remedy() {
    let scratch = Scratch::new();
    let first = Sled::open(scratch.path()).expect("an empty directory opens");

    let second = Sled::open(scratch.path()).expect_err("the first has it");

    assert!(matches!(second, StoreError::InUse { .. }), "{second:?}");
    assert!(second.to_string().contains("use another directory"), "{second}");
    drop(first);
    Sled::open(scratch.path()).expect("it is free again");
}

#[test]
fn a_file_in_the_place_of_the_directory_is_refused() {
    let scratch = Scratch::new();
    let file = scratch.path().join("file");
    fs::write(&file, "not a directory").expect("written");

    let error = Sled::open(&file).expect_err("not a directory");

    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn damaged_files_are_an_error() {
    for name in ["db", "conf"] {
        let scratch = Scratch::new();
        written(&scratch);
        let path = scratch.path().join(name);
        let length = fs::metadata(&path).expect("it is there").len();
        let garbage: Vec<u8> = (0..length).map(|it| (it * 131 % 251) as u8).collect();
        fs::write(&path, garbage).expect("written");

        let error = Sled::open(scratch.path()).expect_err("garbage is no store");

        let is_told = matches!(error, StoreError::Damaged { .. } | StoreError::Backend { .. });
        assert!(is_told, "{name}: {error:?}");
    }
}

#[test]
fn a_missing_database_is_not_recreated() {
    let scratch = Scratch::new();
    written(&scratch);
    fs::remove_file(scratch.path().join("db")).expect("removed");

    let error = Sled::open(scratch.path()).expect_err("its records are gone");

    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn concurrent_writers_lose_nothing() {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");

    run(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let store = store.clone();
            writers.spawn(async move {
                for number in 0..25 {
                    let job = sample::job(writer * 100 + number, sample::at(1));
                    put(&store, Record::Job(job), None).await.expect("new");
                }
            });
        }
        writers.join_all().await;
    });
    drop(store);

    let store = Sled::open(scratch.path()).expect("it opens again");
    let keys = (0..8).flat_map(|it| (0..25).map(move |n| Key::Job(sample::job_id(it * 100 + n))));
    let found = run(store.load(keys.collect())).expect("loaded");
    assert_eq!(found.iter().flatten().count(), 200);
}

#[test]
fn a_torn_tail_is_skipped() {
    let scratch = Scratch::new();
    let batch = sample::batch_id(1);
    let bodies = BodyFiles::open(scratch.path()).expect("opened");
    let first = run(bodies.put(batch, b"first".to_vec())).expect("put");
    drop(bodies);
    let path = scratch.path().join(format!("{batch}.pack"));
    let mut bytes = fs::read(&path).expect("a file a batch");
    bytes.extend(b"rgp1\0\0");
    fs::write(&path, bytes).expect("written");

    let bodies = BodyFiles::open(scratch.path()).expect("opened");
    let second = run(bodies.put(batch, b"second".to_vec())).expect("put");

    assert_eq!(run(bodies.get(first)).expect("get"), Some(b"first".to_vec()));
    assert_eq!(run(bodies.get(second)).expect("get"), Some(b"second".to_vec()));
}

#[test]
fn a_changed_body_is_detected() {
    let scratch = Scratch::new();
    let batch = sample::batch_id(1);
    let bodies = BodyFiles::open(scratch.path()).expect("opened");
    let body = run(bodies.put(batch, b"as it was written".to_vec())).expect("put");
    let path = scratch.path().join(format!("{batch}.pack"));
    let mut bytes = fs::read(&path).expect("a file a batch");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("written");

    let error = run(bodies.get(body)).expect_err("changed");

    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn open_files_are_bounded() {
    let scratch = Scratch::new();
    let bodies = BodyFiles::open(scratch.path()).expect("opened");
    let text = |number: u64| number.to_string().into_bytes();

    let put: Vec<_> = (0..100)
        .chain(0..100)
        .map(|it| (it, run(bodies.put(sample::batch_id(it), text(it))).expect("put")))
        .collect();

    #[cfg(target_os = "linux")]
    assert!(open_below(scratch.path()) <= 128, "{} are open", open_below(scratch.path()));
    for (number, body) in put {
        assert_eq!(run(bodies.get(body)).expect("get"), Some(text(number)));
    }
}

/// Returns the number of files below `dir` that this process has open.
#[cfg(target_os = "linux")]
fn open_below(dir: &std::path::Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").expect("Linux has it").flatten();
    open.filter(|it| fs::read_link(it.path()).is_ok_and(|to| to.starts_with(dir))).count()
}

#[test]
fn bodies_that_cannot_be_removed_are_an_error() {
    let scratch = Scratch::new();
    let bodies = BodyFiles::open(scratch.path()).expect("opened");
    let batch = sample::batch_id(1);
    fs::create_dir(scratch.path().join(format!("{batch}.pack"))).expect("in the file's place");

    let error = run(Bodies::remove(&bodies, batch)).expect_err("a directory is no file");

    assert!(matches!(error, StoreError::Backend { store: "bodies", .. }), "{error:?}");
}

#[test]
fn debug_output_names_the_directory() {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");

    let shown = format!("{store:?}");

    assert!(shown.contains("Sled") && shown.contains(&format!("{:?}", scratch.path())), "{shown}");
}

/// sled keeps large values in files of their own, which are synced like the rest.
#[cfg(unix)]
#[test]
fn a_commit_is_refused_while_a_large_value_cannot_be_synced() {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    let link = scratch.path().join("blobs").join("1");
    // A link to nothing is a file that was removed meanwhile; a link to itself cannot be opened.
    std::os::unix::fs::symlink(scratch.path().join("nothing"), &link).expect("linked");
    run(put(&store, account(1), None)).expect("what is gone needs no sync");
    fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&link, &link).expect("linked");

    let error = run(put(&store, account(2), Some(1))).expect_err("it cannot be opened");

    assert!(matches!(error, StoreError::Backend { store: "sled", .. }), "{error:?}");
}

/// Once synced, a large value is not opened again for each commit.
#[cfg(unix)]
#[test]
fn a_large_value_is_synced_once() {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    let value = scratch.path().join("blobs").join("1");
    fs::write(&value, "large").expect("written");
    run(put(&store, account(1), None)).expect("it can be synced");
    fs::remove_file(&value).expect("removed");
    std::os::unix::fs::symlink(&value, &value).expect("linked");

    run(put(&store, account(2), Some(1))).expect("that name is on disk already");

    fs::remove_file(&value).expect("removed");
    run(put(&store, account(3), Some(2))).expect("and is gone now");
    std::os::unix::fs::symlink(&value, &value).expect("linked");
    run(put(&store, account(4), Some(3))).expect_err("a name that comes again is a new value");
}

#[test]
fn a_store_reads_the_records_that_it_wrote() {
    let scratch = Scratch::new();
    written(&scratch);

    let store = Sled::open(scratch.path()).expect("it opens again");

    let found = run(get(&store, account(0).key())).expect("present");
    assert_eq!((found.version, found.record), (1, account(1)));
}

/// Checks that both stores have bodies: the kit tests bodies only for a store that returns them.
#[test]
fn both_stores_keep_bodies_beside_the_records() {
    let scratch = Scratch::new();
    let sled = Sled::open(scratch.path()).expect("an empty directory opens");

    for bodies in [Memory::default().bodies(), sled.bodies()] {
        let bodies = bodies.expect("it keeps them");
        let body = run(bodies.put(sample::batch_id(1), b"a page".to_vec())).expect("put");
        assert_eq!(run(bodies.get(body)).expect("get"), Some(b"a page".to_vec()));
    }
}

#[test]
fn the_kit_has_not_shrunk() {
    let mut names: Vec<_> = CHECKS.iter().map(|it| it.0).collect();
    names.extend(REOPEN_CHECKS.iter().map(|it| it.0));
    names.extend(SHARED_CHECKS.iter().map(|it| it.0));
    assert!(SHARED_CHECKS.len() >= 9, "{} checks of a shared store", SHARED_CHECKS.len());
    assert!(CHECKS.len() >= 90, "{} checks of any store", CHECKS.len());
    assert!(REOPEN_CHECKS.len() >= 18, "{} checks of a durable store", REOPEN_CHECKS.len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names.len(),
        CHECKS.len() + REOPEN_CHECKS.len() + SHARED_CHECKS.len(),
        "two checks have one name"
    );
}
