//! Browsers that are killed or hang under their pages: a page costs that its time, and nobody else anything.

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

use super::life::{here, within_ten_seconds};
use super::{chrome, page, render, signal, text};

/// A page that is never there, but for the visit after `losses` of them.
fn there_after(losses: usize) -> Site {
    let visits = std::sync::atomic::AtomicUsize::new(0);
    Site::start(move |request| match request.path.as_str() {
        "/never" => SiteResponse::status(200).delay(Duration::from_secs(60)),
        "/favicon.ico" => SiteResponse::status(404),
        "/neighbour" => SiteResponse::html("<p>next door"),
        path => {
            let before = visits.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let there = SiteResponse::html(
                "<!DOCTYPE html><main><h1>Here</h1><p>It is here at last, and what it says is enough to be read by all.",
            );
            match path {
                _ if before >= losses => there,
                // It is there, and not all that it names.
                "/half" => SiteResponse::html("<p>here<script src=/never></script>"),
                _ => there.delay(Duration::from_secs(60)),
            }
        }
    })
}

fn rendering(chrome: &Chrome, url: String) -> JoinHandle<Result<Rendered, FetchError>> {
    let chrome = chrome.clone();
    tokio::spawn(async move { render(&chrome, &url, |it| it.timeout = 60).await })
}

/// Waits until the page is asked for the `visit`th time, and kills the browser that asked.
async fn kill_under(site: &Site, chrome: &Chrome, path: &str, visit: usize) {
    within_ten_seconds("it was not asked for", || site.hits_on(path) == visit).await;
    let browsers = chrome.processes();
    let [browser] = browsers[..] else { panic!("there are more: {browsers:?}") };
    signal("-KILL", browser);
}

#[tokio::test]
async fn a_page_whose_browser_is_killed_is_visited_again_in_another() {
    for (path, losses) in [("/slow", 1), ("/half", 2)] {
        let (site, chrome) = (there_after(losses), chrome());
        let rendered = rendering(&chrome, site.url(path));

        for visit in 1..=losses {
            kill_under(&site, &chrome, path, visit).await;
        }

        let rendered = rendered.await.expect("no panic").expect("a page");
        assert!(text(&rendered).contains("here at last"), "{}", text(&rendered));
        assert_eq!(site.hits_on(path), losses + 1);
        assert_eq!(rendered.page.redirects, []);
    }
}

#[tokio::test]
async fn a_page_that_ends_three_browsers_is_alone_in_the_last_and_fails_by_name() {
    let (site, chrome) = (there_after(9), chrome());
    let rendered = rendering(&chrome, site.url("/slow"));
    kill_under(&site, &chrome, "/slow", 1).await;
    kill_under(&site, &chrome, "/slow", 2).await;
    within_ten_seconds("it was not asked for", || site.hits_on("/slow") == 3).await;
    let [last] = chrome.processes()[..] else { panic!("{:?}", chrome.processes()) };

    let neighbour = page(&chrome, &site.url("/neighbour"), |_| ()).await;
    let browsers = chrome.processes();
    signal("-KILL", last);

    let error = rendered.await.expect("no panic").expect_err("it ends every browser");
    assert_eq!(error.kind(), Kind::Broken, "{error}");
    assert!(error.to_string().contains("3 browsers ended under the page"), "{error}");
    assert_eq!(site.hits_on("/slow"), 3);
    assert!(text(&neighbour).contains("next door"));
    assert!(browsers.len() == 2 && browsers.contains(&last), "it was not alone: {browsers:?}");
    assert!(text(&page(&chrome, &site.url("/neighbour"), |_| ()).await).contains("next door"));
}

#[tokio::test]
async fn what_was_posted_is_not_posted_again_when_its_browser_is_killed() {
    let (site, browsers) = (there_after(9), chrome());
    let posting = tokio::spawn({
        let (chrome, url) = (browsers.clone(), site.url("/slow"));
        let with = |it: &mut Item| (it.method, it.body) = (Method::Post, Some("a=b".to_owned()));
        async move { render(&chrome, &url, with).await }
    });

    kill_under(&site, &browsers, "/slow", 1).await;

    let error = posting.await.expect("no panic").expect_err("its browser is gone");
    assert_eq!(error.kind(), Kind::Broken, "{error}");
    assert!(error.to_string().contains("a POST is not sent again"), "{error}");
    assert_eq!(site.hits_on("/slow"), 1);
}

#[tokio::test]
async fn a_job_whose_browser_is_killed_five_times_ends_right() {
    let (site, chrome) = (there_after(5), chrome());
    let retry = Backoff { first: Duration::from_millis(1), ..Backoff::PAGE };
    let settings = Settings { retry, ..Settings::default() };
    let builder =
        Engine::builder().store(Memory::default()).browser(chrome.clone()).settings(settings);
    let engine = builder.build().expect("an engine");
    let mut item = Item::get(site.url("/slow")).mode(Mode::Js);
    item.timeout = 60;
    let scraping = tokio::spawn({
        let engine = engine.clone();
        async move { engine.scrape(item).await }
    });

    for visit in 1..=5 {
        kill_under(&site, &chrome, "/slow", visit).await;
    }

    let report = scraping.await.expect("no panic").expect("accepted");
    let page = report.outcome().expect("it has ended").expect("a page");
    assert!(page.extracted.text.contains("here at last"), "{}", page.extracted.text);
    assert_eq!(report.trail().len(), 2, "{:?}", report.trail());
    engine.shutdown().await.expect("it ends");
}

#[tokio::test]
async fn a_browser_that_hangs_is_ended_and_its_page_is_visited_in_another() {
    let site = here();
    let limits = ChromeLimits { silence: Duration::from_secs(1), ..ChromeLimits::default() };
    let chrome = chrome().limits(limits);
    page(&chrome, &site.url("/"), |_| ()).await;
    let [hung] = chrome.processes()[..] else { panic!("{:?}", chrome.processes()) };

    signal("-STOP", hung);
    let shown = page(&chrome, &site.url("/"), |_| ()).await;

    assert!(text(&shown).contains("here"));
    assert!(!chrome.processes().contains(&hung));
    let exe = format!("/proc/{hung}/exe");
    within_ten_seconds("it is left", || !std::path::Path::new(&exe).exists()).await;
}
