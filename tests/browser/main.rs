//! The browser tier with a real Chromium, against sites on the loopback interface.
//!
//! It needs an installed Chromium: `tests/run.sh` installs it. Nothing here depends on an idle machine: a page
//! has minutes, and conditions are awaited instead of times.

#![cfg(all(feature = "browser", feature = "testkit"))]

use std::sync::Arc;
use std::time::Duration;

use rungs::core::request::{Item, Limits, RenderJs};
use rungs::core::tier::Tier;
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchError, FetchRequest, Rendered};

mod announced;
mod attack;
#[cfg(feature = "cli")]
mod drivers;
mod engine;
mod lenient;
mod life;
mod lost;
mod many;
mod pages;
#[cfg(feature = "headless_chrome")]
mod second;
mod sessions;

rungs::browser_fetcher_conformance!(chrome, chrome());

/// Time within which everything here happens, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Delay of a response that no test waits for.
const NEVER: Duration = Duration::from_mins(10);
/// Time after the deadline by which an attempt has ended, even on a busy machine.
const DEADLINE_TOLERANCE: Duration = Duration::from_mins(1);
/// Seconds that a page has, where its test is not about the deadline: the most that an attempt may take.
const PAGE_TIMEOUT: Duration = Duration::from_mins(2);

/// A browser that may reach the sites here.
fn chrome() -> Chrome {
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    Chrome::new().network(network)
}

fn request(url: &str, configure: impl FnOnce(&mut Item)) -> FetchRequest {
    let mut item = Item::get(url);
    item.advanced.render_js = RenderJs::Yes;
    item.timeout = PAGE_TIMEOUT;
    configure(&mut item);
    let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    FetchRequest::new(options, Tier::Browser)
}

async fn render(
    chrome: &impl BrowserFetcher,
    url: &str,
    configure: impl FnOnce(&mut Item),
) -> Result<Rendered, FetchError> {
    let request = request(url, configure);
    let limit = request.deadline + DEADLINE_TOLERANCE;
    tokio::time::timeout(limit, chrome.render(request)).await.expect("it keeps its deadline")
}

async fn page(
    chrome: &impl BrowserFetcher,
    url: &str,
    configure: impl FnOnce(&mut Item),
) -> Rendered {
    let rendered = render(chrome, url, configure).await;
    rendered.unwrap_or_else(|error| panic!("{error} ({:?})", error.kind()))
}

fn text(page: &Rendered) -> String {
    String::from_utf8_lossy(&page.page.body).into_owned()
}

/// Waits until `condition` holds.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let mut checks = tokio::time::interval(Duration::from_millis(20));
    let waiting = async {
        while !condition() {
            checks.tick().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}: not within {PATIENCE:?}");
}

/// Sends a signal to one process.
fn signal(name: &str, process: u32) {
    let sent = std::process::Command::new("kill").args([name, &process.to_string()]).status();
    assert!(sent.expect("kill is installed").success(), "process {process} does not exist");
}
