//! A batch's events as they happen: every job ends once, and the batch's end comes last.
//!
//! Run it with `cargo run --example progress --features testkit`.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use rungs::core::batch::BatchStatus;
use rungs::fetch::http::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};
use rungs::{Batch, Engine, ProgressEvent};

const PAGES: usize = 12;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = Site::start(|_| {
        let page = SiteResponse::html("<p>A page that is long enough to be read.</p>");
        page.delay(Duration::from_millis(20))
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;
    let urls = (0..PAGES).map(|it| site.url(&format!("/{it}")));

    let mut handle = engine.submit(Batch::new(urls)).await?;
    let mut ended = BTreeSet::new();
    let mut last = None;
    while let Some(event) = handle.next_event().await {
        if let ProgressEvent::JobEnded { job } = &event {
            assert!(ended.insert(job.id), "a job ended twice");
            println!("{:>2} of {PAGES}: {}", ended.len(), job.request.page().as_str());
        }
        last = Some(event);
    }

    assert_eq!(ended.len(), PAGES);
    assert!(matches!(last, Some(ProgressEvent::BatchEnded { status: BatchStatus::Completed })));
    println!("{PAGES} jobs ended, then the batch");
    Ok(())
}
