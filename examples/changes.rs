//! Fetching pages again: the site sends only those that changed, and only they carry content.
//!
//! Run it with `cargo run --example changes --features testkit`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

/// Fetches the pages and returns the URLs of those that changed. `hashes` keeps the content hash of each.
async fn changed(
    engine: &Engine,
    urls: &[String],
    hashes: &mut HashMap<String, String>,
) -> Result<Vec<String>, rungs::Error> {
    let known = |url: &String| hashes.get(url).cloned().unwrap_or_default();
    let items: Vec<Item> = urls.iter().map(|url| Item::get(url).unless(known(url))).collect();
    let report = engine.submit(Batch::new(items)).await?.report().await?;
    println!("{}", report.charged());
    let mut changed = Vec::new();
    for job in report.jobs() {
        let page = job.result()?;
        if !page.unchanged {
            hashes.extend(page.content_hash.clone().map(|hash| (job.url().to_owned(), hash)));
            changed.push(job.url().to_owned());
        }
    }
    Ok(changed)
}

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let (day, sent) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let (today, counted) = (Arc::clone(&day), Arc::clone(&sent));
    let site = Site::start(move |request| {
        let edition = if request.path == "/news" { today.load(Ordering::SeqCst) } else { 1 };
        let tag = format!("\"{edition}\"");
        if request.header("if-none-match") == Some(tag.as_str()) {
            return SiteResponse::status(304);
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let text = format!(
            "<h1>Edition {edition}</h1><p>All there is to know about bread and its makers.</p>"
        );
        SiteResponse::html(text).header("etag", &tag)
    });
    let http = Http::new().allow_network("127.0.0.0/8")?;
    let engine = Engine::builder().store(Memory::default()).http(http).build()?;
    let (urls, mut hashes) = ([site.url("/news"), site.url("/about")], HashMap::new());

    assert_eq!(changed(&engine, &urls, &mut hashes).await?, urls); // 400 credits: all is new
    day.store(2, Ordering::SeqCst);
    assert_eq!(changed(&engine, &urls, &mut hashes).await?, urls[..1]); // 300: one 304
    assert!(changed(&engine, &urls, &mut hashes).await?.is_empty()); // 200: both
    assert_eq!(sent.load(Ordering::SeqCst), 3);
    Ok(())
}
