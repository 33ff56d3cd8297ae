//! Records for the tests of this module.

use std::sync::Arc;
use std::time::Duration;

use crate::core::batch::{BatchKind, BatchRecord, ItemEvents, Tally};
use crate::core::claims::Priority;
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId, NotificationId, WorkerId};
use crate::core::job::{Attempt, Finding, Job, JobState};
use crate::core::ledger::Account;
use crate::core::request::{Item, Limits};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::verdict::Verdict;

/// When it all began.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_000_000);
/// A worker.
pub(crate) const MINE: WorkerId = WorkerId(1);
/// Another.
pub(crate) const OTHERS: WorkerId = WorkerId(2);

/// So many seconds after the start.
pub(crate) fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

/// A queued job that holds 10 credits, as it was submitted.
pub(crate) fn job() -> Job {
    let request = Item::get("http://example.com/").check(&Limits::default());
    Job {
        id: JobId::new(START, 1, 1),
        batch: BatchId::new(START, 0, 1),
        account: AccountId::default(),
        index: 0,
        request: Arc::new(request.expect("a valid item")),
        priority: Priority::Normal,
        trace: None,
        crawl: None,
        state: JobState::Queued,
        claims: 0,
        lost: 0,
        lease: None,
        hold: Credits(10),
        trail: Vec::new(),
        used: Duration::ZERO,
        ready_at: START,
        deadline: at(86_400),
        created_at: START,
        started_at: None,
        ended_at: None,
        outcome: None,
    }
}

/// The same job under a lease of [`MINE`] from the start until 30 seconds later.
pub(crate) fn held_job() -> Job {
    job().claimed(MINE, START, at(30)).expect("a queued job can be claimed")
}

/// The batch of `jobs` such jobs.
pub(crate) fn batch(jobs: u32) -> BatchRecord {
    BatchRecord {
        id: BatchId::new(START, 0, 1),
        account: AccountId::default(),
        inline_jobs: Vec::new(),
        tally: Tally { total: jobs, ..Tally::default() },
        estimate: Credits(10 * u64::from(jobs)),
        charged: Credits::ZERO,
        form: BatchKind::Batch,
        label: None,
        webhook: Some("http://example.com/hook".to_owned()),
        item_events: ItemEvents::default(),
        idempotency_key: None,
        retry_of: None,
        crawl: None,
        event: NotificationId::new(START, 0, 2),
        entries: 1,
        created_at: START,
        ended_at: None,
        expires_at: None,
    }
}

/// An account of 100 credits, `held` of them held.
pub(crate) fn account(held: u64) -> Account {
    let mut account = Account::limited(AccountId::default());
    assert!(account.grant(Credits(100)));
    account.hold(Credits(held)).expect("covered");
    account
}

/// An attempt on `tier` that found the page.
pub(crate) fn attempt(tier: Tier) -> Attempt {
    Attempt {
        tier,
        finding: Finding::Judged(Verdict::Usable),
        signal: "seen".to_owned(),
        status: Some(200),
        started_at: START,
        duration: Duration::from_millis(5),
        skipped: Vec::new(),
    }
}
