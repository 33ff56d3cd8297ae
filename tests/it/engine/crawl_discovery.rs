//! The discovery of a crawl: robots.txt and sitemaps, in time that does not pass.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::crawl::{CrawlRecord, CrawlStatus, SitemapUse, StopReason};
use rungs::core::id::AccountId;
use rungs::core::record::Key;
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::{Crawl, EngineBuilder};
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Store, StoreError, Write};
use rungs::stores::Memory;
use rungs::{Batch, Engine, EngineError, Settings};

use crate::support::delegate::delegate;
use crate::support::paused::Paused;

/// The requests of a test, as `host/path`.
type Requests = Arc<Mutex<Vec<String>>>;

fn html(links: &str) -> Fetched {
    let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(8);
    let page = format!("<title>Bread</title><article>{text}</article><nav>{links}</nav>");
    Fetched::new(200, page).header("content-type", "text/html")
}

/// A sitemap that names these pages.
fn sitemap(pages: impl IntoIterator<Item = String>) -> Fetched {
    let pages: Vec<String> =
        pages.into_iter().map(|it| format!("<url><loc>http://{it}</loc></url>")).collect();
    Fetched::new(200, format!("<urlset>{}</urlset>", pages.concat()))
}

/// Returns an engine whose responses come from `respond`, each after a time.
fn builder(
    respond: impl Fn(&str) -> (Fetched, Duration) + Send + Sync + 'static,
) -> (EngineBuilder, Requests) {
    let (requests, respond) = (Requests::default(), Arc::new(respond));
    let seen = Arc::clone(&requests);
    let fetcher = fetcher_fn([Tier::Curl], move |request| {
        let name = request.url.as_str().trim_start_matches("http://").to_owned();
        seen.lock().expect("not poisoned").push(name.clone());
        let respond = Arc::clone(&respond);
        async move {
            let (response, wait) = respond(&name);
            tokio::time::sleep(wait).await;
            Ok(response)
        }
    });
    (Engine::builder().store(Memory::default()).http(fetcher).clock(Paused::default()), requests)
}

fn engine(respond: impl Fn(&str) -> Fetched + Send + Sync + 'static) -> (Engine, Requests) {
    let (builder, requests) = builder(move |it| (respond(it), Duration::ZERO));
    (builder.build().expect("built"), requests)
}

async fn ended(engine: &Engine, crawl: impl Into<Crawl>) -> CrawlRecord {
    let mut handle = engine.crawl(crawl).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle.record().clone()
}

async fn urls(engine: &Engine, crawl: &CrawlRecord) -> BTreeSet<String> {
    let jobs = engine.crawl_jobs(crawl.id).await.expect("jobs");
    let url = |it: &str| it.trim_start_matches("http://").to_owned();
    jobs.iter().map(|it| url(it.request.page().as_str())).collect()
}

fn count(requests: &Requests, name: &str) -> usize {
    requests.lock().expect("not poisoned").iter().filter(|it| *it == name).count()
}

/// A site with a crawl delay, and an index of `files` sitemaps with one page each.
fn slow_site(delay: u32, files: u32) -> impl Fn(&str) -> Fetched + Send + Sync + 'static {
    move |name| match name {
        "bread.test/robots.txt" => Fetched::new(
            200,
            format!("user-agent: *\ncrawl-delay: {delay}\nsitemap: http://bread.test/index.xml"),
        ),
        "bread.test/index.xml" => {
            let file = |it| format!("<sitemap><loc>http://bread.test/{it}.xml</loc></sitemap>");
            let files: Vec<String> = (0..files).map(file).collect();
            Fetched::new(200, format!("<sitemapindex>{}</sitemapindex>", files.concat()))
        }
        name => match name.strip_suffix(".xml") {
            Some(page) => sitemap([page.to_owned()]),
            None => html(""),
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_discovery_continues_as_long_as_the_crawl_delay_demands() {
    let (engine, requests) = engine(slow_site(30, 4));
    let began = engine.now();

    let record = ended(&engine, Crawl::of("http://bread.test/").sitemap(SitemapUse::Only)).await;

    assert_eq!((record.status(), record.tally.succeeded), (CrawlStatus::Completed, 4));
    assert_eq!((record.stop, record.warnings.len()), (None, 0), "{record:?}");
    assert!(record.ended_at.expect("ended").since(began) >= Duration::from_mins(4));
    for name in ["index.xml", "0.xml", "3.xml"] {
        assert_eq!(count(&requests, &format!("bread.test/{name}")), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_discovery_that_takes_too_long_says_so() {
    let (engine, _) = engine(slow_site(60, 40));

    let record = ended(&engine, Crawl::of("http://bread.test/").sitemap(SitemapUse::Only)).await;

    let found = record.tally.succeeded;
    assert!((2..20).contains(&found), "{found}");
    assert_eq!(record.warnings, ["the sitemaps were not read to the end: the time was over"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_in_a_sitemap_holds_up_no_page_of_others() {
    let (builder, _) = builder(|name| match name {
        "bread.test/robots.txt" => {
            (Fetched::new(200, "sitemap: http://bread.test/a.xml"), Duration::ZERO)
        }
        "bread.test/a.xml" => {
            let own = (0..60).map(|it| format!("bread.test/{it}"));
            let all = std::iter::once("slow.bread.test/x".to_owned()).chain(own);
            (sitemap(all), Duration::ZERO)
        }
        "slow.bread.test/robots.txt" => (Fetched::new(404, ""), Duration::from_hours(1)),
        _ => (html(""), Duration::ZERO),
    });
    let engine = builder.build().expect("built");
    let crawl = Crawl::of("http://bread.test/").max_pages(100).include_subdomains();

    let record = ended(&engine, crawl.sitemap(SitemapUse::Only)).await;

    assert_eq!(record.tally.succeeded, 60, "{record:?}");
    assert!(record.warnings.iter().any(|it| it.contains("slow.bread.test")), "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn many_pages_of_another_host_are_judged_by_its_robots_file() {
    let (engine, _) = engine(|name| match name {
        "bread.test/robots.txt" => Fetched::new(200, "sitemap: http://bread.test/a.xml"),
        "bread.test/a.xml" => {
            let page = |it| format!("shop.bread.test/private/{it:040}");
            let open = (0..5).map(|it| format!("shop.bread.test/{it}"));
            sitemap((0..18_000).map(page).chain(open))
        }
        "shop.bread.test/robots.txt" => Fetched::new(200, "user-agent: *\ndisallow: /private/"),
        _ => html(""),
    });
    let crawl = Crawl::of("http://bread.test/").max_pages(100).include_subdomains();

    let record = ended(&engine, crawl.sitemap(SitemapUse::Only)).await;

    assert_eq!(record.tally.succeeded, 5, "{record:?}");
    assert!(record.warnings.is_empty(), "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_sitemaps_leave_time_for_the_robots_file_of_another_host() {
    let (builder, requests) = builder(|name| match name {
        "bread.test/robots.txt" => {
            let named = "sitemap: http://bread.test/a.xml\nsitemap: http://bread.test/b.xml";
            (Fetched::new(200, named), Duration::ZERO)
        }
        "bread.test/a.xml" => (sitemap(["bread.test/a".to_owned()]), Duration::from_millis(9_500)),
        "bread.test/b.xml" => {
            (sitemap(["www.bread.test/b".to_owned()]), Duration::from_millis(9_500))
        }
        "www.bread.test/robots.txt" => (Fetched::new(404, ""), Duration::from_secs(5)),
        _ => (html(""), Duration::ZERO),
    });
    let engine = builder.build().expect("built");
    let began = engine.now();

    let record = ended(&engine, "http://bread.test/").await;

    let expected = ["bread.test/", "bread.test/a", "www.bread.test/b"].map(str::to_owned);
    assert_eq!(urls(&engine, &record).await, expected.into());
    assert!(record.ended_at.expect("ended").since(began) < Duration::from_mins(1));
    assert!(record.warnings.is_empty(), "{:?}", record.warnings);
    assert_eq!(
        (count(&requests, "bread.test/a.xml"), count(&requests, "bread.test/b.xml")),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_crawl_waits_once_for_a_robots_file_and_fetches_what_it_may_meanwhile() {
    let (builder, requests) = builder(|name| {
        let response = match name {
            "bread.test/" => html("<a href=http://www.bread.test/x>x</a> <a href=/1>1</a>"),
            "bread.test/1" => html("<a href=http://www.bread.test/y>y</a> <a href=/2>2</a>"),
            "bread.test/2" => html("<a href=http://www.bread.test/z>z</a> <a href=/3>3</a>"),
            "bread.test/3" => html(""),
            "www.bread.test/limited" => Fetched::new(429, "").header("retry-after", "80000"),
            _ => Fetched::new(404, ""),
        };
        (response, Duration::ZERO)
    });
    let mut settings = Settings::default();
    settings.retry.longest = Duration::from_hours(24);
    let engine = builder.settings(settings).build().expect("built");
    let limited = Item::get("http://www.bread.test/limited").max_tier(Tier::Curl);
    engine.submit(Batch::new([limited])).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(&requests, "www.bread.test/limited"), 1, "the site is paused");
    let began = engine.now();

    let mut handle = engine.crawl("http://bread.test/").await.expect("accepted");
    for number in 0..4 {
        assert!(handle.next_page().await.expect("readable").is_some(), "page {number}");
    }
    let fetched = engine.now().since(began);
    let status = handle.wait().await.expect("ends");
    let waited = engine.now().since(began);

    let found = urls(&engine, handle.record()).await;
    assert_eq!((status, found.len()), (CrawlStatus::Completed, 4), "{found:?} {waited:?}");
    assert!(fetched < Duration::from_mins(1), "{fetched:?}");
    assert!((10 * 60..11 * 60).contains(&waited.as_secs()), "{waited:?}");
    let [warning] = handle.record().warnings.as_slice() else { panic!("{:?}", handle.record()) };
    assert!(warning.starts_with("http://www.bread.test/robots.txt was not read"), "{warning}");
}

#[tokio::test(start_paused = true)]
async fn disallowed_pages_of_a_sitemap_take_up_no_room() {
    let (engine, _) = engine(|name| match name {
        "bread.test/robots.txt" => Fetched::new(200, "user-agent: *\ndisallow: /private/"),
        "bread.test/sitemap.xml" => {
            let private = (0..60).map(|it| format!("bread.test/private/{it}"));
            sitemap(private.chain((0..3).map(|it| format!("bread.test/{it}"))))
        }
        _ => html(""),
    });

    let record = ended(&engine, Crawl::of("http://bread.test/").sitemap(SitemapUse::Only)).await;

    assert_eq!((record.status(), record.tally.succeeded), (CrawlStatus::Completed, 3));
}

#[tokio::test(start_paused = true)]
async fn a_crawl_without_depth_fetches_its_start_page_alone() {
    let (engine, requests) = engine(|name| match name {
        "bread.test/sitemap.xml" => sitemap(["bread.test/a".to_owned()]),
        "bread.test/" | "bread.test/a" => html(""),
        _ => Fetched::new(404, ""),
    });
    let crawl = || Crawl::of("http://bread.test/").max_depth(0);

    let record = ended(&engine, crawl()).await;

    assert_eq!((record.status(), record.tally.total), (CrawlStatus::Completed, 1));
    assert_eq!(count(&requests, "bread.test/sitemap.xml"), 0);
    let record = ended(&engine, crawl().sitemap(SitemapUse::Only)).await;
    assert_eq!(urls(&engine, &record).await, ["bread.test/a".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn a_crawl_of_sitemaps_that_name_no_page_ends_with_the_reason() {
    let (engine, _) = engine(|_| Fetched::new(404, ""));

    let record = ended(&engine, Crawl::of("http://bread.test/").sitemap(SitemapUse::Only)).await;

    assert_eq!((record.status(), record.stop), (CrawlStatus::Failed, Some(StopReason::NoSitemap)));
}

#[tokio::test(start_paused = true)]
async fn the_crawls_of_one_account_leave_room_for_those_of_others() {
    let (builder, _) = builder(|name| {
        let slow = name.starts_with("slow") && name.ends_with("/robots.txt");
        (html(""), if slow { Duration::from_secs(9) } else { Duration::ZERO })
    });
    let engine = builder.build().expect("built");
    for number in 0..30 {
        let crawl = Crawl::of(format!("http://slow{number}.test/")).sitemap(SitemapUse::Skip);
        engine.crawl(crawl).await.expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = engine.now();

    let other = AccountId::new("other").expect("an account");
    let record = ended(&engine, Crawl::of("http://bread.test/").account(other)).await;

    assert_eq!(record.status(), CrawlStatus::Completed);
    let waited = record.ended_at.expect("ended").since(began);
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

/// A memory store that fails to remove crawls.
#[derive(Debug, Default)]
struct KeepsCrawls(Memory);

impl Store for KeepsCrawls {
    delegate!(0: load, list, claim, due, bodies);

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        let removes = |it: &Write| matches!(it.key, Key::Crawl(_)) && it.record.is_none();
        if writes.iter().any(removes) {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
            return Box::pin(async { Err(StoreError::Backend { store: "full", source }) });
        }
        self.0.commit(writes)
    }
}

#[tokio::test(start_paused = true)]
async fn a_crawl_that_is_being_removed_is_not_taken_for_one_without_pages() {
    let clock = Paused::default();
    let fetcher = fetcher_fn([Tier::Curl], |_| async { Ok(html("")) });
    let builder = Engine::builder().store(KeepsCrawls::default()).http(fetcher);
    let engine = builder.clock(clock.clone()).build().expect("built");
    let record = ended(&engine, "http://bread.test/").await;
    let whole = engine.crawl_handle(record.id).await.expect("kept").next_page().await;
    assert!(whole.expect("readable").is_some());

    clock.sleep(Duration::from_hours(25)).await;
    let mut handle = engine.crawl_handle(record.id).await.expect("its record is still there");
    let page = handle.next_page().await;

    assert!(matches!(page, Err(EngineError::CrawlNotFound(id)) if id == record.id), "{page:?}");
    let mut rest = engine.crawl_handle(record.id).await.expect("still there").after(1);
    assert!(rest.next_page().await.expect("nothing is missing").is_none());
}
