//! Durable commits a second at 1 and 8 writers, beside the disk's own rate of small synced writes.
//!
//! The ratio is the figure: a commit of its own can be no faster than one sync, and shared flushes
//! should make eight writers several times as fast as one.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::ledger::Account;
use rungs::core::record::Record;
use rungs::ports::store::{Store, Write};
use rungs::stores::Sled;

const LASTS: Duration = Duration::from_secs(2);

fn synced_writes(dir: &std::path::Path) -> f64 {
    let mut file = File::create(dir.join("probe")).expect("a file");
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < LASTS {
        file.write_all(&[7; 512]).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

async fn commits(store: &Sled, writers: u32) -> f64 {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut count = 0_u32;
            while begun.elapsed() < LASTS {
                let id = AccountId::new(format!("{writers}-{writer}-{count}")).expect("a name");
                let mut account = Account::limited(id);
                assert!(account.grant(Credits(1)));
                let record = Record::Account(account);
                let write = Write { key: record.key(), expected: None, record: Some(record) };
                store.commit(vec![write]).await.expect("committed");
                count += 1;
            }
            count
        });
    }
    let counts = tasks.join_all().await;
    f64::from(counts.into_iter().sum::<u32>()) / begun.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir_in(".").expect("a directory on the disk to measure");
    let store = Sled::open(dir.path().join("store")).expect("opened");
    let disk = synced_writes(dir.path());
    println!("synced writes      {disk:>8.0}/s");
    for writers in [1, 8] {
        let rate = commits(&store, writers).await;
        println!("commits, {writers} writers {rate:>8.0}/s  {:.2} of a synced write", rate / disk);
    }
}
