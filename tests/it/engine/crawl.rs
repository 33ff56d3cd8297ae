//! Crawls, from a site on loopback to its pages and the one notification.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rungs::core::batch::{NotificationKind, NotificationState};
use rungs::core::crawl::{CrawlRecord, CrawlStatus, SitemapUse, StopReason};
use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::record::RecordKind;
use rungs::core::request::{Format, Item, Method};
use rungs::core::tier::Tier;
use rungs::core::usage::{Budget, Period};
use rungs::engine::{Crawl, CrawlHandle, Map};
use rungs::fetch::Http;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{ListQuery, Store};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Engine, EngineError, Settings, SubmitError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::paused::Paused;

const TEXT: &str = "<p>Flour, water, salt and time are all that a good loaf needs.</p>";

fn page(links: &[String]) -> SiteResponse {
    let links: Vec<String> =
        links.iter().map(|it| format!("<a href=\"{it}\">to {it}</a> ")).collect();
    let links = links.concat();
    let text = TEXT.repeat(8);
    SiteResponse::html(format!("<title>Bread</title><article>{text}</article><nav>{links}</nav>"))
}

/// A site of `pages` pages. Page `n` links to the pages `2n + 1` and `2n + 2`, in several spellings.
fn tree(pages: usize) -> Site {
    Site::start(move |request| {
        let number = match request.path.as_str() {
            "/" => Some(0),
            path => path.strip_prefix("/p/").and_then(|it| it.parse::<usize>().ok()),
        };
        let Some(number) = number.filter(|it| *it < pages) else {
            return SiteResponse::status(404);
        };
        let next = [2 * number + 1, 2 * number + 2].into_iter().filter(|it| *it < pages);
        let mut links: Vec<String> = next
            .flat_map(|it| [format!("/p/{it}"), format!("/./p/{it}?utm_source=x#top")])
            .collect();
        links.extend(["/".to_owned(), "/logo.png".to_owned(), "http://127.0.0.2:1/x".to_owned()]);
        page(&links)
    })
}

fn engine_on(store: Arc<Memory>) -> Engine {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    Engine::builder().store(store).http(http).build().expect("built")
}

fn engine() -> Engine {
    engine_on(Arc::default())
}

async fn ended(engine: &Engine, crawl: Crawl) -> CrawlRecord {
    let mut handle = engine.crawl(crawl).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle.record().clone()
}

async fn paths(engine: &Engine, crawl: &CrawlRecord) -> Vec<String> {
    let jobs = engine.crawl_jobs(crawl.id).await.expect("jobs");
    let path = |url: &str| url.splitn(4, '/').last().map(|it| format!("/{it}"));
    jobs.iter().filter_map(|it| path(it.request.page().as_str())).collect()
}

fn refused(error: &SubmitError) -> String {
    assert!(matches!(error, SubmitError::Option(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_crawl_fetches_each_page_of_a_site_once() {
    let (site, engine) = (tree(60), engine());

    let item = Item::get(site.url("/")).formats([Format::Text]);
    let crawl = Crawl::of(item).max_pages(100).max_depth(50);
    let mut handle: CrawlHandle = engine.crawl(crawl).await.expect("accepted");
    let mut orders = Vec::new();
    while let Some(job) = handle.next_page().await.expect("a page") {
        orders.push(job.crawl.and_then(|it| it.order).expect("an order"));
        let page = engine.with_page(job).await.expect("stored");
        let json = serde_json::to_value(page.page()).expect("JSON");
        assert!(!json["extracted"].to_string().contains("/p/"), "no links in the result");
        assert!(json.get("links").is_none(), "the links are the crawl's");
    }

    let record = handle.record().clone();
    assert_eq!(orders, (1..=60).collect::<Vec<_>>());
    assert_eq!((record.status(), record.tally.succeeded), (CrawlStatus::Completed, 60));
    let all = paths(&engine, &record).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60);
    assert!((0..60).all(|it| site.hits_on(&format!("/p/{it}")) == usize::from(it > 0)));
    let notice = engine.notification(record.event).await.expect("one notification");
    assert_eq!(notice.event, NotificationKind::CrawlCompleted);
    assert_eq!(notice.state, NotificationState::Unaddressed);
    let account = engine.account(&AccountId::default()).await.expect("charged");
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, record.charged));
    let resumed = engine.crawl_handle(record.id).await.expect("kept").after(58);
    assert_eq!(rest_of(resumed).await, [59, 60]);
    let batches = engine.account_batches(&AccountId::default(), None, 9).await.expect("listed");
    assert!(batches.is_empty(), "the batches of a crawl are its own");
    let first = engine.crawl_batches(record.id).await.expect("listed")[0];
    let error = refused(&engine.retry(first).await.expect_err("of a crawl"));
    assert!(error.contains("crawl"), "{error}");
}

async fn rest_of(mut handle: CrawlHandle) -> Vec<u32> {
    let mut orders = Vec::new();
    while let Some(job) = handle.next_page().await.expect("a page") {
        orders.extend(job.crawl.and_then(|it| it.order));
    }
    orders
}

#[tokio::test]
async fn a_crawl_keeps_its_rules() {
    let site = Site::start(|request| match request.path.as_str() {
        "/robots.txt" => SiteResponse::status(200)
            .header("content-type", "text/plain")
            .body("user-agent: *\ndisallow: /private"),
        "/sitemap.xml" => {
            SiteResponse::status(200).header("content-type", "text/xml").body(format!(
                "<urlset><url><loc>http://{0}/docs/only-in-sitemap</loc></url>\
                 <url><loc>http://127.0.0.9/docs/elsewhere</loc></url></urlset>",
                request.header("host").unwrap_or_default()
            ))
        }
        "/" => page(&["/docs/a", "/docs/old/b", "/private/c", "/blog/d"].map(str::to_owned)),
        "/docs/a" => page(&["/docs/e".to_owned()]),
        _ => page(&[]),
    });
    let engine = engine();
    let crawl = || Crawl::of(site.url("/")).max_depth(1);

    let rules = crawl().include(["/docs/*", "/private/*"]).exclude(["*/old/*"]);
    let record = ended(&engine, rules).await;
    let mut found = paths(&engine, &record).await;
    found.sort_unstable();
    assert_eq!(found, ["/", "/docs/a", "/docs/only-in-sitemap"]);

    let record = ended(&engine, crawl().sitemap(SitemapUse::Only)).await;
    assert_eq!(paths(&engine, &record).await, ["/docs/only-in-sitemap"]);

    let record = ended(&engine, crawl().sitemap(SitemapUse::Skip).ignore_robots()).await;
    assert_eq!(paths(&engine, &record).await.len(), 5);

    let record = ended(&engine, Crawl::of(site.url("/private/c"))).await;
    assert_eq!((record.status(), record.stop), (CrawlStatus::Failed, Some(StopReason::Robots)));
    assert_eq!(record.tally.total, 0);
    assert!(engine.notification(record.event).await.is_ok(), "it ended with a notification");
}

#[tokio::test]
async fn a_crawl_never_exceeds_its_limits() {
    let (site, engine) = (tree(200), engine());
    let crawl = || Crawl::of(site.url("/")).max_pages(100).max_depth(50);

    let record = ended(&engine, crawl().max_pages(7)).await;
    assert_eq!((record.admitted, record.tally.total), (7, 7));

    let record = ended(&engine, crawl().max_depth(2)).await;
    assert_eq!(record.tally.total, 7, "1 + 2 + 4");

    // A page holds the price of the dearest tier and costs 200.
    let hold = engine.estimate_crawl(&record).0 / 100;
    let most = Credits(hold + 600);
    let record = ended(&engine, crawl().max_credits(most)).await;
    assert_eq!(record.stop, Some(StopReason::OutOfCredits));
    assert!(record.charged <= most && record.tally.succeeded >= 4, "{record:?}");
    assert_eq!(record.held, Credits::ZERO);

    let record = ended(&engine, crawl().max_pages(30).max_concurrency(3)).await;
    assert_eq!(record.tally.succeeded, 30);
}

#[tokio::test]
async fn an_account_without_credits_ends_its_crawl() {
    let site = tree(50);
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let settings = Settings::default().with_limited_accounts();
    let builder = Engine::builder().store(Memory::default()).http(http).settings(settings);
    let engine = builder.build().expect("built");
    let crawl = || Crawl::of(Item::get(site.url("/")).max_tier(Tier::Curl));

    let error = engine.crawl(crawl()).await.expect_err("no credits");
    assert!(matches!(error, SubmitError::Overdrawn(_)), "{error:?}");
    engine.grant(&AccountId::default(), Credits(1_100)).await.expect("granted");
    let record = ended(&engine, crawl()).await;

    assert_eq!(record.stop, Some(StopReason::OutOfCredits));
    assert_eq!((record.tally.succeeded, record.charged), (5, Credits(1_000)));
    let account = engine.account(&AccountId::default()).await.expect("there");
    assert_eq!((account.free(), account.held()), (Credits(100), Credits::ZERO));
}

#[tokio::test]
async fn a_canceled_crawl_releases_its_holds() {
    let site = Site::start(|request| match request.path.as_str() {
        "/robots.txt" | "/sitemap.xml" => SiteResponse::status(404),
        "/" => page(&["/slow/1", "/slow/2"].map(str::to_owned)),
        _ => page(&[]).delay(Duration::from_mins(10)),
    });
    let engine = engine();
    let mut handle = engine.crawl(Crawl::of(site.url("/"))).await.expect("accepted");
    handle.next_page().await.expect("the start page");
    while engine.crawl_record(handle.id()).await.expect("there").open_jobs() < 2 {
        tokio::task::yield_now().await;
    }

    let canceled = engine.cancel_crawl(handle.id()).await.expect("running");

    assert_eq!(canceled.canceled_jobs, 2);
    assert_eq!(canceled.crawl.status(), CrawlStatus::Cancelled);
    assert!(canceled.released > Credits::ZERO && canceled.crawl.held == Credits::ZERO);
    assert_eq!(handle.wait().await.expect("ended"), CrawlStatus::Cancelled);
    let again = engine.cancel_crawl(handle.id()).await.expect_err("it has ended");
    assert!(matches!(again, EngineError::CrawlEnded(_)));
    assert_eq!(engine.account(&AccountId::default()).await.expect("there").held(), Credits::ZERO);
}

#[tokio::test]
async fn an_invalid_crawl_is_refused_by_field() {
    let (site, engine) = (tree(1), engine());
    let crawl = || Crawl::of(site.url("/"));

    for (crawl, field) in [
        (crawl().max_pages(0), "max_pages"),
        (crawl().max_depth(51), "max_depth"),
        (crawl().include([""]), "include_patterns"),
        (Crawl::of(Item::get(site.url("/")).cached()), "cache"),
        (Crawl::of("ftp://a/"), "url"),
        (Crawl::of(Item::get(site.url("/")).method(Method::Post)), "method"),
    ] {
        let error = refused(&engine.crawl(crawl).await.expect_err(field));
        assert!(error.contains(field), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_crawl_leaves_nothing() {
    let store = Arc::<Memory>::default();
    let clock = Paused::default();
    let fetcher = fetcher_fn([Tier::Curl], |request| async move {
        let links: String = match request.url.as_str() {
            "http://a.test/" => {
                let links: Vec<String> =
                    (1..20).map(|it| format!("<a href=/p/{it}>{it}</a>")).collect();
                links.concat()
            }
            it if it.contains("/p/") => String::new(),
            _ => return Ok(Fetched::new(404, "")),
        };
        Ok(Fetched::new(200, format!("<article>{}{links}</article>", TEXT.repeat(8))))
    });
    let builder = Engine::builder().store(Arc::clone(&store)).http(fetcher);
    let engine = builder.clock(clock.clone()).build().expect("built");
    let record = ended(&engine, Crawl::of("http://a.test/")).await;
    let kinds = [RecordKind::Job, RecordKind::Batch, RecordKind::Crawl, RecordKind::CrawlChunk];
    let all = kinds.into_iter().chain([RecordKind::Notification, RecordKind::LedgerEntry]);
    let count = async |kind| store.list(ListQuery::new(kind, 999)).await.expect("listed").len();
    assert_eq!((count(RecordKind::Job).await, record.tally.succeeded), (20, 20));

    clock.sleep(Duration::from_hours(23)).await;
    assert_eq!(count(RecordKind::Job).await, 20, "kept for a day");
    clock.sleep(Duration::from_hours(2)).await;

    for kind in all {
        assert_eq!(count(kind).await, 0, "{kind:?}");
    }
    let gone = engine.crawl_record(record.id).await.expect_err("gone");
    assert!(gone.is_not_found());
}

#[tokio::test]
async fn a_map_that_its_budget_does_not_cover_fetches_nothing() {
    let (site, engine) = (tree(5), engine());
    let budget = |pages: u64| {
        let most = Credits(Map::PRICE.0 * pages);
        Budget::new(Period::Daily).with_credits(Some(most))
    };

    let found = engine.map(Map::of(site.url("/")).budget(budget(1))).await.expect("covered");
    let hits = site.hits();
    let refused = engine.map(Map::of(site.url("/")).budget(budget(1))).await;

    assert_eq!((found.urls.len(), found.charged), (5, Map::PRICE));
    assert!(matches!(refused, Err(SubmitError::OverBudget(_))), "{refused:?}");
    assert_eq!(site.hits(), hits, "the site was left alone");
}

#[tokio::test]
async fn maps_at_once_are_covered_together() {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (waiting, telling) = (Arc::clone(&gate), Arc::clone(&begun));
    let fetcher = fetcher_fn([Tier::Curl, Tier::Http], move |_| {
        let (waiting, telling) = (Arc::clone(&waiting), Arc::clone(&telling));
        async move {
            telling.add_permits(1);
            let _open = waiting.acquire().await.expect("never closed");
            Ok(Fetched::new(200, TEXT))
        }
    });
    let engine = Engine::builder().store(Arc::new(Memory::default())).http(fetcher);
    let engine = engine.build().expect("built");
    let budget = Budget::new(Period::Daily).with_credits(Some(Map::PRICE));
    let map = || Map::of("http://a.test/").budget(budget);
    let first = tokio::spawn({
        let (engine, map) = (engine.clone(), map());
        async move { engine.map(map).await }
    });
    let _ = begun.acquire().await.expect("never closed");

    let refused = engine.map(map()).await;
    gate.add_permits(1);
    let first = first.await.expect("no panic");

    let Err(SubmitError::OverBudget(over)) = refused else { panic!("{refused:?}") };
    assert_eq!((over.needed, over.left, over.fits_later()), (Map::PRICE.0, 0, true));
    assert_eq!(first.expect("covered").charged, Map::PRICE);
}

#[tokio::test]
async fn a_map_that_ended_does_not_count_twice() {
    let (site, engine) = (tree(3), engine());
    let budget = Budget::new(Period::Daily).with_credits(Some(Credits(Map::PRICE.0 * 6)));

    let mut maps = JoinSet::new();
    for _ in 0..6 {
        let (engine, map) = (engine.clone(), Map::of(site.url("/")).budget(budget));
        maps.spawn(async move { engine.map(map).await });
    }
    let mapped = maps.join_all().await;

    assert!(mapped.iter().all(Result::is_ok), "{mapped:?}");
    assert!(engine.map(Map::of(site.url("/")).budget(budget)).await.is_err());
}

#[tokio::test]
async fn a_map_that_read_nothing_costs_nothing() {
    let engine = engine();
    let site = Site::start(|_| SiteResponse::status(404));
    let only = Map::of(site.url("/")).sitemap(SitemapUse::Only);

    for map in [only, Map::of(site.url("/logo.png"))] {
        let refused = engine.map(map).await.expect_err("nothing is there");
        assert!(matches!(refused, SubmitError::SiteUnreadable { .. }), "{refused:?}");
    }

    assert!(engine.account(&AccountId::default()).await.is_err(), "nothing was charged");
    let alone = engine.map(Map::of(site.url("/")).max_pages(1)).await.expect("it responds");
    assert_eq!(alone.urls.len(), 1, "no page had to be read");
}
