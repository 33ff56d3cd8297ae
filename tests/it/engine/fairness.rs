//! Fairness: pages of slow sites and of large accounts do not hold up other pages.
//!
//! Time is paused. It passes only while every task waits, so the times below are exact and the same in
//! each run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::claims::Priority;
use rungs::core::id::AccountId;
use rungs::core::request::{Item, Mode};
use rungs::core::tier::Tier;
use rungs::engine::{EngineBuilder, Settings};
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::ports::extract::{Document, ExtractError, Extracted, Extractor};
use rungs::ports::fetch::{
    BrowserFetcher, FetchError, FetchRequest, Fetched, Rendered, fetcher_fn,
};
use rungs::stores::Memory;
use rungs::{Batch, BatchHandle, Engine};

use crate::support::paused::Paused;

/// The time of a page of a fast site.
const FAST: Duration = Duration::from_millis(10);
/// The time of a page of a slow site.
const SLOW: Duration = Duration::from_secs(1);

/// Takes the body as the text.
#[derive(Debug)]
struct Plain;

impl Extractor for Plain {
    fn extract(&self, document: Document<'_>) -> Result<Extracted, ExtractError> {
        Ok(Extracted::new(String::from_utf8_lossy(document.body).into_owned()))
    }
}

/// Responds after a time that the site's name says: `silent` sites never respond.
async fn respond(request: FetchRequest) -> Result<Fetched, FetchError> {
    let site = request.url.site();
    match site.rsplit('.').nth(1) {
        Some("silent") => std::future::pending().await,
        Some("slow") => tokio::time::sleep(SLOW).await,
        _ => tokio::time::sleep(FAST).await,
    }
    let text = "Flour, water, salt and time are all that a good loaf needs. ".repeat(5);
    let page = format!("<html><title>Bread</title><body><h1>Bread</h1><p>{text}</p></body></html>");
    Ok(Fetched::new(200, page).header("content-type", "text/html"))
}

fn builder() -> EngineBuilder {
    Engine::builder()
        .store(Memory::default())
        .http(fetcher_fn([Tier::Curl, Tier::Http], respond))
        .extractor(Plain)
        .clock(Paused::default())
}

fn engine() -> Engine {
    builder().build().expect("all parts are there")
}

async fn submit<I: Into<Item>>(
    engine: &Engine,
    account: &str,
    pages: impl IntoIterator<Item = I>,
) -> BatchHandle {
    let account = AccountId::new(account).expect("a name");
    engine.submit(Batch::new(pages).account(account)).await.expect("accepted")
}

/// `count` pages of one site.
fn pages_of(site: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("http://{site}/{number}"))
}

/// Lets the engine start whatever it can start.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Waits for a batch and returns the times from its submission to the end of each page, in order.
async fn times(mut handle: BatchHandle) -> Vec<Duration> {
    let report = handle.report().await.expect("ended");
    let time = |it: &rungs::engine::JobReport| {
        assert!(it.result().is_ok(), "{:?}", it.result());
        it.job().ended_at.expect("ended").since(it.job().created_at)
    };
    let mut times: Vec<_> = report.jobs().iter().map(time).collect();
    times.sort();
    times
}

/// The 95th percentile of times in order.
fn p95(times: &[Duration]) -> Duration {
    times[(times.len() * 95).div_ceil(100) - 1]
}

#[tokio::test(start_paused = true)]
async fn a_silent_site_leaves_the_other_permits_to_others() {
    let engine = engine();
    for _ in 0..2 {
        submit(&engine, "one", pages_of("a.silent.test", 100)).await;
    }
    settled().await;

    let times = times(submit(&engine, "two", pages_of("b.fast.test", 1)).await).await;

    assert!(times[0] <= Duration::from_secs(2), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_silent_sites_delay_no_other_account() {
    let engine = engine();
    let silent = (0..100).map(|it| format!("http://{it}.silent.test/"));
    submit(&engine, "one", silent).await;
    settled().await;

    let times = times(submit(&engine, "two", pages_of("b.fast.test", 1)).await).await;

    assert!(times[0] <= Duration::from_secs(2), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_site_does_not_delay_a_fast_one() {
    let alone = times(submit(&engine(), "one", pages_of("b.fast.test", 20)).await).await;
    let engine = engine();
    for _ in 0..3 {
        submit(&engine, "one", pages_of("a.slow.test", 100)).await;
    }
    settled().await;

    let behind = times(submit(&engine, "one", pages_of("b.fast.test", 20)).await).await;

    assert!(p95(&behind) <= p95(&alone).mul_f64(1.2), "{behind:?} against {alone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_large_account_does_not_delay_a_small_one() {
    let small = || (0..10).map(|it| format!("http://{it}.fast.test/"));
    let settings = Settings::default().with_concurrency(4);
    let engine = || builder().settings(settings).build().expect("all parts are there");
    let alone = times(submit(&engine(), "two", small()).await).await;
    let engine = engine();
    for batch in 0..10 {
        let large = (0..100).map(|it| format!("http://{it}-{batch}.other.test/"));
        submit(&engine, "one", large).await;
    }
    settled().await;

    let behind = times(submit(&engine, "two", small()).await).await;

    // Half of the permits are the other account's.
    assert!(p95(&behind) <= p95(&alone) * 3, "{behind:?} against {alone:?}");
}

/// A browser that renders eight pages at the same time.
#[derive(Debug)]
struct EightTabs(tokio::sync::Semaphore);

impl BrowserFetcher for EightTabs {
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>> {
        Box::pin(async {
            let _tab = self.0.acquire().await.expect("never closed");
            Ok(Rendered::new(respond(request).await?))
        })
    }

    fn max_pages(&self) -> Option<usize> {
        Some(8)
    }
}

#[tokio::test(start_paused = true)]
async fn silent_sites_in_the_browser_delay_no_other_account() {
    let tabs = EightTabs(tokio::sync::Semaphore::new(8));
    let engine = builder().browser(tabs).build().expect("all parts are there");
    let rendered = |url: String| Item::get(url).mode(Mode::Js);
    submit(&engine, "one", (0..20).map(|it| rendered(format!("http://{it}.silent.test/")))).await;
    settled().await;

    let others = pages_of("b.fast.test", 3).map(rendered);
    let times = times(submit(&engine, "two", others).await).await;

    assert!(times.iter().all(|it| *it <= Duration::from_secs(2)), "{times:?}");
}

/// The requests that a site got: its name and the time.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, Duration)>>>);

impl Log {
    fn add(&self, site: String, at: Duration) {
        self.0.lock().expect("no test panics with it").push((site, at));
    }

    fn all(&self) -> Vec<(String, Duration)> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

/// Responds like [`respond`] and logs each request by the time since `began`.
fn logging(builder: EngineBuilder, log: &Log, began: tokio::time::Instant) -> EngineBuilder {
    let log = log.clone();
    let fetch = move |request: FetchRequest| {
        log.add(request.url.site(), began.elapsed());
        respond(request)
    };
    builder.http(fetcher_fn([Tier::Curl, Tier::Http], fetch))
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_site_asked_for_survives_a_restart() {
    let (store, clock) = (Memory::default(), Paused::default());
    let busy = |_: FetchRequest| async {
        Ok::<_, FetchError>(Fetched::new(429, "busy").header("retry-after", "30"))
    };
    let settings =
        Settings::default().with_pacing(rungs::engine::Pacing::default().with_per_host(1));
    let build = |builder: EngineBuilder| {
        let builder = builder.store(store.clone()).clock(clock.clone()).settings(settings);
        builder.build().expect("all parts are there")
    };
    let first = build(builder().http(fetcher_fn([Tier::Curl, Tier::Http], busy)));
    let asked_at = clock.now();
    let handle = submit(&first, "one", pages_of("a.fast.test", 4)).await;
    settled().await;
    first.shutdown().await;
    let (log, began) = (Log::default(), tokio::time::Instant::now());

    let second = build(logging(builder(), &log, began));
    let mut handle = second.batch_handle(handle.id()).await.expect("it is in the store");
    handle.wait().await.expect("ended");

    let pause = Duration::from_secs(30).saturating_sub(clock.now().since(asked_at));
    assert_eq!(pause, Duration::ZERO);
    let (_, at) = log.all()[0].clone();
    assert!(at >= Duration::from_secs(29), "a request after {at:?}");
}

#[tokio::test(start_paused = true)]
async fn sites_that_pause_hold_nothing_that_their_account_needs() {
    let settings = Settings::default().with_concurrency(4);
    let busy = |request: FetchRequest| async move {
        if request.url.site().ends_with("busy.test") {
            return Ok(Fetched::new(503, "busy").header("retry-after", "20"));
        }
        respond(request).await
    };
    let http = fetcher_fn([Tier::Curl, Tier::Http], busy);
    let engine = builder().http(http).settings(settings).build().expect("all parts are there");
    for site in 0..8 {
        submit(&engine, "one", pages_of(&format!("{site}.busy.test"), 20)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;

    let times = times(submit(&engine, "one", pages_of("b.fast.test", 1)).await).await;

    assert!(times[0] <= Duration::from_secs(1), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_site_gets_fewer_requests_at_once() {
    #[derive(Default)]
    struct Load {
        requests: usize,
        now: usize,
        most: usize,
    }
    let load = Arc::new(Mutex::new(Load::default()));
    let counted = Arc::clone(&load);
    let fetch = move |request: FetchRequest| {
        let load = Arc::clone(&counted);
        async move {
            let number = {
                let mut load = load.lock().expect("no test panics with it");
                load.requests += 1;
                load.now += 1;
                if load.requests > 8 {
                    load.most = load.most.max(load.now);
                }
                load.requests
            };
            let page = respond(request).await;
            load.lock().expect("no test panics with it").now -= 1;
            if number <= 8 { Ok(Fetched::new(503, "busy")) } else { page }
        }
    };
    let http = fetcher_fn([Tier::Curl, Tier::Http], fetch);
    let engine = builder().http(http).build().expect("all parts are there");

    let mut handle = submit(&engine, "one", pages_of("a.slow.test", 12)).await;
    handle.wait().await.expect("ended");

    let most = load.lock().expect("no test panics with it").most;
    assert!((2..=6).contains(&most), "{most} requests at once after 8 were refused");
}

#[tokio::test(start_paused = true)]
async fn an_urgent_batch_passes_the_others_of_its_account() {
    let (log, began) = (Log::default(), tokio::time::Instant::now());
    let settings = Settings::default().with_concurrency(1);
    let engine = logging(builder(), &log, began).settings(settings).build().expect("built");
    let usual = (0..20).map(|it| format!("http://{it}.fast.test/"));
    let mut usual = submit(&engine, "one", usual).await;
    settled().await;
    let account = AccountId::new("one").expect("a name");
    let urgent = Batch::new(["http://urgent.fast.test/"]).account(account).priority(Priority::High);

    let mut urgent = engine.submit(urgent).await.expect("accepted");
    urgent.wait().await.expect("ended");
    usual.wait().await.expect("ended");

    let place = log.all().iter().position(|(site, _)| site.starts_with("urgent"));
    assert!(place.is_some_and(|it| it <= 3), "{place:?}");
}

#[tokio::test(start_paused = true)]
async fn an_account_with_a_weight_gets_more_turns() {
    let (log, began) = (Log::default(), tokio::time::Instant::now());
    let heavy = AccountId::new("heavy").expect("a name");
    let settings = Settings::default().with_concurrency(4);
    let builder = logging(builder(), &log, began).settings(settings).account_weight(heavy, 3);
    let engine = builder.build().expect("all parts are there");
    let pages =
        |name: &str| (0..60).map(|it| format!("http://{it}.{name}.fast.test/")).collect::<Vec<_>>();

    let mut light = submit(&engine, "light", pages("light")).await;
    let mut heavy = submit(&engine, "heavy", pages("heavy")).await;
    light.wait().await.expect("ended");
    heavy.wait().await.expect("ended");

    let first: Vec<_> = log.all().into_iter().take(60).map(|it| it.0).collect();
    let heavy = first.iter().filter(|it| it.contains("heavy")).count();
    assert!((38..=50).contains(&heavy), "{heavy} of the first 60 requests");
}
