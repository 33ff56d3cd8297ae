//! A batch's progress events: every job ends once, and the batch ends last.
//!
//! Run it with `cargo run --example progress --features testkit`.

use std::collections::BTreeSet;
use std::time::Duration;

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const PAGES: usize = 12;

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|_| {
        let page = SiteResponse::html("<p>A page that is long enough to be read.</p>");
        page.delay(Duration::from_millis(20))
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .build()?;
    let urls = (0..PAGES).map(|page| site.url(&format!("/{page}")));

    let mut handle = engine.submit(Batch::new(urls)).await?;
    let mut ended = BTreeSet::new();
    let mut last = None;
    while let Some(event) = handle.next_event().await? {
        if let ProgressEvent::JobEnded { job } = &event {
            assert!(ended.insert(job.id), "a job ended twice");
            println!("{:>2} of {PAGES}: {}", ended.len(), job.request.page().as_str());
        }
        last = Some(event);
    }

    assert_eq!(ended.len(), PAGES);
    let completed = BatchStatus::Completed;
    assert!(matches!(last, Some(ProgressEvent::BatchEnded { status }) if status == completed));
    println!("{PAGES} jobs ended, then the batch");
    Ok(())
}
