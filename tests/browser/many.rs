//! Many pages at once: none fails, memory and threads do not grow, and killed browsers lose no page.
//!
//! `RUNGS_PAGES` and `RUNGS_KILLS` set the numbers; the results of a long run are in docs/CORRECTNESS.md.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rungs::core::batch::BatchStatus;
use rungs::core::request::{Format, Item, Mode};
use rungs::engine::Settings;
use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine};

use super::chrome;
use super::life::{processes_with, profile_of_process};

/// Returns the number in an environment variable, or the default.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// Interval at which the number of rendered pages is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Time within which the browsers are killed as often as planned, even on a busy machine.
const KILLING_TIMEOUT: Duration = Duration::from_mins(10);

/// Pages that build their text by script after 100 ms.
fn site() -> Site {
    Site::start(|request| {
        SiteResponse::html(format!(
            "<!DOCTYPE html><title>t</title><main id=m></main><script>setTimeout(() => {{ m.innerHTML = \
             '<h1>Page</h1>' + '<p>This is what {} has to say when it is asked.</p>'.repeat(4); }}, 100)</script>",
            request.path
        ))
    })
}

fn engine(chrome: Chrome) -> Engine {
    let settings = Settings::default().with_concurrency(8);
    let builder = Engine::builder().store(Memory::default()).browser(chrome).settings(settings);
    builder.build().expect("an engine")
}

fn items(site: &Site, pages: std::ops::Range<usize>) -> Vec<Item> {
    let item = |at| Item::get(site.url(&format!("/{at}"))).mode(Mode::Js).formats([Format::Text]);
    pages.map(item).collect()
}

/// Returns the resident bytes and the threads of this process.
fn own() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").expect("a system with /proc");
    let field = |name: &str| {
        let line = status.lines().find(|it| it.starts_with(name)).expect("a field");
        line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).expect("a number")
    };
    (field("VmRSS:") << 10, field("Threads:"))
}

/// Returns the memory of the browsers' processes in bytes. Each shared page counts in part for each process.
fn of_browsers(chrome: &Chrome) -> u64 {
    let profiles = chrome.process_ids().into_iter().filter_map(profile_of_process);
    let processes = profiles.flat_map(|profile| processes_with(&profile));
    let share = |process: u32| {
        // A process that has just ended has none.
        let all = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let line = all.lines().find(|it| it.starts_with("Pss:"))?.split_whitespace().nth(1)?;
        line.parse::<u64>().ok()
    };
    processes.filter_map(share).sum::<u64>() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_leave_nothing_behind() {
    let pages = number("RUNGS_PAGES", 48);
    // All pages in one browser, so that a leak shows.
    let limits = ChromeLimits::default().with_max_pages_per_browser(u32::MAX);
    let (site, chrome) = (site(), chrome().limits(limits));
    let engine = engine(chrome.clone());
    let began = Instant::now();
    let (mut after, mut browsers) = (Vec::new(), Vec::new());

    for from in (0..pages).step_by(100) {
        let batch = Batch::new(items(&site, from..pages.min(from + 100)));
        let report = engine.submit(batch).await.expect("accepted").report().await.expect("ended");
        assert_eq!(report.status(), BatchStatus::Completed, "{report:?}");
        for (at, job) in report.jobs().iter().enumerate() {
            let page = job.result().expect("a page");
            let own = format!("This is what /{} has to say", from + at);
            assert!(page.extracted.text.contains(&own), "{}", page.extracted.text);
            assert_eq!(job.trail().len(), 1, "{:?}", job.trail());
        }
        after.push(own());
        browsers.push(of_browsers(&chrome));
    }

    println!("{pages} pages in {:?}; bytes and threads of the host: {after:?}", began.elapsed());
    println!("bytes of the browsers after each hundred: {browsers:?}");
    let (first, most) = (browsers[0], browsers.iter().max().copied().unwrap_or_default());
    assert!(first > 0 && most <= 2 * first, "the browsers grow: {browsers:?}");
    assert_eq!(chrome.process_ids().len(), 1, "one browser has eight tabs");
    let threads = after.iter().map(|it| it.1);
    assert!(threads.clone().max() <= threads.min().map(|it| it + 8), "{after:?}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeatedly_killed_browsers_lose_no_page() {
    let (pages, kills) = (number("RUNGS_PAGES", 24), number("RUNGS_KILLS", 2));
    let (site, chrome) = (site(), chrome());
    let engine = engine(chrome.clone());
    let mut handles = Vec::new();
    for from in (0..pages).step_by(100) {
        let batch = Batch::new(items(&site, from..pages.min(from + 100)));
        handles.push(engine.submit(batch).await.expect("accepted"));
    }

    let (mut killed, began) = (0, Instant::now());
    let mut checks = tokio::time::interval(CHECK_INTERVAL);
    // The kills are spread over all pages.
    while killed < kills && began.elapsed() < KILLING_TIMEOUT {
        checks.tick().await;
        let due = site.hits() / 2 >= (killed + 1) * pages / (kills + 1);
        let browsers = chrome.process_ids();
        if due && let Some(browser) = browsers.get(killed % browsers.len().max(1)) {
            // A browser that ended meanwhile was not killed here.
            let done = Command::new("kill").args(["-9", &browser.to_string()]).status();
            killed += usize::from(done.is_ok_and(|it| it.success()));
        }
    }

    let (mut tries, mut ended) = (0, 0);
    for mut handle in handles {
        let report = handle.report().await.expect("it ends");
        for job in report.jobs() {
            job.result().unwrap_or_else(|why| panic!("{why}: {job:?}"));
            (tries, ended) = (tries + job.trail().len(), ended + 1);
            let before = job.trail().split_last().map_or(&[][..], |it| it.1);
            for attempt in before {
                println!("tried before: {}", attempt.signal);
            }
        }
    }
    println!("{ended} pages, {killed} kills, {tries} attempts in {:?}", began.elapsed());
    assert_eq!((killed, ended), (kills, pages));
    engine.shutdown().await;
}
