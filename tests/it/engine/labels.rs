//! Labels of a result: a time budget that ended, imperfect content, a difficult site, a discount.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::BatchId;
use rungs::core::job::BodyRef;
use rungs::core::request::Item;
use rungs::core::skipped::{SkipReason, SkippedTier};
use rungs::core::tier::Tier;
use rungs::engine::{EngineBuilder, JobReport, Page, QualityCode};
use rungs::ports::BoxFuture;
use rungs::ports::clock::{Clock, Entropy};
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

use crate::support::fetchers::{Marked, http};
use crate::support::paused::Paused;

const PAGE: &str = "<title>Bread</title><article><p>Flour, water, salt and time are all that a good loaf needs, and \
    of these time is the one that most people are least willing to give.</p></article>";
/// Too few words for a page.
const THIN: &str = "<p>Back soon</p>";

/// Numbers that never make a job explore the cheapest tier of a site that it knows.
#[derive(Debug, Default)]
struct Unexploring(AtomicU64);

impl Entropy for Unexploring {
    fn random_u64(&self) -> u64 {
        self.0.fetch_add(4, Ordering::Relaxed) + 1
    }
}

fn builder() -> EngineBuilder {
    Engine::builder().store(Memory::default()).entropy(Unexploring::default())
}

fn with_browser() -> Engine {
    builder().http(http()).browser(Marked::default()).build().expect("built")
}

async fn scraped(engine: &Engine, item: Item) -> JobReport {
    engine.scrape(item).await.expect("accepted")
}

fn page(report: &JobReport) -> &Page {
    report.result().unwrap_or_else(|error| panic!("{error}: {:?}", report.trail()))
}

fn skipped(report: &JobReport) -> Vec<SkippedTier> {
    report.trail().iter().flat_map(|it| it.skipped.clone()).collect()
}

fn within(url: String, seconds: u64) -> Item {
    let mut item = Item::get(url);
    item.cost_controls.time_budget = Some(Duration::from_secs(seconds));
    item
}

#[tokio::test]
async fn a_time_budget_too_short_for_the_browser_ends_with_the_best_page() {
    let (engine, site) = (with_browser(), Site::start(|_| SiteResponse::html(THIN)));

    let report = scraped(&engine, within(site.url("/"), 8)).await;

    let page = page(&report);
    assert!(page.time_budget_expired);
    assert!(page.text().is_some_and(|it| it.contains("Back soon")), "{:?}", page.extracted);
    // Of equal pages the first is the cheapest.
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Curl), Credits(200)));
    assert_eq!(report.job().accepted(), report.trail().first());
    let warnings = &page.extracted.warnings;
    assert!(warnings.iter().any(|it| it.contains("best page so far")), "{warnings:?}");
    let expected = [
        SkippedTier::new(Tier::Stealth, SkipReason::NoFetcher),
        SkippedTier::new(Tier::Browser, SkipReason::TimeBudget),
    ];
    assert_eq!(skipped(&report), expected, "{:?}", report.trail());
}

#[tokio::test]
async fn a_page_that_the_time_budget_chose_is_not_cached() {
    let (engine, site) = (with_browser(), Site::start(|_| SiteResponse::html(THIN)));
    let item = || {
        let mut item = within(site.url("/"), 8);
        item.cache.enabled = true;
        item
    };

    let first = scraped(&engine, item()).await;
    let hits = site.hits();
    let second = scraped(&engine, item()).await;

    assert_eq!(page(&first).cached_until, None);
    assert!(site.hits() > hits, "it was fetched again");
    assert_eq!(second.charged(), Credits(200));
}

/// An engine whose tier 1 gets `first`, and whose tier 2 gets no response.
fn hanging(clock: &Paused, first: &'static (u16, &'static str)) -> Engine {
    let fetch = move |request: FetchRequest| async move {
        if request.tier == Tier::Http {
            std::future::pending::<()>().await;
        }
        Ok::<_, FetchError>(Fetched::new(first.0, first.1).header("content-type", "text/html"))
    };
    let fetcher = fetcher_fn([Tier::Curl, Tier::Http], fetch);
    builder().http(fetcher).clock(clock.clone()).build().expect("built")
}

#[tokio::test(start_paused = true)]
async fn a_time_budget_that_ends_during_an_attempt_ends_with_the_page_before_it() {
    let clock = Paused::default();
    let (engine, began) = (hanging(&clock, &(200, THIN)), clock.now());

    let report = scraped(&engine, within("http://a.test/".to_owned(), 20)).await;

    assert!(page(&report).time_budget_expired);
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Curl), Credits(200)));
    let tiers: Vec<_> = report.trail().iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [Tier::Curl, Tier::Http]);
    assert_eq!(clock.now().since(began), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_time_budget_without_any_page_fails_the_job() {
    let engine = hanging(&Paused::default(), &(403, "<h1>403 Forbidden</h1>"));

    let report = scraped(&engine, within("http://a.test/".to_owned(), 20)).await;

    let error = report.result().expect_err("a block is not a page");
    assert_eq!((error.code, report.charged()), (ErrorCode::TimeBudgetExpired, Credits::ZERO));
}

/// An engine whose tier 1 gets `first`, and whose tier 2 is asked to wait for five minutes.
fn waiting(clock: &Paused, first: &'static (u16, &'static str)) -> Engine {
    let fetch = move |request: FetchRequest| async move {
        let busy = Fetched::new(503, "busy").header("retry-after", "300");
        let page = Fetched::new(first.0, first.1).header("content-type", "text/html");
        Ok::<_, FetchError>(if request.tier == Tier::Http { busy } else { page })
    };
    let fetcher = fetcher_fn([Tier::Curl, Tier::Http], fetch);
    builder().http(fetcher).clock(clock.clone()).build().expect("built")
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_outlasts_the_time_budget_ends_with_the_best_page() {
    let engine = waiting(&Paused::default(), &(200, THIN));

    let report = scraped(&engine, within("http://a.test/".to_owned(), 20)).await;

    assert!(page(&report).time_budget_expired);
    assert_eq!(report.tier(), Some(Tier::Curl));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_outlasts_the_time_budget_names_it() {
    let engine = waiting(&Paused::default(), &(403, "<h1>403 Forbidden</h1>"));

    let report = scraped(&engine, within("http://a.test/".to_owned(), 20)).await;

    let error = report.result().expect_err("there is no page");
    assert_eq!(error.code, ErrorCode::TimeBudgetExpired);
    assert!(error.message.contains("raise `time_budget`"), "{error}");
}

/// Bodies of which the first is not stored.
#[derive(Debug)]
struct FirstFails {
    bodies: Arc<dyn Bodies>,
    has_failed: AtomicBool,
}

impl Bodies for FirstFails {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        if self.has_failed.swap(true, Ordering::SeqCst) {
            return self.bodies.put(batch, body);
        }
        let source = std::io::Error::other("the disk is full");
        let error = StoreError::Backend { store: "bodies", source: Box::new(source) };
        Box::pin(async { Err(error) })
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.bodies.get(body)
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.bodies.remove(batch)
    }
}

#[tokio::test(start_paused = true)]
async fn a_best_page_that_was_not_stored_is_fetched_again() {
    let store = Memory::default();
    let bodies = store.bodies().expect("it has its own");
    let bodies = FirstFails { bodies, has_failed: AtomicBool::new(false) };
    let fetch = |request: FetchRequest| async move {
        if request.tier == Tier::Http {
            std::future::pending::<()>().await;
        }
        Ok::<_, FetchError>(Fetched::new(200, THIN).header("content-type", "text/html"))
    };
    let builder = Engine::builder().store(store).bodies(bodies).clock(Paused::default());
    let fetcher = fetcher_fn([Tier::Curl, Tier::Http], fetch);
    let engine = builder.http(fetcher).build().expect("built");

    let report = scraped(&engine, within("http://a.test/".to_owned(), 20)).await;

    assert!(page(&report).time_budget_expired);
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Curl), Credits(200)));
}

#[tokio::test]
async fn a_thin_page_of_tier_3_5_is_the_best_page_of_its_time_budget() {
    let fetch = |_| async { Ok(Fetched::new(200, THIN).header("content-type", "text/html")) };
    let builder = builder().http(fetcher_fn([Tier::LightJs], fetch)).browser(Marked::default());
    let engine = builder.build().expect("built");

    let report = scraped(&engine, within("http://a.test/".to_owned(), 8)).await;

    assert!(page(&report).text().is_some_and(|it| it.contains("Back soon")));
    assert_eq!((report.tier(), report.charged()), (Some(Tier::LightJs), Credits(2_500)));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_fails_the_job_although_there_is_a_thin_page() {
    let engine = hanging(&Paused::default(), &(200, THIN));
    let item = within("http://a.test/".to_owned(), 60).timeout(Duration::from_secs(20));

    let report = scraped(&engine, item).await;

    assert_eq!(report.result().expect_err("it hangs").code, ErrorCode::Timeout);
}

#[tokio::test]
async fn a_thin_page_is_accepted_with_a_quality_warning() {
    let engine = builder().http(http()).build().expect("built");
    let site = Site::start(|request| match request.path.as_str() {
        "/thin" => SiteResponse::html(THIN),
        _ => SiteResponse::html(PAGE),
    });

    let thin = scraped(&engine, Item::get(site.url("/thin")).max_tier(Tier::Http)).await;
    let good = scraped(&engine, Item::get(site.url("/"))).await;

    let warning = page(&thin).quality_warning.as_ref().expect("it is thin");
    assert_eq!((warning.code, warning.word_count), (QualityCode::ThinContent, 2));
    assert_eq!(warning.content_size_bytes, 9);
    assert!(warning.reason.contains("bytes of text"), "{warning:?}");
    assert!(!page(&thin).time_budget_expired);
    assert_eq!(page(&good).quality_warning, None);
    let above = [Tier::Stealth, Tier::LightJs, Tier::Browser];
    assert_eq!(skipped(&thin), above.map(|it| SkippedTier::new(it, SkipReason::MaxTier)));
    assert!(skipped(&good).is_empty());
}

/// A site that only browsers may read, until it is opened.
fn guarded(is_open: Arc<AtomicBool>) -> Site {
    Site::start(move |request| {
        let is_read = is_open.load(Ordering::SeqCst) || request.header("x-rendered").is_some();
        if is_read { SiteResponse::html(PAGE) } else { SiteResponse::status(403) }
    })
}

#[tokio::test]
async fn a_difficult_site_is_reported_with_its_pages() {
    let (engine, site) = (with_browser(), guarded(Arc::default()));
    let item = |number: u32| Item::get(site.url(&format!("/item/{number}")));

    let first = scraped(&engine, item(1)).await;
    scraped(&engine, item(2)).await;
    let third = scraped(&engine, item(3)).await;

    assert_eq!(page(&first).domain_difficulty, None);
    let known = page(&third).domain_difficulty.as_ref().expect("two pages show it");
    assert!(known.success_rate < 0.5 && known.total_attempts >= 4, "{known:?}");
    assert!(!known.override_active && known.warning().contains("results of tiers on this site"));
    assert_eq!(page(&third).tier_cap_warning, None);
    let learned = [
        SkippedTier::new(Tier::Curl, SkipReason::Learned),
        SkippedTier::new(Tier::Http, SkipReason::Learned),
        SkippedTier::new(Tier::Stealth, SkipReason::NoFetcher),
        SkippedTier::new(Tier::LightJs, SkipReason::Learned),
    ];
    assert_eq!((third.trail().len(), skipped(&third)), (1, learned.to_vec()));
}

#[tokio::test]
async fn a_tier_cap_below_what_the_site_needs_is_reported() {
    let is_open = Arc::new(AtomicBool::new(false));
    let (engine, site) = (with_browser(), guarded(Arc::clone(&is_open)));
    let item = |number: u32| Item::get(site.url(&format!("/item/{number}")));
    scraped(&engine, item(1)).await;
    scraped(&engine, item(2)).await;
    is_open.store(true, Ordering::SeqCst);

    let capped = scraped(&engine, item(3).max_tier(Tier::Http)).await;
    let forced = scraped(&engine, item(4).force_tier(Tier::Curl)).await;

    let warning = page(&capped).tier_cap_warning.as_ref().expect("it is below tier 4");
    assert_eq!((warning.domain_min_tier, warning.max_tier), (Tier::Browser, Some(Tier::Http)));
    assert!(page(&capped).domain_difficulty.as_ref().is_some_and(|it| it.override_active));
    // The page that tier 1 has fetched meanwhile is a success of the cheapest tier, which counts at once.
    assert_eq!(page(&forced).tier_cap_warning, None);
}

#[tokio::test]
async fn a_page_names_the_discount_of_its_own_proxy() {
    let fetch = |_| async { Ok(Fetched::new(200, PAGE).header("content-type", "text/html")) };
    let engine = builder().http(fetcher_fn([Tier::Curl], fetch)).build().expect("built");
    let item = || {
        let mut item = Item::get("http://a.test/");
        item.advanced.use_own_proxy = true;
        item.cache.enabled = true;
        item
    };

    let fetched = scraped(&engine, item()).await;
    let cached = scraped(&engine, item()).await;

    let discount = page(&fetched).own_proxy_discount.expect("it has one");
    assert_eq!((discount.original, fetched.charged()), (Credits(200), Credits(160)));
    assert!((discount.percent() - 20.0).abs() < 1e-9, "{discount:?}");
    assert_eq!((page(&cached).own_proxy_discount, cached.charged()), (None, Credits::ZERO));
}

#[tokio::test]
async fn a_cost_of_the_fetcher_has_no_discount() {
    let fetch = |_| async {
        let page = Fetched::new(200, PAGE).header("content-type", "text/html");
        Ok(page.with_cost(Credits(100)))
    };
    let engine = builder().http(fetcher_fn([Tier::Curl], fetch)).build().expect("built");
    let mut item = Item::get("http://a.test/");
    item.advanced.use_own_proxy = true;

    let report = scraped(&engine, item).await;

    let discount = page(&report).own_proxy_discount.expect("it has one");
    assert_eq!((discount.original, report.charged()), (Credits(100), Credits(100)));
    assert_eq!(discount.per_mille, 0);
}
