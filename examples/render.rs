//! A page that builds itself by script: the ladder climbs to Chromium for it, and says why.
//!
//! Run it with `cargo run --example render --features browser,testkit`.

use rungs::Engine;
use rungs::core::failure::JobError;
use rungs::core::request::{Format, Item};
use rungs::core::tier::Tier;
use rungs::fetch::{Chrome, Http};
use rungs::net::NetPolicy;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

const PAGE: &str = "<!DOCTYPE html><title>Tea</title><div id=root></div>\
    <noscript>You need to enable JavaScript to run this app.</noscript><script>setTimeout(() => {\
    root.innerHTML = '<main><h1>Tea</h1>' + '<p>Tea is leaves and hot water, and some patience.</p>'\
    .repeat(5) + '</main>'; }, 300);</script>";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let site = Site::start(|_| SiteResponse::html(PAGE));
    let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().network(network.clone()))
        .browser(Chrome::new().network(network))
        .build()?;

    let report = engine.scrape(Item::get(site.url("/")).formats([Format::Markdown])).await?;

    for attempt in report.trail() {
        println!("tier {}: {}", attempt.tier, attempt.signal);
    }
    let page = report.outcome().ok_or("it has ended")?.map_err(JobError::clone)?;
    println!("{}", page.extracted.content[&Format::Markdown]);
    assert_eq!(report.tier(), Some(Tier::Browser));
    assert!(page.extracted.text.contains("some patience"));
    engine.shutdown().await;
    Ok(())
}
