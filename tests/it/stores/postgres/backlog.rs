//! Claims from a queue that is longer than what a claim reads of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rungs::core::claims::{Shares, SiteShare};
use rungs::core::id::{AccountId, JobId, WorkerId};
use rungs::core::job::Job;
use rungs::core::record::{Claim, Queue, Record};
use rungs::core::request::{Item, Limits};
use rungs::core::slots::{Slot, Slots};
use rungs::ports::store::{Store, Write};
use rungs::stores::Postgres;
use rungs::testkit::store::sample::{self, at, with};

use crate::support::postgres::{block_on, new_url, open};

/// Several times what a claim of a few jobs reads.
const BACKLOG: u64 = 400;

/// A job that is due from `number` on.
fn job(number: u64, owner: &str, site: &str) -> Job {
    let item = Item::get(format!("https://{site}/{number}"));
    with(sample::job(number, at(number)), |made| {
        made.account = AccountId::new(owner).expect("a valid name");
        made.request = Arc::new(item.check(&Limits::default()).expect("a plain item"));
    })
}

/// A store with these jobs.
fn filled(jobs: impl IntoIterator<Item = Job>) -> Postgres {
    let store = open(&new_url());
    let records = jobs.into_iter().map(Record::Job);
    let writes = records.map(|it| Write { key: it.key(), expected: None, record: Some(it) });
    block_on(store.commit(writes.collect())).expect("committed");
    store
}

fn claim(limit: usize, shares: Shares) -> Claim {
    Claim::new(Queue::Jobs, WorkerId(1), at(9_000), at(99_000), limit).with_shares(shares)
}

async fn claimed(store: &Postgres, claim: Claim) -> Vec<Job> {
    let found = store.claim(claim).await.expect("claimed");
    let job = |it: Record| match it {
        Record::Job(job) => job,
        other => panic!("{other:?} is no job"),
    };
    found.into_iter().map(|it| job(it.record)).collect()
}

#[test]
fn a_claim_serves_every_account_behind_a_long_queue() {
    let mut jobs: Vec<_> =
        (1..=BACKLOG).map(|it| job(it, "first", &format!("{}.example", it % 4))).collect();
    for (number, owner) in (BACKLOG + 1..).zip(["a", "b", "c", "x", "y"]) {
        jobs.push(job(number, owner, &format!("{owner}.example")));
    }
    let store = filled(jobs);

    let taken = block_on(claimed(&store, claim(12, Shares::default())));

    let mut of_each = BTreeMap::<_, usize>::new();
    for job in &taken {
        *of_each.entry(job.account.as_str()).or_default() += 1;
    }
    let all = [("a", 1), ("b", 1), ("c", 1), ("first", 7), ("x", 1), ("y", 1)];
    assert_eq!(of_each, all.into(), "one turn for each account, the rest for the first");
}

#[test]
fn a_claim_passes_over_the_long_queue_of_a_busy_site() {
    let busy = (1..=BACKLOG).map(|it| job(it, "one", "busy.example"));
    let free = (BACKLOG + 1..=BACKLOG + 3).map(|it| job(it, "one", "free.example"));
    let store = filled(busy.chain(free));
    let share = SiteShare { in_hand: 3, most: 3 };
    let sites = BTreeMap::from([("busy.example".to_owned(), share)]);
    let shares = Shares { sites, ..Shares::default() };

    let taken = block_on(claimed(&store, claim(10, shares)));

    let sites: Vec<_> = taken.iter().map(|it| it.request.page().site()).collect();
    assert_eq!(sites, ["free.example"; 3]);
}

#[test]
fn processes_take_a_long_queue_apart_by_their_slots() {
    // The jobs of a site are due one after another, so that what is read first is of a few sites.
    let jobs = (0..BACKLOG).map(|it| job(it + 1, "one", &format!("{}.example", it / 10)));
    let store = filled(jobs);
    let workers = [WorkerId(1), WorkerId(2)];
    let shares = Shares { per_site: 1, ..Shares::default() };

    let claim_all = async |worker| {
        let slots = Slots::owned(worker, &workers);
        let mut taken = Vec::new();
        loop {
            let mut claim = claim(25, shares.clone()).within(slots, 25);
            claim.worker = worker;
            let jobs = claimed(&store, claim).await;
            if jobs.is_empty() {
                return (slots, taken);
            }
            let sites: BTreeSet<_> = jobs.iter().map(|it| it.request.page().site()).collect();
            assert_eq!(sites.len(), jobs.len(), "one job of each site: {jobs:?}");
            taken.extend(jobs);
        }
    };
    let parts = block_on(async { tokio::join!(claim_all(workers[0]), claim_all(workers[1])) });

    let mut ids = BTreeSet::<JobId>::new();
    for (slots, taken) in [&parts.0, &parts.1] {
        assert!(!taken.is_empty());
        for job in taken {
            let slot = Slot::of(job.request.page().site().as_bytes());
            assert!(slots.contains(slot) && ids.insert(job.id), "{job:?}");
        }
    }
    assert_eq!(ids.len() as u64, BACKLOG, "each job once");
}
