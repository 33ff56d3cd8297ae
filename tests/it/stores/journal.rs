//! The files of the journal: what was cut, changed or left unfinished is detected or harmless, and the log stays short.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rungs::core::crawl::UnreadPage;
use rungs::core::credits::Credits;
use rungs::core::extraction::ExtractionState;
use rungs::core::job::{BodyRef, JobState, Outcome};
use rungs::core::record::{Key, Record, RecordKind};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::store::{Bodies, ListQuery, Store, StoreError, Write};
use rungs::stores::{Journal, Sled};
use rungs::testkit::run;
use rungs::testkit::store::{Scratch, get, put, sample};

use crate::stores::disk::removed::chain;

/// The longest wait for something that happens in the background.
const PATIENCE: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::from_millis(1);
/// Larger than any log below.
const LARGE: u64 = 1 << 20;

fn account(name: &str, granted: u64) -> Record {
    Record::Account(sample::account(name, granted))
}

fn opened(dir: &Path, segment_bytes: u64) -> Journal {
    Journal::open_sized(dir, NOW, segment_bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// The acknowledged content of a store.
#[derive(Default)]
struct Acknowledged {
    records: BTreeMap<Vec<u8>, (u64, Record)>,
    bodies: Vec<(BodyRef, Vec<u8>)>,
}

impl Acknowledged {
    fn put(&mut self, store: &Journal, record: Record) {
        let key = record.key().to_bytes();
        let version = self.records.get(&key).map(|it| it.0);
        run(put(store, record.clone(), version)).expect("it fits");
        self.records.insert(key, (version.unwrap_or_default() + 1, record));
    }

    fn put_body(&mut self, store: &Journal, number: u64) {
        let text = format!("the body {number} ").repeat(2).into_bytes();
        let body = run(Bodies::put(store, sample::batch_id(1), text.clone())).expect("put");
        self.bodies.push((body, text));
    }

    /// Reads everything. Returns `false` if something is reported as damaged; anything else must be as it was.
    fn is_whole(&self, store: &Journal) -> bool {
        let mut is_whole = true;
        let mut told = |error: &StoreError| {
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
            is_whole = false;
        };
        for (version, record) in self.records.values() {
            match run(store.load(vec![record.key()])) {
                Ok(found) => {
                    let found = found[0].as_ref().expect("what was acknowledged is gone, silently");
                    assert_eq!((found.version, &found.record), (*version, record));
                }
                Err(error) => told(&error),
            }
        }
        let mut listed = 0;
        for kind in RecordKind::ALL {
            match run(store.list(ListQuery::new(kind, usize::MAX))) {
                Ok(found) => listed += found.len(),
                Err(error) => told(&error),
            }
        }
        assert!(listed <= self.records.len(), "there are records that nobody wrote");
        for (body, text) in &self.bodies {
            match run(Bodies::get(store, body.clone())) {
                Ok(found) => assert_eq!(found.as_ref(), Some(text), "a body changed, silently"),
                Err(error) => told(&error),
            }
        }
        is_whole
    }
}

/// A small store as its process leaves it behind.
fn written(dir: &Path, segment_bytes: u64) -> Acknowledged {
    let store = opened(dir, segment_bytes);
    let mut acknowledged = Acknowledged::default();
    for number in 0..2 {
        acknowledged.put(&store, account("a", number));
        acknowledged.put(&store, account(&format!("b{number}"), number));
        acknowledged.put_body(&store, number);
    }
    let job = Record::Job(sample::job(1, sample::at(5)));
    acknowledged.put(&store, job);
    acknowledged
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("readable");
    let mut names: Vec<PathBuf> =
        entries.map(|it| it.expect("readable").file_name().into()).collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    fs::create_dir_all(to).expect("made");
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}

/// Writes a file in place: some file systems sync a file that was truncated first.
fn replace(path: &Path, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).expect("it is there");
    file.write_all(bytes).expect("written");
    file.set_len(bytes.len() as u64).expect("cut");
}

/// A copy of a store, in which one file at a time is changed.
struct Damaged<'a> {
    written: &'a Path,
    acknowledged: &'a Acknowledged,
    scratch: Scratch,
    is_fresh: bool,
}

impl<'a> Damaged<'a> {
    fn new(written: &'a Scratch, acknowledged: &'a Acknowledged) -> Self {
        let written = written.path();
        Self { written, acknowledged, scratch: Scratch::new(), is_fresh: false }
    }

    /// Opens the store with a change of one file. Returns `true` if everything is there, and `false` if the damage was
    /// reported.
    fn survives(&mut self, name: &Path, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
        if !self.is_fresh {
            copy(self.written, self.scratch.path());
        }
        let path = self.scratch.path().join(name);
        let whole = fs::read(&path).expect("it was copied");
        let mut bytes = whole.clone();
        damage(&mut bytes);
        replace(&path, &bytes);
        match Journal::open_sized(self.scratch.path(), NOW, LARGE) {
            Ok(store) => {
                self.is_fresh = false;
                self.acknowledged.is_whole(&store)
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
                replace(&path, &whole);
                self.is_fresh = true;
                false
            }
        }
    }
}

#[test]
fn a_log_cut_anywhere_is_reported() {
    let scratch = Scratch::new();
    let acknowledged = written(scratch.path(), LARGE);
    let mut damaged = Damaged::new(&scratch, &acknowledged);
    let log = Path::new("0000000001.log");
    let length = fs::metadata(scratch.path().join(log)).expect("it is there").len();
    assert!((500..10_000).contains(&length), "{length} bytes");

    for end in 0..usize::try_from(length).expect("small") {
        let is_whole = damaged.survives(log, |bytes| bytes.truncate(end));
        assert!(!is_whole, "the log was cut at {end} of {length}");
    }
    assert!(damaged.survives(log, |_| {}), "nothing was changed");
}

#[test]
fn a_flipped_bit_is_detected_or_harmless() {
    let scratch = Scratch::new();
    let acknowledged = written(scratch.path(), LARGE);
    let mut damaged = Damaged::new(&scratch, &acknowledged);
    for name in names(scratch.path()) {
        let length = fs::metadata(scratch.path().join(&name)).expect("it is there").len();
        let mut survived = 0;
        for at in 0..usize::try_from(length).expect("small") {
            let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1 << (at % 8);
            survived += u64::from(damaged.survives(&name, flip));
        }
        // Of the acknowledged position there are two copies.
        let harmless = if name == Path::new("acknowledged") { length } else { 0 };
        assert_eq!(survived, harmless, "of {length} bytes of {}", name.display());
    }
}

#[test]
fn damage_in_a_full_segment_is_reported_when_it_is_read() {
    let scratch = Scratch::new();
    let acknowledged = written(scratch.path(), 700);
    let mut damaged = Damaged::new(&scratch, &acknowledged);
    let full = Path::new("0000000001.log");
    let index = Path::new("0000000001.index");
    {
        // The checkpoint is written in the background.
        let _store = opened(scratch.path(), 700);
        let began = Instant::now();
        while !scratch.path().join(index).exists() {
            assert!(began.elapsed() < PATIENCE, "{:?}", names(scratch.path()));
            std::thread::yield_now();
        }
    }
    let length = |name| fs::metadata(scratch.path().join(name)).expect("it is there").len();

    for at in (0..usize::try_from(length(full)).expect("small")).step_by(11) {
        damaged.survives(full, |bytes| bytes[at] ^= 1 << (at % 8));
        let cut = damaged.survives(full, |bytes| bytes.truncate(at));
        assert!(!cut, "a full segment was cut at {at}");
    }
    for at in (0..usize::try_from(length(index)).expect("small")).step_by(23) {
        let flip = |bytes: &mut Vec<u8>| bytes[at] ^= 1 << (at % 8);
        assert!(damaged.survives(index, flip), "the segment is read instead: {at}");
        let cut = damaged.survives(index, |bytes| bytes.truncate(at));
        assert!(cut, "the segment is read instead: {at}");
    }
}

#[test]
fn a_missing_file_is_reported_unless_it_is_a_copy() {
    let scratch = Scratch::new();
    let acknowledged = written(scratch.path(), 700);
    for name in names(scratch.path()) {
        let copied = Scratch::new();
        copy(scratch.path(), copied.path());
        fs::remove_file(copied.path().join(&name)).expect("removed");

        let found = Journal::open_sized(copied.path(), NOW, LARGE);

        let shown = name.display().to_string();
        let is_index = name.extension().is_some_and(|it| it == "index");
        if ["lock", "spare"].contains(&shown.as_str()) || is_index {
            assert!(acknowledged.is_whole(&found.expect("it opens")), "{shown}");
        } else {
            let error = found.expect_err(&shown);
            assert!(matches!(error, StoreError::Damaged { .. }), "{shown}: {error:?}");
        }
    }
}

#[test]
fn an_unfinished_end_is_dropped_and_the_rest_is_kept() {
    let scratch = Scratch::new();
    let mut acknowledged = written(scratch.path(), LARGE);
    let (mark, log) = (scratch.path().join("acknowledged"), scratch.path().join("0000000001.log"));
    let old_mark = fs::read(&mark).expect("readable");
    let from = fs::metadata(&log).expect("it is there").len();
    let new = [account("x", 1), account("y", 1)];
    {
        let store = opened(scratch.path(), LARGE);
        let write = |it: &Record| Write { key: it.key(), expected: None, record: Some(it.clone()) };
        run(store.commit(new.iter().map(write).collect())).expect("new");
    }
    let whole = fs::read(&log).expect("readable");
    // As if the process had been killed before it was acknowledged.
    fs::write(&mark, old_mark).expect("written");

    for end in (usize::try_from(from).expect("small")..whole.len()).step_by(5) {
        let copied = Scratch::new();
        copy(scratch.path(), copied.path());
        let mut cut = whole[..end].to_vec();
        // Nothing, or what the disk contained before.
        cut.extend(&[[0; 7], [0xa5; 7]][end % 2][..(end % 3) * 3]);
        fs::write(copied.path().join("0000000001.log"), cut).expect("written");
        let store = opened(copied.path(), LARGE);

        assert!(acknowledged.is_whole(&store), "cut at {end}");
        let keys = new.iter().map(Record::key).collect();
        assert_eq!(run(store.load(keys)).expect("readable"), [None, None], "a part of a commit");
        run(put(&store, account("x", 2), None)).expect("the log goes on");
    }
    for record in new {
        acknowledged.records.insert(record.key().to_bytes(), (1, record));
    }
    assert!(acknowledged.is_whole(&opened(scratch.path(), LARGE)), "a whole commit is kept");
}

#[test]
fn random_bytes_never_panic() {
    let scratch = Scratch::new();
    written(scratch.path(), LARGE);
    let log = scratch.path().join("0000000001.log");
    let whole = fs::read(&log).expect("readable");
    let mut state = 7_u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits")
    };

    for round in 0..100 {
        let mut bytes = whole.clone();
        let from = if round % 3 == 0 { 0 } else { 32 + draw() % (whole.len() - 32) };
        let length = draw() % 2_000;
        bytes.truncate(from);
        bytes.extend((0..length).map(|_| u8::try_from(draw() % 256).expect("a byte")));
        let copied = Scratch::new();
        copy(scratch.path(), copied.path());
        fs::write(copied.path().join("0000000001.log"), bytes).expect("written");

        let error = Journal::open_sized(copied.path(), NOW, LARGE).expect_err("cut short");

        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn a_directory_in_use_or_of_another_store_is_refused() {
    let scratch = Scratch::new();
    let first = opened(scratch.path(), LARGE);

    let second = Journal::open(scratch.path()).expect_err("the first has it");
    assert!(matches!(second, StoreError::InUse { store: "journal" }), "{second:?}");
    let sled = Sled::open(scratch.path()).expect_err("a journal");
    assert!(matches!(sled, StoreError::OtherStore { found: "journal", .. }), "{sled}");
    drop(first);
    drop(opened(scratch.path(), LARGE));

    let of_sled = Scratch::new();
    drop(Sled::open(of_sled.path()).expect("an empty directory opens"));
    let journal = Journal::open(of_sled.path()).expect_err("not a journal");
    assert!(matches!(journal, StoreError::OtherStore { found: "sled", .. }), "{journal}");
    let file = scratch.path().join("acknowledged");
    let error = Journal::open(&file).expect_err("not a directory");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_store_whose_creation_was_cut_short_is_finished() {
    let scratch = Scratch::new();
    drop(opened(scratch.path(), LARGE));
    for name in ["rungs-journal", "acknowledged", "0000000001.log"] {
        fs::remove_file(scratch.path().join(name)).expect("removed");
        fs::remove_file(scratch.path().join("rungs-journal")).ok();
        fs::write(scratch.path().join("rungs-journal.partial"), "1 00").expect("written");

        drop(opened(scratch.path(), LARGE));
    }
    let later = "2 0000000000000001 ".to_owned();
    fs::write(scratch.path().join("rungs-journal"), later).expect("written");
    Journal::open(scratch.path()).expect_err("it cannot be read");
}

#[test]
fn a_directory_of_another_program_is_refused_and_left_alone() {
    let others = [
        ("spare", "wheel"),
        ("0000000007.partial", "the first half"),
        ("0000000001.log", "started"),
        ("0000000002.log", ""),
        ("acknowledged", "yes"),
        ("lock", "process 7"),
        ("rungs-journal.partial", "another text"),
    ];
    for (name, content) in others {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).expect("made");
        fs::write(scratch.path().join(name), content).expect("written");

        let refused = Journal::open(scratch.path()).expect_err(name);

        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
        let shown = refused.to_string();
        assert!(shown.contains(name) && shown.contains("an empty directory"), "{shown}");
        assert_eq!(names(scratch.path()), [PathBuf::from(name)]);
        let left = fs::read_to_string(scratch.path().join(name)).expect("it is there");
        assert_eq!(left, content, "{name}");
    }
}

#[test]
fn a_store_removes_no_file_but_its_own() {
    let scratch = Scratch::new();
    let own = scratch.path().join("0000000003.partial");
    // The root of a file system can be a new store.
    fs::create_dir_all(scratch.path().join("lost+found")).expect("made");
    fs::write(scratch.path().join("keys"), "kept").expect("written");
    drop(opened(scratch.path(), LARGE));
    let others = ["keys", "download.partial", "3.partial", "7.log", "+000000007.log", "notes.log"];
    for name in others {
        fs::write(scratch.path().join(name), "kept").expect("written");
    }
    fs::write(&own, "a part").expect("written");

    let store = opened(scratch.path(), LARGE);

    run(put(&store, account("a", 1), None)).expect("new");
    assert!(!own.exists(), "a checkpoint that was not completed");
    for name in others {
        let left = fs::read_to_string(scratch.path().join(name)).expect(name);
        assert_eq!(left, "kept", "{name}");
    }
}

/// Bytes of all files below a directory.
fn size(dir: &Path) -> u64 {
    names(dir).iter().map(|it| fs::metadata(dir.join(it)).map_or(0, |it| it.len())).sum()
}

#[test]
fn what_is_dead_is_removed_and_what_lives_is_copied() {
    const SEGMENT: u64 = 8 << 10;
    let scratch = Scratch::new();
    let mut acknowledged = Acknowledged::default();
    let store = opened(scratch.path(), SEGMENT);
    // These stay, in the oldest segment at first.
    acknowledged.put(&store, account("kept", 1));
    acknowledged.put_body(&store, 1);
    run(put(&store, account("removed", 1), None)).expect("new");
    let removal = Write { key: account("removed", 0).key(), expected: Some(1), record: None };
    run(store.commit(vec![removal])).expect("its version");

    let mut written = 0;
    for round in 1..=40 {
        let batch = sample::batch_id(100 + round);
        let noise: Vec<u8> = (0..2_000_u64).map(|it| (it * it * round % 251) as u8).collect();
        let body = run(Bodies::put(&store, batch, noise.clone())).expect("put");
        for number in 0..10 {
            acknowledged.put(&store, account(&format!("{number}"), round));
        }
        written += noise.len();
        run(Bodies::remove(&store, batch)).expect("removed");
        assert_eq!(run(Bodies::get(&store, body)).expect("readable"), None);
    }
    assert!(acknowledged.is_whole(&store));
    drop(store);

    let first =
        names(scratch.path()).into_iter().find(|it| it.extension().is_some_and(|it| it == "log"));
    assert_ne!(first, Some(PathBuf::from("0000000001.log")), "the oldest segment was removed");
    assert!(size(scratch.path()) < 8 * SEGMENT, "{} of {written}", size(scratch.path()));
    for _ in 0..2 {
        let store = opened(scratch.path(), SEGMENT);
        assert!(acknowledged.is_whole(&store));
        let removed = run(store.load(vec![account("removed", 0).key()])).expect("readable");
        assert_eq!(removed, [None], "a removal outlives what it removed");
    }
}

#[test]
fn a_store_reads_its_log_again_after_a_failed_sync() {
    let scratch = Scratch::new();
    let store = opened(scratch.path(), LARGE);
    run(put(&store, account("a", 1), None)).expect("new");
    let (log, aside) = (scratch.path().join("0000000001.log"), scratch.path().join("aside"));
    let body = run(Bodies::put(&store, sample::batch_id(1), b"lost".to_vec())).expect("put");
    fs::rename(&log, &aside).expect("moved");

    let refused = run(put(&store, account("a", 2), Some(1))).expect_err("the file is gone");
    let again = run(get_result(&store)).expect_err("it is still gone");
    fs::rename(&aside, &log).expect("moved back");

    assert!(chain(&refused).contains("removed or replaced"), "{}", chain(&refused));
    assert!(chain(&again).contains("open the store again"), "{}", chain(&again));
    let found = loop {
        // At most one attempt a second.
        match run(get_result(&store)) {
            Ok(found) => break found,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(found, Some((1, account("a", 1))), "what was not acknowledged is not there");
    assert_eq!(run(Bodies::get(&store, body.clone())).expect("readable"), None);
    let mut job = sample::job(1, sample::at(1));
    let (tier, charged) = (Tier::Curl, Credits(1));
    job.outcome = Some(Outcome::Succeeded { tier, charged, body, cached: false });
    job.state = JobState::Succeeded;
    let ended = Record::Job(job);
    let named = Write { key: ended.key(), expected: None, record: Some(ended) };
    run(store.commit(vec![named])).expect_err("its body was lost");
    run(put(&store, account("a", 3), Some(1))).expect("it can be written again");
    drop(store);
    assert_eq!(
        run(get(&opened(scratch.path(), LARGE), account("a", 0).key())).map(|it| it.version),
        Some(2)
    );
}

/// Puts a body and lets the next sync fail. Returns the reference, whose body is lost once the log was read again.
fn lost_body(dir: &Path, store: &Journal) -> BodyRef {
    let (log, aside) = (dir.join("0000000001.log"), dir.join("aside"));
    let body = run(Bodies::put(store, sample::batch_id(1), b"lost".to_vec())).expect("put");
    fs::rename(&log, &aside).expect("moved");
    run(put(store, account("refused", 1), None)).expect_err("the file is gone");
    fs::rename(&aside, &log).expect("moved back");
    let found = run(Bodies::get(store, body.clone())).expect("the log is read again");
    assert_eq!(found, None, "it was cut off");
    body
}

#[test]
fn a_record_that_names_a_lost_result_is_refused() {
    let scratch = Scratch::new();
    let store = opened(scratch.path(), LARGE);
    let body = lost_body(scratch.path(), &store);
    let mut extraction = sample::extraction("a", 1, sample::at(9));
    let ExtractionState::Succeeded { body: named, .. } = &mut extraction.state else {
        panic!("{extraction:?}")
    };
    named.clone_from(&body);
    let mut cached = sample::cached(1, sample::at(9));
    cached.body = Some(body.clone());
    let mut crawl = sample::crawl(1, sample::at(9));
    crawl.unread.push(UnreadPage { job: sample::job_id(1), depth: 1, body });

    for record in [Record::Extraction(extraction), Record::CacheEntry(cached), Record::Crawl(crawl)]
    {
        let kind = record.key();
        let refused = run(put(&store, record, None)).expect_err("its body was lost");
        assert!(chain(&refused).contains("lost a result"), "{kind:?}: {}", chain(&refused));
    }
    let other = Record::CacheEntry(sample::cached(2, sample::at(9)));
    run(put(&store, other, None)).expect("it names another body");
}

#[test]
fn a_page_that_names_a_lost_file_is_refused() {
    let scratch = Scratch::new();
    let store = opened(scratch.path(), LARGE);
    let file = lost_body(scratch.path(), &store);
    let page = |file| store.put_naming(sample::batch_id(1), b"page".to_vec(), vec![file]);

    let refused = run(page(file)).expect_err("its file was lost");

    assert!(chain(&refused).contains("lost a result"), "{}", chain(&refused));
    let again = run(Bodies::put(&store, sample::batch_id(1), b"file".to_vec())).expect("put");
    let body = run(page(again)).expect("both are put again");
    assert_eq!(run(Bodies::get(&store, body)).expect("readable"), Some(b"page".to_vec()));
}

async fn get_result(store: &Journal) -> Result<Option<(u64, Record)>, StoreError> {
    let found = store.load(vec![Key::Account(sample::account("a", 0).id().clone())]).await?;
    Ok(found.into_iter().flatten().next().map(|it| (it.version, it.record)))
}
