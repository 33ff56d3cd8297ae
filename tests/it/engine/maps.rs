//! Maps of sites that cannot be read, or not in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::Map;
use rungs::ports::BoxFuture;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::{Engine, SubmitError};

use crate::support::paused::Paused;

fn engine(
    clock: impl Clock + 'static,
    respond: impl Fn(&FetchRequest) -> Result<Fetched, FetchError> + Send + Sync + 'static,
) -> Engine {
    let respond = Arc::new(respond);
    let fetcher = fetcher_fn([Tier::Curl], move |request| {
        let respond = Arc::clone(&respond);
        async move { respond(&request) }
    });
    let builder = Engine::builder().store(Memory::default()).http(fetcher).clock(clock);
    builder.build().expect("built")
}

fn path(request: &FetchRequest) -> &str {
    request.url.as_str().trim_start_matches("http://a.test")
}

async fn spent(engine: &Engine) -> Credits {
    let account = engine.account(&AccountId::default()).await;
    account.map(|it| it.spent()).unwrap_or_default()
}

fn page() -> Fetched {
    Fetched::new(200, "<title>Bread</title><p>Flour, water, salt and time are enough.</p>")
}

#[tokio::test(start_paused = true)]
async fn a_map_that_could_read_nothing_fails_and_costs_nothing() {
    let gone = || FetchError::new(FetchErrorKind::Dns, "no such host");
    let unknown = engine(Paused::default(), move |_| Err(gone()));
    let broken = engine(Paused::default(), |request| match path(request) {
        "/robots.txt" => Ok(Fetched::new(503, "")),
        _ => Ok(page()),
    });
    let missing = engine(Paused::default(), |_| Ok(Fetched::new(404, "")));

    for (engine, map, expected) in [
        (&unknown, Map::of("http://u:p@a.test/"), "robots.txt could not be fetched"),
        (&unknown, Map::of("http://a.test/").ignore_robots(), "robots.txt could not be fetched"),
        (&broken, Map::of("http://a.test/"), "robots.txt could not be fetched"),
        (&missing, Map::of("http://a.test/"), "page http://a.test/ was not read: status 404"),
    ] {
        let failed = engine.map(map).await;

        let Err(SubmitError::SiteUnreadable { url, reason }) = failed else { panic!("{failed:?}") };
        assert_eq!((url.as_str(), reason.as_str()), ("http://a.test/", expected));
        assert_eq!(spent(engine).await, Credits::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_map_lists_only_what_a_robots_file_really_disallows() {
    let engine = engine(Paused::default(), |request| match path(request) {
        "/robots.txt" => Ok(Fetched::new(503, "")),
        _ => Ok(page()),
    });

    let found = engine.map(Map::of("http://a.test/").ignore_robots()).await.expect("readable");

    assert_eq!((found.urls.len(), found.robots_exists), (1, false));
    assert!(found.disallowed_paths.is_empty(), "{:?}", found.disallowed_paths);
    assert_eq!(found.warnings, ["robots.txt could not be fetched"]);
    assert_eq!(spent(&engine).await, Map::PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_sitemap_may_have_the_size_that_the_protocol_allows() {
    let engine = engine(Paused::default(), |request| match path(request) {
        "/sitemap.xml" if request.max_bytes >= 50 << 20 => {
            Ok(Fetched::new(200, "<urlset><url><loc>http://a.test/a</loc></url></urlset>"))
        }
        "/sitemap.xml" => Err(FetchError::new(FetchErrorKind::TooLarge, "too large")),
        "/robots.txt" => Ok(Fetched::new(404, "")),
        _ => Ok(page()),
    });

    let found = engine.map("http://a.test/").await.expect("readable");

    assert!(found.sitemap_found && found.urls.len() == 2, "{found:?}");
}

/// A clock on which 100 ms pass whenever a duration is measured.
#[derive(Debug, Default)]
struct Hasty {
    paused: Paused,
    measured: AtomicU64,
}

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        self.paused.now()
    }

    fn monotonic(&self) -> Duration {
        let measured = self.measured.fetch_add(1, Ordering::SeqCst);
        Duration::from_millis(100) * u32::try_from(measured).expect("few")
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.paused.sleep(wait)
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_map_ends_within_a_sitemap() {
    let pages: Vec<String> = (0..20_000).map(|it| format!("http://a.test/{it}\n")).collect();
    let pages = pages.concat();
    let engine = engine(Hasty::default(), move |request| match path(request) {
        "/robots.txt" => Ok(Fetched::new(404, "")),
        "/sitemap.xml" => Ok(Fetched::new(200, pages.clone())),
        _ => Ok(page()),
    });

    let found = engine.map(Map::of("http://a.test/").max_pages(50_000)).await.expect("readable");

    assert!((100..20_000).contains(&found.urls.len()), "{}", found.urls.len());
    let expected = "sitemap http://a.test/sitemap.xml was read in part: the time was over";
    assert!(found.warnings.iter().any(|it| it == expected), "{:?}", found.warnings);
}
