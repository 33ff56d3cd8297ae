//! Text in images: a scanned page by itself, and the images of a page as an add-on.
//!
//! Run it with `cargo run --example ocr --features ocr,testkit`. It needs the program `tesseract` (on
//! Debian: `apt-get install tesseract-ocr`).

use rungs::prelude::*;
use rungs::testkit::site::{Site, SiteResponse};

const SCAN: &[u8] = include_bytes!("../tests/images/bread.png");
const PAGE: &str = "<h1>Recipes</h1><p>This one was written by hand and then scanned, because nobody \
    had the time to type it in; the other one is lost.</p><img src=/scan.png alt=Bread>";

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let reader = Tesseract::new();
    let installed = reader.installed().await?;
    println!("{} reads {}", installed.version, installed.languages.join(", "));

    let site = Site::start(|request| match request.path.as_str() {
        "/scan.png" => SiteResponse::status(200).body(SCAN).header("content-type", "image/png"),
        _ => SiteResponse::html(PAGE),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .ocr(reader)
        .build()?;

    let scan = engine.scrape(Item::get(site.url("/scan.png")).mode(Mode::Ocr)).await?;
    let page = scan.result()?;
    let text = page.text().expect("the scan has text");
    assert!(text.contains("flour, water, salt, time."), "{text}");
    let word = &page.extracted.ocr_results[0].read.words[0];
    println!("`{}` at {:?}, {} % confidence", word.text, word.bbox, word.confidence);

    let report = engine.scrape(Item::get(site.url("/")).ocr()).await?;
    let page = report.result()?;
    assert!(page.extracted.ocr_results[0].read.text.contains("flour"));
    assert_eq!(report.charged(), Credits(1_200), "tier 1, and the add-on: an image was read");
    engine.shutdown().await;
    Ok(())
}
