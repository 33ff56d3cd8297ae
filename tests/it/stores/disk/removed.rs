//! Files that are removed under a running store. The system lets the store write into removed files, which no process
//! can open again, so the store must check its paths.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use rungs::core::batch::BatchStatus;
use rungs::core::id::AccountId;
use rungs::core::record::{Key, Record};
use rungs::fetch::Http;
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::{BodyFiles, Sled};
use rungs::testkit::run;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::testkit::store::{Scratch, put, sample};
use rungs::{Batch, Engine};

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

/// Returns the messages of an error and its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn opened(scratch: &Scratch) -> Sled {
    let store = Sled::open(scratch.path().join("store")).expect("an empty directory opens");
    run(put(&store, account(1), None)).expect("new");
    store
}

#[test]
fn a_commit_to_a_removed_directory_is_refused() {
    let scratch = Scratch::new();
    let store = opened(&scratch);
    fs::remove_dir_all(scratch.path().join("store")).expect("removed");

    let refused = run(put(&store, account(2), Some(1))).expect_err("there is no file");

    assert!(matches!(refused, StoreError::Backend { store: "sled", .. }), "{refused:?}");
    assert!(refused.source().is_some(), "it says why");
}

#[test]
fn a_commit_to_a_database_that_was_removed_or_replaced_is_refused() {
    for replace in [None, Some(b"another's".as_slice())] {
        let scratch = Scratch::new();
        let store = opened(&scratch);
        let db = scratch.path().join("store/db");
        fs::remove_file(&db).expect("removed");
        if let Some(bytes) = replace {
            fs::write(&db, bytes).expect("written");
        }

        let refused = run(put(&store, account(2), Some(1))).expect_err("it is not our file");

        let said = chain(&refused);
        assert!(said.contains("removed or replaced"), "{said}");
        assert!(said.contains(&db.display().to_string()), "{said}");
    }
}

#[test]
fn a_store_opens_itself_again_after_a_failed_commit() {
    let scratch = Scratch::new();
    let store = opened(&scratch);
    let (db, aside) = (scratch.path().join("store/db"), scratch.path().join("aside"));
    fs::rename(&db, &aside).expect("moved");
    run(put(&store, account(2), Some(1))).expect_err("the file is gone");
    fs::rename(&aside, &db).expect("moved back");

    let found = run(store.load(vec![account(0).key()])).expect("it opens itself again");

    // The commit that failed may have been applied.
    let found = found[0].as_ref().expect("what was acknowledged is there");
    assert!([account(1), account(2)].contains(&found.record), "{found:?}");
    run(put(&store, account(3), Some(found.version))).expect("it can be written again");
    drop(store);
    let store = Sled::open(scratch.path().join("store")).expect("it opens");
    let found = run(store.load(vec![account(0).key()])).expect("readable");
    assert_eq!(found[0].as_ref().map(|it| &it.record), Some(&account(3)));
}

/// Stores a body, calls `remove`, and returns the error of storing another.
fn put_after(remove: impl Fn(&Path, &str) -> io::Result<()>) -> StoreError {
    let scratch = Scratch::new();
    let dir = scratch.path().join("bodies");
    let packs = BodyFiles::open(&dir).expect("made");
    let batch = sample::batch_id(1);
    run(packs.put(batch, b"first".to_vec())).expect("put");
    remove(&dir, &format!("{batch}.pack")).expect("removed");
    run(packs.put(batch, b"second".to_vec())).expect_err("its file is gone")
}

#[test]
fn a_body_put_into_a_removed_file_or_directory_is_refused() {
    let refused = [
        put_after(|dir, name| fs::remove_file(dir.join(name))),
        put_after(|dir, _| fs::remove_dir_all(dir)),
    ];

    for error in refused {
        assert!(matches!(error, StoreError::Backend { store: "bodies", .. }), "{error:?}");
        assert!(chain(&error).contains("removed or replaced"), "{}", chain(&error));
    }
}

#[test]
fn removing_bodies_without_their_directory_is_an_error() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("bodies");
    let packs = BodyFiles::open(&dir).expect("made");
    let body = run(packs.put(sample::batch_id(1), b"first".to_vec())).expect("put");
    fs::remove_dir_all(&dir).expect("removed");

    let got = run(packs.get(body)).expect_err("nothing is known of any batch");
    let put = run(packs.put(sample::batch_id(2), b"new".to_vec())).expect_err("no directory");

    for error in [got, put] {
        assert!(matches!(error, StoreError::Backend { store: "bodies", .. }), "{error:?}");
    }
}

#[test]
fn an_engine_without_its_directory_acknowledges_nothing() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("store");
    let site = Site::start(|_| SiteResponse::html("<p>A page that is long enough to be read.</p>"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    runtime.block_on(async {
        let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
        let store = Sled::open(&dir).expect("an empty directory opens");
        let engine = Engine::builder().store(store).http(http).build().expect("all parts");
        let batch = |key: &str| Batch::new([site.url("/a")]).idempotency_key(key);
        let mut before = engine.submit(batch("before")).await.expect("accepted");
        assert_eq!(before.wait().await.expect("it ends"), BatchStatus::Completed);
        fs::remove_dir_all(&dir).expect("removed");

        let refused = engine.submit(batch("after")).await.expect_err("there is no store");
        let again = engine.submit(batch("after")).await.expect_err("nor the second time");
        let known = engine.submit(batch("before")).await.expect_err("nor for what it knew");

        let said = chain(&refused);
        assert!(said.contains("the sled store failed"), "{said}");
        assert!(said.contains("removed or replaced") || said.contains("No such file"), "{said}");
        for error in [again, known] {
            assert!(chain(&error).contains("open the store again"), "{}", chain(&error));
        }
        engine.batches(None, 10).await.expect_err("nothing is shown");
        engine.shutdown().await;
    });

    let key = Key::IdempotencyRecord(AccountId::default(), "after".to_owned());
    let store = Sled::open(&dir).expect("a new store");
    let found = run(store.load(vec![key])).expect("readable");
    assert_eq!(found, [None], "what was not acknowledged is not there");
}
