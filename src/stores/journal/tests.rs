//! Failed writes and unfinished ones, at moments that only the inside of an open store can choose.

use super::*;
use crate::core::record::Record;
use crate::testkit::run;
use crate::testkit::store::{Scratch, get, put, sample};

const NOW: Timestamp = Timestamp::from_millis(1);
const LARGE: u64 = 1 << 20;
/// The longest wait for another thread.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

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

#[test]
fn a_lost_body_is_known_though_a_later_number_was_synced() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let shared = &store.handle.shared;
    let batch = sample::batch_id(1);
    let early = shared.next_body.fetch_add(1, Ordering::AcqRel);
    run(Bodies::put(&store, batch, b"later".to_vec())).expect("put");
    shared.sync().expect("on disk");
    {
        let mut state = shared.lock();
        let batch = *batch.as_bytes();
        let synced = state.index.body(batch, early + 1).expect("the later body");
        let mut frame = state.bytes(synced.span).expect("written");
        let payload = &mut frame[HEAD..];
        payload[16..24].copy_from_slice(&early.to_le_bytes());
        let head = frame::Head::of(frame::FrameKind::Body, payload);
        let span = state.append(head, payload).expect("it fits");
        let entry = index::BodyEntry { number: early, span };
        state.index.apply(&index::Change::Body { batch, entry });
        state.write_through().expect("written");
        state.fail(&"no space");
    }

    shared.recover().expect("readable");

    let lost = shared.lock().lost_bodies.clone();
    assert_eq!(lost.into_iter().collect::<Vec<_>>(), [early]);
}

#[test]
fn removed_bodies_are_gone_from_the_disk_before_that_is_acknowledged() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let batch = sample::batch_id(1);
    run(Bodies::put(&store, batch, b"text".to_vec())).expect("put");

    run(Bodies::remove(&store, batch)).expect("removed");

    let state = store.handle.shared.lock();
    assert_eq!(state.durable, state.end_position());
}

#[test]
fn a_damaged_header_is_no_unfinished_segment() {
    let scratch = Scratch::new();
    let path = Segment::path(scratch.path(), 2);
    let acknowledged = scratch.path().join("acknowledged");
    let store = opened(scratch.path());
    run(put(&store, account(1), None)).expect("new");
    // Keeps the first segment in use.
    run(put(&store, Record::Account(sample::account("b", 1)), None)).expect("new");
    // Not synced: the position of the disk can be an old one.
    let old = std::fs::read(&acknowledged).expect("readable");
    store.handle.shared.lock().roll(scratch.path()).expect("a new segment");
    run(put(&store, account(2), Some(1))).expect("in the new segment");
    drop(store);
    let whole = std::fs::read(&path).expect("readable");
    let mut damaged = whole.clone();
    damaged[9] ^= 1;
    std::fs::write(&path, damaged).expect("written");
    std::fs::write(&acknowledged, &old).expect("written");

    let refused = Journal::open_with(scratch.path(), NOW).expect_err("damaged");

    assert!(refused.to_string().contains("segment 2 has no valid header"), "{refused}");
    std::fs::write(&path, whole).expect("it is still there");
    let found = run(get(&opened(scratch.path()), account(0).key())).map(|it| it.record);
    assert_eq!(found, Some(account(2)));
}

#[test]
fn a_store_whose_thread_has_ended_refuses_writes_until_it_is_opened_again() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    drop(thread::Ended(&store.handle.shared));

    for _ in 0..2 {
        let refused = run(put(&store, account(1), None)).expect_err("nothing syncs");
        assert!(matches!(refused, StoreError::Backend { .. }), "{refused:?}");
        store.handle.shared.lock().last_attempt = None;
    }
    drop(store);
    run(put(&opened(scratch.path()), account(1), None)).expect("a new thread");
}

#[test]
fn bytes_that_are_written_again_stay_the_same() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path()).expect("a directory");
    let segment = Segment::create(scratch.path(), 1, 7, 0).expect("created");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|it| it.to_le_bytes()[1]).collect();
    segment.write(&bytes, segment::HEADER).expect("written");
    let before = std::fs::read(Segment::path(scratch.path(), 1)).expect("readable");

    for from in [0, 77, before.len() as u64] {
        segment.write_again(from, before.len() as u64).expect("written");

        assert!(std::fs::read(Segment::path(scratch.path(), 1)).expect("readable") == before);
    }
}

#[test]
fn a_commit_with_a_malformed_write_changes_nothing() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    {
        let mut state = store.handle.shared.lock();
        let mut payload = encoded(&written(account(1), None)).expect("small").payload;
        payload.extend([1; 5]);
        let head = frame::Head::of(frame::FrameKind::Commit, &payload);
        state.append(head, &payload).expect("it fits");
        state.write_through().expect("written");
        // Closing a failed store acknowledges nothing.
        state.fail(&"no space");
    }
    drop(store);

    let store = opened(scratch.path());
    assert_eq!(run(get(&store, account(0).key())), None);
    run(put(&store, account(2), None)).expect("new");
}

#[test]
fn appends_go_on_after_a_segment_that_could_not_be_replaced_is_full() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    run(put(&store, account(1), None)).expect("new");
    // No file can be created there.
    let taken = Segment::path(scratch.path(), 2);
    std::fs::create_dir(&taken).expect("made");
    {
        let mut state = store.handle.shared.lock();
        let end = u64::from(u32::MAX) - 100;
        state.end = end;
        state.durable = state.end_position();
        state.dirty = state.durable;
    }

    for _ in 0..2 {
        let refused = run(put(&store, account(2), Some(1))).expect_err("there is no segment");
        let why = std::error::Error::source(&refused).expect("a reason").to_string();
        assert!(why.contains("no new one could be created yet"), "{why}");
    }
    std::fs::remove_dir(&taken).expect("removed");

    let began = std::time::Instant::now();
    while let Err(error) = run(put(&store, account(2), Some(1))) {
        assert!(began.elapsed() < PATIENCE, "{error:?}");
        std::thread::yield_now();
    }
    assert!(taken.is_file(), "the commit is in a new segment");
}

#[test]
fn a_segment_left_over_by_a_failed_attempt_is_removed() {
    for damage in [0, 1] {
        let scratch = Scratch::new();
        let store = opened(scratch.path());
        run(put(&store, account(1), None)).expect("new");
        {
            let state = store.handle.shared.lock();
            let length = u32::try_from(state.end).expect("short");
            drop(Segment::create(scratch.path(), 2, state.active.store, length).expect("created"));
        }
        let path = Segment::path(scratch.path(), 2);
        let mut header = std::fs::read(&path).expect("readable");
        header[9] ^= damage;
        std::fs::write(&path, header).expect("written");
        // The process could not remove it, and went on with the first segment.
        run(put(&store, account(2), Some(1))).expect("the log goes on");
        drop(store);

        let store = opened(scratch.path());

        let found = run(get(&store, account(0).key())).map(|it| it.record);
        assert_eq!(found, Some(account(2)));
        assert!(!path.exists(), "it would follow the wrong end");
    }
}

#[test]
fn a_segment_left_over_by_a_failed_attempt_does_not_stop_a_recovery() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let shared = &store.handle.shared;
    run(put(&store, account(1), None)).expect("new");
    let path = Segment::path(scratch.path(), 2);
    {
        let mut state = shared.lock();
        let length = u32::try_from(state.end).expect("short");
        // Nothing is acknowledged after it, so it fits the end of the first segment.
        drop(Segment::create(scratch.path(), 2, state.active.store, length).expect("created"));
        appended(shared, &mut state, &written(account(2), Some(1)));
        state.fail(&"no space");
    }

    shared.recover().expect("the first segment is the last one");

    assert!(!path.exists(), "it is no part of the log");
    let found = run(get(&store, account(0).key())).map(|it| it.record);
    assert_eq!(found, Some(account(1)));
    run(put(&store, account(3), Some(1))).expect("the store continues");
}

#[test]
fn a_killed_process_leaves_zeros_that_are_no_damage() {
    let scratch = Scratch::new();
    let store = opened(scratch.path());
    let log = Segment::path(scratch.path(), 1);
    let length = || std::fs::metadata(&log).expect("it is there").len();
    run(put(&store, account(0), None)).expect("new");
    let mut most = 0;
    for version in 1..100 {
        run(put(&store, account(version), Some(version))).expect("its version");
        let ahead = length() - store.handle.shared.lock().end;
        most = most.max(ahead);
    }
    assert!(most >= 8 << 10, "{most} bytes were written in advance");
    let end = store.handle.shared.lock().end;
    let killed = Scratch::new();
    std::fs::create_dir_all(killed.path()).expect("made");
    for name in ["rungs-journal", "acknowledged", "0000000001.log"] {
        std::fs::copy(scratch.path().join(name), killed.path().join(name)).expect("copied");
    }

    let reopened = opened(killed.path());

    let found = run(get(&reopened, account(0).key())).map(|it| it.record);
    assert_eq!(found, Some(account(99)));
    run(put(&reopened, account(0), Some(100))).expect("the log goes on");
    drop(store);
    assert_eq!(length(), end, "a store that is closed leaves none");
}

#[test]
fn a_full_segment_ends_with_its_last_frame() {
    let scratch = Scratch::new();
    let store = Journal::open_sized(scratch.path(), NOW, 200 << 10).expect("opened");
    for number in 0..40 {
        let text = vec![b'x'; 100];
        let body = run(Bodies::put(&store, sample::batch_id(number), text)).expect("put");
        assert!(!body.0.is_empty());
        run(put(&store, account(number), (number > 0).then_some(number))).expect("its version");
    }
    assert!(store.handle.shared.lock().preallocated > 0);

    store.handle.shared.lock().roll(scratch.path()).expect("a new segment");
    run(put(&store, account(0), Some(40))).expect("in the new segment");
    let length = Segment::path(scratch.path(), 1).metadata().expect("it is there").len();
    let state_length = store.handle.shared.lock().segments[&1].1;
    drop(store);

    assert_eq!(length, state_length);
    let found = run(get(&opened(scratch.path()), account(0).key())).map(|it| it.record);
    assert_eq!(found, Some(account(0)));
}
