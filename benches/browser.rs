//! The pages per second that the browser tier renders, compared with `playwright-core` and a fresh context per page
//! on the same Chromium.
//!
//! The page builds itself by script 300 ms after it was loaded, so 300 ms per page is the floor. Goals: at 1, 4 and 8
//! tabs at least 0.9 of playwright's pages per second in the same run, and at one tab at most 50 ms per page above the
//! floor. Both alternate round by round, and the median round counts.
//!
//! It needs Chromium, Node and npm, which installs `playwright-core` into a folder that is removed afterwards. Without
//! them it measures only rungs and reports that. `RUNGS_ROUNDS` (5) and `RUNGS_PAGES` (24) bound it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rungs::core::request::{Item, Limits, RenderJs, WaitCondition};
use rungs::core::tier::Tier;
use rungs::fetch::Chrome;
use rungs::fetch::browser::ChromeLimits;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchRequest};
use rungs::testkit::site::{Site, SiteResponse};
use serde::Deserialize;
use serde_json::json;

/// The time that the page itself takes, in milliseconds.
const OWN: f64 = 300.0;
/// The text on the page when it is ready.
const SAYS: &str = "as they came";
const TABS: [usize; 3] = [1, 4, 8];
/// The release that the figures in the documents are of.
const PLAYWRIGHT: &str = "playwright-core@1.65.1";

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

fn site() -> Site {
    Site::start(|request| {
        if request.path == "/favicon.ico" {
            return SiteResponse::status(404);
        }
        SiteResponse::html(format!(
            "<!DOCTYPE html><title>{}</title><main id=m></main><script>setTimeout(() => {{\
             m.innerHTML = '<ul id=ready>' + '<li>things <b>as they</b> came, as they came</li>'.repeat(200) + '</ul>';\
             }}, {OWN})</script>",
            request.path
        ))
    })
}

/// One round: how long it took, and how long each page, in milliseconds.
#[derive(Clone, Debug, Default, Deserialize)]
struct Round {
    took: f64,
    each: Vec<f64>,
}

impl Round {
    #[allow(clippy::cast_precision_loss)] // far below what a float holds
    fn rate(&self) -> f64 {
        self.each.len() as f64 * 1_000.0 / self.took
    }

    fn beyond(&self) -> f64 {
        middle(self.each.clone()) - OWN
    }
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

async fn page(chrome: &Chrome, url: &str) -> f64 {
    let mut item = Item::get(url);
    item.advanced.render_js = RenderJs::Yes;
    item.advanced.wait_condition = WaitCondition::Load;
    item.wait_for = Some("#ready".to_owned());
    let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    let begun = Instant::now();
    let page = chrome.render(FetchRequest::new(options, Tier::Browser)).await.expect("a page");
    let took = milliseconds(begun);
    assert!(String::from_utf8_lossy(&page.page.body).contains(SAYS), "it is not the page");
    took
}

async fn rungs(chrome: &Chrome, url: &str, tabs: usize, pages: usize) -> Round {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..tabs {
        let (chrome, url, next) = (chrome.clone(), url.to_owned(), Arc::clone(&next));
        workers.spawn(async move {
            let mut each = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::SeqCst);
                if at >= pages {
                    return each;
                }
                each.push(page(&chrome, &format!("{url}/{at}")).await);
            }
        });
    }
    let each = workers.join_all().await.into_iter().flatten().collect();
    Round { took: milliseconds(begun), each }
}

/// A Node process that does the same.
struct Playwright {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Playwright {
    fn start(dir: &Path, browser: &Path) -> Result<Self, String> {
        let npm = Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--silent",
                "--prefix",
            ])
            .arg(dir)
            .arg(PLAYWRIGHT)
            .stdin(Stdio::null())
            .status();
        if !npm.map_err(|why| format!("npm: {why}"))?.success() {
            return Err(format!("npm does not get {PLAYWRIGHT}"));
        }
        let script = dir.join("playwright.mjs");
        std::fs::write(&script, include_str!("browser/playwright.mjs")).expect("a folder");
        let mut node = Command::new("node");
        node.arg(script).arg(browser).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().map_err(|why| format!("node: {why}"))?;
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn round(&mut self, url: &str, tabs: usize, pages: usize) -> Round {
        writeln!(self.to, "{}", json!({"url": url, "tabs": tabs, "pages": pages}))
            .expect("it reads");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("a round")
    }

    fn end(self) {
        let Self { mut child, to, .. } = self;
        drop(to);
        assert!(child.wait().expect("it ends").success(), "playwright failed");
    }
}

fn load() -> String {
    let said = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    said.split(' ').take(1).collect()
}

fn report(who: &str, rounds: &[Round]) -> f64 {
    let rate = middle(rounds.iter().map(Round::rate).collect());
    let beyond = middle(rounds.iter().map(Round::beyond).collect());
    let rates: Vec<_> = rounds.iter().map(|it| format!("{:.2}", it.rate())).collect();
    println!(
        "  {who:<10} {rate:>6.2} pages/s, {beyond:>5.0} ms a page beyond its own; {}",
        rates.join(" ")
    );
    rate
}

#[tokio::main]
async fn main() {
    let (rounds, pages) = (number("RUNGS_ROUNDS", 5), number("RUNGS_PAGES", 24));
    let limits = ChromeLimits::default().with_max_pages_per_browser(u32::MAX);
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    let chrome = Chrome::new().network(network).limits(limits);
    let (site, dir) = (site(), tempfile::tempdir().expect("a folder"));
    let url = site.url("");
    let browser = chrome.find().expect("Chromium is installed");
    let mut playwright = Playwright::start(dir.path(), &browser);
    if let Err(why) = &playwright {
        println!("NOT COMPARED: {why}; only rungs is measured");
    }
    for tabs in TABS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first round starts the browsers, and does not count.
        for round in 0..=rounds {
            let our = rungs(&chrome, &url, tabs, pages).await;
            let their = playwright.as_mut().ok().map(|it| it.round(&url, tabs, pages));
            if round > 0 {
                ours.push(our);
                theirs.extend(their);
            }
        }
        println!("{tabs} tabs, {rounds} rounds of {pages} pages, load {}", load());
        let our = report("rungs", &ours);
        if !theirs.is_empty() {
            let their = report("playwright", &theirs);
            println!("  of playwright's: {:.2}", our / their);
        }
    }
    if let Ok(playwright) = playwright {
        playwright.end();
    }
    chrome.close();
    tokio::time::sleep(Duration::from_millis(200)).await;
}
