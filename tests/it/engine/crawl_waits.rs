//! Crawls that cannot read something for now: a page's result, or robots.txt of a paused site.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rungs::core::crawl::{CrawlRecord, CrawlStatus};
use rungs::core::credits::Credits;
use rungs::core::id::{AccountId, BatchId};
use rungs::core::job::BodyRef;
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::engine::{Crawl, EngineBuilder};
use rungs::ports::BoxFuture;
use rungs::ports::fetch::{Fetched, fetcher_fn};
use rungs::ports::store::{Bodies, Store, StoreError};
use rungs::stores::Memory;
use rungs::{Batch, Engine, Settings, SubmitError};

use crate::support::paused::Paused;

/// Bodies of which those of the page with the title `Rye` can be made unreadable.
#[derive(Clone, Debug)]
struct Sealed {
    inner: Arc<dyn Bodies>,
    is_sealed: Arc<AtomicBool>,
}

impl Bodies for Sealed {
    fn put(&self, batch: BatchId, body: Vec<u8>) -> BoxFuture<'_, Result<BodyRef, StoreError>> {
        self.inner.put(batch, body)
    }

    fn get(&self, body: BodyRef) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let found = self.inner.get(body).await?;
            let text = String::from_utf8_lossy(found.as_deref().unwrap_or_default());
            if self.is_sealed.load(Ordering::SeqCst) && text.contains("Rye") {
                let source = std::io::Error::from(std::io::ErrorKind::InvalidData).into();
                return Err(StoreError::Backend { store: "sealed", source });
            }
            Ok(found)
        })
    }

    fn remove(&self, batch: BatchId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.remove(batch)
    }
}

/// Returns the page of a small site: `/` links to `/sealed` and `/open`, and each of those to one more page.
fn page(path: &str) -> Fetched {
    let links = match path {
        "/" => "<a href=/sealed>s</a> <a href=/open>o</a>",
        "/sealed" => "<a href=/behind-sealed>s</a>",
        "/open" => "<a href=/behind-open>o</a>",
        "/behind-sealed" | "/behind-open" => "",
        "/limited" => return Fetched::new(429, "").header("retry-after", "120"),
        _ => return Fetched::new(404, ""),
    };
    let title = if path == "/sealed" { "Rye" } else { "Bread" };
    let text = "<p>Flour, water, salt and time are all that a good loaf needs.</p>".repeat(8);
    let page = format!("<title>{title}</title><article>{text}</article>{links}");
    Fetched::new(200, page).header("content-type", "text/html")
}

fn builder() -> EngineBuilder {
    let fetcher = fetcher_fn([Tier::Curl], |request| async move {
        Ok(page(request.url.as_str().trim_start_matches("http://bread.test")))
    });
    Engine::builder().http(fetcher).clock(Paused::default())
}

fn sealed() -> (Engine, Sealed) {
    let store = Memory::default();
    let inner = store.bodies().expect("it has its own");
    let bodies = Sealed { inner, is_sealed: Arc::new(AtomicBool::new(true)) };
    (builder().store(store).bodies(bodies.clone()).build().expect("built"), bodies)
}

async fn ended(engine: &Engine, crawl: impl Into<Crawl>) -> CrawlRecord {
    let mut handle = engine.crawl(crawl).await.expect("accepted");
    handle.wait().await.expect("ends");
    handle.record().clone()
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_result_delays_only_its_own_links() {
    let (engine, bodies) = sealed();

    let mut handle = engine.crawl("http://bread.test/").await.expect("accepted");
    for number in 1..=4 {
        assert!(handle.next_page().await.expect("readable").is_some(), "page {number}");
    }
    assert_eq!(handle.record().ended_at, None, "it waits");
    bodies.is_sealed.store(false, Ordering::SeqCst);
    let last = handle.next_page().await.expect("readable").expect("the page behind it");

    assert!(last.request.page().as_str().ends_with("/behind-sealed"), "{last:?}");
    assert_eq!(handle.wait().await.expect("ends"), CrawlStatus::Completed);
    assert!(handle.record().warnings.is_empty(), "{:?}", handle.record().warnings);
}

#[tokio::test(start_paused = true)]
async fn a_crawl_continues_without_a_result_that_stays_unreadable() {
    let (engine, _bodies) = sealed();
    let began = engine.now();

    let record = ended(&engine, "http://bread.test/").await;

    assert_eq!((record.status(), record.tally.succeeded), (CrawlStatus::Completed, 4));
    let [warning] = record.warnings.as_slice() else { panic!("{:?}", record.warnings) };
    assert!(warning.contains("were not read"), "{warning}");
    let waited = record.ended_at.expect("ended").since(began);
    assert!(waited >= Duration::from_mins(10), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crawl_waits_for_the_robots_file_of_a_paused_site() {
    let engine = builder().store(Memory::default()).build().expect("built");
    let limited = Item::get("http://bread.test/limited").max_tier(Tier::Curl);
    let mut batch = engine.submit(Batch::new([limited])).await.expect("accepted");
    batch.wait().await.expect("ends");
    let began = engine.now();

    let record = ended(&engine, "http://bread.test/").await;

    assert_eq!((record.status(), record.tally.succeeded), (CrawlStatus::Completed, 5));
    assert!(record.warnings.is_empty(), "{:?}", record.warnings);
    let waited = record.ended_at.expect("ended").since(began);
    assert!(waited >= Duration::from_secs(20), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crawl_of_an_unreachable_site_names_the_robots_file() {
    let fetcher = fetcher_fn([Tier::Curl], |_| async { Ok(Fetched::new(503, "")) });
    let builder = Engine::builder().store(Memory::default()).http(fetcher);
    let engine = builder.clock(Paused::default()).build().expect("built");

    let record = ended(&engine, "http://bread.test/").await;

    assert_eq!(record.status(), CrawlStatus::Failed);
    assert_eq!(record.warnings, ["http://bread.test/robots.txt could not be fetched"]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_submission_finds_a_crawl_that_holds_the_last_credits() {
    let settings = Settings::default().with_limited_accounts();
    let builder = builder().store(Memory::default()).settings(settings);
    let engine = builder.build().expect("built");
    let start = Item::get("http://bread.test/").max_tier(Tier::Curl);
    let crawl = || Crawl::of(start.clone()).idempotency_key("bread");
    engine.grant(&AccountId::default(), Credits(200)).await.expect("granted");
    let first = ended(&engine, crawl()).await;

    let again = engine.crawl(crawl()).await.expect("found");
    let other = engine.crawl(crawl().max_pages(3)).await.expect_err("other contents");

    assert_eq!((again.id(), first.tally.total), (first.id, 1));
    assert!(matches!(other, SubmitError::CrawlKeyReused { crawl } if crawl == first.id));
}

#[tokio::test(start_paused = true)]
async fn an_engine_with_lower_limits_fetches_the_pages_that_another_admitted() {
    let store = Arc::<Memory>::default();
    let limits = |headers| {
        let mut limits = Limits::default();
        limits.headers = headers;
        limits
    };
    let start = Item::get("http://bread.test/").header("x-a", "1").header("x-b", "2");
    let first = builder().store(Arc::clone(&store)).limits(limits(2)).build().expect("built");
    let id = first.crawl(start).await.expect("accepted").id();
    first.shutdown().await;

    let second = builder().store(store).limits(limits(1)).build().expect("built");
    let mut handle = second.crawl_handle(id).await.expect("kept");
    handle.wait().await.expect("ends");

    let jobs = second.crawl_jobs(id).await.expect("listed");
    let urls: std::collections::BTreeSet<_> =
        jobs.iter().map(|it| it.request.page().as_str()).collect();
    assert_eq!((jobs.len(), urls.len()), (5, 5), "{urls:?}");
}
