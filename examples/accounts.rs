//! Two accounts side by side: each pays for its own pages, and each adds up to the credit.
//!
//! Run it with `cargo run --example accounts --features testkit`.

use std::error::Error;

use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::ledger::{Account, Booking};
use rungs::fetch::http::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine, Settings};

fn assert_adds_up(it: &Account) {
    assert_eq!(it.granted().0, it.free().0 + it.held().0 + it.spent().0, "{it:?}");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(|request| match request.path.as_str() {
        "/gone" => SiteResponse::status(404),
        _ => SiteResponse::html("<p>A page that is long enough to be read.</p>"),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .settings(Settings { unlimited_accounts: false, ..Settings::default() })
        .build()?;
    let (acme, shop) = (AccountId::new("acme")?, AccountId::new("shop")?);
    let held = engine.estimate(site.url("/a"))?.most;
    engine.grant(&acme, held.scaled(3_000)).await?;
    engine.grant(&shop, held.scaled(2_000)).await?;

    let pages = ["/a", "/b", "/gone"].map(|it| site.url(it));
    let mut first = engine.submit(Batch::new(pages).account(acme.clone())).await?;
    let mut second = engine.submit(Batch::new([site.url("/c")]).account(shop.clone())).await?;
    assert_adds_up(&engine.account(&acme).await?);
    first.wait().await?;
    second.wait().await?;

    // Tier 1 costs 200; the page that is gone costs nothing.
    for (id, granted, spent) in [(&acme, held.scaled(3_000), 400), (&shop, held.scaled(2_000), 200)]
    {
        let books = engine.account(id).await?;
        assert_adds_up(&books);
        assert_eq!(
            (books.granted(), books.held(), books.spent()),
            (granted, Credits(0), Credits(spent))
        );
        println!("{id}: {} granted, {} spent, {} free", granted, books.spent(), books.free());
    }
    let charged = |it: &rungs::core::ledger::LedgerEntry| match it.booking {
        Booking::Settle { charged, .. } => charged,
        Booking::Hold { .. } => Credits::ZERO,
    };
    let entries = engine.ledger(first.id()).await?;
    assert_eq!((entries.len(), entries.iter().map(charged).sum()), (4, Credits(400)));
    println!("both accounts add up, and their ledgers agree with them");
    Ok(())
}
