//! Failures that servers show only to clients that look like programs: the ladder escalates to the next tier.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rungs::core::backoff::Backoff;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::request::Item;
use rungs::core::tier::Tier;
use rungs::engine::{EngineBuilder, JobReport, Settings};
use rungs::fetch::Http;
use rungs::ports::clock::Clock;
use rungs::ports::fetch::{FetchError, FetchRequest, Fetched, fetcher_fn};
use rungs::stores::Memory;
use rungs::testkit::site::{RawSite, read_head};
use rungs::{Batch, Engine};

use crate::support::paused::Paused;

/// The response to a client that looks like a browser.
fn page() -> String {
    let line = "Flour, water, salt and time are all that a good loaf needs, and of these time is \
        the one that most people are least willing to give.";
    format!("<title>Bread</title><article><h1>Bread</h1><p>{line}</p><p>{line}</p></article>")
}

fn respond(stream: &mut TcpStream, head: &str, body: &str) {
    let length = body.len();
    let response = format!(
        "HTTP/1.1 {head}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    // The client may be gone, which is its own affair.
    drop(stream.write_all(response.as_bytes()));
}

/// A site that serves its page to clients that look like browsers, and leaves the others to `refuse`, which
/// gets the head of the request.
fn picky(refuse: impl Fn(TcpStream, &str) + Send + Sync + 'static) -> RawSite {
    RawSite::start(move |mut stream| {
        let Ok(head) = read_head(&mut stream) else { return };
        if head.contains("Mozilla/5.0") {
            respond(&mut stream, "200 OK", &page());
        } else {
            refuse(stream, &head);
        }
    })
}

fn builder() -> EngineBuilder {
    let retry = Backoff::PAGE.with_first(Duration::from_millis(1));
    Engine::builder().store(Memory::default()).settings(Settings::default().with_retry(retry))
}

async fn scraped(item: Item) -> JobReport {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = builder().http(http).build().expect("built");
    engine.scrape(item).await.expect("accepted")
}

fn tiers(report: &JobReport) -> Vec<Tier> {
    report.trail().iter().map(|it| it.tier).collect()
}

fn assert_page_from_tier_2(report: &JobReport, case: &str) {
    let page = report.result().unwrap_or_else(|error| panic!("{case}: {error}"));
    assert!(page.text().is_some_and(|it| it.contains("Flour")), "{case}");
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Http), Credits(300)), "{case}");
    let reasons = report.trail().iter().filter(|it| it.signal.contains("trying tier 2"));
    assert_eq!(reasons.count(), 1, "{case}: {:?}", report.trail());
}

#[tokio::test]
async fn a_status_that_only_plain_clients_get_leads_to_tier_2() {
    for (status, attempts) in [
        (400, 2),
        (405, 2),
        (406, 2),
        (412, 2),
        (418, 2),
        (444, 2),
        (429, 4),
        (500, 4),
        (502, 4),
        (503, 4),
    ] {
        let site = picky(move |mut stream, _| respond(&mut stream, &format!("{status} No"), "no"));

        let report = scraped(Item::get(site.url("/"))).await;

        assert_page_from_tier_2(&report, &status.to_string());
        assert_eq!(report.trail().len(), attempts, "{status}: {:?}", report.trail());
    }
}

#[tokio::test]
async fn a_connection_that_ends_without_a_response_leads_to_tier_2() {
    let closes = picky(|stream, _| drop(stream));
    // Unread bytes make the system reset the connection.
    let resets = RawSite::start(|mut stream| {
        let mut start = [0; 600];
        let Ok(length) = stream.peek(&mut start) else { return };
        if String::from_utf8_lossy(&start[..length]).contains("Mozilla/5.0") {
            drop(read_head(&mut stream));
            respond(&mut stream, "200 OK", &page());
        }
    });
    for (site, case) in [(closes, "close"), (resets, "reset")] {
        let report = scraped(Item::get(site.url("/"))).await;

        assert_page_from_tier_2(&report, case);
        assert_eq!(tiers(&report), [Tier::Curl, Tier::Curl, Tier::Curl, Tier::Http], "{case}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_closed_port_leads_to_tier_2() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    let site = picky(move |mut stream, _| {
        respond(&mut stream, &format!("302 Found\r\nLocation: http://{closed}/"), "");
    });

    let report = scraped(Item::get(site.url("/"))).await;

    assert_page_from_tier_2(&report, "closed port");
}

#[tokio::test]
async fn an_endless_redirect_leads_to_tier_2() {
    let site = picky(|mut stream, head| {
        let path = head.split(' ').nth(1).unwrap_or("/");
        let next = format!("{path}x");
        respond(&mut stream, &format!("302 Found\r\nLocation: {next}"), "");
    });

    let report = scraped(Item::get(site.url("/"))).await;

    assert_page_from_tier_2(&report, "endless redirect");
    assert_eq!(tiers(&report), [Tier::Curl, Tier::Http]);
}

#[tokio::test]
async fn a_hang_leaves_time_for_tier_2() {
    let site = picky(|mut stream, _| {
        // The site keeps the connection open until the client gives up.
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });

    let report = scraped(Item::get(site.url("/")).timeout(Duration::from_secs(2))).await;

    assert_page_from_tier_2(&report, "hang");
    assert_eq!(tiers(&report), [Tier::Curl, Tier::Http], "a hang is not repeated");
}

#[tokio::test]
async fn a_failure_within_the_cost_controls_of_tier_1_stays_there() {
    let site = picky(|mut stream, _| respond(&mut stream, "406 Not Acceptable", "no"));

    let capped = scraped(Item::get(site.url("/")).max_tier(Tier::Curl)).await;
    let forced = scraped(Item::get(site.url("/")).force_tier(Tier::Curl)).await;

    for report in [capped, forced] {
        let error = report.result().expect_err("tier 1 alone is refused");
        assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(406)));
        assert_eq!((tiers(&report), report.charged()), (vec![Tier::Curl], Credits::ZERO));
    }
}

#[tokio::test]
async fn a_status_of_the_site_itself_is_confirmed_once_by_each_tier() {
    let site = RawSite::start(|mut stream| {
        if read_head(&mut stream).is_ok() {
            respond(&mut stream, "500 Internal Server Error", "down");
        }
    });

    let report = scraped(Item::get(site.url("/"))).await;

    let error = report.result().expect_err("the site is down");
    assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(500)));
    assert_eq!(tiers(&report), [Tier::Curl, Tier::Curl, Tier::Curl, Tier::Http]);
}

/// An engine whose site answers every request with 503 and `Retry-After: 300`.
fn busy(clock: &Paused) -> Engine {
    let fetch = async |_: FetchRequest| {
        Ok::<_, FetchError>(Fetched::new(503, "busy").header("retry-after", "300"))
    };
    let fetcher = fetcher_fn([Tier::Curl, Tier::Http], fetch);
    builder().http(fetcher).clock(clock.clone()).build().expect("built")
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_site_asks_for_a_longer_wait_fails_at_once() {
    let clock = Paused::default();
    let (engine, began) = (busy(&clock), clock.now());

    let item = Item::get("http://a.test/").timeout(Duration::from_secs(5));
    let report = engine.scrape(item).await.expect("accepted");

    let error = report.result().expect_err("the wait is longer than the timeout");
    assert_eq!((error.code, error.status), (ErrorCode::TargetHttpError, Some(503)));
    assert!(error.message.contains("asks to wait 300 s (Retry-After)"), "{error}");
    assert_eq!((report.trail().len(), clock.now().since(began)), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_a_paused_site_within_its_timeout_only() {
    let clock = Paused::default();
    let engine = busy(&clock);
    let item = |seconds| Item::get("http://a.test/").timeout(Duration::from_secs(seconds));
    engine.scrape(item(5)).await.expect("accepted");
    let began = clock.now();

    let batch = Batch::new([item(5), item(120)]);
    let mut handle = engine.submit(batch).await.expect("accepted");
    let report = handle.report().await.expect("ends");

    let [short, long] = report.jobs() else { panic!("two jobs") };
    let error = short.result().expect_err("the pause is longer than the timeout");
    assert_eq!((error.code, short.trail().len()), (ErrorCode::Timeout, 0));
    assert!(error.message.contains("Retry-After"), "{error}");
    assert_eq!(long.trail().len(), 1, "{:?}", long.trail());
    assert_eq!(clock.now().since(began), Duration::from_mins(1), "the pause");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_site_counts_against_the_timeout() {
    let fetch = async |_: FetchRequest| {
        Ok::<_, FetchError>(Fetched::new(503, "busy").header("retry-after", "40"))
    };
    let clock = Paused::default();
    let fetcher = fetcher_fn([Tier::Curl], fetch);
    let engine = builder().http(fetcher).clock(clock.clone()).build().expect("built");
    let began = clock.now();

    let item = Item::get("http://a.test/").timeout(Duration::from_mins(1));
    let report = engine.scrape(item).await.expect("accepted");

    assert!(report.result().is_err());
    assert_eq!((report.trail().len(), clock.now().since(began)), (2, Duration::from_secs(40)));
}
