//! Two bounds on cost: `max_credits` stops a job before the attempt that would exceed it, and a
//! submission that an account cannot pay for is refused whole.
//!
//! Run it with `cargo run --example budget --features testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|_| {
        let block = "<title>Access denied</title><p>Your request looks automated.</p>";
        SiteResponse::status(403).body(block).header("content-type", "text/html")
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .settings(Settings::default().with_limited_accounts())
        .build()?;
    let shop = AccountId::new("shop")?;
    engine.grant(&shop, Credits(500)).await?;

    // Tier 1 costs 200 and is blocked; tier 2 would cost 300.
    let item = Item::get(site.url("/a")).max_credits(Credits(250));
    let report = engine.submit(Batch::new([item]).account(shop.clone())).await?.report().await?;
    let job = &report.jobs()[0];
    let error = job.result().expect_err("both tiers are blocked");
    assert_eq!(error.code, ErrorCode::CostLimitExceeded);
    assert_eq!((job.trail().len(), job.charged(), site.hits()), (1, Credits::ZERO, 1));
    println!("{error}");

    // The hold is the most that a page can cost: 300. The account can pay for one page, not for two.
    let items = ["/b", "/c"].map(|path| Item::get(site.url(path)).max_tier(Tier::Http));
    let refused = engine.submit(Batch::new(items).account(shop.clone())).await;
    let Err(SubmitError::Overdrawn(overdrawn)) = refused else { panic!("not overdrawn") };
    assert_eq!((overdrawn.needed, overdrawn.free), (Credits(600), Credits(500)));
    println!("{overdrawn}");

    let account = engine.account(&shop).await?;
    let credits = (account.free(), account.held(), account.spent());
    assert_eq!(credits, (Credits(500), Credits::ZERO, Credits::ZERO));
    assert_eq!((engine.batches(None, 10).await?.len(), site.hits()), (1, 1));
    println!("neither bound was exceeded, and nothing was charged");
    Ok(())
}
