//! The failed part of a batch, submitted again: only its pages are fetched and charged.
//!
//! Run it with `cargo run --example retry --features testkit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let site = Site::start(move |request| match request.path.as_str() {
        "/shop" if !opened.load(Ordering::SeqCst) => SiteResponse::status(404),
        "/gone" => SiteResponse::status(410),
        _ => {
            SiteResponse::html("<h1>Bread</h1><p>Flour, water, salt and time are all it needs.</p>")
        }
    });
    let http = Http::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder().store(Memory::default()).http(http).build()?;

    let urls = ["/bread", "/shop", "/gone"].map(|path| site.url(path));
    let first = engine.submit(Batch::new(urls)).await?.report().await?;
    assert_eq!((first.status(), first.charged()), (BatchStatus::Partial, Credits(200)));

    is_open.store(true, Ordering::SeqCst);
    let mut retried = engine.retry(Retry::of(first.id()).max_tier(Tier::Http)).await?;
    let second = retried.report().await?;
    assert_eq!(second.batch().retry_of, Some(first.id()));
    assert_eq!((second.jobs().len(), second.charged()), (2, Credits(200)));
    println!("{} of {} pages were repeated", second.jobs().len(), first.jobs().len());

    // The same call again, such as after a lost response: the same batch, and nothing is fetched or charged.
    let repeated = engine.retry(Retry::of(first.id()).max_tier(Tier::Http)).await?;
    assert_eq!(repeated.id(), second.id());
    // What still fails is retried from the new batch.
    let third = engine.retry(second.id()).await?.report().await?;
    assert_eq!((third.jobs().len(), third.status()), (1, BatchStatus::Failed));
    assert_eq!(site.hits_on("/bread"), 1);
    Ok(())
}
