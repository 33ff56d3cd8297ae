//! A page built by its scripts: the ladder escalates to Chromium, and the trail shows why.
//!
//! Run it with `cargo run --example render --features browser,testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const PAGE: &str = "<!DOCTYPE html><title>Tea</title><div id=root></div>\
    <noscript>You need to enable JavaScript to run this app.</noscript><script>setTimeout(() => {\
    root.innerHTML = '<main><h1>Tea</h1>' + '<p>Tea is leaves and hot water, and some patience.</p>'\
    .repeat(5) + '</main>'; }, 300);</script>";

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|_| SiteResponse::html(PAGE));
    let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network.clone()))
        .browser(Chrome::new().network(network)) // the same networks and proxies
        .build()?;

    let report = engine.scrape(Item::get(site.url("/")).formats([Format::Markdown])).await?;

    for attempt in report.trail() {
        println!("tier {}: {}", attempt.tier, attempt.signal);
    }
    assert_eq!(report.tier(), Some(Tier::Browser));
    let markdown = report.result()?.markdown().expect("the item asks for it");
    println!("{markdown}");
    assert!(markdown.contains("some patience"));
    engine.shutdown().await;
    Ok(())
}
