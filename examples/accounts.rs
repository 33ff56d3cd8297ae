//! Two accounts side by side: each pays for its own pages, and each adds up to its grant.
//!
//! Run it with `cargo run --example accounts --features testkit`.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

fn assert_adds_up(account: &Account) {
    let parts = account.free().0 + account.held().0 + account.spent().0;
    assert_eq!(account.granted().0, parts, "{account:?}");
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|request| match request.path.as_str() {
        "/gone" => SiteResponse::status(404),
        _ => SiteResponse::html("<p>A page that is long enough to be read.</p>"),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .settings(Settings::default().with_limited_accounts())
        .build()?;
    let (acme, shop) = (AccountId::new("acme")?, AccountId::new("shop")?);
    let page = engine.estimate(site.url("/a")).await?.hold;
    engine.grant(&acme, page.scaled(3_000)).await?;
    engine.grant(&shop, page.scaled(2_000)).await?;

    let pages = ["/a", "/b", "/gone"].map(|path| site.url(path));
    let mut first = engine.submit(Batch::new(pages).account(acme.clone())).await?;
    let mut second = engine.submit(Batch::new([site.url("/c")]).account(shop.clone())).await?;
    assert_adds_up(&engine.account(&acme).await?);
    first.wait().await?;
    second.wait().await?;

    // Tier 1 costs 200; the page that is gone costs nothing.
    for (id, granted, spent) in [(&acme, page.scaled(3_000), 400), (&shop, page.scaled(2_000), 200)]
    {
        let account = engine.account(id).await?;
        assert_adds_up(&account);
        assert_eq!((account.granted(), account.held()), (granted, Credits::ZERO));
        assert_eq!(account.spent(), Credits(spent));
        println!("{id}: {granted} granted, {} spent, {} free", account.spent(), account.free());
    }
    let charged = |entry: &LedgerEntry| match entry.booking {
        Booking::Settle { charged, .. } => charged,
        Booking::Hold { .. } => Credits::ZERO,
    };
    let entries = engine.ledger(first.id()).await?;
    assert_eq!((entries.len(), entries.iter().map(charged).sum()), (4, Credits(400)));
    println!("both accounts add up, and the ledger agrees with them");
    Ok(())
}
