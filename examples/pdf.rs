//! A PDF as text, markdown and what it says of itself, whatever its server calls it.
//!
//! It is read by a process of its own, which needs no set-up: this program is started again for it.

use rungs::Engine;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::request::{Format, Item, Mode};
use rungs::fetch::{Http, Pdf};
use rungs::stores::Memory;
use rungs::testkit::fetcher::samples::{PDF_LINES, PDF_TITLE, pdf};
use rungs::testkit::site::{Site, SiteResponse};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let reader = Pdf::new();
    // Whether a reading process can be started from here.
    reader.check().await?;

    let site = Site::start(|request| match request.path.as_str() {
        "/half.pdf" => SiteResponse::html("%PDF-1.7\nnothing more"),
        _ => SiteResponse::status(200).body(pdf()).header("content-type", "text/html"),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .pdf(reader)
        .build()?;

    let item = Item::get(site.url("/report")).formats([Format::Text, Format::Markdown]);
    let report = engine.scrape(item).await?;
    let page = report.outcome().ok_or("it has ended")?.map_err(JobError::clone)?;
    println!("{}", page.extracted.content[&Format::Markdown]);
    assert_eq!(page.extracted.text, PDF_LINES.join("\n\n"));
    assert_eq!(page.extracted.title.as_deref(), Some(PDF_TITLE));
    assert_eq!(page.extracted.metadata["pages"], 2);

    let report = engine.scrape(Item::get(site.url("/half.pdf")).mode(Mode::Pdf)).await?;
    let Some(Err(why)) = report.outcome() else { return Err("half a PDF was read".into()) };
    println!("{why}");
    assert_eq!(why.code, ErrorCode::PdfParseFailed);

    engine.shutdown().await;
    Ok(())
}
