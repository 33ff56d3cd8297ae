//! A screenshot of a whole page and its PDF print, kept beside the result.
//!
//! Run it with `cargo run --example screenshot --features browser,testkit`; `RUNGS_OUT` names a folder to
//! write the two files to.

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const PAGE: &str = "<!DOCTYPE html><title>Ladder</title><body style='font: 20px sans-serif; margin: 40px'>\
    <h1>A ladder</h1><p>Each rung is a step, and the page is longer than the window.</p>\
    <div style='height: 1400px; background: linear-gradient(#cde, #357)'></div><p>This is its end.</p>";

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let site = Site::start(|_| SiteResponse::html(PAGE));
    let engine = Engine::builder()
        .store(Memory::default())
        .browser(Chrome::new().network(NetPolicy::new().allow_network("127.0.0.0/8")?))
        .build()?;
    let item = Item::get(site.url("/")).render_js(RenderJs::Yes).screenshot().generate_pdf();

    let report = engine.scrape(item).await?;

    let page = report.result()?;
    assert_eq!(page.artifacts.len(), 2);
    for (artifact, start) in page.artifacts.iter().zip([&b"\x89PNG"[..], b"%PDF-"]) {
        let (_, bytes) = engine.artifact(report.id(), &artifact.name).await?;
        assert!(bytes.starts_with(start));
        println!("{}: {} of {} bytes", artifact.name, artifact.media_type, artifact.size_bytes);
        if let Some(folder) = std::env::var_os("RUNGS_OUT") {
            std::fs::write(std::path::Path::new(&folder).join(&artifact.name), bytes)?;
        }
    }
    engine.shutdown().await;
    Ok(())
}
