//! The encoding of records: records of this release and of earlier ones are read back.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rungs::core::batch::{
    BatchJobs, BatchKind, BatchRecord, DeliveryAttempt, Notification, NotificationKind,
    NotificationState, Tally,
};
use rungs::core::crawl::{CrawlRecord, OpenBatch};
use rungs::core::credits::Credits;
use rungs::core::failure::JobError;
use rungs::core::id::{AccountId, BatchId, WorkerId};
use rungs::core::job::{Attempt, BodyRef, Finding, Job, JobState, Lease, Outcome};
use rungs::core::ladder::SiteProfile;
use rungs::core::ledger::{Account, Booking, GrantRecord, LedgerEntry};
use rungs::core::record::{AccountBatch, CacheEntry, IdempotencyRecord, Record};
use rungs::core::request::{Action, ActionKind, Item, Limits, RenderJs};
use rungs::core::session::SealedSession;
use rungs::core::skipped::{SkipReason, SkippedTier};
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::core::usage::DailyUsage;
use rungs::core::validators::Validators;
use rungs::core::verdict::Verdict;
use rungs::ports::store::Versioned;
use rungs::stores::codec::{Header, decode, encode, header};
use rungs::testkit::store::sample::{self, at, with};
use serde_json::{Value, json};

use crate::properties::given;

fn account() -> impl Strategy<Value = Account> {
    let books = (given::credits(), 0..=1_000_u32, 0..=1_000_u32);
    (given::account_id(), any::<bool>(), books).prop_map(
        |(id, unlimited, (granted, held, spent))| {
            let mut account = if unlimited { Account::unlimited(id) } else { Account::limited(id) };
            assert!(account.grant(granted), "a new account takes any grant");
            let hold = granted.scaled(held);
            account.hold(hold).expect("a part of the grant");
            account.settle(hold, hold.scaled(spent));
            account
        },
    )
}

fn batch() -> impl Strategy<Value = BatchRecord> {
    let texts = (prop::option::of(".{0,12}"), prop::option::of(".{0,12}"));
    let counts = (any::<[u32; 3]>(), given::credits(), given::credits());
    let moments = (given::moment(), prop::option::of(given::moment()));
    let jobs = prop::collection::vec(given::job_id(), 0..4);
    (given::batch_id(), given::account_id(), jobs, texts, counts, given::delivery_id(), moments)
        .prop_map(|(id, account, jobs, texts, counts, event, (created_at, ended_at))| {
            let ([total, succeeded, failed], estimate, charged) = counts;
            with(sample::batch(0, None), |made| {
                made.id = id;
                made.account = account;
                made.inline_jobs = jobs;
                made.tally = Tally { total, succeeded, failed };
                made.estimate = estimate;
                made.charged = charged;
                made.form = if total % 2 == 0 { BatchKind::Batch } else { BatchKind::Scrape };
                made.label.clone_from(&texts.0);
                made.webhook = texts.0;
                made.idempotency_key = texts.1;
                made.event = event;
                made.entries = total;
                made.created_at = created_at;
                made.ended_at = ended_at;
                made.expires_at = ended_at;
            })
        })
}

fn entry() -> impl Strategy<Value = LedgerEntry> {
    let booking = prop_oneof![
        given::credits().prop_map(|amount| Booking::Hold { amount }),
        (given::credits(), given::credits())
            .prop_map(|(charged, released)| Booking::Settle { charged, released }),
    ];
    let job = prop::option::of(given::job_id());
    (given::account_id(), given::batch_id(), any::<u32>(), job, booking, given::moment()).prop_map(
        |(account, batch, number, job, booking, at)| {
            with(sample::entry(0, 0), |made| {
                made.account = account;
                made.batch = batch;
                made.number = number;
                made.job = job;
                made.booking = booking;
                made.at = at;
            })
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let status = prop::option::of(any::<u16>());
    let failed = (given::code(), ".{0,12}", status, prop::option::of(given::tier())).prop_map(
        |(code, message, status, required_tier)| {
            Outcome::Failed({
                let mut error = JobError::new(code, message);
                (error.status, error.required_tier) = (status, required_tier);
                error
            })
        },
    );
    let succeeded = (given::tier(), given::credits(), ".{0,12}", any::<bool>()).prop_map(
        |(tier, charged, body, cached)| Outcome::Succeeded {
            tier,
            charged,
            body: BodyRef(body),
            cached,
        },
    );
    prop_oneof![failed, succeeded]
}

fn job() -> impl Strategy<Value = Job> {
    let ids = (given::job_id(), given::batch_id(), given::account_id());
    let place = (prop::sample::select(&JobState::ALL[..]), prop::option::of(given::lease()));
    let counts = (any::<[u32; 3]>(), given::credits(), any::<u64>());
    let moments = [given::moment(), given::moment(), given::moment()];
    let ends = (prop::option::of(given::moment()), prop::option::of(outcome()));
    let past = (prop::collection::vec(given::attempt(), 0..4), given::trace());
    (ids, given::request(), place, counts, moments, ends, past).prop_map(
        |(ids, request, (state, lease), counts, moments, (ended_at, outcome), (trail, trace))| {
            let ([index, claims, lost], hold, used_ms) = counts;
            let [ready_at, deadline, created_at] = moments;
            with(sample::job(0, sample::at(0)), |made| {
                made.id = ids.0;
                made.batch = ids.1;
                made.account = ids.2;
                made.index = index;
                made.request = Arc::new(request);
                made.trace = trace;
                made.state = state;
                made.claims = claims;
                made.lost = lost;
                made.lease = lease;
                made.hold = hold;
                made.trail = trail;
                made.used = Duration::from_millis(used_ms);
                made.ready_at = ready_at;
                made.deadline = deadline;
                made.created_at = created_at;
                made.started_at = ended_at;
                made.ended_at = ended_at;
                made.outcome = outcome;
            })
        },
    )
}

fn notice() -> impl Strategy<Value = Notification> {
    let states = [
        NotificationState::Pending,
        NotificationState::Delivered,
        NotificationState::GivenUp,
        NotificationState::Unaddressed,
    ];
    let text = || prop::option::of(".{0,12}");
    let attempt = (given::moment(), prop::option::of(any::<u16>()), text(), text()).prop_map(
        |(at, status, error, response_body)| {
            with(DeliveryAttempt::new(at), |made| {
                made.status = status;
                made.error = error;
                made.response_body = response_body;
            })
        },
    );
    let attempts = prop::collection::vec(attempt, 0..3);
    let texts = (prop::option::of(".{0,12}"), ".{0,40}");
    let lease = (prop::option::of(given::lease()), given::trace());
    let ids = (given::delivery_id(), given::batch_id(), given::account_id());
    (ids, texts, prop::sample::select(states.to_vec()), attempts, given::moment(), lease).prop_map(
        |((id, batch, account), (url, body), state, attempts, ready_at, (lease, trace))| {
            with(sample::notice(0, sample::at(0)), |made| {
                made.id = id;
                made.batch = batch;
                made.account = account;
                made.event = if attempts.len() % 2 == 0 {
                    NotificationKind::BatchCompleted
                } else {
                    NotificationKind::JobFailed
                };
                made.url = url;
                made.body = body;
                made.state = state;
                made.attempts = attempts;
                made.ready_at = ready_at;
                made.lease = lease;
                made.trace = trace;
            })
        },
    )
}

fn site() -> impl Strategy<Value = SiteProfile> {
    let lesson = (given::tier(), any::<bool>(), given::moment());
    (".{0,20}", given::moment(), prop::collection::vec(lesson, 0..20)).prop_map(
        |(site, at, lessons)| {
            let mut profile = SiteProfile::new(site, at);
            for (tier, worked, at) in lessons {
                profile.learn(tier, worked, at);
            }
            profile
        },
    )
}

fn submission() -> impl Strategy<Value = IdempotencyRecord> {
    (given::account_id(), ".{0,20}", any::<[u8; 32]>(), given::batch_id()).prop_map(
        |(account, key, digest, batch)| {
            with(sample::submission("a", "", 0), |made| {
                made.account = account;
                made.key = key;
                made.digest = digest;
                made.batch = batch;
            })
        },
    )
}

fn cached() -> impl Strategy<Value = CacheEntry> {
    let moments = (given::moment(), given::moment(), prop::option::of(given::moment()));
    let body = prop::option::of(".{0,20}");
    let known = (prop::option::of("[0-9a-f]{64}"), prop::option::of("[ -~]{1,20}"));
    (any::<[u8; 32]>(), body, given::tier(), moments, known).prop_map(
        |(digest, body, tier, (fetched_at, expires_at, kept_until), (hash, etag))| {
            with(sample::cached(0, sample::at(0)), |made| {
                made.digest = digest;
                made.body = body.map(BodyRef);
                made.tier = tier;
                made.fetched_at = fetched_at;
                made.expires_at = expires_at;
                made.kept_until = kept_until;
                made.content_hash = hash;
                made.validators = etag
                    .and_then(|it| Validators::of("http://a.test/", &[("etag".to_owned(), it)]));
            })
        },
    )
}

fn usage() -> impl Strategy<Value = DailyUsage> {
    let counted = (prop::option::of(".{0,12}"), ".{0,12}", given::credits(), given::credits());
    (given::account_id(), given::moment(), prop::collection::vec(counted, 0..4)).prop_map(
        |(account, at, counted)| {
            let mut usage = DailyUsage::new(account, at.day());
            for (label, site, held, spent) in counted {
                usage.submit(label.as_deref(), 1, held);
                usage.settle(label.as_deref(), &site, held, spent);
            }
            usage
        },
    )
}

fn crawl() -> impl Strategy<Value = CrawlRecord> {
    let counts = (any::<u32>(), any::<u32>(), given::credits(), given::credits());
    let moments = (prop::option::of(given::moment()), prop::option::of(given::moment()));
    (any::<u64>(), counts, moments, prop::collection::vec(given::batch_id(), 0..3)).prop_map(
        |(number, (admitted, left, held, charged), (ready_at, ended_at), open)| {
            with(sample::crawl(number, Timestamp::default()), |made| {
                (made.admitted, made.held, made.charged) = (admitted, held, charged);
                made.open = open.into_iter().map(|batch| OpenBatch { batch, left }).collect();
                (made.ready_at, made.ended_at, made.expires_at) = (ready_at, ended_at, ended_at);
            })
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        account().prop_map(Record::Account),
        batch().prop_map(Record::Batch),
        entry().prop_map(Record::LedgerEntry),
        job().prop_map(Record::Job),
        notice().prop_map(Record::Notification),
        site().prop_map(Record::Site),
        submission().prop_map(Record::IdempotencyRecord),
        cached().prop_map(Record::CacheEntry),
        (given::account_id(), given::batch_id())
            .prop_map(|(account, batch)| Record::AccountBatch(AccountBatch { account, batch })),
        usage().prop_map(Record::Usage),
        (given::account_id(), ".{0,12}", given::credits(), given::moment()).prop_map(
            |(account, key, amount, at)| Record::Grant(GrantRecord::new(account, key, amount, at))
        ),
        (given::batch_id(), prop::collection::vec(given::job_id(), 0..8))
            .prop_map(|(batch, jobs)| Record::BatchJobs(BatchJobs::new(batch, jobs))),
        (any::<u64>(), given::moment(), any::<bool>()).prop_map(|(id, until, leaves)| {
            let worker = sample::worker(id, until);
            Record::Worker(if leaves { worker.leaving() } else { worker })
        }),
        (0_u64..1_000, given::moment())
            .prop_map(|(number, at)| Record::Extraction(sample::extraction("a", number, at))),
        (given::account_id(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(
            |(account, number, sealed)| {
                let session = sample::session(account.as_str(), number).session;
                Record::Session(SealedSession::new(session, sealed))
            }
        ),
        crawl().prop_map(Record::Crawl),
        (any::<u64>(), any::<u32>(), prop::option::of(given::batch_id())).prop_map(
            |(crawl, number, batch)| {
                Record::CrawlChunk(with(sample::crawl_chunk(crawl, number), |made| {
                    made.batch = batch;
                }))
            }
        ),
    ]
}

/// Returns the job with an attempt that skipped a tier for every reason.
pub(super) fn skipping_job(job: Job) -> Job {
    let blocked = Finding::Judged(Verdict::Blocked { by: None, challenge: false });
    let attempt = Attempt::new(Tier::LightJs, blocked, "seen", at(1_764_000_001_000));
    let attempt = with(attempt, |it| {
        it.skipped = SkipReason::ALL.map(|it| SkippedTier::new(Tier::Stealth, it)).to_vec();
    });
    with(job, |made| made.trail = vec![attempt])
}

proptest! {
    #[test]
    fn every_record_reads_back_as_it_was_written(record in record(), version in any::<u64>()) {
        let bytes = encode(version, &record).expect("a record is plain data");

        let read = decode(&bytes).expect("readable");

        prop_assert_eq!(header(&bytes).expect("a head"), Header { version, due: record.due() });
        prop_assert_eq!(read, Versioned { version, record });
    }

    #[test]
    fn decoding_noise_never_panics(
        record in record(),
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let mut bytes = encode(1, &record).expect("a record is plain data");
        let at = at.index(bytes.len());

        bytes.splice(at..at, noise.iter().copied());

        let (whole, alone) = (decode(&bytes), decode(&noise));
        prop_assert!(alone.is_err());
        prop_assert!(header(&bytes).is_ok() || whole.is_err(), "read without a head");
    }
}

proptest! {
    // Every beginning of each value is read.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_truncated_value_is_an_error(record in record(), version in any::<u64>()) {
        let bytes = encode(version, &record).expect("a record is plain data");

        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end]).is_err(), "the first {end} bytes read as a record");
        }
    }
}

/// A store must read back everything that an accepted item may contain.
#[test]
fn the_deepest_request_is_read_back() {
    let nested = |wrap: fn(Value) -> Value| (0..64).fold(Value::Null, |inner, _| wrap(inner));
    let nested = [nested(|it| json!([it])), nested(|it| json!({ "a": it, "b": 1.5 }))];
    for schema in nested {
        let action = Action::new(ActionKind::Wait).with("ms", schema.clone());
        let item = Item::get("https://example.com/").schema(schema);
        let item = item.render_js(RenderJs::Yes).action(action);
        let request = Arc::new(item.check(&Limits::default()).expect("64 levels are allowed"));
        let job = with(sample::job(0, sample::at(0)), |made| made.request = request);
        let record = Record::Job(job);

        let bytes = encode(1, &record).expect("plain data");

        assert_eq!(decode(&bytes).expect("readable"), Versioned { version: 1, record });
    }
}

/// One record of each kind, with nothing left at its default, as format 1 wrote it.
fn of_format_1() -> [(&'static str, Record); 8] {
    let mut account = Account::limited(AccountId::new("acme").expect("a name"));
    assert!(account.grant(Credits(10_000)), "a new account takes any grant");
    account.hold(Credits(700)).expect("covered");
    account.settle(Credits(300), Credits(200));
    let ended = Some(sample::at(1_764_000_005_000));
    let mut profile = SiteProfile::new("example.com:8443", sample::at(1_764_000_000_000));
    profile.learn(Tier::Curl, false, sample::at(1_764_000_001_000));
    profile.learn(Tier::LightJs, true, sample::at(1_764_086_400_000));
    let batch = with(sample::batch(1, ended), |made| {
        made.inline_jobs = vec![sample::job_id(1), sample::job_id(2)];
        made.tally = Tally { total: 2, succeeded: 1, failed: 1 };
        made.estimate = Credits(700);
        made.charged = Credits(200);
        made.webhook = Some("https://example.com/hook".to_owned());
        made.idempotency_key = Some("order-1138".to_owned());
        made.entries = 3;
        made.ended_at = ended;
    });
    let entry = with(sample::entry(0, 0), |made| {
        made.account = account.id().clone();
        made.batch = sample::batch_id(1);
        made.number = 1;
        made.job = Some(sample::job_id(1));
        made.booking = Booking::Settle { charged: Credits(200), released: Credits(100) };
        made.at = sample::at(1_764_000_005_000);
    });
    let attempts = [200, 503].map(|status| {
        with(DeliveryAttempt::new(sample::at(1_764_000_006_000)), |made| {
            made.status = Some(status);
            made.error = (status != 200).then(|| "the receiver answered 503".to_owned());
        })
    });
    let notice = with(sample::notice(1, sample::at(8)), |made| {
        made.state = NotificationState::Delivered;
        made.attempts = attempts.to_vec();
        made.lease = Some(Lease { worker: WorkerId(u64::MAX), until: sample::at(9) });
    });
    let cached = with(sample::cached(0, sample::at(0)), |made| {
        made.digest = [7; 32];
        made.body = Some(BodyRef("batch_1:2".to_owned()));
        made.tier = Tier::Stealth;
        made.fetched_at = sample::at(1_764_000_000_000);
        made.expires_at = sample::at(1_764_003_600_000);
    });
    let submission = with(sample::submission("a", "", 0), |made| {
        made.account = account.id().clone();
        "order-1138".clone_into(&mut made.key);
        made.digest = [9; 32];
        made.batch = BatchId::new(sample::at(1), 0, 1);
    });
    [
        ("account", Record::Account(account)),
        ("batch", Record::Batch(batch)),
        ("entry", Record::LedgerEntry(entry)),
        ("job", Record::Job(job_of_format_1())),
        ("notice", Record::Notification(notice)),
        ("site", Record::Site(profile)),
        ("submission", Record::IdempotencyRecord(submission)),
        ("cached", Record::CacheEntry(cached)),
    ]
}

fn job_of_format_1() -> Job {
    let item = Item::get("https://u:p@example.com/a?b#c")
        .timeout(Duration::from_secs(30))
        .header("X-A", "b");
    let request = Arc::new(item.check(&rungs::core::request::Limits::default()).expect("valid"));
    let seen = |tier, finding| {
        with(
            Attempt::new(
                tier,
                finding,
                "status 403, cf-mitigated: challenge".to_owned(),
                sample::at(1_764_000_001_000),
            ),
            |made| {
                made.status = Some(403);
                made.duration = Duration::from_millis(120);
            },
        )
    };
    let blocked = Verdict::Blocked { by: Some("cloudflare".to_owned()), challenge: true };
    with(sample::job(1, sample::at(1_764_000_000_000)), |made| {
        made.request = request;
        made.state = JobState::Succeeded;
        made.claims = 2;
        made.lost = 1;
        made.hold = Credits(300);
        made.trail = vec![
            seen(Tier::Curl, Finding::Judged(blocked)),
            seen(Tier::LightJs, Finding::Judged(Verdict::Usable)),
        ];
        made.used = Duration::from_millis(240);
        made.started_at = Some(sample::at(1_764_000_001_000));
        made.ended_at = Some(sample::at(1_764_000_005_000));
        made.outcome = Some(Outcome::Succeeded {
            tier: Tier::LightJs,
            charged: Credits(200),
            body: BodyRef("batch_1:1".to_owned()),
            cached: false,
        });
    })
}

/// The files contain records of format 1 and must stay readable for ever: do not overwrite them. A new format gets new
/// files beside them, written once with `encode`.
#[test]
fn records_of_format_1_stay_readable() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/properties/format-1/early");
    for (kind, record) in of_format_1() {
        let bytes = fs::read(dir.join(kind)).expect(kind);

        let read = decode(&bytes).expect(kind);

        assert_eq!(header(&bytes).expect(kind), Header { version: 7, due: record.due() });
        assert_eq!(read, Versioned { version: 7, record }, "{kind}");
    }
}

/// Fields that a later release added are filled with their defaults.
#[test]
fn a_missing_field_is_read_with_its_default() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/properties/format-1/early");
    let bytes = fs::read(dir.join("job-with-few-options")).expect("a file");

    let Record::Job(job) = decode(&bytes).expect("readable").record else { panic!("a job") };

    let plain = Item::get("https://example.com/").timeout(Duration::from_secs(30));
    assert_eq!(Item::from((*job.request).clone()), plain);
}
