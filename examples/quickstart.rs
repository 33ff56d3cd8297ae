//! Two pages in one batch, as Markdown and text.
//!
//! Run it with `cargo run --example quickstart --features testkit`.

use rungs::prelude::*;

async fn read_two_pages(first: String, second: String) -> Result<(), rungs::Error> {
    let engine = Engine::builder()
        .store(Memory::default()) // or Sled::open("data")?, or your own
        .http(Http::new().allow_network("127.0.0.0/8")?) // private networks are closed by default
        .build()?;
    let batch = Batch::new([
        Item::get(first).formats([Format::Markdown]),
        Item::get(second).formats([Format::Markdown, Format::Json]).max_credits(Credits(500)),
    ])
    .max_tier(Tier::Stealth)
    .idempotency_key("order-1138");

    let mut handle = engine.submit(batch).await?; // durable from here on
    let report = handle.report().await?; // completed, partial or failed

    for job in report.jobs() {
        match job.result() {
            Ok(page) => println!("{} for {}: {:?}", job.url(), job.charged(), page.markdown()),
            Err(error) => println!("{} failed: {}", job.url(), error.code),
        }
    }
    assert_eq!(report.status(), BatchStatus::Completed);
    engine.shutdown().await;
    Ok(())
}
// The README shows the example up to here. The rest is the site that it reads.

use rungs::testkit::site::{Site, SiteResponse};

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|request| match request.path.as_str() {
        "/bread" => {
            SiteResponse::html("<h1>Bread</h1><p>Flour, water, salt and time are all it needs.</p>")
        }
        _ => SiteResponse::html(
            "<h1>Salt</h1><p>A few words on salt, which no kitchen can be without.</p>",
        ),
    });
    read_two_pages(site.url("/bread"), site.url("/salt")).await
}
