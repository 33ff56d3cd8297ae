//! A PDF as text and Markdown with its metadata, whatever media type its server reports.
//!
//! Run it with `cargo run --example pdf --features pdf,testkit`. A child process reads the document; it is this
//! program started again, so there is nothing to install.

use rungs::prelude::*;
use rungs::testkit::{
    fetcher::samples::{PDF_LINES, PDF_TITLE, pdf},
    site::{Site, SiteResponse},
};

#[tokio::main]
async fn main() -> Result<(), rungs::Error> {
    let reader = Pdf::new();
    reader.check().await?; // fails if a child process cannot be started

    let site = Site::start(|request| match request.path.as_str() {
        "/half.pdf" => SiteResponse::html("%PDF-1.7\nnothing more"),
        _ => SiteResponse::status(200).body(pdf()).header("content-type", "text/html"),
    });
    let engine = Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8")?)
        .pdf(reader)
        .build()?;

    let report = engine.scrape(Item::get(site.url("/report")).formats([Format::Markdown])).await?;
    let page = report.result()?;
    println!("{}", page.markdown().expect("the item asks for it"));
    assert_eq!(page.text(), Some(PDF_LINES.join("\n\n").as_str()));
    assert_eq!(page.title(), Some(PDF_TITLE));
    assert_eq!(page.extracted.metadata["pages"], 2);

    let report = engine.scrape(Item::get(site.url("/half.pdf")).mode(Mode::Pdf)).await?;
    let error = report.result().expect_err("half a PDF cannot be read");
    println!("{error}");
    assert_eq!(error.code, ErrorCode::PdfParseFailed);
    engine.shutdown().await;
    Ok(())
}
