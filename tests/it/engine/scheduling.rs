//! Limits on what runs at the same time, and values that come from outside the engine: costs and the retention.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::batch::NotificationState;
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId};
use rungs::core::tier::Tier;
use rungs::engine::{EngineBuilder, Settings};
use rungs::net::NetPolicy;
use rungs::ports::BoxFuture;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::notify::{DeliveryOutcome, DeliveryRequest, Notifier, WebhookUrlError};
use rungs::stores::Memory;
use rungs::webhook::Webhooks;
use rungs::{Batch, BatchHandle, Engine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::support::paused::Paused;

const PAGE: &str = "<html><head><title>Bread</title></head><body><h1>Bread</h1><p>Flour, water, \
    salt and time are all that a good loaf needs, and of these time is the one that most people \
    are least willing to give. Let it stand overnight.</p></body></html>";

/// Takes the body as the text.
#[derive(Debug)]
struct Plain;

impl Extractor for Plain {
    fn extract(&self, document: Document<'_>) -> Result<Extracted, ExtractError> {
        let text = String::from_utf8_lossy(document.body).into_owned();
        Ok(Extracted::new(text))
    }
}

fn page() -> Fetched {
    Fetched::new(200, PAGE).header("content-type", "text/html")
}

/// An engine whose fetcher returns `page` for every URL.
fn engine_with(page: Fetched) -> EngineBuilder {
    let fetch = move |_: FetchRequest| {
        let page = page.clone();
        async move { Ok::<_, FetchError>(page) }
    };
    Engine::builder()
        .store(Memory::default())
        .http(fetcher_fn([Tier::Curl, Tier::Http], fetch))
        .extractor(Plain)
}

fn webhooks() -> Webhooks {
    let loopback = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    Webhooks::unsigned().network(loopback)
}

/// Runs a batch whose completion goes to `url`.
async fn run_batch(engine: &Engine, url: &str) -> BatchId {
    let batch = Batch::new(["http://a.test/"]).webhook(url);
    let mut handle = engine.submit(batch).await.expect("accepted");
    handle.wait().await.expect("ended");
    handle.id()
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other_receiver() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let prompt = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = |listener: &TcpListener| format!("http://{}/", listener.local_addr().expect("bound"));
    let webhooks = webhooks();
    let engine = engine_with(page()).webhooks(webhooks).build().expect("all parts are there");

    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(run_batch(&engine, &url(&hanging)).await);
    }
    // The hanging receiver has its maximum of deliveries and responds to none of them.
    let mut unanswered = Vec::new();
    for _ in 0..4 {
        unanswered.push(hanging.accept().await.expect("a delivery"));
    }
    let other = run_batch(&engine, &url(&prompt)).await;
    let (mut delivery, _) = prompt.accept().await.expect("a delivery");

    for id in waiting {
        let notification = engine.batch_notification(id).await.expect("read").expect("ended");
        assert_eq!(notification.attempts, [], "{id} was still waiting");
    }
    let mut request = [0; 64];
    delivery.read_exact(&mut request).await.expect("a request");
    assert!(request.starts_with(b"POST / HTTP/1.1"));
    delivery.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("it is read");
    let delivered = async {
        loop {
            let notification = engine.batch_notification(other).await.expect("read");
            if notification.is_some_and(|it| it.state == NotificationState::Delivered) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), delivered).await.expect("it is recorded");
}

/// A notifier that holds every delivery until a permit is added, and counts those that it holds.
#[derive(Debug)]
struct Held {
    permits: Semaphore,
    now: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Clone, Debug)]
struct Holding(Arc<Held>);

impl Notifier for Holding {
    fn deliver(&self, _: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome> {
        Box::pin(async {
            let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most.fetch_max(now, Ordering::SeqCst);
            self.0.permits.acquire().await.expect("never closed").forget();
            self.0.now.fetch_sub(1, Ordering::SeqCst);
            DeliveryOutcome::Accepted { status: 204, response_body: None }
        })
    }

    fn accepts(&self, _: &str) -> Result<(), WebhookUrlError> {
        Ok(())
    }
}

/// Runs six batches for one receiver with these settings, and returns the number of deliveries that run at first, after
/// one has ended, and in the end.
async fn deliveries_at_once(settings: Settings) -> [usize; 3] {
    let permits = Semaphore::new(0);
    let held = Held { permits, now: AtomicUsize::new(0), most: AtomicUsize::new(0) };
    let held = Holding(Arc::new(held));
    let engine = engine_with(page()).webhooks(held.clone()).clock(Paused::default());
    let engine = engine.settings(settings).build().expect("all parts are there");

    for _ in 0..6 {
        run_batch(&engine, "https://receiver.test/").await;
    }
    // Paused time passes only when no task can run.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let at_first = held.0.now.load(Ordering::SeqCst);
    held.0.permits.add_permits(1);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let after_one_ended = held.0.now.load(Ordering::SeqCst);
    held.0.permits.add_permits(5);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let in_the_end = held.0.now.load(Ordering::SeqCst);

    assert_eq!(held.0.most.load(Ordering::SeqCst), at_first, "more ran at once than at first");
    [at_first, after_one_ended, in_the_end]
}

#[tokio::test(start_paused = true)]
async fn one_receiver_gets_four_deliveries_at_once() {
    assert_eq!(deliveries_at_once(Settings::default()).await, [4, 4, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_settings_limit_the_deliveries_that_run_at_once() {
    let per_receiver = Settings::default().with_deliveries_per_receiver(2);
    let in_all = Settings::default().with_deliveries(3).with_deliveries_per_receiver(6);

    assert_eq!(deliveries_at_once(per_receiver).await, [2, 2, 0]);
    assert_eq!(deliveries_at_once(in_all).await, [3, 3, 0]);
}

/// The begins and ends of fetches, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: &str) {
        self.0.lock().expect("no test panics with it").push(line.to_owned());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_at_its_limit_leaves_the_other_permits_to_others() {
    let log = Log::default();
    let logged = log.clone();
    let fetch = move |request: FetchRequest| {
        let log = logged.clone();
        async move {
            let account = request.url.site();
            log.add(&format!("begin {account}"));
            // Paused time passes only while nothing else can run.
            if account.ends_with("busy.test") {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            log.add(&format!("end {account}"));
            Ok::<_, FetchError>(page())
        }
    };
    let settings = Settings::default().with_concurrency(3).with_per_account(2);
    let engine = Engine::builder()
        .store(Memory::default())
        .http(fetcher_fn([Tier::Curl, Tier::Http], fetch))
        .extractor(Plain)
        .clock(Paused::default())
        .settings(settings)
        .build()
        .expect("all parts are there");
    let account = |name: &str| AccountId::new(name).expect("a name");

    let busy = (0..8).map(|it| format!("http://{it}.busy.test/"));
    let busy = Batch::new(busy).account(account("busy"));
    let mut busy = engine.submit(busy).await.expect("accepted");
    let other = Batch::new(["http://other.test/"]).account(account("other"));
    let mut other: BatchHandle = engine.submit(other).await.expect("accepted");
    other.wait().await.expect("ended");
    let when_the_other_ended = log.lines();
    busy.wait().await.expect("ended");

    let ended = when_the_other_ended.iter().filter(|it| it.contains("end ") && it.contains("busy"));
    assert_eq!(ended.count(), 0, "{when_the_other_ended:?}");
    let mut running = 0_usize;
    for line in log.lines().iter().filter(|it| it.contains("busy")) {
        if line.starts_with("begin") {
            running += 1;
        } else {
            running -= 1;
        }
        assert!(running <= 2, "{running} pages of one account at once");
    }
}

#[tokio::test]
async fn a_cost_that_the_fetcher_reports_is_charged_instead_of_the_price() {
    let priced = page().with_cost(Credits(123));
    let engine = engine_with(priced).build().expect("all parts are there");

    let report = engine.scrape("http://a.test/").await.expect("a report");

    assert_eq!(report.charged(), Credits(123));
    let account = engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, Credits(123)));
}

#[tokio::test]
async fn a_cost_above_the_hold_is_cut_to_it_with_a_warning() {
    let priced = page().with_cost(Credits(1_000_000));
    let engine = engine_with(priced).build().expect("all parts are there");
    let account = AccountId::new("payer").expect("a name");
    engine.grant(&account, Credits(1_000)).await.expect("granted");
    let batch = Batch::new(["http://a.test/"]).account(account.clone());

    let report = engine.submit(batch).await.expect("accepted").report().await.expect("ended");

    let job = &report.jobs()[0];
    let hold = job.job().hold;
    assert_eq!(job.charged(), hold);
    let stored = engine.job_snapshot(job.id()).await.expect("stored");
    let warnings = format!("{stored:?}");
    assert!(warnings.contains("the page cost"), "{warnings}");
    let books = engine.account(&account).await.expect("booked");
    assert_eq!((books.held(), books.spent()), (Credits::ZERO, hold));
    assert_eq!(books.granted(), books.free().saturating_add(hold), "credits are conserved");
}

#[tokio::test]
async fn a_batch_expires_after_its_retention() {
    let day = Duration::from_hours(24);
    let settings = Settings::default().with_retention(3 * day);
    let engine = engine_with(page()).settings(settings).build().expect("all parts are there");

    let mut handle = engine.submit(Batch::new(["http://a.test/"])).await.expect("accepted");
    handle.wait().await.expect("ended");

    let batch = engine.batch(handle.id()).await.expect("kept");
    let ended = batch.ended_at.expect("it has ended");
    assert_eq!(batch.expires_at, Some(ended.after(3 * day)));
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let refused = |settings: Settings| {
        let error = engine_with(page()).settings(settings).build().expect_err("refused");
        error.to_string()
    };

    let short = Duration::from_secs(24 * 60 * 60 - 1);
    let retention = refused(Settings::default().with_retention(short));
    let per_account = refused(Settings::default().with_per_account(0));
    let deliveries = refused(Settings::default().with_deliveries(0));
    let per_receiver = refused(Settings::default().with_deliveries_per_receiver(0));

    assert_eq!(retention, "retention must be at least 24 hours");
    assert_eq!(per_account, "per_account must be at least 1, or `None`");
    assert_eq!(deliveries, "deliveries must be at least 1");
    assert_eq!(per_receiver, "deliveries_per_receiver must be at least 1");
}
