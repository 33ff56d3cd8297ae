//! The browser tier with a real Chromium, against sites on the loopback interface.
//!
//! It fails where there is no Chromium: `tests/run.sh` installs it.

#![cfg(all(feature = "browser", feature = "testkit"))]

use std::sync::Arc;
use std::time::Duration;

use rungs::core::request::{Item, Limits, RenderJs};
use rungs::core::tier::Tier;
use rungs::fetch::Chrome;
use rungs::net::NetPolicy;
use rungs::ports::fetch::{BrowserFetcher, FetchError, FetchRequest, Rendered};

mod attack;
mod engine;
mod life;
mod lost;
mod many;
mod pages;
#[cfg(feature = "headless_chrome")]
mod second;

rungs::browser_fetcher_conformance!(chrome, chrome());

/// A browser that may go to the sites here.
fn chrome() -> Chrome {
    let network = NetPolicy::new().allow_network("127.0.0.0/8").expect("a network");
    Chrome::new().network(network)
}

fn asking(url: &str, with: impl FnOnce(&mut Item)) -> FetchRequest {
    let mut item = Item::get(url);
    item.advanced.render_js = RenderJs::Yes;
    with(&mut item);
    let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    FetchRequest::new(options, Tier::Browser)
}

async fn render(
    chrome: &impl BrowserFetcher,
    url: &str,
    with: impl FnOnce(&mut Item),
) -> Result<Rendered, FetchError> {
    let request = asking(url, with);
    let limit = request.deadline + Duration::from_secs(5);
    tokio::time::timeout(limit, chrome.render(request)).await.expect("it keeps its deadline")
}

async fn page(chrome: &impl BrowserFetcher, url: &str, with: impl FnOnce(&mut Item)) -> Rendered {
    render(chrome, url, with).await.unwrap_or_else(|why| panic!("{why} ({:?})", why.kind()))
}

fn text(page: &Rendered) -> String {
    String::from_utf8_lossy(&page.page.body).into_owned()
}

/// Sends a signal to one process.
fn signal(name: &str, process: u32) {
    let sent = std::process::Command::new("kill").args([name, &process.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "process {process} is not there");
}
