//! Failed writes and unfinished ones, at moments that only the inside of an open store can choose.

use super::*;
use crate::core::record::Record;
use crate::testkit::run;
use crate::testkit::store::{Scratch, get, put, sample};

const NOW: Timestamp = Timestamp::from_millis(1);
const LARGE: u64 = 1 << 20;

fn opened(dir: &Path) -> Journal {
    Journal::open_sized(dir, NOW, LARGE).unwrap_or_else(|error| panic!("{error}"))
}

fn account(granted: u64) -> Record {
    Record::Account(sample::account("a", granted))
}

fn written(record: Record, expected: Option<u64>) -> Vec<Write> {
    vec![Write { key: record.key(), expected, record: Some(record) }]
}

/// Appends a commit that nobody syncs.
fn appended(shared: &Shared, state: &mut State, writes: &[Write]) -> Position {
    let encoded = encoded(writes).expect("small");
    let (is_done, position) = commit(shared, state, &encoded, writes).expect("it fits");
    assert!(is_done, "the version is the expected one");
    position
}

#[test]
fn a_commit_that_a_failed_write_cuts_off_is_never_acknowledged() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let shared = &store.handle.shared;
    run(put(&store, account(1), None)).expect("new");

    let mut answers = {
        let mut state = shared.lock();
        let cut_off = appended(shared, &mut state, &written(account(2), Some(1)));
        let before = state.wait_for(cut_off).expect("it is not on disk");
        // The write of another call fails before the thread takes the commit.
        state.fail(&"no space");
        let after = state.wait_for(cut_off).expect("it is not on disk");
        assert!(!state.is_wanted(), "a failed log has nothing to sync");
        [before, after]
    };

    for answer in &mut answers {
        let answered = answer.try_recv().expect("answered at once");
        assert_eq!(answered, Err("no space".to_owned()));
    }
    let found = run(get(&store, account(0).key())).map(|it| it.record);
    assert_eq!(found, Some(account(1)), "the commit was cut off");
    assert!(!shared.lock().is_wanted(), "nobody waits for a position that others reuse");
    run(put(&store, account(3), Some(1))).expect("the store goes on");
}

#[test]
fn a_write_after_a_failed_one_reads_the_log_again_though_much_is_pending() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    {
        let mut state = store.handle.shared.lock();
        let payload = vec![0; MAX_PENDING + 1];
        state.append(frame::Head::of(frame::FrameKind::Body, &payload), &payload).expect("it fits");
        state.fail(&"no space");
    }

    let body = run(Bodies::put(&store, sample::batch_id(1), b"text".to_vec())).expect("recovered");

    assert_eq!(store.handle.shared.lock().waiting_bytes(), 0);
    assert_eq!(run(Bodies::get(&store, body)).expect("readable"), Some(b"text".to_vec()));
}

#[test]
fn a_body_is_read_while_it_is_copied() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let batch = sample::batch_id(1);
    let body = run(Bodies::put(&store, batch, b"text".to_vec())).expect("put");
    {
        let mut state = store.handle.shared.lock();
        let batch = *batch.as_bytes();
        let entry = state.index.body(batch, 0).expect("the first body");
        let frame = state.bytes(entry.span).expect("written");
        clean::copy_body(&mut state, batch, entry, &frame).expect("whole");
        assert_ne!(state.index.body(batch, 0), Some(entry), "it moved");
    }

    assert_eq!(run(Bodies::get(&store, body)).expect("readable"), Some(b"text".to_vec()));
}
