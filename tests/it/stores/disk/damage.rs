//! Files that were cut short or changed: all that was acknowledged is there, or it is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rungs::core::job::{BodyRef, JobState};
use rungs::core::record::{Queue, Record, RecordKind};
use rungs::core::request::{Item, Limits};
use rungs::core::time::Timestamp;
use rungs::ports::store::{ListQuery, Store, StoreError, Write};
use rungs::stores::Sled;
use rungs::testkit::run;
use rungs::testkit::store::{Scratch, put, sample};

/// Jobs in a store: enough that sled's log has several segments and has used some again.
const JOBS: u64 = 40;
/// Each job is written so often.
const WRITES: u64 = 6;
/// The same of a worn store.
const WORN_JOBS: u64 = 200;
const WORN_WRITES: u64 = 30;
/// sled's own piece of a file.
const SEGMENT: usize = 512 * 1024;
const BODIES: u64 = 12;
/// The time after which an opening counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// A store with records, and its acknowledgments.
struct Written {
    scratch: Scratch,
    jobs: Vec<Record>,
    bodies: Vec<(BodyRef, Vec<u8>)>,
    /// The number of writes of each job.
    writes: u64,
    /// The earliest due time.
    due: Option<Timestamp>,
}

fn job(number: u64, written: u64) -> Record {
    let mut job = sample::job(number, sample::at(1_000 + written));
    let item = Item::get(format!("https://example.com/{number}?{}", "x".repeat(1_500)));
    job.request = Arc::new(item.check(&Limits::default()).expect("a plain item passes"));
    Record::Job(job)
}

fn text(number: u64) -> Vec<u8> {
    format!("the body {number} ").repeat(40 + usize::try_from(number).expect("small")).into_bytes()
}

/// A store as its process leaves it behind: the end of the log is the end of the file.
fn written() -> Written {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    for write in 0..WRITES {
        for number in 0..JOBS {
            let expected = (write > 0).then_some(write);
            run(put(&store, job(number, write), expected)).expect("fresh");
        }
    }
    let bodies = store.bodies().expect("sled keeps bodies");
    let keep = |number| {
        let body = run(bodies.put(sample::batch_id(1), text(number))).expect("put");
        (body, text(number))
    };
    let bodies = (0..BODIES).map(keep).collect();
    let jobs = (0..JOBS).map(|it| job(it, WRITES - 1)).collect();
    let due = Some(sample::at(1_000 + WRITES - 1));
    Written { scratch, jobs, bodies, writes: WRITES, due }
}

/// A store as it is found by its third process: sled has written a snapshot of its own, and has
/// filled up the last segment.
fn opened_again() -> Written {
    let written = written();
    drop(Sled::open(written.scratch.path()).expect("it opens again"));
    written
}

/// A store that has written each record many times over. Its jobs have ended: nothing reads them
/// when the store is opened.
fn worn() -> Written {
    let scratch = Scratch::new();
    let store = Sled::open(scratch.path()).expect("an empty directory opens");
    let ended = |number, write| {
        let Record::Job(mut job) = job(number, write) else { unreachable!("a job") };
        job.state = JobState::Failed;
        Record::Job(job)
    };
    for write in 0..WORN_WRITES {
        let expected = (write > 0).then_some(write);
        let change = |number| {
            let record = ended(number, write);
            Write { key: record.key(), expected, record: Some(record) }
        };
        run(store.commit((0..WORN_JOBS).map(change).collect())).expect("fresh");
    }
    drop(store);
    drop(Sled::open(scratch.path()).expect("it opens again"));
    let jobs = (0..WORN_JOBS).map(|it| ended(it, WORN_WRITES - 1)).collect();
    Written { scratch, jobs, bodies: Vec::new(), writes: WORN_WRITES, due: None }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let to = to.join(path.strip_prefix(from).expect("below it"));
        fs::create_dir_all(to.parent().expect("in a directory")).expect("made");
        fs::copy(&path, to).expect("copied");
    }
    fs::create_dir_all(to.join("blobs")).expect("made");
}

/// The result of opening a store and reading everything that it had acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Everything,
    ErrorAtOpening,
    ErrorAtReading,
}

fn is_told(error: &StoreError) {
    let told = matches!(error, StoreError::Damaged { .. } | StoreError::Backend { .. });
    assert!(told, "{error:?}");
}

/// Opens the store and compares its records with the acknowledged ones.
fn look(dir: &Path, written: &Written) -> Found {
    let store = match Sled::open(dir) {
        Ok(store) => store,
        Err(error) => {
            is_told(&error);
            return Found::ErrorAtOpening;
        }
    };
    let mut found = Found::Everything;
    let mut failed = |error: StoreError| {
        is_told(&error);
        found = Found::ErrorAtReading;
    };
    for record in &written.jobs {
        match run(store.load(vec![record.key()])) {
            Ok(loaded) => {
                let loaded = loaded[0].as_ref().expect("what was acknowledged is gone, silently");
                assert_eq!((loaded.version, &loaded.record), (written.writes, record));
            }
            Err(error) => failed(error),
        }
    }
    let list = ListQuery::new(RecordKind::Job, usize::MAX);
    match run(store.list(list)) {
        Ok(listed) => assert_eq!(listed.len(), written.jobs.len(), "records that nobody wrote"),
        Err(error) => failed(error),
    }
    match run(store.due(Queue::Jobs, Timestamp::default())) {
        Ok(due) => assert_eq!(due, written.due),
        Err(error) => failed(error),
    }
    let bodies = store.bodies().expect("sled keeps bodies");
    for (body, text) in &written.bodies {
        match run(bodies.get(body.clone())) {
            Ok(found) => assert_eq!(found.as_ref(), Some(text), "a body changed, silently"),
            Err(error) => failed(error),
        }
    }
    found
}

/// Copies the store, does `damage` to one of its files, and looks. An opening that hangs, or
/// panics, fails the test.
fn damaged(written: &Written, name: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> Found {
    let scratch = Scratch::new();
    copy(written.scratch.path(), scratch.path());
    let path = scratch.path().join(name);
    let mut bytes = fs::read(&path).expect("it was copied");
    damage(&mut bytes);
    fs::write(&path, bytes).expect("written");
    let (done, waits) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let found = look(scratch.path(), written);
            done.send(found).expect("somebody waits");
        });
        waits.recv_timeout(PATIENCE).unwrap_or_else(|why| panic!("{}: {why}", name.display()))
    })
}

fn names(written: &Written) -> Vec<PathBuf> {
    let dir = written.scratch.path();
    let relative = |it: PathBuf| it.strip_prefix(dir).expect("below it").to_owned();
    files(dir).into_iter().map(relative).collect()
}

/// Does every damage to every file in turn; returns how many did any harm.
fn harm(
    written: &Written,
    sizes: impl Fn(usize) -> Vec<usize>,
    damage: impl Fn(&mut Vec<u8>, usize),
) -> usize {
    let mut harm = 0;
    for name in names(written) {
        let length = written.scratch.path().join(&name).metadata().expect("it is there").len();
        for size in sizes(usize::try_from(length).expect("small")) {
            let found = damaged(written, &name, |bytes| damage(bytes, size));
            println!("{size} of {length} bytes of {}: {found:?}", name.display());
            harm += usize::from(found != Found::Everything);
        }
    }
    harm
}

/// The last bytes one by one, then ever larger pieces.
fn pieces(length: usize) -> Vec<usize> {
    let pieces = (1..=4).chain((3..usize::BITS).map(|it| 1 << it));
    pieces.take_while(|it| *it < length).chain([length]).collect()
}

fn few_pieces(length: usize) -> Vec<usize> {
    let pieces = (0..usize::BITS).step_by(3).map(|it| 1 << it);
    pieces.take_while(|it| *it < length).chain([length]).collect()
}

fn cut(bytes: &mut Vec<u8>, size: usize) {
    bytes.truncate(bytes.len() - size);
}

fn change(bytes: &mut [u8], size: usize) {
    let begin = bytes.len() - size;
    for (at, byte) in bytes[begin..].iter_mut().enumerate() {
        *byte ^= u8::try_from(at * 131 % 251 + 1).expect("below 252");
    }
}

#[test]
fn a_truncated_file_is_reported() {
    let harm = harm(&written(), pieces, cut);

    assert!(harm > 30, "only {harm} cuts did any harm: these are not the files that matter");
}

#[test]
fn a_file_truncated_after_an_opening_is_reported() {
    let harm = harm(&opened_again(), pieces, cut);

    assert!(harm > 30, "only {harm} cuts did any harm: these are not the files that matter");
}

#[test]
fn a_changed_tail_is_detected() {
    for written in [written(), opened_again()] {
        let harm = harm(&written, few_pieces, |bytes, size| change(bytes, size));

        assert!(harm > 8, "only {harm} changes did any harm: these are not the files that matter");
    }
}

#[test]
fn a_truncated_database_with_many_writes_is_reported() {
    let written = worn();
    let name = Path::new("db");
    let length = written.scratch.path().join(name).metadata().expect("it is there").len();
    let length = usize::try_from(length).expect("small");
    let mut harm = 0;

    for size in (0..length).step_by(SEGMENT / 2).skip(1) {
        let found = damaged(&written, name, |bytes| cut(bytes, size));
        println!("{size} bytes less: {found:?}");
        harm += u32::from(found != Found::Everything);
    }

    assert!(harm > 0, "no cut did any harm");
}
