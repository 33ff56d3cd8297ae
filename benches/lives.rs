//! Job lives a second through the port of stores, beside SQLite: a job is inserted, claimed and ended, and each step is
//! durable before the next begins.
//!
//! `single` has eight writers, each of which does one step of one job at a time. `batched` has one writer that takes each
//! step for 100 jobs at once. SQLite writes the same bytes with a write-ahead log and `synchronous = FULL`, through one
//! connection, which is faster than eight that wait for each other.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rungs::core::job::JobState;
use rungs::core::record::{Queue, Record};
use rungs::ports::store::{Store, Versioned, Write};
use rungs::stores::{Journal, Memory, Sled, codec};
use rungs::testkit::store::sample;
use rusqlite::Connection;

const LASTS: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const WRITERS: usize = 8;
const BATCH: usize = 100;

/// Numbers of jobs, each used once.
static NEXT: AtomicU64 = AtomicU64::new(1);

fn new_jobs(count: usize) -> Vec<Record> {
    let first = NEXT.fetch_add(count as u64, Ordering::Relaxed);
    let numbers = first..first + count as u64;
    numbers.map(|it| Record::Job(sample::job(it, sample::at(1)))).collect()
}

fn ended(found: Versioned) -> Write {
    let Record::Job(mut job) = found.record else { panic!("a claim of jobs returns jobs") };
    job.state = JobState::Failed;
    job.lease = None;
    let record = Record::Job(job);
    Write { key: record.key(), expected: Some(found.version), record: Some(record) }
}

/// Runs lives of `count` jobs at once until the time is over, and returns their number.
async fn lives(store: &dyn Store, count: usize, begun: Instant) -> usize {
    let mut lived = 0;
    while begun.elapsed() < LASTS {
        let new = new_jobs(count).into_iter();
        let new = new.map(|it| Write { key: it.key(), expected: None, record: Some(it) }).collect();
        store.commit(new).await.expect("committed");
        let mut claim = sample::claim(Queue::Jobs, 10);
        claim.limit = count;
        let claimed = store.claim(claim).await.expect("claimed");
        lived += claimed.len();
        store.commit(claimed.into_iter().map(ended).collect()).await.expect("committed");
    }
    lived
}

fn of_store<S: Store + Clone + 'static>(store: &S, writers: usize, count: usize) -> f64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let begun = Instant::now();
    let lived: usize = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..writers {
            let store = store.clone();
            tasks.spawn(async move { lives(&store, count, begun).await });
        }
        tasks.join_all().await.into_iter().sum()
    });
    lived as f64 / begun.elapsed().as_secs_f64()
}

fn sqlite(path: &Path) -> Connection {
    let db = Connection::open(path).expect("opened");
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE job (id BLOB PRIMARY KEY, version INTEGER NOT NULL, due INTEGER, body BLOB NOT NULL) WITHOUT ROWID;
         CREATE INDEX due ON job (due) WHERE due IS NOT NULL;",
    )
    .expect("created");
    db
}

fn sqlite_insert(db: &mut Connection, count: usize) {
    let step = db.transaction().expect("begun");
    for record in new_jobs(count) {
        let (key, body) = (record.key().to_bytes(), codec::encode(1, &record).expect("encoded"));
        let mut insert = step.prepare_cached("INSERT INTO job VALUES (?, 1, 1, ?)").expect("valid");
        insert.execute((key, body)).expect("inserted");
    }
    step.commit().expect("committed");
}

fn sqlite_claim(db: &mut Connection, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let step = db.transaction().expect("begun");
    let claimed: Vec<(Vec<u8>, Vec<u8>)> = {
        let text = "UPDATE job SET version = version + 1, due = 60000 WHERE id IN
                    (SELECT id FROM job WHERE due <= 10 ORDER BY due LIMIT ?) RETURNING id, body";
        let mut claim = step.prepare_cached(text).expect("valid");
        let rows = claim.query_map([count], |row| Ok((row.get(0)?, row.get(1)?))).expect("claimed");
        rows.collect::<Result<_, _>>().expect("read")
    };
    step.commit().expect("committed");
    claimed
}

fn sqlite_end(db: &mut Connection, claimed: &[(Vec<u8>, Vec<u8>)]) {
    let step = db.transaction().expect("begun");
    for (id, body) in claimed {
        // The record is decoded and encoded, as it is for a store of rungs.
        let record = ended(codec::decode(body).expect("decoded")).record.expect("a job");
        let body = codec::encode(3, &record).expect("encoded");
        let text = "UPDATE job SET version = 3, due = NULL, body = ? WHERE id = ? AND version = 2";
        let mut end = step.prepare_cached(text).expect("valid");
        assert_eq!(end.execute((body, id)).expect("ended"), 1);
    }
    step.commit().expect("committed");
}

fn of_sqlite(path: &Path, writers: usize, count: usize) -> f64 {
    let db = Mutex::new(sqlite(path));
    let begun = Instant::now();
    let one = || {
        let mut lived = 0;
        while begun.elapsed() < LASTS {
            sqlite_insert(&mut db.lock().expect("not poisoned"), count);
            let claimed = sqlite_claim(&mut db.lock().expect("not poisoned"), count);
            sqlite_end(&mut db.lock().expect("not poisoned"), &claimed);
            lived += claimed.len();
        }
        lived
    };
    let lived: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers).map(|_| scope.spawn(one)).collect();
        writers.into_iter().map(|it| it.join().expect("it does not panic")).sum()
    });
    lived as f64 / begun.elapsed().as_secs_f64()
}

fn main() {
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk to measure");
    for (name, writers, count) in [("single", WRITERS, 1), ("batched", 1, BATCH)] {
        let mut rates = vec![Vec::new(); 4];
        for round in 0..ROUNDS {
            let at = |store: &str| dir.path().join(format!("{store}-{name}-{round}"));
            rates[0].push(of_sqlite(&at("sqlite"), writers, count));
            rates[1].push(of_store(&Memory::default(), writers, count));
            rates[2].push(of_store(&Sled::open(at("sled")).expect("opened"), writers, count));
            rates[3].push(of_store(&Journal::open(at("journal")).expect("opened"), writers, count));
        }
        let medians: Vec<f64> = rates
            .into_iter()
            .map(|mut it| {
                it.sort_by(f64::total_cmp);
                it[it.len() / 2]
            })
            .collect();
        println!("{name}: {writers} writers, {count} jobs a step");
        for (store, rate) in ["sqlite", "memory", "sled", "journal"].iter().zip(&medians) {
            println!("{store:<8} {rate:>9.0} lives/s  {:>6.2} of SQLite", rate / medians[0]);
        }
    }
}
