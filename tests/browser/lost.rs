//! Browsers that are killed or hang while rendering: it costs their pages time, and other pages nothing.

use std::time::Duration;

use rungs::Engine;
use rungs::core::backoff::Backoff;
use rungs::core::request::{Item, Method, Mode};
use rungs::engine::Settings;
use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, Rendered};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use tokio::task::JoinHandle;

use super::life::here;
use super::{NEVER, chrome, eventually, page, render, signal, text};

/// A site whose page responds only after it was requested `losses` times.
fn responds_after(losses: usize) -> Site {
    let requests = std::sync::atomic::AtomicUsize::new(0);
    Site::start(move |request| match request.path.as_str() {
        "/never" => SiteResponse::status(200).delay(NEVER),
        "/favicon.ico" => SiteResponse::status(404),
        "/neighbor" => SiteResponse::html("<p>next door"),
        path => {
            let before = requests.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let there = SiteResponse::html(
                "<!DOCTYPE html><main><h1>Here</h1><p>It is here at last, and what it says is enough to be read by all.",
            );
            match path {
                _ if before >= losses => there,
                // The document responds, and its script does not.
                "/half" => SiteResponse::html("<p>here<script src=/never></script>"),
                _ => there.delay(NEVER),
            }
        }
    })
}

fn rendering(chrome: &Chrome, url: String) -> JoinHandle<Result<Rendered, FetchError>> {
    let chrome = chrome.clone();
    tokio::spawn(async move { render(&chrome, &url, |_| ()).await })
}

/// Waits for the given number of requests for a path, and kills the browser.
async fn kill_at(site: &Site, chrome: &Chrome, path: &str, requests: usize) {
    eventually("the page is requested", || site.hits_on(path) == requests).await;
    let browsers = chrome.process_ids();
    let [browser] = browsers[..] else { panic!("not one browser: {browsers:?}") };
    signal("-KILL", browser);
}

#[tokio::test]
async fn a_page_whose_browser_is_killed_is_rendered_again() {
    for (path, losses) in [("/slow", 1), ("/half", 2)] {
        let (site, chrome) = (responds_after(losses), chrome());
        let rendered = rendering(&chrome, site.url(path));

        for requests in 1..=losses {
            kill_at(&site, &chrome, path, requests).await;
        }

        let rendered = rendered.await.expect("no panic").expect("a page");
        assert!(text(&rendered).contains("here at last"), "{}", text(&rendered));
        assert_eq!(site.hits_on(path), losses + 1);
        assert_eq!(rendered.page.redirects, []);
    }
}

#[tokio::test]
async fn a_page_that_loses_three_browsers_fails() {
    let (site, chrome) = (responds_after(9), chrome());
    let rendered = rendering(&chrome, site.url("/slow"));
    kill_at(&site, &chrome, "/slow", 1).await;
    kill_at(&site, &chrome, "/slow", 2).await;
    eventually("the page is requested", || site.hits_on("/slow") == 3).await;
    let [last] = chrome.process_ids()[..] else { panic!("{:?}", chrome.process_ids()) };

    let neighbor = page(&chrome, &site.url("/neighbor"), |_| ()).await;
    let browsers = chrome.process_ids();
    signal("-KILL", last);

    let error = rendered.await.expect("no panic").expect_err("every browser was killed");
    assert_eq!(error.kind(), Kind::Broken, "{error}");
    assert!(error.to_string().contains("3 browsers ended while rendering the page"), "{error}");
    assert_eq!(site.hits_on("/slow"), 3);
    assert!(text(&neighbor).contains("next door"));
    assert!(browsers.len() == 2 && browsers.contains(&last), "it shared its browser: {browsers:?}");
    assert!(text(&page(&chrome, &site.url("/neighbor"), |_| ()).await).contains("next door"));
}

#[tokio::test]
async fn a_post_request_is_not_repeated_in_another_browser() {
    let (site, browsers) = (responds_after(9), chrome());
    let posting = tokio::spawn({
        let (chrome, url) = (browsers.clone(), site.url("/slow"));
        let with = |it: &mut Item| (it.method, it.body) = (Method::Post, Some("a=b".to_owned()));
        async move { render(&chrome, &url, with).await }
    });

    kill_at(&site, &browsers, "/slow", 1).await;

    let error = posting.await.expect("no panic").expect_err("its browser is gone");
    assert_eq!(error.kind(), Kind::Broken, "{error}");
    assert!(error.to_string().contains("a POST request is not repeated"), "{error}");
    assert_eq!(site.hits_on("/slow"), 1);
}

#[tokio::test]
async fn a_job_survives_five_lost_browsers() {
    let (site, chrome) = (responds_after(5), chrome());
    let retry = Backoff::PAGE.with_first(Duration::from_millis(1));
    let settings = Settings::default().with_retry(retry);
    let builder =
        Engine::builder().store(Memory::default()).browser(chrome.clone()).settings(settings);
    let engine = builder.build().expect("an engine");
    let mut item = Item::get(site.url("/slow")).mode(Mode::Js);
    item.timeout = Duration::from_mins(5);
    let scraping = tokio::spawn({
        let engine = engine.clone();
        async move { engine.scrape(item).await }
    });

    for requests in 1..=5 {
        kill_at(&site, &chrome, "/slow", requests).await;
    }

    let report = scraping.await.expect("no panic").expect("accepted");
    let page = report.result().expect("a page");
    assert!(page.extracted.text.contains("here at last"), "{}", page.extracted.text);
    assert_eq!(report.trail().len(), 2, "{:?}", report.trail());
    engine.shutdown().await;
}

#[tokio::test]
async fn a_hung_browser_is_replaced() {
    let site = here();
    let limits = ChromeLimits::default().with_unresponsive_timeout(Duration::from_secs(5));
    let chrome = chrome().limits(limits);
    page(&chrome, &site.url("/"), |_| ()).await;
    let [hung] = chrome.process_ids()[..] else { panic!("{:?}", chrome.process_ids()) };

    signal("-STOP", hung);
    let shown = page(&chrome, &site.url("/"), |_| ()).await;

    assert!(text(&shown).contains("here"));
    assert!(!chrome.process_ids().contains(&hung));
    let exe = format!("/proc/{hung}/exe");
    eventually("it ends", || !std::path::Path::new(&exe).exists()).await;
}
