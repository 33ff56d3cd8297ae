//! Two bounds on cost: `max_credits` stops a job before the step that would break it, and a
//! submission that an account cannot cover is refused whole.
//!
//! Run it with `cargo run --example budget --features testkit`.

use std::error::Error;

use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::request::{CostControls, Item};
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine, Settings, SubmitError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(|_| {
        let block = "<title>Access denied</title><p>Your request looks automated.</p>";
        SiteResponse::status(403).body(block).header("content-type", "text/html")
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .settings(Settings { unlimited_accounts: false, ..Settings::default() })
        .build()?;
    let account = AccountId::new("shop")?;
    engine.grant(&account, Credits(500)).await?;

    // Tier 1 costs 200 and is blocked; tier 2 would cost 300.
    let controls = CostControls { max_credits: Some(Credits(250)), ..CostControls::default() };
    let item = Item::get(site.url("/a")).cost_controls(controls);
    let report = engine.submit(Batch::new([item]).account(account.clone())).await?.report().await?;
    let job = &report.jobs()[0];
    let error = job.outcome().ok_or("the job has ended")?.err().ok_or("no page")?;
    assert_eq!(error.code, ErrorCode::CostLimitExceeded);
    assert_eq!((job.trail().len(), job.charged(), site.hits()), (1, Credits::ZERO, 1));
    println!("{error}");

    // What is held is the dearest that can come: 300 a page. Either would be covered, both are not.
    let items = ["/b", "/c"].map(|path| Item::get(site.url(path)).max_tier(Tier::Http));
    let batch = Batch::new(items).account(account.clone());
    let refused = engine.submit(batch).await.err().ok_or("it is overdrawn")?;
    let SubmitError::Overdrawn(overdrawn) = refused else { return Err(refused.into()) };
    assert_eq!((overdrawn.needed, overdrawn.free), (Credits(600), Credits(500)));
    println!("{overdrawn}");

    let books = engine.account(&account).await?;
    assert_eq!((books.free(), books.held(), books.spent()), (Credits(500), Credits(0), Credits(0)));
    assert_eq!((engine.batches(None, 10).await?.len(), site.hits()), (1, 1));
    println!("neither bound was passed, and nothing was charged");
    Ok(())
}
