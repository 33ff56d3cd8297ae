//! The format on disk, which does not depend on the names of the API: the current types read every file of `format-1` and
//! `format-2`, and write the same bytes as format 2. A type, field or variant that is renamed keeps its stored name with
//! `#[serde(rename = "...")]`.
//!
//! The files must never be overwritten. A test of more records adds a file: `RUNGS_NEW_FORMAT_FILES=1` writes the missing
//! files.
//!
//! Records of `format-1` are JSON and no longer written. Its files of other things, such as results, are.
//!
//! `format-1/early` contains records from before some of their fields existed. They are read with defaults for those
//! fields and are no longer written in this form.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rungs::core::batch::{
    BatchKind, BatchRecord, DeliveryAttempt, Notification, NotificationKind, NotificationState,
    Tally,
};
use rungs::core::crawl::CrawlPage;
use rungs::core::credits::Credits;
use rungs::core::extraction::ExtractionRecord;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::id::{AccountId, ExtractionId, WorkerId};
use rungs::core::job::{Attempt, BodyRef, Fence, Finding, Job, JobState, Lease, Outcome};
use rungs::core::ladder::SiteProfile;
use rungs::core::ledger::{Account, Booking, LedgerEntry};
use rungs::core::record::{CacheEntry, Key, Queue, Record, RecordKind};
use rungs::core::request::{
    ActionKind, BlockKind, ContentType, Format, Item, Limits, Method, Mode, PdfFormat, Profile,
    Provider, RenderJs, WaitCondition,
};
use rungs::core::session::SealedSession;
use rungs::core::slots::Slot;
use rungs::core::step::{MIN_RETENTION, Records, StepInput, step};
use rungs::core::tier::Tier;
use rungs::core::trace::TraceContext;
use rungs::core::usage::Period;
use rungs::core::validators::Validators;
use rungs::core::verdict::{DocumentKind, Verdict};
use rungs::core::worker::WorkerRecord;
use rungs::engine::Page;
use rungs::ports::notify::NotificationFormat;
use rungs::ports::store::Versioned;
use rungs::service::wire::WebhookBody;
use rungs::stores::codec::{Header, decode, encode, header};
use rungs::testkit::store::sample::{self, at, batch_id, job_id, with};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::properties::records::skipping_job;

/// The version that the files' records have.
const VERSION: u64 = 7;

pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/properties/format-1").join(name)
}

/// The bytes of a file, which is made from `written` if it is new.
fn golden(name: &str, written: &[u8]) -> Vec<u8> {
    golden_at(&path(name), written)
}

fn golden_at(path: &Path, written: &[u8]) -> Vec<u8> {
    if !path.exists() && std::env::var_os("RUNGS_NEW_FORMAT_FILES").is_some() {
        fs::write(path, written).expect("written");
    }
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Bytes as a message shows them.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const ENDED: u64 = 1_764_000_005_000;
const BEGAN: u64 = 1_764_000_001_000;

fn account() -> Account {
    let mut account = Account::limited(AccountId::new("acme").expect("a name"));
    assert!(account.grant(Credits(10_000)), "a new account takes any grant");
    account.hold(Credits(700)).expect("covered");
    account.settle(Credits(300), Credits(200));
    account
}

fn unlimited() -> Account {
    let mut account = Account::unlimited(AccountId::new("Ünï \u{1f600}").expect("a name"));
    account.hold(Credits(u64::MAX)).expect("its holds never fail");
    account
}

fn batch(number: u64, form: BatchKind) -> BatchRecord {
    let mut batch = sample::batch(number, Some(at(ENDED + 86_400_000)));
    batch.account = account().id().clone();
    batch.inline_jobs = vec![job_id(1), job_id(2)];
    batch.tally = Tally { total: 2, succeeded: 1, failed: 1 };
    batch.estimate = Credits(700);
    batch.charged = Credits(200);
    batch.form = form;
    batch.label = Some("first key".to_owned());
    batch.webhook = Some("https://example.com/hook?a=b".to_owned());
    batch.idempotency_key = Some("order-1138".to_owned());
    batch.entries = 3;
    batch.ended_at = Some(at(ENDED));
    batch
}

fn entry(number: u32, job: Option<u64>, booking: Booking) -> LedgerEntry {
    let mut entry = sample::entry(1, number);
    entry.account = account().id().clone();
    entry.job = job.map(job_id);
    entry.booking = booking;
    entry.at = at(ENDED);
    entry
}

/// Every finding that an attempt can have, with each error code and each kind of document.
fn findings() -> Vec<Finding> {
    let verdicts = [
        Verdict::Usable,
        Verdict::Blocked { by: Some("cloudflare".to_owned()), challenge: true },
        Verdict::Blocked { by: None, challenge: false },
        Verdict::NeedsRendering,
        Verdict::Thin,
        Verdict::Transient { retry_after: None },
        Verdict::Transient { retry_after: Some(Duration::new(7, 5)) },
    ];
    let documents = [
        DocumentKind::Pdf,
        DocumentKind::Image,
        DocumentKind::Json,
        DocumentKind::Text,
        DocumentKind::Binary,
    ];
    let codes = CODES.iter().zip([true, false].into_iter().cycle());
    let mut findings: Vec<_> = verdicts.into_iter().map(Finding::Judged).collect();
    findings.extend(documents.map(|it| Finding::Judged(Verdict::Other(it))));
    findings.extend(CODES.iter().map(|it| Finding::Judged(Verdict::Permanent(*it))));
    findings.extend(codes.map(|(&code, retryable)| Finding::Transport { code, retryable }));
    findings
}

const CODES: [ErrorCode; 25] = [
    ErrorCode::BlockedByAntibot,
    ErrorCode::ChallengeDetected,
    ErrorCode::Timeout,
    ErrorCode::Cancelled,
    ErrorCode::InvalidUrl,
    ErrorCode::UnsupportedContentType,
    ErrorCode::DnsError,
    ErrorCode::ConnectionError,
    ErrorCode::TlsError,
    ErrorCode::TargetHttpError,
    ErrorCode::NotFoundTarget,
    ErrorCode::PaywallDetected,
    ErrorCode::LoginRequired,
    ErrorCode::ContentTooLarge,
    ErrorCode::EmptyContent,
    ErrorCode::ExtractionFailed,
    ErrorCode::RenderFailed,
    ErrorCode::PdfParseFailed,
    ErrorCode::OcrUnavailable,
    ErrorCode::TierCapReached,
    ErrorCode::CostLimitExceeded,
    ErrorCode::TimeBudgetExpired,
    ErrorCode::RobotsDisallowed,
    ErrorCode::PrivateAddressBlocked,
    ErrorCode::InternalError,
];

fn trail(findings: Vec<Finding>) -> Vec<Attempt> {
    let attempt = |(number, finding): (usize, Finding)| {
        with(
            Attempt::new(
                Tier::ALL[number % Tier::ALL.len()],
                finding,
                "status 403, \"cf-mitigated\": challenge".to_owned(),
                at(BEGAN),
            ),
            |made| {
                made.status = (number % 2 == 0).then_some(403);
                made.duration = Duration::from_millis(120);
            },
        )
    };
    findings.into_iter().enumerate().map(attempt).collect()
}

fn job(number: u64, state: JobState) -> Job {
    let mut job = sample::job(number, at(1_764_000_000_000));
    job.account = account().id().clone();
    job.index = 1;
    job.state = state;
    job.hold = Credits(300);
    job
}

/// A job whose request has every option set, read from the JSON of `request.json`.
fn job_with_every_option() -> Job {
    let item: Item =
        serde_json::from_slice(&fs::read(path("request.json")).expect("there")).expect("an item");
    let mut job = job(5, JobState::Queued);
    job.request = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    job
}

fn running() -> Job {
    let mut job = job(1, JobState::Processing);
    (job.claims, job.lost) = (3, 2);
    job.lease = Some(Lease { worker: WorkerId(u64::MAX), until: at(ENDED) });
    job.used = Duration::from_millis(240);
    job.started_at = Some(at(BEGAN));
    job.trail = trail(findings());
    job
}

fn succeeded() -> Job {
    let mut job = job(2, JobState::Succeeded);
    job.claims = 1;
    job.started_at = Some(at(BEGAN));
    job.ended_at = Some(at(ENDED));
    job.outcome = Some(Outcome::Succeeded {
        tier: Tier::LightJs,
        charged: Credits(200),
        body: BodyRef("batch_1:1".to_owned()),
        cached: true,
    });
    job
}

fn failed() -> Job {
    let mut job = job(3, JobState::Failed);
    let mut error = JobError::new(ErrorCode::TierCapReached, "a dearer tier is needed");
    (error.status, error.required_tier) = (Some(403), Some(Tier::Browser));
    job.ended_at = Some(at(ENDED));
    job.outcome = Some(Outcome::Failed(error));
    job
}

fn notice(number: u64, event: NotificationKind, state: NotificationState) -> Notification {
    let attempts = [(Some(200), None, Some("ok")), (None, Some("refused"), None)];
    let attempts = attempts.map(|(status, error, response_body)| {
        with(DeliveryAttempt::new(at(ENDED + 1_000)), |made| {
            made.status = status;
            made.error = error.map(str::to_owned);
            made.response_body = response_body.map(str::to_owned);
        })
    });
    let mut notice = sample::notice(number, at(ENDED + 2_000));
    notice.account = account().id().clone();
    notice.event = event;
    notice.state = state;
    notice.attempts = attempts.to_vec();
    notice.lease = Some(Lease { worker: WorkerId(9), until: at(ENDED + 3_000) });
    notice
}

fn unaddressed() -> Notification {
    let mut notice = notice(4, NotificationKind::BatchCompleted, NotificationState::Unaddressed);
    (notice.url, notice.lease) = (None, None);
    notice.attempts.clear();
    notice
}

fn site() -> SiteProfile {
    let mut profile = SiteProfile::new("example.com:8443", at(1_764_000_000_000));
    profile.learn(Tier::Curl, false, at(BEGAN));
    profile.learn(Tier::LightJs, true, at(1_764_086_400_000));
    profile
}

fn cached() -> CacheEntry {
    let mut cached = sample::cached(7, at(1_764_003_600_000));
    cached.tier = Tier::Stealth;
    cached.fetched_at = at(1_764_000_000_000);
    cached
}

fn known_page() -> CacheEntry {
    let headers = [("etag", "W/\"5f-1\""), ("last-modified", "Fri, 27 Nov 2026 09:00:00 GMT")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    with(cached(), |made| {
        made.body = None;
        made.content_hash = Some("0a".repeat(32));
        made.validators = Validators::of("https://example.com/end", &headers);
        made.kept_until = Some(at(1_764_090_000_000));
    })
}

fn trace() -> Arc<TraceContext> {
    let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse::<TraceContext>();
    Arc::new(context.expect("a traceparent").with_state("vendor=t61rcWkgMzE"))
}

fn busy_worker() -> WorkerRecord {
    let slots = [0, 64, 1_023].into_iter().filter_map(Slot::new);
    sample::worker(3, at(1_764_000_006_000)).with_in_hand(slots.collect())
}

fn leaving_worker() -> WorkerRecord {
    busy_worker().leaving()
}

fn traced_job() -> Job {
    with(job(5, JobState::Queued), |made| made.trace = Some(trace()))
}

fn traced_notice() -> Notification {
    let notice = notice(5, NotificationKind::BatchCompleted, NotificationState::Pending);
    with(notice, |made| made.trace = Some(trace()))
}

fn refreshed_session() -> SealedSession {
    with(sample::session("acme", 2), |made| made.session.replacements = 3)
}

fn running_extraction() -> ExtractionRecord {
    let (account, id) = (AccountId::default(), ExtractionId::new(at(BEGAN), 0, 7));
    ExtractionRecord::new(id, account, Credits(2_500), at(BEGAN), at(ENDED))
}

fn whole_crawl() -> Record {
    let all = sample::every_kind();
    all.into_iter().find(|it| matches!(it, Record::Crawl(_))).expect("a crawl")
}

fn crawled_job() -> Job {
    let page = CrawlPage { order: Some(3), ..CrawlPage::new(sample::crawl_id(1), 2) };
    with(job(6, JobState::Queued), |made| made.crawl = Some(page))
}

fn crawled_batch() -> BatchRecord {
    with(sample::batch(6, None), |made| made.crawl = Some(sample::crawl_id(1)))
}

/// Records of every kind, with every variant that they hold, by the names of their files.
fn records() -> Vec<(&'static str, Record)> {
    let hold = Booking::Hold { amount: Credits(700) };
    let settle = Booking::Settle { charged: Credits(200), released: Credits(100) };
    let pending = notice(1, NotificationKind::BatchCompleted, NotificationState::Pending);
    let delivered = notice(2, NotificationKind::JobCompleted, NotificationState::Delivered);
    let given_up = notice(3, NotificationKind::JobFailed, NotificationState::GivenUp);
    vec![
        ("account", Record::Account(account())),
        ("account-unlimited", Record::Account(unlimited())),
        ("account-batch", Record::AccountBatch(sample::owned("acme", 1))),
        ("batch", Record::Batch(batch(1, BatchKind::Batch))),
        ("batch-scrape", Record::Batch(batch(2, BatchKind::Scrape))),
        ("batch-running", Record::Batch(sample::batch(3, None))),
        ("cache-entry", Record::CacheEntry(cached())),
        ("cache-entry-known", Record::CacheEntry(known_page())),
        ("entry-hold", Record::LedgerEntry(entry(0, None, hold))),
        ("entry-settle", Record::LedgerEntry(entry(1, Some(1), settle))),
        ("batch-jobs", Record::BatchJobs(sample::batch_jobs(1, 6))),
        ("extraction", Record::Extraction(sample::extraction("acme", 1, at(ENDED)))),
        ("extraction-running", Record::Extraction(running_extraction())),
        ("grant", Record::Grant(sample::grant("acme", "invoice-17"))),
        ("idempotency-key", Record::IdempotencyRecord(sample::submission("acme", "order-1138", 1))),
        ("job-queued", Record::Job(job(4, JobState::Queued))),
        ("job-with-every-option", Record::Job(job_with_every_option())),
        ("job-running", Record::Job(running())),
        ("job-succeeded", Record::Job(succeeded())),
        ("job-failed", Record::Job(failed())),
        ("job-traced", Record::Job(traced_job())),
        ("job-skipping", Record::Job(skipping_job(job(6, JobState::Queued)))),
        ("notification-traced", Record::Notification(traced_notice())),
        ("notification-pending", Record::Notification(pending)),
        ("notification-delivered", Record::Notification(delivered)),
        ("notification-given-up", Record::Notification(given_up)),
        ("notification-unaddressed", Record::Notification(unaddressed())),
        ("session", Record::Session(sample::session("acme", 1))),
        ("session-refreshed", Record::Session(refreshed_session())),
        ("site", Record::Site(site())),
        ("usage", Record::Usage(sample::usage("acme", 20_000))),
        ("worker-busy", Record::Worker(busy_worker())),
        ("worker-leaving", Record::Worker(leaving_worker())),
        ("worker", Record::Worker(sample::worker(u64::MAX - 7, at(1_764_000_006_000)))),
        ("crawl", whole_crawl()),
        ("crawl-chunk", Record::CrawlChunk(sample::crawl_chunk(1, 7))),
        ("job-of-crawl", Record::Job(crawled_job())),
        ("batch-of-crawl", Record::Batch(crawled_batch())),
    ]
}

/// Files of format 1 contain every option of a request. A default that changes is noticed here, and changes stored
/// requests of format 2.
#[test]
fn every_record_of_format_1_stays_readable() {
    for (name, record) in records() {
        // They are newer than the format.
        if matches!(
            name,
            "batch-jobs"
                | "extraction"
                | "extraction-running"
                | "worker"
                | "worker-busy"
                | "worker-leaving"
                | "cache-entry-known"
                | "job-traced"
                | "job-skipping"
                | "session"
                | "session-refreshed"
                | "notification-traced"
                | "crawl"
                | "crawl-chunk"
                | "job-of-crawl"
                | "batch-of-crawl"
        ) {
            continue;
        }
        let golden = fs::read(path(name)).expect(name);

        assert_eq!(header(&golden).expect(name), Header { version: VERSION, due: record.due() });
        let read = decode(&golden).expect(name);
        assert_eq!(read, Versioned { version: VERSION, record }, "`{name}` is read as another");
    }
}

#[test]
fn every_record_keeps_its_bytes_of_format_2() {
    let mut kinds: Vec<_> = RecordKind::ALL.to_vec();
    for (name, record) in records() {
        kinds.retain(|it| *it != record.key().kind());
        let written = encode(VERSION, &record).expect(name);

        let golden = golden_at(&path("../format-2").join(name), &written);

        assert_eq!(shown(&written), shown(&golden), "`{name}` is written in another way");
        assert_eq!(written, golden, "`{name}` is written in another way");
        assert_eq!(header(&golden).expect(name), Header { version: VERSION, due: record.due() });
        let read = decode(&golden).expect(name);
        assert_eq!(read, Versioned { version: VERSION, record }, "`{name}` is read as another");
    }
    assert!(kinds.is_empty(), "no file of {kinds:?}");
}

/// A result's body, a request and a budget are JSON of their own: reading and writing gives the same.
fn keeps<T: Serialize + DeserializeOwned>(name: &str) -> T {
    let golden = fs::read(path(name)).expect(name);
    let value: T = serde_json::from_slice(&golden).expect(name);
    let written = serde_json::to_vec(&value).expect(name);
    assert_eq!(shown(&written), shown(golden.trim_ascii_end()), "`{name}` is written otherwise");
    value
}

#[test]
fn the_body_of_a_result_keeps_its_json() {
    let page: Page = keeps("body.json");

    let extracted = &page.extracted;
    assert_eq!((page.status_code, page.final_url.as_str()), (200, "https://example.com/end"));
    assert_eq!((page.response_time_ms, page.size_bytes), (120, 4_096));
    assert_eq!(page.fetched_at, at(BEGAN));
    assert_eq!(page.cached_until, Some(at(ENDED)));
    assert_eq!(page.redirects[0].status_code, 301);
    assert_eq!(page.actions[0].kind, "click");
    assert_eq!(page.artifacts[0].name, "screenshot.png");
    assert_eq!(extracted.content.len(), Format::ALL.len());
    assert_eq!(extracted.title.as_deref(), Some("A title"));
    let prompted = extracted.prompted.as_ref().expect("an answer");
    assert_eq!((prompted.input_tokens, prompted.output_tokens), (900, 30));
    assert_eq!(extracted.ocr_results[0].read.words[0].bbox, [1, 2, 3, 4]);
}

#[test]
fn a_request_with_every_option_keeps_its_json() {
    let item: Item = keeps("request.json");

    let plain = serde_json::to_value(Item::get(item.url.clone())).expect("JSON");
    let full = serde_json::to_value(&item).expect("JSON");
    let (plain, full) = (plain.as_object().expect("fields"), full.as_object().expect("fields"));
    let same: Vec<_> = plain.iter().filter(|(name, it)| full.get(*name) == Some(it)).collect();
    let names: Vec<_> = same.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["url"], "fields at their defaults");
}

fn words<T: Serialize + DeserializeOwned + PartialEq + Debug>(all: &[T]) -> serde_json::Value {
    let written = serde_json::to_value(all).expect("JSON");
    let read: Vec<T> = serde_json::from_value(written.clone()).expect("its own words");
    assert_eq!(read, all);
    written
}

#[test]
fn every_option_is_stored_by_its_word() {
    let render = [RenderJs::No, RenderJs::Yes, RenderJs::Auto];
    let all: BTreeMap<&str, serde_json::Value> = [
        ("action kinds", words(ActionKind::ALL)),
        ("block kinds", words(BlockKind::ALL)),
        ("content types", words(ContentType::ALL)),
        ("formats", words(Format::ALL)),
        ("job states", words(&JobState::ALL)),
        ("methods", words(Method::ALL)),
        ("modes", words(Mode::ALL)),
        ("pdf formats", words(PdfFormat::ALL)),
        ("periods", words(&[Period::Daily, Period::Weekly, Period::Monthly])),
        ("profiles", words(Profile::ALL)),
        ("providers", words(Provider::ALL)),
        ("render", words(&render)),
        ("tiers", words(&Tier::ALL)),
        ("wait conditions", words(WaitCondition::ALL)),
    ]
    .into_iter()
    .collect();
    let written = serde_json::to_string_pretty(&all).expect("JSON");

    let golden = golden("words.json", written.as_bytes());

    assert_eq!(written, shown(&golden));
}

/// The keys of one record of each kind, and the bytes of kinds and queues.
#[test]
fn the_bytes_of_keys_do_not_change() {
    let name = AccountId::new("acme").expect("a name");
    let keys = [
        Key::Account(name.clone()),
        Key::Batch(batch_id(1)),
        Key::LedgerEntry(batch_id(1), 258),
        Key::Job(job_id(2)),
        Key::Notification(sample::notice(3, at(1)).id),
        Key::Site("example.com:8443".to_owned()),
        Key::IdempotencyRecord(name.clone(), "order-1138".to_owned()),
        Key::CacheEntry([7; 32]),
        Key::AccountBatch(name.clone(), batch_id(1)),
        Key::Usage(name, at(20_000 * 86_400_000).day()),
    ];
    let mut lines: Vec<String> = keys.iter().map(|it| hex(&it.to_bytes())).collect();
    lines.push(hex(&Queue::ALL.map(|it| it as u8)));
    let written = lines.join("\n") + "\n";

    let golden = golden("keys", written.as_bytes());

    assert_eq!(written, shown(&golden));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Returns the notification body of a batch whose last job ends by `input`, with this tally.
fn body(form: BatchKind, tally: Tally, input: StepInput) -> String {
    let mut batch = batch(1, form);
    batch.tally = tally;
    let mut account = account();
    account.hold(Credits(300)).expect("covered");
    let mut job = job(1, JobState::Queued);
    let item = Item::get("https://u:p@example.com/a?b=\"c\"#\u{e9}");
    job.request = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    let job = job.claimed(WorkerId(1), at(BEGAN), at(ENDED)).expect("it is queued");
    let records = Records { job: &job, batch: &batch, account: &account };
    let fence = Some(Fence { worker: WorkerId(1), claim: 1 });
    let done = step(records, fence, input, at(ENDED), MIN_RETENTION).expect("the claim holds it");
    let completion = done.ending.expect("it ended").completion.expect("it was the last");
    WebhookBody.body(&completion)
}

/// The receiver of a webhook gets these bytes, and they are committed with the end of the batch.
#[test]
fn the_body_of_a_notification_keeps_its_bytes() {
    let success = || StepInput::Succeed {
        tier: Tier::LightJs,
        charged: Credits(200),
        body: BodyRef("batch_1:1".to_owned()),
        cached: false,
        attempts: Vec::new(),
    };
    let failure = || {
        let mut error = JobError::new(ErrorCode::NotFoundTarget, "no \"such\" page: \u{e9}\n");
        error.status = Some(404);
        StepInput::Fail { error, attempts: Vec::new() }
    };
    let tally = |succeeded, failed| Tally { total: succeeded + failed + 1, succeeded, failed };
    let bodies = [
        body(BatchKind::Batch, tally(2, 0), success()),
        body(BatchKind::Batch, tally(2, 1), success()),
        body(BatchKind::Batch, tally(0, 2), failure()),
        body(BatchKind::Scrape, tally(0, 0), success()),
        body(BatchKind::Scrape, tally(0, 0), failure()),
    ];
    let written = bodies.join("\n") + "\n";

    let golden = golden("notification-bodies", written.as_bytes());

    assert_eq!(written, shown(&golden));
}
