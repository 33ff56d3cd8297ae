//! The lifetime of browsers: none outlives its fetcher or its process.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchErrorKind as Kind};
use rungs::testkit::site::{Site, SiteResponse};
use tokio::task::JoinSet;

use super::{chrome, eventually, page, render, request, signal};

/// Returns the processes whose command line contains `mark`.
pub(super) fn processes_with(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("a system with /proc").flatten();
    let ids = entries.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|it| {
        let line = fs::read(format!("/proc/{it}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    })
    .collect()
}

/// Returns the processes of the browsers that a process launched.
pub(super) fn browsers_of(process: u32) -> Vec<u32> {
    processes_with(&format!("/rungs-browser-{process}-"))
}

/// Returns the profile directory of a browser, which only its own processes name, or `None` if it has ended.
pub(super) fn profile_of_process(browser: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{browser}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let (_, behind) = line.split_once("--user-data-dir=")?;
    behind.split([' ', '\0']).next().map(str::to_owned)
}

/// Returns the profile directory of the only browser of `chrome`.
fn profile_of(chrome: &Chrome) -> String {
    let [browser] = chrome.process_ids()[..] else { panic!("{:?}", chrome.process_ids()) };
    profile_of_process(browser).expect("it runs")
}

/// Waits until a browser's processes and its profile directory are gone.
async fn nothing_is_left_of(folder: &str) {
    eventually("its processes end", || processes_with(folder).is_empty()).await;
    eventually("its directory is removed", || !Path::new(folder).exists()).await;
}

pub(super) fn here() -> Site {
    Site::start(|_| SiteResponse::html("<!DOCTYPE html><p>here"))
}

#[tokio::test]
async fn dropping_the_last_clone_ends_the_browser() {
    let (site, chrome) = (here(), chrome());
    let clone = chrome.clone();
    page(&chrome, &site.url("/"), |_| ()).await;
    let folder = profile_of(&chrome);
    drop(chrome);
    assert_eq!(profile_of(&clone), folder, "a clone still uses it");

    drop(clone);

    nothing_is_left_of(&folder).await;
}

#[tokio::test]
async fn a_closed_fetcher_refuses_pages() {
    let (site, chrome) = (here(), chrome());
    page(&chrome, &site.url("/"), |_| ()).await;
    let folder = profile_of(&chrome);

    chrome.close();

    let error = render(&chrome, &site.url("/"), |_| ()).await.expect_err("it is closed");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    nothing_is_left_of(&folder).await;
}

#[tokio::test]
async fn a_panic_leaves_no_browser_behind() {
    let site = here();
    let url = site.url("/");
    let (tell, folder) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let chrome = chrome();
        page(&chrome, &url, |_| ()).await;
        tell.send(profile_of(&chrome)).expect("it is asked for");
        panic!("on purpose");
    });
    assert!(task.await.is_err());

    nothing_is_left_of(&folder.await.expect("it was told")).await;
}

#[tokio::test]
async fn a_missing_browser_is_reported_with_its_package() {
    let chrome = Chrome::at("/no/such/browser").network(NetPolicy::new().allow_private());

    let error = render(&chrome, "http://127.0.0.1:1/", |_| ()).await.expect_err("it is missing");

    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("apt-get install chromium"), "{error}");
    let broken = Chrome::at("/bin/false").network(NetPolicy::new().allow_private());
    let error =
        render(&broken, "http://127.0.0.1:1/", |_| ()).await.expect_err("it is not a browser");
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_browser_is_replaced_after_its_pages() {
    let site = here();
    let limits = ChromeLimits::default().with_max_pages_per_browser(3).with_max_tabs(2);
    let chrome = chrome().limits(limits);
    let mut seen = std::collections::BTreeSet::new();

    for _ in 0..7 {
        page(&chrome, &site.url("/"), |_| ()).await;
        seen.extend(chrome.process_ids());
    }

    assert!(seen.len() >= 3, "{seen:?}");
    eventually("all but one end", || chrome.process_ids().len() <= 1).await;
}

#[tokio::test]
async fn pages_over_the_tab_limit_wait() {
    let site = here();
    let limits = ChromeLimits::default().with_max_tabs(3).with_max_tabs_per_browser(2);
    let chrome = chrome().limits(limits);
    let mut pages = JoinSet::new();
    for at in 0..9 {
        let request = request(&site.url(&format!("/{at}")), |_| ());
        let chrome: Arc<dyn BrowserFetcher> = Arc::new(chrome.clone());
        pages.spawn(async move { chrome.render(request).await });
    }

    while let Some(shown) = pages.join_next().await {
        shown.expect("no panic").expect("a page");
    }

    assert!(chrome.process_ids().len() <= 2, "{:?}", chrome.process_ids());
    assert!((0..9).all(|at| site.hits_on(&format!("/{at}")) == 1));
}

/// Starts this test program again, as a process that renders a page and then waits. Its browser's files are in `dir`.
fn start_process(site: &Site, dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "life::a_process_that_waits", "--include-ignored", "--nocapture"])
        .env("RUNGS_TEST_PAGE", site.url("/"))
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[tokio::test]
#[ignore = "started by the tests of dying processes; it waits to be killed"]
async fn a_process_that_waits() {
    let Ok(url) = std::env::var("RUNGS_TEST_PAGE") else { return };
    let chrome = chrome();
    page(&chrome, &url, |_| ()).await;
    std::future::pending::<()>().await;
}

/// Starts a process with a browser, signals the browser if asked to, then the process. Returns its id.
async fn signaled_process(dir: &Path, to_process: &str, to_browser: Option<&str>) -> u32 {
    let site = here();
    let mut process = start_process(&site, dir);
    let id = process.id();
    eventually("it has a browser", || site.hits() > 0).await;
    if let Some(name) = to_browser {
        for browser in browsers_of(id) {
            signal(name, browser);
        }
    }
    signal(to_process, id);
    process.wait().expect("it ends");
    id
}

#[tokio::test]
async fn no_browser_outlives_its_process() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["-TERM", "-KILL"] {
        let id = signaled_process(dir.path(), name, None).await;

        eventually("its browsers end", || browsers_of(id).is_empty()).await;
    }
}

#[tokio::test]
async fn a_hung_browser_of_a_dead_process_is_killed_by_the_next_launch() {
    // A launch by another test would kill it as well, but looks in another directory.
    let dir = tempfile::tempdir().expect("a directory");
    let id = signaled_process(dir.path(), "-KILL", Some("-STOP")).await;
    assert!(!browsers_of(id).is_empty(), "a stopped process does not end by itself");

    signaled_process(dir.path(), "-TERM", None).await;

    let mark = format!("/rungs-browser-{id}-");
    eventually("its processes end", || processes_with(&mark).is_empty()).await;
}
