//! Shares: a claim of jobs gives every account its turn and no site more than its share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::claims::{claimed_jobs, jobs_at};
use super::{AnyStore, Open, put, sample};
use crate::core::claims::{AccountShare, Priority, Shares, SiteShare};
use crate::core::id::AccountId;
use crate::core::job::Job;
use crate::core::record::{Claim, Queue, Record};
use crate::core::request::{Item, Limits};
use crate::core::time::Timestamp;
use crate::ports::store::Store;
use crate::testkit::kit::{MustSucceed, must_eq};

fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("a valid name")
}

/// A queued job of an account and a site, due from `number` on.
fn job(number: u64, owner: &str, site: &str) -> Job {
    let item = Item::get(format!("https://{site}/{number}"));
    let request = item.check(&Limits::default()).expect("a plain item passes");
    let job = sample::job(number, sample::at(number));
    Job { account: account(owner), request: Arc::new(request), ..job }
}

async fn add(store: &AnyStore, job: Job) {
    put(store, Record::Job(job), None).await.must_succeed("a commit of a new record");
}

/// Claims up to ten jobs and returns their numbers.
async fn numbers(store: &AnyStore, shares: Shares) -> Vec<u64> {
    let claim = Claim { shares, ..jobs_at(1_000) };
    let taken = claimed_jobs(store, claim).await;
    let number = |it: &Job| (1..100).find(|&number| sample::job_id(number) == it.id).unwrap_or(0);
    taken.iter().map(number).collect()
}

/// Shares without bounds, which still make accounts take turns.
fn unbounded() -> Shares {
    Shares { after: Some(account("0")), ..Shares::default() }
}

/// A site whose share is used up is passed over; its jobs stay for a later claim.
pub async fn a_claim_takes_no_more_of_a_site_than_its_share(store: AnyStore) {
    for number in 1..=4 {
        add(&store, job(number, "a", "slow.example")).await;
    }
    add(&store, job(5, "a", "busy.example")).await;
    add(&store, job(6, "a", "fast.example")).await;
    let busy = SiteShare { in_hand: 3, most: 3 };
    let sites = BTreeMap::from([("busy.example".to_owned(), busy)]);

    let first = numbers(&store, Shares { per_site: 2, sites, ..unbounded() }).await;
    let rest = numbers(&store, unbounded()).await;

    must_eq!(
        first.iter().filter(|&&it| it <= 4).count(),
        2,
        "the number of jobs that a claim took of a site whose share is 2"
    );
    must_eq!(
        (first.contains(&5), first.contains(&6)),
        (false, true),
        "the jobs that a claim took of a site whose share is used up, and of one that has nothing in hand,"
    );
    must_eq!(rest.len(), 3, "the number of jobs that a claim without bounds took afterwards");
}

/// An account whose share is used up is passed over, however much it has waiting.
pub async fn a_claim_takes_no_more_of_an_account_than_its_share(store: AnyStore) {
    for number in 1..=4 {
        add(&store, job(number, "a", "a.example")).await;
    }
    add(&store, job(5, "b", "b.example")).await;
    add(&store, job(6, "c", "c.example")).await;
    let busy = AccountShare { in_hand: 7, most: 7, weight: 1 };
    let accounts = BTreeMap::from([(account("b"), busy)]);

    let mut taken = numbers(&store, Shares { per_account: 3, accounts, ..unbounded() }).await;

    taken.sort_unstable();
    must_eq!(
        taken,
        [1, 2, 3, 6],
        "the jobs that a claim took of accounts with shares of 3, 0 and 3"
    );
}

/// An account that submitted much and early leaves every second turn to one that came late.
pub async fn accounts_take_turns(store: AnyStore) {
    for number in 1..=20 {
        add(&store, job(number, "a", &format!("{number}.example"))).await;
    }
    add(&store, job(21, "b", "b.example")).await;
    add(&store, job(22, "b", "b.example")).await;

    let taken = numbers(&store, unbounded()).await;

    must_eq!(
        taken,
        [1, 21, 2, 22, 3, 4, 5, 6, 7, 8],
        "the jobs that a claim of 10 took of an account with 20 and one with 2"
    );
}

/// Turns go round: one claim begins where the claim before stopped.
pub async fn the_account_that_was_served_last_waits(store: AnyStore) {
    for (number, owner) in [(1, "a"), (2, "b"), (3, "c")] {
        add(&store, job(number, owner, "one.example")).await;
    }
    let after = Some(account("b"));

    let taken = numbers(&store, Shares { after, ..Shares::default() }).await;

    must_eq!(taken, [3, 1, 2], "the jobs of accounts a, b and c that a claim after b took");
}

/// The account with the fewest jobs in hand for its weight is next.
pub async fn a_heavier_account_gets_more_turns(store: AnyStore) {
    for number in 1..=9 {
        add(&store, job(number, "a", "a.example")).await;
        add(&store, job(number + 10, "b", "b.example")).await;
    }
    let share = |weight| AccountShare { in_hand: 0, most: 100, weight };
    let accounts = BTreeMap::from([(account("a"), share(1)), (account("b"), share(4))]);

    let taken = numbers(&store, Shares { accounts, ..unbounded() }).await;

    must_eq!(
        taken.iter().filter(|&&it| it > 10).count(),
        8,
        "the number of turns of 10 that an account with four times the weight of the other got"
    );
}

/// Urgency orders the jobs of one account and takes no turn of another.
pub async fn urgent_jobs_of_an_account_come_first(store: AnyStore) {
    let with = |number, owner, priority| Job { priority, ..job(number, owner, "one.example") };
    add(&store, with(1, "a", Priority::Low)).await;
    add(&store, with(2, "a", Priority::Normal)).await;
    add(&store, with(3, "a", Priority::High)).await;
    add(&store, with(4, "b", Priority::Low)).await;

    let taken = numbers(&store, unbounded()).await;

    must_eq!(
        taken,
        [3, 4, 2, 1],
        "the order of a low, a normal and an urgent job of one account and a low one of another"
    );
}

/// The engine asks when the next job falls due while jobs that are due wait for their site.
pub async fn due_leaves_out_what_was_due_before(store: AnyStore) {
    for number in [3, 5, 9] {
        add(&store, job(number, "a", "a.example")).await;
    }

    let mut found = Vec::new();
    for from in [0, 3, 4, 9, 10] {
        let due = store.due(Queue::Jobs, sample::at(from)).await.must_succeed("`due`");
        found.push(due.map(Timestamp::as_millis));
    }

    must_eq!(
        found,
        [Some(3), Some(3), Some(5), Some(9), None],
        "the moments from 0, 3, 4, 9 and 10 ms on at which jobs due at 3, 5 and 9 ms are due"
    );
}

/// The index of turns is there again, with the leases that were released.
pub async fn accounts_take_turns_after_a_reopening(dir: &Path, open: Open<'_>) {
    let store = open(dir);
    add(&store, job(1, "b", "b.example")).await;
    let until = sample::at(u64::MAX);
    let held = claimed_jobs(&store, Claim { until, ..jobs_at(10) }).await;
    must_eq!(held.len(), 1, "the number of jobs that the claim took");
    for number in 2..=20 {
        add(&store, job(number, "a", "a.example")).await;
    }
    drop(store);

    let store = open(dir);

    // The kit cannot tell a store the time at which it is opened.
    let claim = Claim { now: sample::at(u64::MAX - 1), limit: 2, ..jobs_at(1_000) };
    let per_site = 1;
    let claim = Claim { shares: Shares { per_site, ..unbounded() }, ..claim };
    let taken = claimed_jobs(&store, claim).await;
    let mut owners: Vec<_> = taken.iter().map(|it| it.account.as_str()).collect();
    owners.sort_unstable();
    must_eq!(owners, ["a", "b"], "the accounts that a claim served after a reopening");
    must_eq!(
        taken.iter().map(|it| it.lost).sum::<u32>(),
        1,
        "the number of lost leases among the claimed jobs"
    );
}
