//! Records to check a store with.

use std::sync::Arc;

use crate::core::batch::{Batch, Notice, NoticeState, Tally};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, DeliveryId, JobId, WorkerId};
use crate::core::job::{Job, JobState};
use crate::core::ledger::Account;
use crate::core::record::{Claim, Queue};
use crate::core::request::{Item, Limits};
use crate::core::time::Timestamp;

/// The moment `millis` after 1970 began.
pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// The id of batch `number`; greater numbers sort later.
pub fn batch_id(number: u64) -> BatchId {
    BatchId::new(at(number), 0, number)
}

/// The id of job `number`.
pub fn job_id(number: u64) -> JobId {
    JobId::new(at(number), 0, number)
}

/// An account by this name that was granted `granted` credits.
pub fn account(name: &str, granted: u64) -> Account {
    let mut account = Account::limited(AccountId::new(name).expect("a valid name"));
    assert!(account.grant(Credits(granted)), "a new account takes any grant");
    account
}

/// A queued job that may be claimed from `ready_at` on.
pub fn job(number: u64, ready_at: Timestamp) -> Job {
    let item = Item::get(format!("https://example.com/{number}"));
    let request = item.check(&Limits::default()).expect("a plain item passes");
    Job {
        id: job_id(number),
        batch: batch_id(1),
        account: AccountId::default(),
        index: 0,
        request: Arc::new(request),
        state: JobState::Queued,
        claims: 0,
        lost: 0,
        lease: None,
        hold: Credits(1),
        trail: Vec::new(),
        used_ms: 0,
        ready_at,
        deadline: ready_at.after(std::time::Duration::from_secs(600)),
        created_at: at(0),
        started_at: None,
        ended_at: None,
        outcome: None,
    }
}

/// A batch without jobs that is removed at `expires_at`.
pub fn batch(number: u64, expires_at: Option<Timestamp>) -> Batch {
    Batch {
        id: batch_id(number),
        account: AccountId::default(),
        jobs: Vec::new(),
        tally: Tally::default(),
        estimate: Credits::ZERO,
        charged: Credits::ZERO,
        webhook: None,
        idempotency_key: None,
        event: DeliveryId::new(at(number), 0, number),
        entries: 0,
        created_at: at(number),
        ended_at: None,
        expires_at,
    }
}

/// A pending event that is to be delivered from `ready_at` on.
pub fn notice(number: u64, ready_at: Timestamp) -> Notice {
    Notice {
        id: DeliveryId::new(at(number), 0, number),
        batch: batch_id(number),
        url: Some("https://example.com/hook".to_owned()),
        body: "{}".to_owned(),
        state: NoticeState::Pending,
        attempts: Vec::new(),
        ready_at,
        lease: None,
    }
}

/// A claim of up to ten at `now`, whose lease runs for 100 ms.
pub fn claim(queue: Queue, now: u64) -> Claim {
    Claim { queue, worker: WorkerId(1), now: at(now), until: at(now + 100), limit: 10 }
}
