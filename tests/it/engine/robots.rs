//! A site's robots.txt, as the engine keeps to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::tier::Tier;
use rungs::core::time::Timestamp;
use rungs::engine::RobotsPolicy;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{FetchError, FetchErrorKind, Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::testkit::site::SiteResponse;
use rungs::{Batch, Engine};

use crate::support::paused::Paused;

const PAGE: &str = "<html><head><title>Bread</title></head><body><h1>Bread</h1><p>Flour, water, \
    salt and time are all that a good loaf needs, and of these time is the one that most people \
    are least willing to give. Let it stand overnight.</p></body></html>";

/// A site's response to a request for its robots.txt.
type Answer = fn() -> Result<Fetched, FetchError>;

/// A site with its robots.txt, and its requests with their times.
struct Site {
    clock: Paused,
    requests: Arc<Mutex<Vec<(String, Timestamp)>>>,
    engine: Engine,
}

impl Site {
    /// Starts a site where every page exists and `robots` responds for robots.txt.
    fn new(
        policy: RobotsPolicy,
        robots: impl Fn() -> Result<Fetched, FetchError> + Send + Sync + 'static,
    ) -> Self {
        let clock = Paused::default();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, now, robots) = (Arc::clone(&requests), clock.clone(), Arc::new(robots));
        let fetcher = fetcher_fn([Tier::Curl], move |request| {
            let url = request.url.as_str().to_owned();
            seen.lock().expect("not poisoned").push((url.clone(), now.now()));
            let robots = Arc::clone(&robots);
            async move {
                if url.ends_with("/robots.txt") {
                    return robots();
                }
                Ok(Fetched::new(200, PAGE).header("content-type", "text/html"))
            }
        });
        let builder = Engine::builder().store(Memory::default()).http(fetcher).robots(policy);
        let engine = builder.clock(clock.clone()).build().expect("all parts are there");
        Self { clock, requests, engine }
    }

    fn polite(robots: impl Fn() -> Result<Fetched, FetchError> + Send + Sync + 'static) -> Self {
        Self::new(RobotsPolicy::Respect { agent: "rungs".to_owned() }, robots)
    }

    fn says(file: &'static str) -> Self {
        Self::polite(move || Ok(Fetched::new(200, file)))
    }

    async fn code(&self, path: &str) -> Option<ErrorCode> {
        let report = self.engine.scrape(format!("http://a.test{path}")).await.expect("accepted");
        report.result().err().map(|it| it.code)
    }

    fn asked(&self) -> usize {
        let requests = self.requests.lock().expect("not poisoned");
        requests.iter().filter(|(url, _)| url.ends_with("/robots.txt")).count()
    }

    fn pages(&self) -> Vec<Timestamp> {
        let requests = self.requests.lock().expect("not poisoned");
        requests
            .iter()
            .filter(|(url, _)| !url.ends_with("/robots.txt"))
            .map(|(_, at)| *at)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_disallowed_page_is_not_fetched() {
    let site = Site::says("user-agent: *\ndisallow: /private");

    assert_eq!(site.code("/private/page").await, Some(ErrorCode::RobotsDisallowed));
    assert_eq!(site.pages(), []);
    assert_eq!(site.code("/open").await, None);

    let books = site.engine.account(&AccountId::default()).await.expect("booked");
    assert_eq!((books.held(), books.spent()), (Credits::ZERO, Credits(200)));
}

#[tokio::test(start_paused = true)]
async fn robots_txt_is_fetched_once_a_day() {
    let site = Site::says("user-agent: *\nallow: /");
    let urls = (0..20).map(|it| format!("http://a.test/{it}"));

    let mut handle = site.engine.submit(Batch::new(urls)).await.expect("accepted");
    assert_eq!(handle.wait().await.expect("ends"), BatchStatus::Completed);
    assert_eq!((site.asked(), site.pages().len()), (1, 20));

    site.clock.sleep(Duration::from_hours(25)).await;
    site.code("/again").await;
    assert_eq!(site.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_robots_txt_disallows() {
    let answers: [(Answer, Option<ErrorCode>); 5] = [
        (|| Ok(Fetched::new(404, "no")), None),
        (|| Ok(Fetched::new(403, "no")), None),
        (|| Ok(Fetched::new(503, "busy")), Some(ErrorCode::RobotsDisallowed)),
        (
            || Err(FetchError::new(FetchErrorKind::Connect, "refused")),
            Some(ErrorCode::RobotsDisallowed),
        ),
        (|| Err(FetchError::new(FetchErrorKind::Redirect, "a loop")), None),
    ];

    for (at, (answer, code)) in answers.into_iter().enumerate() {
        assert_eq!(Site::polite(answer).code("/page").await, code, "answer {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_robots_txt_is_retried_soon() {
    let site = Site::polite(|| Ok(Fetched::new(500, "broken")));
    site.code("/page").await;
    site.code("/page").await;
    assert_eq!(site.asked(), 1);

    site.clock.sleep(Duration::from_secs(61)).await;
    site.code("/page").await;

    assert_eq!(site.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_crawl_delay_is_kept() {
    let site = Site::says("user-agent: rungs\ncrawl-delay: 7");
    let urls = (0..4).map(|it| format!("http://a.test/{it}"));

    let mut handle = site.engine.submit(Batch::new(urls)).await.expect("accepted");
    assert_eq!(handle.wait().await.expect("ends"), BatchStatus::Completed);

    let pages = site.pages();
    let pauses: Vec<_> = pages.windows(2).map(|it| it[1].since(it[0])).collect();
    assert_eq!(pauses.len(), 3);
    assert!(pauses.iter().all(|it| *it >= Duration::from_secs(7)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn robots_txt_is_ignored_by_default() {
    let site =
        Site::new(RobotsPolicy::default(), || Ok(Fetched::new(200, "user-agent: *\ndisallow: /")));

    assert_eq!(site.code("/page").await, None);
    assert_eq!(site.asked(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_disallowed_page_is_not_followed() {
    let site = rungs::testkit::site::Site::start(|request| match request.path.as_str() {
        "/robots.txt" => SiteResponse::status(200).body("user-agent: *\ndisallow: /private"),
        "/moved" => SiteResponse::redirect(301, "/open/../private/page"),
        "/fine" => SiteResponse::redirect(301, "/open"),
        _ => SiteResponse::html(PAGE),
    });
    let http = rungs::fetch::Http::new().allow_network("127.0.0.0/8").expect("a network");
    let policy = RobotsPolicy::Respect { agent: "rungs".to_owned() };
    let builder = Engine::builder().store(Memory::default()).http(http).robots(policy);
    let engine = builder.build().expect("all parts are there");
    let code = async |path: &str| {
        let report = engine.scrape(site.url(path)).await.expect("accepted");
        report.result().err().map(|it| it.code)
    };

    assert_eq!(code("/moved").await, Some(ErrorCode::RobotsDisallowed));
    assert_eq!(code("/fine").await, None);
    assert_eq!(site.hits_on("/private/page"), 0);
}
