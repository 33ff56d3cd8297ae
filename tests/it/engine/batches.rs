//! The engine end to end, on the memory store with a fetcher of the test's own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_core::Stream;
use rungs::core::backoff::RetrySchedule;
use rungs::core::batch::{BatchStatus, Notification, NotificationState};
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::{AccountId, BatchId};
use rungs::core::job::JobState;
use rungs::core::ledger::Booking;
use rungs::core::record::{Key, Record};
use rungs::core::request::{Cache, Item};
use rungs::core::tier::Tier;
use rungs::engine::{EngineBuilder, Pacing, Settings};
use rungs::ports::BoxFuture;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier, WebhookUrlError};
use rungs::ports::store::{Store, Versioned, Write};
use rungs::stores::Memory;
use rungs::{Batch, BatchHandle, Engine, ProgressEvent, SubmitError};

use crate::support::paused::Paused;

/// Takes the body as the text.
#[derive(Debug)]
struct Plain;

impl Extractor for Plain {
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError> {
        assert!(page.body != b"<p>panic in the extractor, please, with enough text to be read</p>");
        let text = String::from_utf8_lossy(page.body).into_owned();
        Ok(Extracted::new(text))
    }
}

const PAGE: &str = "<html><head><title>Bread</title></head><body><h1>Bread</h1><p>Flour, water, \
    salt and time are all that a good loaf needs, and of these time is the one that most people \
    are least willing to give. Let it stand overnight.</p></body></html>";

/// Answers by path: `/ok`, `/missing`, `/blocked-at-1`, `/panic`, `/down`, `/slow`.
async fn answer(request: FetchRequest) -> Result<Fetched, FetchError> {
    let url = request.url.as_str();
    let page =
        |status, body: &str| Ok(Fetched::new(status, body).header("content-type", "text/html"));
    match url.rsplit('/').next().unwrap_or_default() {
        "missing" => page(404, "gone"),
        "blocked-at-1" if request.tier == Tier::Curl => page(403, "no"),
        "always-blocked" => page(403, "no"),
        "panic" => panic!("a host's mistake"),
        "down" => Err(FetchError::new(FetchErrorKind::Connect, "refused")),
        "never" => {
            std::future::pending::<()>().await;
            unreachable!("nothing wakes it")
        }
        _ => page(200, PAGE),
    }
}

fn builder() -> EngineBuilder {
    let mut settings = Settings::default();
    settings.retry.first = Duration::from_millis(1);
    Engine::builder()
        .store(Memory::default())
        .http(fetcher_fn([Tier::Curl, Tier::Http], answer))
        .extractor(Plain)
        .settings(settings)
}

fn engine() -> Engine {
    builder().build().expect("all parts are there")
}

#[tokio::test]
async fn a_completed_batch_charges_for_every_page() {
    let engine = engine();
    let batch = Batch::new(["http://a.test/ok", "http://b.test/ok", "http://c.test/missing"]);

    let mut handle = engine.submit(batch).await.expect("accepted");
    let report = handle.report().await.expect("a report");

    assert_eq!(report.status(), BatchStatus::Partial);
    let [first, second, third] = report.jobs() else { panic!("three jobs") };
    assert_eq!(first.result().expect("a page").extracted.text, PAGE);
    assert_eq!((first.tier(), second.charged()), (Some(Tier::Curl), Credits(200)));
    assert_eq!(third.result().expect_err("gone").code, ErrorCode::NotFoundTarget);
    let account = engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, Credits(400)));
    assert_eq!(account.granted(), Credits(900), "three times the price of tier 2");
    let entries = engine.ledger(handle.id()).await.expect("read");
    let settled: u64 = entries
        .iter()
        .map(|it| match it.booking {
            Booking::Settle { charged, released } => charged.0 + released.0,
            Booking::Hold { .. } => 0,
        })
        .sum();
    assert_eq!((entries.len(), settled), (4, 900));
}

#[tokio::test]
async fn only_the_tier_that_worked_is_charged() {
    let report = engine().scrape("http://a.test/blocked-at-1").await.expect("accepted");

    assert_eq!((report.tier(), report.charged()), (Some(Tier::Http), Credits(300)));
    let signals: Vec<_> = report.trail().iter().map(|it| (it.tier, it.status)).collect();
    assert_eq!(signals, [(Tier::Curl, Some(403)), (Tier::Http, Some(200))]);
    assert!(report.trail()[0].signal.contains("403"), "{:?}", report.trail()[0].signal);
}

#[tokio::test]
async fn a_held_discount_applies_when_the_fetcher_reports_no_proxy() {
    let mut item = Item::get("http://a.test/ok").force_tier(Tier::Http);
    item.advanced.use_own_proxy = true;

    let report = engine().scrape(item).await.expect("accepted");

    assert_eq!((report.tier(), report.charged()), (Some(Tier::Http), Credits(240)));
}

#[tokio::test]
async fn a_failed_page_is_data_and_costs_nothing() {
    let engine = engine();

    for (path, code) in [
        ("always-blocked", ErrorCode::BlockedByAntibot),
        ("down", ErrorCode::ConnectionError),
        ("panic", ErrorCode::InternalError),
    ] {
        let report = engine.scrape(format!("http://a.test/{path}")).await.expect("accepted");
        let error = report.result().expect_err("no page");
        assert_eq!((error.code, report.charged()), (code, Credits::ZERO), "{path}");
    }
    let after = engine.scrape("http://a.test/ok").await.expect("the engine goes on");
    assert_eq!(after.job().state, JobState::Succeeded);
}

#[tokio::test]
async fn an_invalid_submission_writes_nothing() {
    let engine = engine();
    let mut items: Vec<Item> =
        (0..100).map(|it| Item::get(format!("http://a.test/{it}"))).collect();
    items[57].url = "http://".into();

    let bad_url = engine.submit(Batch::new(items.clone())).await.expect_err("refused");
    items.push("http://a.test/".into());
    let too_many = engine.submit(Batch::new(items)).await.expect_err("refused");
    let empty = engine.submit(Batch::new(Vec::<Item>::new())).await.expect_err("refused");
    let webhook = Batch::new(["http://a.test/ok"]).webhook("https://b.test/");
    let webhook = engine.submit(webhook).await.expect_err("refused");

    assert!(
        matches!(bad_url, SubmitError::Item { index: 57, ref error } if error.field() == "url")
    );
    assert!(matches!(too_many, SubmitError::TooMany { given: 101, most: 100 }));
    assert!(matches!(empty, SubmitError::Empty));
    assert!(webhook.to_string().contains("webhooks"), "{webhook}");
    assert!(engine.batches(None, 10).await.expect("read").is_empty());
    assert!(engine.account(&AccountId::default()).await.is_err_and(|it| it.is_not_found()));
}

#[tokio::test]
async fn a_host_that_parsers_read_differently_is_refused_at_submission() {
    let engine = engine();
    for (host, read) in [
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("ex%61mple.com", "example.com"),
        ("example。com", "example.com"),
    ] {
        let refused = engine.submit(Batch::new([format!("http://{host}/ok")])).await;

        let Err(SubmitError::Item { index: 0, error: flaw }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(flaw.field(), "url", "{host}");
        assert!(flaw.reason().contains(read), "{}", flaw.reason());
    }
    let accepted = engine.submit(Batch::new(["http://BÜCHER.test/ok"])).await;
    assert!(accepted.is_ok(), "{accepted:?}");
}

#[tokio::test]
async fn an_overdrawn_submission_reports_both_amounts() {
    let settings = Settings::default().with_limited_accounts();
    let engine = builder().settings(settings).build().expect("built");
    let account = AccountId::new("acme").expect("a name");
    engine.grant(&account, Credits(500)).await.expect("granted");
    let two = || Batch::new(["http://a.test/ok", "http://a.test/ok"]).account(account.clone());

    let refused = engine.submit(two()).await.expect_err("600 are needed");
    engine.grant(&account, Credits(100)).await.expect("granted");
    let accepted = engine.submit(two()).await;

    assert!(
        refused.to_string().contains("600") && refused.to_string().contains("500"),
        "{refused}"
    );
    accepted.expect("covered").report().await.expect("ends");
    let books = engine.account(&account).await.expect("there");
    assert_eq!(
        (books.free(), books.held(), books.spent()),
        (Credits(200), Credits(0), Credits(400))
    );
}

#[tokio::test]
async fn the_same_key_returns_the_same_batch() {
    let engine = engine();
    let batch = |path| Batch::new([format!("http://a.test/{path}")]).idempotency_key("order-1");

    let first = engine.submit(batch("ok")).await.expect("accepted");
    let again = engine.submit(batch("ok")).await.expect("accepted");
    let other = engine.submit(batch("else")).await.expect_err("another body");

    assert_eq!(first.id(), again.id());
    assert!(matches!(other, SubmitError::KeyReused { batch } if batch == first.id()));
    assert_eq!(engine.batches(None, 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn canceling_a_batch_releases_its_holds() {
    let engine = engine();
    let mut handle = engine
        .submit(Batch::new(["http://a.test/never", "http://b.test/never"]))
        .await
        .expect("ok");
    while !matches!(handle.next_event().await, Ok(Some(ProgressEvent::JobStarted { .. }))) {}

    let canceled = engine.cancel(handle.id()).await.expect("known");
    let again = engine.cancel(handle.id()).await.expect("known");

    assert_eq!(canceled.batch.status(), BatchStatus::Failed);
    assert_eq!((canceled.canceled_jobs, canceled.released), (2, canceled.batch.estimate));
    assert_eq!((again.canceled_jobs, again.released), (0, Credits::ZERO));
    for job in handle.report().await.expect("ended").jobs() {
        assert_eq!(job.result().expect_err("none").code, ErrorCode::Cancelled);
    }
    let account = engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, Credits::ZERO));
}

#[tokio::test]
async fn a_page_without_a_response_ends_at_its_timeout() {
    let report = engine()
        .scrape(Item::get("http://a.test/never").timeout(Duration::from_secs(1)))
        .await
        .expect("ok");

    let error = report.result().expect_err("no page");
    assert_eq!(error.code, ErrorCode::Timeout);
}

#[tokio::test]
async fn a_cached_response_costs_nothing() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&fetches);
    let counting = fetcher_fn([Tier::Curl], move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        answer(request)
    });
    let engine = builder().http(counting).build().expect("built");
    let item = || Item::get("http://a.test/ok").cache(Cache::enabled());

    let first = engine.scrape(item()).await.expect("accepted");
    let second = engine.scrape(item()).await.expect("accepted");
    let fresh = item().cache(Cache::enabled().with_force_refresh());
    let third = engine.scrape(fresh).await.expect("accepted");

    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    let charged = [first, second, third].map(|it| it.charged());
    assert_eq!(charged, [Credits(200), Credits::ZERO, Credits(200)]);
}

#[tokio::test]
async fn a_cached_response_does_not_serve_another_tier() {
    let tiers = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&tiers);
    let recording = fetcher_fn([Tier::Curl, Tier::Http], move |request| {
        seen.lock().expect("not poisoned").push(request.tier);
        answer(request)
    });
    let engine = builder().http(recording).build().expect("built");
    let item = |forced: Option<Tier>| {
        let mut item = Item::get("http://a.test/ok").cache(Cache::enabled());
        item.cost_controls.force_tier = forced;
        item
    };

    for forced in [None, Some(Tier::Http), None, Some(Tier::Http)] {
        engine.scrape(item(forced)).await.expect("accepted").result().expect("a page");
    }

    assert_eq!(*tiers.lock().expect("not poisoned"), [Tier::Curl, Tier::Http]);
}

/// Fails the first attempt, accepts the second, and remembers both.
#[derive(Clone, Debug, Default)]
struct Receiver(Arc<std::sync::Mutex<Vec<DeliveryRequest>>>);

impl Notifier for Receiver {
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        let mut seen = self.0.lock().expect("not poisoned");
        seen.push(delivery);
        let answer = match seen.len() {
            1 => DeliveryOutcome::Failed {
                status: Some(500),
                reason: "busy".into(),
                response_body: Some("try\u{1b}[2J later".to_owned()),
                retry_after: None,
            },
            _ => DeliveryOutcome::Accepted { status: 200, response_body: None },
        };
        Box::pin(async move { answer })
    }

    fn accepts(&self, _url: &str) -> Result<(), WebhookUrlError> {
        Ok(())
    }
}

/// Returns the batch's notification once its delivery has ended.
async fn settled_notice(engine: &Engine, handle: &BatchHandle) -> Notification {
    loop {
        let notice = engine
            .batch_notification(handle.id())
            .await
            .expect("read")
            .expect("the batch has ended");
        if notice.state != NotificationState::Pending {
            return notice;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn retries_deliver_one_notification_unchanged() {
    let receiver = Receiver::default();
    let retry = RetrySchedule::new(&[Duration::from_millis(1); 2]).expect("two waits");
    let settings = Settings::default().with_webhook_retry(retry);
    let engine = builder().webhooks(receiver.clone()).settings(settings).build().expect("built");
    let batch = Batch::new(["http://a.test/ok"]).webhook("https://hook.test/");

    let mut handle = engine.submit(batch).await.expect("accepted");
    handle.wait().await.expect("ends");
    let notice = settled_notice(&engine, &handle).await;

    assert_eq!((notice.state, notice.attempts.len()), (NotificationState::Delivered, 2));
    let said = notice.attempts.iter().map(|it| it.response_body.as_deref()).collect::<Vec<_>>();
    assert_eq!(said, [Some("try\u{fffd}[2J later"), None]);
    let seen = receiver.0.lock().expect("not poisoned").clone();
    assert_eq!((seen[0].id, &seen[0].body), (seen[1].id, &seen[1].body));
    assert_eq!((seen[0].attempt, seen[1].attempt), (1, 2));
    let body: serde_json::Value = serde_json::from_str(&seen[0].body).expect("JSON");
    assert_eq!(body["event"], "batch.completed");
    assert_eq!(body["data"]["status"], "completed");
}

#[tokio::test]
async fn two_engines_in_one_process_share_nothing() {
    let (one, two) = (engine(), engine());

    let handle = one.submit(Batch::new(["http://a.test/ok"])).await.expect("accepted");
    two.shutdown().await;
    let elsewhere = two.batch(handle.id()).await;

    assert!(elsewhere.is_err(), "the other engine's store knows nothing of it");
    let mut handle = handle;
    assert_eq!(handle.wait().await.expect("goes on"), BatchStatus::Completed);
}

#[tokio::test]
async fn the_next_engine_resumes_jobs_of_a_shut_down_one() {
    let store = Memory::default();
    let settings = Settings::default().with_grace(Duration::from_millis(10));
    let first = builder().store(store.clone()).settings(settings);
    let first =
        first.http(fetcher_fn([Tier::Curl], |_| std::future::pending())).build().expect("built");
    let mut handle = first.submit(Batch::new(["http://a.test/ok"])).await.expect("accepted");
    while !matches!(handle.next_event().await, Ok(Some(ProgressEvent::JobStarted { .. }))) {}

    first.shutdown().await;
    let second = builder().store(store).build().expect("built");
    let mut handle = second.batch_handle(handle.id()).await.expect("known");

    assert_eq!(handle.wait().await.expect("ends"), BatchStatus::Completed);
    assert!(first.submit(Batch::new(["http://a.test/ok"])).await.is_err(), "it was shut down");
}

/// Returns the next item of a stream.
async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

#[tokio::test]
async fn a_stream_of_events_ends_after_the_batchs_end() {
    let engine = engine();
    let urls = (0..5).map(|it| format!("http://{it}.test/ok"));
    let handle = engine.submit(Batch::new(urls)).await.expect("accepted");

    let mut events = handle.into_events();
    let mut seen = Vec::new();
    while let Some(event) = next(&mut events).await {
        seen.push(event.expect("the engine runs"));
    }

    let ended = |it: &&ProgressEvent| matches!(it, ProgressEvent::JobEnded { .. });
    assert_eq!(seen.iter().filter(ended).count(), 5);
    assert!(matches!(seen.last(), Some(ProgressEvent::BatchEnded { .. })), "{seen:?}");
    assert!(next(&mut events).await.is_none(), "an ended stream stays ended");
}

#[tokio::test]
async fn the_later_of_two_fetchers_serves_the_tier_that_both_report() {
    let body = |text: &'static str| move |_| async move { Ok(Fetched::new(200, text)) };
    let first =
        fetcher_fn([Tier::Curl, Tier::Http], body("<p>The first fetcher sent this page.</p>"));
    let later = fetcher_fn([Tier::Http], body("<p>The later fetcher sent this page.</p>"));
    let engine = Engine::builder().store(Memory::default()).http(first).http(later);
    let engine = engine.build().expect("all parts");

    let mut texts = Vec::new();
    for tier in [Tier::Curl, Tier::Http] {
        let report = engine.scrape(Item::get("http://a.test/").force_tier(tier)).await;
        let page = report.expect("accepted").into_result().expect("a page");
        texts.push(page.extracted.text);
    }

    assert!(texts[0].contains("first fetcher"), "{texts:?}");
    assert!(texts[1].contains("later fetcher"), "{texts:?}");
}

#[tokio::test]
async fn every_end_is_reported_once_before_the_batchs() {
    let engine = engine();
    for _ in 0..20 {
        let urls = (0..20).map(|it| format!("http://{it}.test/ok"));
        let mut handle = engine.submit(Batch::new(urls)).await.expect("accepted");

        let (mut ends, mut last) = (Vec::new(), false);
        while let Some(event) = handle.next_event().await.expect("it runs") {
            assert!(!last, "nothing follows the batch's end");
            match event {
                ProgressEvent::JobEnded { job } => ends.push(job.id),
                ProgressEvent::BatchEnded { .. } => last = true,
                _ => {}
            }
        }

        assert!(last);
        assert_eq!(ends.len(), 20);
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends.len(), 20, "each end is told once");
    }
}

/// A notifier that panics.
#[derive(Debug)]
struct Panics;

impl Notifier for Panics {
    fn deliver(&self, _delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        panic!("a host's mistake")
    }

    fn accepts(&self, _url: &str) -> Result<(), WebhookUrlError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panicking_notifier_uses_up_its_attempts() {
    let retry = RetrySchedule::new(&[Duration::from_millis(1); 2]).expect("two waits");
    let settings = Settings::default().with_webhook_retry(retry);
    let engine = builder().webhooks(Panics).settings(settings).build().expect("built");
    let batch = Batch::new(["http://a.test/ok"]).webhook("https://hook.test/");

    let mut handle = engine.submit(batch).await.expect("accepted");
    handle.wait().await.expect("ends");
    let notice = settled_notice(&engine, &handle).await;

    assert_eq!((notice.state, notice.attempts.len()), (NotificationState::GivenUp, 3));
    assert_eq!(notice.attempts[0].error.as_deref(), Some("the notifier panicked"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_pacing_ends_at_its_deadline() {
    let deadline = Duration::from_mins(1);
    let pacing = Pacing::default().with_per_host(1).with_per_second(0.001);
    let settings = Settings::default().with_pacing(pacing).with_job_deadline(deadline);
    let engine = builder().clock(Paused::default()).settings(settings).build().expect("built");

    let batch = Batch::new(["http://a.test/ok", "http://a.test/ok"]);
    let mut handle = engine.submit(batch).await.expect("accepted");
    let report = handle.report().await.expect("ends");

    assert_eq!(report.status(), BatchStatus::Partial);
    let errors = report.jobs().iter().filter_map(|it| it.result().err());
    assert_eq!(errors.map(|it| it.code).collect::<Vec<_>>(), [ErrorCode::Timeout]);
}

/// Records of earlier releases list any number of jobs inline, and newer ones only few.
#[tokio::test]
async fn a_large_batch_of_an_earlier_release_is_resumed() {
    let store = Arc::new(Memory::default());
    let urls = (0..6).map(|it| format!("http://a.test/{it}"));
    let hangs = fetcher_fn([Tier::Curl], |_| std::future::pending());
    let settings = Settings::default().with_grace(Duration::ZERO);
    let before = builder().store(Arc::clone(&store)).http(hangs).settings(settings).build();
    let before = before.expect("all parts are there");
    let id = before.submit(Batch::new(urls)).await.expect("accepted").id();
    let ids = before.job_ids(id).await.expect("six jobs");
    before.shutdown().await;
    list_inline(&store, id).await;

    let engine = builder().store(Arc::clone(&store)).build().expect("all parts are there");
    let mut handle = engine.batch_handle(id).await.expect("it is there");
    let report = handle.report().await.expect("a report");

    assert_eq!((handle.job_ids(), ids.len()), (&ids[..], 6));
    assert_eq!((report.status(), report.jobs().len()), (BatchStatus::Completed, 6));
    assert_eq!(engine.jobs(id).await.expect("still there").len(), 6);
}

/// Moves the list of a batch's jobs into its record.
async fn list_inline(store: &Memory, id: BatchId) {
    let keys = vec![Key::Batch(id), Key::BatchJobs(id)];
    let found = store.load(keys.clone()).await.expect("readable");
    let [Some(batch), Some(list)] = &found[..] else { panic!("two records: {found:?}") };
    let (Record::Batch(mut record), Record::BatchJobs(jobs)) =
        (batch.record.clone(), list.record.clone())
    else {
        panic!("a batch and its list: {found:?}")
    };
    assert!(record.inline_jobs.is_empty(), "it lists six jobs itself");
    record.inline_jobs = jobs.jobs;
    let [batch_key, list_key] = <[Key; 2]>::try_from(keys).expect("two");
    let write =
        |key, found: &Versioned, record| Write { key, expected: Some(found.version), record };
    let record = Some(Record::Batch(record));
    let writes = vec![write(batch_key, batch, record), write(list_key, list, None)];
    store.commit(writes).await.expect("written");
}
