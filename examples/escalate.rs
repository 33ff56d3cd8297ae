//! A site that blocks the cheapest tier: the next one fetches the page, and only that one is charged.
//!
//! Run it with `cargo run --example escalate --features testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

/// Serves only requests with a browser's headers.
fn picky(request: &SiteRequest) -> SiteResponse {
    if request.header("sec-fetch-mode").is_none() {
        let block = "<title>Access denied</title><p>Your request looks automated.</p>";
        return SiteResponse::status(403).body(block).header("content-type", "text/html");
    }
    SiteResponse::html("<h1>Opening hours</h1><p>We are open from nine to five, every day.</p>")
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(picky);
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;

    let report = engine.scrape(site.url("/hours")).await?;

    let text = report.result()?.text().expect("the page has text");
    assert!(text.contains("from nine to five"));
    let trail: Vec<_> = report.trail().iter().map(|it| (it.tier, it.status)).collect();
    assert_eq!(trail, [(Tier::Curl, Some(403)), (Tier::Http, Some(200))]);
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Http), Credits(300)));
    let account = engine.account(&AccountId::default()).await?;
    assert_eq!((account.held(), account.spent()), (Credits::ZERO, Credits(300)));
    for attempt in report.trail() {
        println!("tier {}: {}", attempt.tier, attempt.signal);
    }
    println!("the blocked attempt cost nothing, the successful one {}", report.charged());
    engine.shutdown().await;
    Ok(())
}
