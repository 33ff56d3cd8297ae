//! Browsers come and go with those who need them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchErrorKind as Kind};
use rungs::testkit::site::{Site, SiteResponse};
use tokio::task::JoinSet;

use super::{asking, chrome, page, render, signal};

/// Processes whose command lines hold `mark`.
pub(super) fn processes_with(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("a system with /proc").flatten();
    let ids = entries.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|it| {
        let line = fs::read(format!("/proc/{it}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    })
    .collect()
}

/// Processes of `host`'s browsers.
pub(super) fn browsers_of(host: u32) -> Vec<u32> {
    processes_with(&format!("/rungs-browser-{host}-"))
}

/// The folder of a browser, which no other browser's processes name; `None` if it is gone.
pub(super) fn folder_of_process(browser: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{browser}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let (_, behind) = line.split_once("--user-data-dir=")?;
    behind.split([' ', '\0']).next().map(str::to_owned)
}

/// The folder of the only browser that `chrome` has.
fn folder_of(chrome: &Chrome) -> String {
    let [browser] = chrome.processes()[..] else { panic!("{:?}", chrome.processes()) };
    folder_of_process(browser).expect("it runs")
}

/// Waits until `done`, for ten seconds, which is what is promised.
pub(super) async fn within_ten_seconds(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < until, "{what} after ten seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Neither processes nor the folder itself.
async fn nothing_is_left_of(folder: &str) {
    within_ten_seconds("processes are left", || processes_with(folder).is_empty()).await;
    within_ten_seconds("the folder is left", || !Path::new(folder).exists()).await;
}

pub(super) fn here() -> Site {
    Site::start(|_| SiteResponse::html("<!DOCTYPE html><p>here"))
}

#[tokio::test]
async fn nothing_is_left_after_the_last_clone_is_dropped() {
    let (site, chrome) = (here(), chrome());
    let clone = chrome.clone();
    page(&chrome, &site.url("/"), |_| ()).await;
    let folder = folder_of(&chrome);
    drop(chrome);
    assert_eq!(folder_of(&clone), folder, "a clone still has it");

    drop(clone);

    nothing_is_left_of(&folder).await;
}

#[tokio::test]
async fn a_closed_browser_shows_nothing_more() {
    let (site, chrome) = (here(), chrome());
    page(&chrome, &site.url("/"), |_| ()).await;
    let folder = folder_of(&chrome);

    chrome.close();

    let error = render(&chrome, &site.url("/"), |_| ()).await.expect_err("it is closed");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    nothing_is_left_of(&folder).await;
}

#[tokio::test]
async fn nothing_is_left_after_a_panic() {
    let site = here();
    let url = site.url("/");
    let (tell, folder) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let chrome = chrome();
        page(&chrome, &url, |_| ()).await;
        tell.send(folder_of(&chrome)).expect("it is asked for");
        panic!("on purpose");
    });
    assert!(task.await.is_err());

    nothing_is_left_of(&folder.await.expect("it was told")).await;
}

#[tokio::test]
async fn a_browser_that_is_missing_is_said_with_its_remedy() {
    let chrome = Chrome::at("/no/such/browser").network(NetPolicy::new().allow_private());

    let error = render(&chrome, "http://127.0.0.1:1/", |_| ()).await.expect_err("none is there");

    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("apt-get install chromium"), "{error}");
    let broken = Chrome::at("/bin/false").network(NetPolicy::new().allow_private());
    let error = render(&broken, "http://127.0.0.1:1/", |_| ()).await.expect_err("it is no browser");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_browser_is_replaced_after_its_pages_and_no_context_is_left() {
    let site = here();
    let limits = ChromeLimits { pages_per_browser: 3, tabs: 2, ..ChromeLimits::default() };
    let chrome = chrome().limits(limits);
    let mut seen = std::collections::BTreeSet::new();

    for _ in 0..7 {
        page(&chrome, &site.url("/"), |_| ()).await;
        seen.extend(chrome.processes());
    }

    assert!(seen.len() >= 3, "{seen:?}");
    within_ten_seconds("more than one is left", || chrome.processes().len() <= 1).await;
}

#[tokio::test]
async fn more_pages_than_places_wait_their_turn() {
    let site = here();
    let limits = ChromeLimits { tabs: 3, tabs_per_browser: 2, ..ChromeLimits::default() };
    let chrome = chrome().limits(limits);
    let mut pages = JoinSet::new();
    for at in 0..9 {
        let request = asking(&site.url(&format!("/{at}")), |_| ());
        let chrome: Arc<dyn BrowserFetcher> = Arc::new(chrome.clone());
        pages.spawn(async move { chrome.render(request).await });
    }

    while let Some(shown) = pages.join_next().await {
        shown.expect("no panic").expect("a page");
    }

    assert!(chrome.processes().len() <= 2, "{:?}", chrome.processes());
    assert!((0..9).all(|at| site.hits_on(&format!("/{at}")) == 1));
}

/// This test program again, as a host that renders a page and then waits.
fn host(site: &Site) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "life::a_host_that_waits", "--include-ignored", "--nocapture"])
        .env("RUNGS_TEST_PAGE", site.url("/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[tokio::test]
#[ignore = "it is what the tests of dying hosts start, and waits for its end"]
async fn a_host_that_waits() {
    let Ok(url) = std::env::var("RUNGS_TEST_PAGE") else { return };
    let chrome = chrome();
    page(&chrome, &url, |_| ()).await;
    std::future::pending::<()>().await;
}

async fn a_host_that_dies_by(name: &str, hang: bool) -> u32 {
    let site = here();
    let mut host = host(&site);
    let id = host.id();
    within_ten_seconds("it has no browser", || site.hits() > 0).await;
    if hang {
        for browser in browsers_of(id) {
            signal("-STOP", browser);
        }
    }
    signal(name, id);
    host.wait().expect("it ends");
    id
}

#[tokio::test]
async fn no_browser_outlives_a_host_that_is_terminated_or_killed() {
    for name in ["-TERM", "-KILL"] {
        let id = a_host_that_dies_by(name, false).await;

        within_ten_seconds("processes are left", || browsers_of(id).is_empty()).await;
    }
}

#[tokio::test]
async fn the_next_start_cleans_up_after_a_killed_host_whose_browser_hung() {
    let id = a_host_that_dies_by("-KILL", true).await;
    assert!(!browsers_of(id).is_empty(), "a stopped process does not leave by itself");

    let site = here();
    page(&chrome(), &site.url("/"), |_| ()).await;

    let mark = format!("/rungs-browser-{id}-");
    within_ten_seconds("processes are left", || processes_with(&mark).is_empty()).await;
}
