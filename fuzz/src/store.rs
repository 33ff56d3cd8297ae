//! A store against the plainest model of one: a list of records, searched from end to end.
//!
//! Every input runs against the memory store. Those that begin with 255 run against sled or the journal in a
//! directory of its own too, where each commit waits for the disk, and where the store may be opened
//! anew.

use std::cell::RefCell;

use rungs::core::batch::NotificationState;
use rungs::core::claims::{JobIndex, Shares};
use rungs::core::id::{AccountId, BatchId, WorkerId};
use rungs::core::job::{BodyRef, JobState, Lease};
use rungs::core::ladder::SiteProfile;
use rungs::core::ledger::Booking;
use rungs::core::record::{Claim, Key, Queue, Record, RecordKind};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::ports::store::{ListQuery, Store, StoreError, Versioned, Write};
use rungs::stores::{Journal, Memory, Sled};
use rungs::testkit::store::sample::{self, with};
use tokio::runtime::{Builder, Runtime};

use super::bytes::Bytes;

const MAX_OPERATIONS: usize = 200;
/// The limit for a store in which each commit waits for the disk.
const MAX_DISK_OPERATIONS: usize = 24;
const MAX_BODY: usize = 64;
/// The size of a journal's segments, of which an input fills several.
const SEGMENT_BYTES: u64 = 1_024;

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_all().build().expect("a runtime");
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let with_disk = bytes.byte() == 255;
    let rest = bytes.rest();
    RUNTIME.with(|runtime| {
        runtime.block_on(compare(Subject::Memory(Memory::new()), rest, MAX_OPERATIONS));
        if with_disk {
            let scratch = tempfile::tempdir().expect("a scratch directory");
            let dir = scratch.path().to_owned();
            // In turns, because each takes its time.
            let subject = if rest.len().is_multiple_of(2) {
                Subject::Sled(dir, RefCell::new(None))
            } else {
                Subject::Journal(dir, RefCell::new(None))
            };
            runtime.block_on(compare(subject, rest, MAX_DISK_OPERATIONS));
        }
    });
}

/// The store that is looked at.
enum Subject {
    Memory(Memory),
    /// The directory, and the store while it is open.
    Sled(std::path::PathBuf, RefCell<Option<Sled>>),
    /// A journal with small segments, in the same way.
    Journal(std::path::PathBuf, RefCell<Option<Journal>>),
}

impl Subject {
    fn store(&self) -> Box<dyn Store> {
        match self {
            Self::Memory(store) => Box::new(store.clone()),
            Self::Sled(dir, open) => {
                let mut open = open.borrow_mut();
                let store = open.get_or_insert_with(|| {
                    Sled::open_with(dir, Timestamp::default()).expect("an empty directory")
                });
                Box::new(store.clone())
            }
            Self::Journal(dir, open) => {
                let mut open = open.borrow_mut();
                let store = open.get_or_insert_with(|| journal(dir, Timestamp::default()));
                Box::new(store.clone())
            }
        }
    }

    /// Opens the store anew, if it is one that can be.
    fn reopen(&self, now: Timestamp) -> bool {
        match self {
            Self::Memory(_) => return false,
            Self::Sled(dir, open) => {
                drop(open.borrow_mut().take());
                let store = Sled::open_with(dir, now).expect("it was closed in order");
                *open.borrow_mut() = Some(store);
            }
            Self::Journal(dir, open) => {
                drop(open.borrow_mut().take());
                *open.borrow_mut() = Some(journal(dir, now));
            }
        }
        true
    }
}

fn journal(dir: &std::path::Path, now: Timestamp) -> Journal {
    Journal::open_sized(dir, now, SEGMENT_BYTES).expect("empty, or closed in order")
}

async fn compare(subject: Subject, data: &[u8], operations: usize) {
    let mut bytes = Bytes::new(data);
    let mut model = Model::default();
    for _ in 0..operations {
        if bytes.is_empty() {
            break;
        }
        model.act(&subject, &mut bytes).await;
    }
    model.check(&*subject.store()).await;
    let now = Timestamp::from_millis(bytes.number());
    if subject.reopen(now) {
        model.release(now);
        model.check(&*subject.store()).await;
    }
}

#[derive(Default)]
struct Model {
    records: Vec<(Key, Versioned)>,
    bodies: Vec<(BatchId, BodyRef, Vec<u8>)>,
}

impl Model {
    async fn act(&mut self, subject: &Subject, bytes: &mut Bytes<'_>) {
        let store = subject.store();
        match bytes.below(12) {
            0..=4 => self.commit(&*store, bytes).await,
            5 | 6 => self.claim(&*store, bytes).await,
            7 => self.load(&*store, bytes).await,
            8 => self.list(&*store, bytes).await,
            9 => self.put_body(&*store, bytes).await,
            10 => self.remove_bodies(&*store, bytes).await,
            _ => {
                drop(store);
                let now = Timestamp::from_millis(bytes.number());
                if subject.reopen(now) {
                    self.release(now);
                }
                self.check(&*subject.store()).await;
            }
        }
    }

    fn find(&self, key: &Key) -> Option<&Versioned> {
        self.records.iter().find(|(it, _)| it == key).map(|(_, it)| it)
    }

    fn write(&mut self, key: &Key, record: Option<Record>) -> Option<Versioned> {
        let version = self.find(key).map_or(0, |it| it.version) + 1;
        self.records.retain(|(it, _)| it != key);
        let new = Versioned { version, record: record? };
        self.records.push((key.clone(), new.clone()));
        Some(new)
    }

    async fn commit(&mut self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let mut writes: Vec<Write> = Vec::new();
        let mut fits = true;
        for _ in 0..=bytes.below(3) {
            let record = record(bytes);
            let key = record.key();
            // A commit that names a key twice contradicts itself.
            fits &= writes.iter().all(|it| it.key != key);
            let now = self.find(&key).map(|it| it.version);
            let expected = match bytes.below(8) {
                7 => Some(bytes.number()),
                6 => None,
                _ => now,
            };
            fits &= expected == now;
            writes.push(Write { key, expected, record: (bytes.below(5) != 4).then_some(record) });
        }

        let answer = store.commit(writes.clone()).await;

        match answer {
            Ok(()) => assert!(fits, "a stale commit was taken: {writes:?}"),
            Err(StoreError::Conflict) => assert!(!fits, "a fresh commit conflicts: {writes:?}"),
            Err(other) => panic!("{other}"),
        }
        if fits {
            for write in writes {
                self.write(&write.key, write.record);
            }
        }
    }

    async fn claim(&mut self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let queue = bytes.pick(&Queue::ALL);
        let worker = WorkerId(bytes.number());
        let now = Timestamp::from_millis(bytes.number());
        let until = Timestamp::from_millis(bytes.number());
        let limit = bytes.below(5);
        let claim = Claim::new(queue, worker, now, until, limit).with_shares(shares(bytes));
        let mut waiting: Vec<(Timestamp, Key)> = Vec::new();
        for (key, versioned) in &self.records {
            if let Some((queue, at)) = due(&versioned.record)
                && queue == claim.queue
                && at <= claim.now
            {
                waiting.push((at, key.clone()));
            }
        }
        waiting.sort();
        waiting.truncate(claim.limit);
        let mut keys: Vec<_> = waiting.into_iter().map(|(_, key)| key).collect();
        if claim.queue == Queue::Jobs {
            let mut index = JobIndex::default();
            self.records.iter().for_each(|(_, it)| index.put(&it.record));
            keys = index.pick(&claim).into_iter().map(Key::Job).collect();
        }

        let taken = store.claim(claim.clone()).await.expect("claimed");

        let mut expected = Vec::new();
        for key in keys {
            let found = self.find(&key).cloned().expect("it was just there");
            expected.push(match found.record.claimed(&claim) {
                Some(record) => self.write(&key, Some(record)).expect("written"),
                None => found,
            });
        }
        assert_eq!(taken, expected, "{claim:?}");
    }

    async fn load(&self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let keys: Vec<Key> = (0..bytes.below(4)).map(|_| record(bytes).key()).collect();

        let loaded = store.load(keys.clone()).await.expect("loaded");

        let expected: Vec<_> = keys.iter().map(|it| self.find(it).cloned()).collect();
        assert_eq!(loaded, expected);
    }

    async fn list(&self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let mut list = ListQuery::new(bytes.pick(&RecordKind::ALL), 0);
        list.after = bytes.flag().then(|| record(bytes).key());
        list.descending = bytes.flag();
        list.limit = bytes.below(6);

        let listed = store.list(list.clone()).await.expect("listed");

        assert_eq!(listed, self.listed(&list), "{list:?}");
    }

    /// By the order of keys, which the bytes of keys must keep too.
    fn listed(&self, list: &ListQuery) -> Vec<Versioned> {
        let behind = |key: &Key| match &list.after {
            Some(after) if list.descending => key < after,
            Some(after) => key > after,
            None => true,
        };
        let of_kind = self.records.iter().filter(|(key, _)| key.kind() == list.kind);
        let mut found: Vec<_> = of_kind.filter(|(key, _)| behind(key)).cloned().collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        if list.descending {
            found.reverse();
        }
        found.into_iter().map(|(_, it)| it).take(list.limit).collect()
    }

    async fn put_body(&mut self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let Some(bodies) = store.bodies() else { return };
        let batch = sample::batch_id(bytes.below(3) as u64);
        let length = bytes.below(MAX_BODY);
        let body = bytes.take(length).to_vec();

        let name = bodies.put(batch, body.clone()).await.expect("kept");

        assert!(self.bodies.iter().all(|it| it.1 != name), "{name:?} was given twice");
        self.bodies.push((batch, name, body));
    }

    async fn remove_bodies(&mut self, store: &dyn Store, bytes: &mut Bytes<'_>) {
        let Some(bodies) = store.bodies() else { return };
        let batch = sample::batch_id(bytes.below(3) as u64);
        bodies.remove(batch).await.expect("removed");
        for (_, name, _) in self.bodies.iter().filter(|it| it.0 == batch) {
            assert_eq!(bodies.get(name.clone()).await.expect("read"), None);
        }
        self.bodies.retain(|it| it.0 != batch);
    }

    /// Releases the leases of the previous process, as opening a store does.
    fn release(&mut self, now: Timestamp) {
        let abandoned =
            |(key, it): &(Key, Versioned)| Some((key.clone(), it.record.abandoned(now)?));
        let released: Vec<_> = self.records.iter().filter_map(abandoned).collect();
        for (key, record) in released {
            self.write(&key, Some(record));
        }
    }

    /// Compares every query of the store.
    async fn check(&self, store: &dyn Store) {
        for kind in RecordKind::ALL {
            let list = ListQuery::new(kind, usize::MAX);
            let listed = store.list(list.clone()).await.expect("listed");
            assert_eq!(listed, self.listed(&list));
        }
        for queue in Queue::ALL {
            let all = self.records.iter().filter_map(|(_, it)| due(&it.record));
            let earliest = all.filter(|it| it.0 == queue).map(|it| it.1).min();
            let first = store.due(queue, Timestamp::default()).await.expect("asked");
            assert_eq!(first, earliest, "{queue:?}");
        }
        let Some(bodies) = store.bodies() else { return };
        for (_, name, body) in &self.bodies {
            assert_eq!(bodies.get(name.clone()).await.expect("read").as_ref(), Some(body));
        }
    }
}

/// Bounds that bind now and then, and none at other times.
fn shares(bytes: &mut Bytes<'_>) -> Shares {
    let mut most = || if bytes.flag() { bytes.below(4) } else { usize::MAX };
    Shares { per_site: most(), per_account: most(), ..Shares::default() }
}

/// When a record needs attention, said once more and from its fields alone.
fn due(record: &Record) -> Option<(Queue, Timestamp)> {
    match record {
        Record::Job(job) if job.state == JobState::Queued => Some((Queue::Jobs, job.ready_at)),
        Record::Job(job) if job.state == JobState::Processing => {
            Some((Queue::Jobs, job.lease.map_or(job.ready_at, |it| it.until)))
        }
        Record::Notification(it) if it.state == NotificationState::Pending => {
            Some((Queue::Notifications, it.lease.map_or(it.ready_at, |it| it.until)))
        }
        Record::Batch(batch) => Some((Queue::Expiry, batch.expires_at?)),
        Record::CacheEntry(it) => {
            Some((Queue::Expiry, it.kept_until.map_or(it.expires_at, |at| at.max(it.expires_at))))
        }
        Record::Usage(it) => Some((Queue::Expiry, it.expires_at())),
        Record::Worker(it) => Some((Queue::Expiry, it.expires_at())),
        Record::Extraction(it) => Some((Queue::Expiry, it.expires_at)),
        Record::Crawl(it) => match (it.expires_at, it.lease) {
            (Some(at), _) => Some((Queue::Expiry, at)),
            (None, Some(lease)) => Some((Queue::Crawls, lease.until)),
            (None, None) => Some((Queue::Crawls, it.ready_at?)),
        },
        _ => None,
    }
}

fn moment(bytes: &mut Bytes<'_>) -> Timestamp {
    Timestamp::from_millis(bytes.number())
}

fn lease(bytes: &mut Bytes<'_>) -> Option<Lease> {
    let held = bytes.flag();
    held.then(|| Lease { worker: WorkerId(bytes.number()), until: moment(bytes) })
}

/// Returns one of a few records of each kind, with similar keys.
fn record(bytes: &mut Bytes<'_>) -> Record {
    let account = |bytes: &mut Bytes<'_>| {
        AccountId::new(bytes.pick(&["a", "ab", "a b", "é"])).expect("a name")
    };
    match bytes.below(18) {
        0 => Record::Account(sample::account(account(bytes).as_str(), bytes.number())),
        1 => {
            let expires_at = bytes.flag().then(|| moment(bytes));
            Record::Batch(sample::batch(bytes.below(3) as u64, expires_at))
        }
        2 => Record::LedgerEntry(with(sample::entry(0, 0), |made| {
            made.account = AccountId::default();
            made.batch = sample::batch_id(bytes.below(3) as u64);
            made.number = bytes.pick(&[0, 1, 255, 256, u32::MAX]);
            made.job = None;
            made.booking = Booking::Hold { amount: rungs::core::credits::Credits(bytes.number()) };
            made.at = moment(bytes);
        })),
        3..=5 => {
            let mut job = sample::job(bytes.below(4) as u64, moment(bytes));
            job.state = bytes.pick(&JobState::ALL);
            job.lease = if job.state == JobState::Processing { lease(bytes) } else { None };
            Record::Job(job)
        }
        6 => {
            let mut notice = sample::notice(bytes.below(3) as u64, moment(bytes));
            notice.state = bytes.pick(&[NotificationState::Pending, NotificationState::Delivered]);
            // Only a pending notification can have a lease.
            notice.lease = lease(bytes).filter(|_| notice.state == NotificationState::Pending);
            Record::Notification(notice)
        }
        7 => Record::Site(SiteProfile::new(bytes.pick(&["a", "a:80", "ab", ""]), moment(bytes))),
        8 => Record::IdempotencyRecord(with(sample::submission("a", "", 0), |made| {
            made.account = account(bytes);
            made.key = bytes.pick(&["", "b", "\0", "\u{10ffff}"]).to_owned();
            made.digest = [bytes.byte(); 32];
            made.batch = sample::batch_id(1);
        })),
        9 => Record::AccountBatch(sample::owned(account(bytes).as_str(), bytes.below(3) as u64)),
        10 => Record::Usage(sample::usage(account(bytes).as_str(), bytes.below(3) as u64)),
        12 => Record::Worker(sample::worker(bytes.below(3) as u64, moment(bytes))),
        13 => {
            let owner = account(bytes);
            let number = bytes.below(3) as u64;
            Record::Extraction(sample::extraction(owner.as_str(), number, moment(bytes)))
        }
        14 => Record::Crawl(with(sample::crawl(bytes.below(3) as u64, moment(bytes)), |made| {
            made.lease = lease(bytes);
            if bytes.flag() {
                (made.ended_at, made.lease) = (Some(moment(bytes)), None);
                made.expires_at = Some(moment(bytes));
            }
        })),
        15 => Record::CrawlChunk(sample::crawl_chunk(bytes.below(3) as u64, bytes.below(3) as u32)),
        16 => Record::Session(sample::session(account(bytes).as_str(), bytes.below(3) as u64)),
        11 => Record::BatchJobs(sample::batch_jobs(bytes.below(3) as u64, 6)),
        _ => Record::CacheEntry(with(sample::cached(0, sample::at(0)), |made| {
            made.digest = [bytes.pick(&[0, 1, 255]); 32];
            made.body = Some(BodyRef("b".to_owned()));
            made.tier = bytes.pick(&Tier::ALL);
            made.fetched_at = moment(bytes);
            made.expires_at = moment(bytes);
            made.kept_until = bytes.flag().then(|| moment(bytes));
        })),
    }
}
