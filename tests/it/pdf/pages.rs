//! PDFs from a site, through the whole engine.

use rungs::Engine;
use rungs::core::failure::{ErrorCode, JobError};
use rungs::core::request::{Format, Item, Mode, PdfFormat};
use rungs::engine::Page;
use rungs::fetch::pdf::PdfLimits;
use rungs::fetch::{Http, Pdf};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

use crate::pdf::given::{Draft, drawn};

fn site() -> Site {
    let mut draft = Draft::new();
    draft.page(
        &drawn(&[
            (72.0, 720.0, 22.0, "Bread"),
            (72.0, 680.0, 11.0, "Flour, water, salt and time are all it needs."),
        ]),
        "",
    );
    let about =
        draft.add("<< /Title (On bread) /Author (A baker) /CreationDate (D:20240229081500Z) >>");
    draft.trailer(&format!("/Info {about} 0 R"));
    let pdf = draft.finish();
    Site::start(move |request| {
        let kind = match request.path.as_str() {
            "/html" => "text/html; charset=utf-8",
            "/bytes" => "application/octet-stream",
            "/locked" => {
                let locked: &[u8] = include_bytes!("files/locked-256.pdf");
                return SiteResponse::status(200)
                    .body(locked)
                    .header("content-type", "application/pdf");
            }
            _ => "application/pdf",
        };
        SiteResponse::status(200).body(pdf.clone()).header("content-type", kind)
    })
}

async fn scrape(reader: Pdf, item: Item) -> Result<Page, JobError> {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).pdf(reader);
    let engine = engine.build().expect("built");
    let report = engine.scrape(item).await.expect("accepted");
    engine.shutdown().await;
    report.result().map(|it| (*it).clone()).map_err(JobError::clone)
}

#[tokio::test]
async fn a_pdf_is_recognized_whatever_its_content_type() {
    let site = site();
    for path in ["/html", "/bytes", "/pdf"] {
        let item =
            Item::get(site.url(path)).formats([Format::Text, Format::Markdown, Format::Json]);

        let page = scrape(Pdf::new(), item).await.expect("a PDF");

        let made = page.extracted;
        assert_eq!(
            made.content[&Format::Markdown],
            "# Bread\n\nFlour, water, salt and time are all it needs."
        );
        assert_eq!(made.text, "Bread\n\nFlour, water, salt and time are all it needs.");
        assert_eq!(made.content[&Format::Json]["title"], "On bread");
        assert_eq!(
            (made.title.as_deref(), made.author.as_deref()),
            (Some("On bread"), Some("A baker"))
        );
        assert_eq!(made.published_at.as_deref(), Some("2024-02-29T08:15:00Z"));
        assert_eq!(made.metadata["pages"], 1);
    }
}

#[tokio::test]
async fn mode_pdf_returns_the_requested_format() {
    let site = site();
    let item = Item::get(site.url("/pdf")).pdf_format(PdfFormat::Text);

    let page =
        scrape(Pdf::new(), item.mode(Mode::Pdf).formats([Format::Html])).await.expect("a PDF");

    let formats: Vec<Format> = page.extracted.content.keys().copied().collect();
    assert_eq!(formats, [Format::Text]);
}

#[tokio::test]
async fn each_failure_has_its_error_code() {
    let site = site();
    let limited = |limits| Pdf::new().limits(limits);
    let small = limited(PdfLimits::default().with_max_document_bytes(10));
    let starved = limited(PdfLimits::default().with_max_memory_bytes(1 << 20));

    let code = async |reader, path: &str| {
        scrape(reader, Item::get(site.url(path))).await.expect_err("it was read").code
    };

    assert_eq!(code(Pdf::new(), "/locked").await, ErrorCode::PdfParseFailed);
    assert_eq!(code(small, "/pdf").await, ErrorCode::ContentTooLarge);
    assert_eq!(code(starved, "/pdf").await, ErrorCode::PdfParseFailed);
}
