//! Text on images: a scanned page by itself, and the images of a page as an add-on.
//!
//! It needs the program `tesseract` (on Debian: `apt-get install tesseract-ocr`).

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::JobError;
use rungs::core::request::{Format, Item, Mode};
use rungs::fetch::{Http, Tesseract};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

const SCAN: &[u8] = include_bytes!("../tests/images/bread.png");
const PAGE: &str = "<h1>Recipes</h1><p>This one was written by hand and then scanned, because nobody \
    had the time to type it in; the other one is lost.</p><img src=/scan.png alt=Bread>";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reader = Tesseract::new();
    // Whether the program is there, and which languages it has.
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

    let scan = Item::get(site.url("/scan.png")).mode(Mode::Ocr).formats([Format::Text]);
    let report = engine.scrape(scan).await?;
    let page = report.outcome().ok_or("it has ended")?.map_err(JobError::clone)?;
    println!("{}", page.extracted.text);
    assert!(page.extracted.text.contains("flour, water, salt, time."));
    let word = &page.extracted.ocr_results[0].read.words[0];
    println!("`{}` at {:?}, {} % sure", word.text, word.bbox, word.confidence);

    let mut item = Item::get(site.url("/"));
    item.advanced.ocr = true;
    let report = engine.scrape(item).await?;
    let page = report.outcome().ok_or("it has ended")?.map_err(JobError::clone)?;
    assert!(page.extracted.ocr_results[0].read.text.contains("flour"));
    assert_eq!(report.charged(), Credits(1_200), "tier 1, and the add-on: an image was read");

    engine.shutdown().await;
    Ok(())
}
