//! Records as bytes: what is written reads back, and what was written long ago still does.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rungs::core::batch::{
    BatchKind, BatchRecord, DeliveryAttempt, Notification, NotificationKind, NotificationState,
    Tally,
};
use rungs::core::credits::Credits;
use rungs::core::failure::JobError;
use rungs::core::id::{AccountId, BatchId, WorkerId};
use rungs::core::job::{Attempt, BodyRef, Finding, Job, JobState, Lease, Outcome};
use rungs::core::ladder::SiteProfile;
use rungs::core::ledger::{Account, Booking, LedgerEntry};
use rungs::core::record::{AccountBatch, CacheEntry, IdempotencyRecord, Record};
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::core::usage::DailyUsage;
use rungs::core::verdict::Verdict;
use rungs::ports::store::Versioned;
use rungs::stores::codec::{Head, decode, encode, head};
use rungs::testkit::store::sample;

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
            BatchRecord {
                id,
                account,
                jobs,
                tally: Tally { total, succeeded, failed },
                estimate,
                charged,
                form: if total % 2 == 0 { BatchKind::Batch } else { BatchKind::Scrape },
                label: texts.0.clone(),
                webhook: texts.0,
                idempotency_key: texts.1,
                event,
                entries: total,
                created_at,
                ended_at,
                expires_at: ended_at,
            }
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
        |(account, batch, number, job, booking, at)| LedgerEntry {
            account,
            batch,
            number,
            job,
            booking,
            at,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let status = prop::option::of(any::<u16>());
    let failed = (given::code(), ".{0,12}", status, prop::option::of(given::tier())).prop_map(
        |(code, message, status, required_tier)| {
            Outcome::Failed(JobError { code, message, status, required_tier })
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
    let trail = prop::collection::vec(given::attempt(), 0..4);
    (ids, given::request(), place, counts, moments, ends, trail).prop_map(
        |(ids, request, (state, lease), counts, moments, (ended_at, outcome), trail)| {
            let ([index, claims, lost], hold, used_ms) = counts;
            let [ready_at, deadline, created_at] = moments;
            Job {
                id: ids.0,
                batch: ids.1,
                account: ids.2,
                index,
                request: Arc::new(request),
                state,
                claims,
                lost,
                lease,
                hold,
                trail,
                used_ms,
                ready_at,
                deadline,
                created_at,
                started_at: ended_at,
                ended_at,
                outcome,
            }
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
        |(at, status, error, response_body)| DeliveryAttempt { at, status, error, response_body },
    );
    let attempts = prop::collection::vec(attempt, 0..3);
    let texts = (prop::option::of(".{0,12}"), ".{0,40}");
    let lease = prop::option::of(given::lease());
    let ids = (given::delivery_id(), given::batch_id(), given::account_id());
    (ids, texts, prop::sample::select(states.to_vec()), attempts, given::moment(), lease).prop_map(
        |((id, batch, account), (url, body), state, attempts, ready_at, lease)| Notification {
            id,
            batch,
            account,
            event: if attempts.len() % 2 == 0 {
                NotificationKind::BatchCompleted
            } else {
                NotificationKind::JobFailed
            },
            url,
            body,
            state,
            attempts,
            ready_at,
            lease,
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
    (given::account_id(), ".{0,20}", any::<[u8; 32]>(), given::batch_id())
        .prop_map(|(account, key, digest, batch)| IdempotencyRecord { account, key, digest, batch })
}

fn cached() -> impl Strategy<Value = CacheEntry> {
    let moments = (given::moment(), given::moment());
    (any::<[u8; 32]>(), ".{0,20}", given::tier(), moments).prop_map(
        |(digest, body, tier, (fetched_at, expires_at))| CacheEntry {
            digest,
            body: BodyRef(body),
            tier,
            fetched_at,
            expires_at,
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
    ]
}

proptest! {
    #[test]
    fn every_record_reads_back_as_it_was_written(record in record(), version in any::<u64>()) {
        let bytes = encode(version, &record).expect("a record is JSON");

        let read = decode(&bytes).expect("readable");

        prop_assert_eq!(head(&bytes).expect("a head"), Head { version, due: record.due() });
        prop_assert_eq!(read, Versioned { version, record });
    }

    #[test]
    fn decoding_noise_never_panics(
        record in record(),
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let mut bytes = encode(1, &record).expect("a record is JSON");
        let at = at.index(bytes.len());

        bytes.splice(at..at, noise.iter().copied());

        let (whole, alone) = (decode(&bytes), decode(&noise));
        prop_assert!(alone.is_err());
        prop_assert!(head(&bytes).is_ok() || whole.is_err(), "read without a head");
    }
}

proptest! {
    // Every beginning of each value is read.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_value_that_was_cut_short_is_an_error(record in record(), version in any::<u64>()) {
        let bytes = encode(version, &record).expect("a record is JSON");

        for end in 0..bytes.len() {
            prop_assert!(decode(&bytes[..end]).is_err(), "the first {end} bytes read as a record");
        }
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
    let batch = BatchRecord {
        jobs: vec![sample::job_id(1), sample::job_id(2)],
        tally: Tally { total: 2, succeeded: 1, failed: 1 },
        estimate: Credits(700),
        charged: Credits(200),
        webhook: Some("https://example.com/hook".to_owned()),
        idempotency_key: Some("order-1138".to_owned()),
        entries: 3,
        ended_at: ended,
        ..sample::batch(1, ended)
    };
    let entry = LedgerEntry {
        account: account.id().clone(),
        batch: sample::batch_id(1),
        number: 1,
        job: Some(sample::job_id(1)),
        booking: Booking::Settle { charged: Credits(200), released: Credits(100) },
        at: sample::at(1_764_000_005_000),
    };
    let attempts = [200, 503].map(|status| DeliveryAttempt {
        at: sample::at(1_764_000_006_000),
        status: Some(status),
        error: (status != 200).then(|| "the receiver answered 503".to_owned()),
        response_body: None,
    });
    let notice = Notification {
        state: NotificationState::Delivered,
        attempts: attempts.to_vec(),
        lease: Some(Lease { worker: WorkerId(u64::MAX), until: sample::at(9) }),
        ..sample::notice(1, sample::at(8))
    };
    let cached = CacheEntry {
        digest: [7; 32],
        body: BodyRef("batch_1:2".to_owned()),
        tier: Tier::Stealth,
        fetched_at: sample::at(1_764_000_000_000),
        expires_at: sample::at(1_764_003_600_000),
    };
    let submission = IdempotencyRecord {
        account: account.id().clone(),
        key: "order-1138".to_owned(),
        digest: [9; 32],
        batch: BatchId::new(sample::at(1), 0, 1),
    };
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
    let item = Item::get("https://u:p@example.com/a?b#c").timeout(30).header("X-A", "b");
    let request = Arc::new(item.check(&rungs::core::request::Limits::default()).expect("valid"));
    let seen = |tier, finding| Attempt {
        tier,
        finding,
        signal: "status 403, cf-mitigated: challenge".to_owned(),
        status: Some(403),
        started_at: sample::at(1_764_000_001_000),
        duration_ms: 120,
    };
    let blocked = Verdict::Blocked { by: Some("cloudflare".to_owned()), challenge: true };
    Job {
        request,
        state: JobState::Succeeded,
        claims: 2,
        lost: 1,
        hold: Credits(300),
        trail: vec![
            seen(Tier::Curl, Finding::Judged(blocked)),
            seen(Tier::LightJs, Finding::Judged(Verdict::Usable)),
        ],
        used_ms: 240,
        started_at: Some(sample::at(1_764_000_001_000)),
        ended_at: Some(sample::at(1_764_000_005_000)),
        outcome: Some(Outcome::Succeeded {
            tier: Tier::LightJs,
            charged: Credits(200),
            body: BodyRef("batch_1:1".to_owned()),
            cached: false,
        }),
        ..sample::job(1, sample::at(1_764_000_000_000))
    }
}

/// The files hold what format 1 wrote and must stay readable for ever: do not write them again. A new
/// format gets files of its own beside them, written once with `encode`.
#[test]
fn what_format_1_wrote_stays_readable() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/properties/format-1/early");
    for (kind, record) in of_format_1() {
        let bytes = fs::read(dir.join(kind)).expect(kind);

        let read = decode(&bytes).expect(kind);

        assert_eq!(head(&bytes).expect(kind), Head { version: 7, due: record.due() });
        assert_eq!(read, Versioned { version: 7, record }, "{kind}");
    }
}

/// Fields that a later release added are filled with their defaults.
#[test]
fn a_missing_field_is_read_with_its_default() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/properties/format-1/early");
    let bytes = fs::read(dir.join("job-with-few-options")).expect("a file");

    let Record::Job(job) = decode(&bytes).expect("readable").record else { panic!("a job") };

    let plain = Item::get("https://example.com/").timeout(30);
    assert_eq!(Item::from((*job.request).clone()), plain);
}
