//! Sample records for the checks.

use std::sync::Arc;
use std::time::Duration;

use crate::core::batch::{
    BatchJobs, BatchKind, BatchRecord, ItemEvents, Notification, NotificationKind,
    NotificationState, Tally,
};
use crate::core::claims::Priority;
use crate::core::crawl::{
    CrawlChunk, CrawlRecord, CrawlRules, CrawlUrl, OpenBatch, SitemapUse, StopReason, UnreadPage,
};
use crate::core::credits::Credits;
use crate::core::extraction::{ExtractionRecord, ExtractionState, ModelUse};
use crate::core::failure::{ErrorCode, JobError};
use crate::core::id::{
    AccountId, BatchId, CrawlId, ExtractionId, JobId, NotificationId, SessionId, WorkerId,
};
use crate::core::job::{Attempt, BodyRef, Finding, Job, JobState, Lease, Outcome};
use crate::core::ladder::SiteProfile;
use crate::core::ledger::{Account, Booking, GrantRecord, LedgerEntry};
use crate::core::record::{AccountBatch, CacheEntry, Claim, IdempotencyRecord, Queue, Record};
use crate::core::request::{Item, Limits, Profile};
use crate::core::session::{SealedSession, Session, SessionDomain};
use crate::core::skipped::{SkipReason, SkippedTier};
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::usage::DailyUsage;
use crate::core::verdict::Verdict;
use crate::core::worker::WorkerRecord;

/// Returns the time `millis` milliseconds after the start of 1970.
pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Returns `value` after `change`.
pub fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
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
        priority: Priority::Normal,
        trace: None,
        crawl: None,
        state: JobState::Queued,
        claims: 0,
        lost: 0,
        lease: None,
        hold: Credits(1),
        trail: Vec::new(),
        used: Duration::ZERO,
        ready_at,
        deadline: ready_at.after(Duration::from_mins(10)),
        created_at: at(0),
        started_at: None,
        ended_at: None,
        outcome: None,
    }
}

/// A batch without jobs that is removed at `expires_at`.
pub fn batch(number: u64, expires_at: Option<Timestamp>) -> BatchRecord {
    BatchRecord {
        id: batch_id(number),
        account: AccountId::default(),
        inline_jobs: Vec::new(),
        tally: Tally::default(),
        estimate: Credits::ZERO,
        charged: Credits::ZERO,
        form: BatchKind::Batch,
        label: None,
        webhook: None,
        item_events: ItemEvents::default(),
        idempotency_key: None,
        retry_of: None,
        crawl: None,
        event: NotificationId::new(at(number), 0, number),
        entries: 0,
        created_at: at(number),
        ended_at: None,
        expires_at,
    }
}

/// Returns a pending notification that is due at `ready_at`.
pub fn notice(number: u64, ready_at: Timestamp) -> Notification {
    Notification {
        id: NotificationId::new(at(number), 0, number),
        batch: batch_id(number),
        account: AccountId::default(),
        event: NotificationKind::BatchCompleted,
        url: Some("https://example.com/hook".to_owned()),
        body: "{}".to_owned(),
        state: NotificationState::Pending,
        attempts: Vec::new(),
        ready_at,
        lease: None,
        trace: None,
    }
}

/// Line `number` of a batch's ledger.
pub fn entry(batch: u64, number: u32) -> LedgerEntry {
    LedgerEntry {
        account: AccountId::default(),
        batch: batch_id(batch),
        number,
        job: Some(job_id(u64::from(number))),
        booking: Booking::Settle { charged: Credits(3), released: Credits(4) },
        at: at(9),
    }
}

/// The profile of a site, with sums that are not round numbers.
pub fn site(name: &str) -> SiteProfile {
    let mut site = SiteProfile::new(name, at(0));
    for number in 1..8 {
        site.learn(Tier::Http, number % 3 == 0, at(number * 12_345_678));
    }
    site
}

/// The idempotency key `key` of the account `account`, used for batch `number`.
pub fn submission(account: &str, key: &str, number: u64) -> IdempotencyRecord {
    let account = AccountId::new(account).expect("a valid name");
    IdempotencyRecord { account, key: key.to_owned(), digest: [7; 32], batch: batch_id(number) }
}

/// Returns a cache entry whose digest repeats `byte`.
pub fn cached(byte: u8, expires_at: Timestamp) -> CacheEntry {
    CacheEntry {
        digest: [byte; 32],
        body: Some(BodyRef(format!("body {byte}"))),
        tier: Tier::Curl,
        fetched_at: at(1),
        expires_at,
        content_hash: None,
        validators: None,
        kept_until: None,
    }
}

/// The membership of batch `number` in the account.
pub fn owned(account: &str, number: u64) -> AccountBatch {
    let account = AccountId::new(account).expect("a valid name");
    AccountBatch { account, batch: batch_id(number) }
}

/// Returns the usage of a day, counted from the start of 1970, on which one of two jobs has ended.
pub fn usage(account: &str, day: u64) -> DailyUsage {
    let account = AccountId::new(account).expect("a valid name");
    let mut usage = DailyUsage::new(account, at(day * 86_400_000).day());
    usage.submit(Some("first key"), 2, Credits(20));
    usage.settle(Some("first key"), "example.com:8443", Credits(10), Credits(7));
    usage
}

/// Records with every field filled, of every kind.
pub fn every_kind() -> Vec<Record> {
    let attempt = |tier, finding| Attempt {
        tier,
        finding,
        signal: "status 403, \"cf-mitigated\"".to_owned(),
        status: Some(403),
        started_at: at(3),
        duration: Duration::from_millis(17),
        skipped: vec![SkippedTier::new(Tier::Stealth, SkipReason::NoFetcher)],
    };
    let blocked = Verdict::Blocked { by: None, challenge: true };
    let trail = vec![
        attempt(Tier::Curl, Finding::Judged(blocked)),
        attempt(Tier::Http, Finding::Transport { code: ErrorCode::Timeout, retryable: true }),
    ];
    let lease = Some(Lease { worker: WorkerId(u64::MAX), until: at(u64::MAX) });
    let running = Job {
        state: JobState::Processing,
        claims: 3,
        lost: 2,
        lease,
        trail: trail.clone(),
        used: Duration::from_millis(12),
        started_at: Some(at(2)),
        ..job(1, at(1))
    };
    let body = BodyRef("somewhere".to_owned());
    let succeeded =
        Outcome::Succeeded { tier: Tier::LightJs, charged: Credits(1), body, cached: true };
    let ended = |number, state, outcome| Job {
        state,
        trail: trail.clone(),
        ended_at: Some(at(8)),
        outcome: Some(outcome),
        ..job(number, at(1))
    };
    let failed = Outcome::Failed(JobError::new(ErrorCode::Cancelled, "it was cancelled"));
    vec![
        Record::Account(account("a", 5)),
        Record::Batch(whole_batch()),
        Record::LedgerEntry(entry(1, 2)),
        Record::Job(running),
        Record::Job(ended(2, JobState::Succeeded, succeeded)),
        Record::Job(ended(3, JobState::Failed, failed)),
        Record::Notification(Notification { lease, ..notice(1, at(1)) }),
        Record::Site(site("example.com")),
        Record::IdempotencyRecord(submission("a", "order-1", 1)),
        Record::CacheEntry(cached(7, at(5))),
        Record::AccountBatch(owned("a", 1)),
        Record::Usage(usage("a", 20_000)),
        Record::Grant(grant("a", "invoice-17")),
        Record::BatchJobs(batch_jobs(1, 6)),
        Record::Worker(worker(7, at(90))),
        Record::Extraction(extraction("a", 7, at(90))),
        Record::Session(session("a", 3)),
        Record::Crawl(whole_crawl()),
        Record::CrawlChunk(crawl_chunk(1, 1)),
    ]
}

/// A batch with every field filled.
fn whole_batch() -> BatchRecord {
    BatchRecord {
        inline_jobs: vec![job_id(1), job_id(2)],
        tally: Tally { total: 2, succeeded: 1, failed: 1 },
        estimate: Credits(9),
        charged: Credits(1),
        form: BatchKind::Scrape,
        label: Some("first key".to_owned()),
        webhook: Some("https://example.com/hook?a=b".to_owned()),
        item_events: ItemEvents::FAILED,
        idempotency_key: Some("order-1".to_owned()),
        retry_of: Some(batch_id(7)),
        entries: 3,
        ended_at: Some(at(8)),
        ..batch(1, Some(at(9)))
    }
}

/// The list of the jobs of batch `number`.
pub fn batch_jobs(number: u64, jobs: u64) -> BatchJobs {
    BatchJobs::new(batch_id(number), (0..jobs).map(job_id).collect())
}

/// A process that counts as alive until `until`.
pub fn worker(id: u64, until: Timestamp) -> WorkerRecord {
    WorkerRecord::new(WorkerId(id), at(5), until)
}

/// An extraction of this account that has ended, with every field filled.
pub fn extraction(owner: &str, number: u64, expires_at: Timestamp) -> ExtractionRecord {
    let account = AccountId::new(owner).expect("a name");
    let id = ExtractionId::new(at(number), 0, number);
    let mut model = ModelUse::new("openai", "small");
    (model.input_tokens, model.output_tokens) = (900, 30);
    model.cost_microcents = Some(1_200);
    model.latency = Duration::from_millis(412);
    let mut record = ExtractionRecord::new(id, account, Credits(3_500), at(number), expires_at);
    record.label = Some("first key".to_owned());
    record.idempotency_key = Some("order-2".to_owned());
    record.site = Some("shop.example".to_owned());
    record.content_chars = 12_000;
    record.profile = Profile::Product;
    record.ended_at = Some(at(8));
    record.state = ExtractionState::Succeeded {
        charged: Credits(3_500),
        body: BodyRef("somewhere".to_owned()),
        cached: true,
        model: Some(model),
    };
    record
}

/// A session of this account with a sealed secret of 60 bytes.
pub fn session(owner: &str, number: u64) -> SealedSession {
    let account = AccountId::new(owner).expect("a name");
    let domain = SessionDomain::parse("example.com").expect("a domain");
    let id = SessionId::new(at(1), 0, number << 2);
    let mut session = Session::new(id, account, "shop", domain, at(4));
    session.cookie_names = vec!["sid".to_owned()];
    SealedSession::new(session, vec![7; 60])
}

/// A grant to this account.
pub fn grant(owner: &str, key: &str) -> GrantRecord {
    let account = AccountId::new(owner).expect("a name");
    GrantRecord::new(account, key.to_owned(), Credits(5_000_000), at(7))
}

/// Returns a crawl that has something to do from `ready_at` on.
pub fn crawl(number: u64, ready_at: Timestamp) -> CrawlRecord {
    let request = Item::get("https://example.com/").check(&Limits::default());
    let template = Arc::new(request.expect("a plain item passes"));
    let event = NotificationId::new(at(number), 0, number);
    let mut crawl =
        CrawlRecord::new(crawl_id(number), event, template, CrawlRules::default(), at(number));
    crawl.ready_at = Some(ready_at);
    crawl
}

/// The id of crawl `number`.
pub fn crawl_id(number: u64) -> CrawlId {
    CrawlId::new(at(number), 0, number)
}

/// Chunk `chunk` of crawl `number`, with two URLs.
pub fn crawl_chunk(number: u64, chunk: u32) -> CrawlChunk {
    let url = |name: &str| CrawlUrl { url: format!("https://example.com/{name}"), depth: 1 };
    CrawlChunk::new(crawl_id(number), chunk, vec![url("a"), url("b")])
}

/// A crawl with every field filled.
fn whole_crawl() -> CrawlRecord {
    let mut crawl = crawl(1, at(5));
    crawl.rules.include = vec!["/a/*".to_owned()];
    crawl.rules.exclude = vec!["*.pdf".to_owned()];
    crawl.rules.sitemap = SitemapUse::Only;
    crawl.rules.sitemap_path = Some("/map.xml".to_owned());
    crawl.rules.max_credits = Some(Credits(900));
    crawl.rules.max_concurrency = Some(4);
    crawl.label = Some("first key".to_owned());
    crawl.webhook = Some("https://example.com/hook".to_owned());
    crawl.is_seeded = true;
    crawl.admitted = 3;
    crawl.chunks = 2;
    crawl.submitted = 1;
    crawl.tally = Tally { total: 2, succeeded: 1, failed: 0 };
    crawl.held = Credits(10);
    crawl.charged = Credits(4);
    crawl.open = vec![OpenBatch { batch: batch_id(1), left: 1 }];
    let body = BodyRef("somewhere".to_owned());
    crawl.unread = vec![UnreadPage { job: job_id(1), depth: 1, body }];
    crawl.stop = Some(StopReason::Canceled);
    crawl.warnings = vec!["a warning".to_owned()];
    crawl.claims = 2;
    crawl.lease = Some(Lease { worker: WorkerId(9), until: at(90) });
    crawl
}

/// A claim of up to ten at `now`, whose lease runs for 100 ms.
pub fn claim(queue: Queue, now: u64) -> Claim {
    Claim::new(queue, WorkerId(1), at(now), at(now.saturating_add(100)), 10)
}
