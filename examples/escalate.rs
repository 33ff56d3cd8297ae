//! A site that blocks the cheap tier: the next one gets the page, and only that one is charged.
//!
//! Run it with `cargo run --example escalate --features testkit`.

use std::error::Error;

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::JobError;
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteRequest, SiteResponse};

/// Serves only who asks as browsers do.
fn picky(request: &SiteRequest) -> SiteResponse {
    if request.header("sec-fetch-mode").is_none() {
        let block = "<title>Access denied</title><p>Your request looks automated.</p>";
        return SiteResponse::status(403).body(block).header("content-type", "text/html");
    }
    SiteResponse::html("<h1>Opening hours</h1><p>We are open from nine to five, every day.</p>")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(picky);
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;

    let report = engine.scrape(site.url("/hours")).await?;

    let page = report.outcome().ok_or("the job has ended")?.map_err(JobError::clone)?;
    assert!(page.extracted.text.contains("from nine to five"));
    let trail: Vec<_> = report.trail().iter().map(|it| (it.tier, it.status)).collect();
    assert_eq!(trail, [(Tier::Curl, Some(403)), (Tier::Http, Some(200))]);
    assert_eq!((report.tier(), report.charged()), (Some(Tier::Http), Credits(300)));
    let books = engine.account(&report.job().account).await?;
    assert_eq!((books.held(), books.spent()), (Credits::ZERO, Credits(300)));
    for attempt in report.trail() {
        println!("tier {}: {}", attempt.tier, attempt.signal);
    }
    println!("the blocked attempt cost nothing, the one that worked {}", report.charged());
    Ok(())
}
