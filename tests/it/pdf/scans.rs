//! Pages without text, read with the real Tesseract: `tests/run.sh` installs it.

use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::request::{Format, Item, Mode};
use rungs::engine::JobReport;
use rungs::fetch::{Http, Pdf, Tesseract};
use rungs::stores::Memory;
use rungs::testkit::site::{Site, SiteResponse};

use crate::pdf::given::{Draft, drawn};

const BREAD_JPEG: &[u8] = include_bytes!("../../images/bread.jpg");

/// Builds a document with a page of text and a scanned page: a rotated image on a rotated page.
fn document() -> Vec<u8> {
    let mut draft = Draft::new();
    draft.page(&drawn(&[(72.0, 700.0, 12.0, "The first page has letters")]), "");
    add_scan(&mut draft);
    draft.finish()
}

fn add_scan(draft: &mut Draft) {
    let (width, height) = (560, 160);
    let entries = format!(
        "/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8 \
         /ColorSpace /DeviceGray /Filter /DCTDecode"
    );
    let image = draft.stream(&entries, BREAD_JPEG);
    let content = draft.stream("", b"q 0 500 -200 0 300 100 cm /X Do Q");
    let kids = format!("/Rotate 90 /Resources << /XObject << /X {image} 0 R >> >>");
    draft.page_of(content, &kids);
}

fn site() -> Site {
    let mut scan = Draft::new();
    add_scan(&mut scan);
    let (both, scan) = (document(), scan.finish());
    Site::start(move |request| {
        let body = if request.path == "/scan" { scan.clone() } else { both.clone() };
        SiteResponse::status(200).body(body).header("content-type", "application/pdf")
    })
}

async fn scrape(item: Item, has_ocr: Option<Tesseract>) -> JobReport {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).pdf(Pdf::new());
    let engine = match has_ocr {
        Some(reader) => engine.ocr(reader),
        None => engine,
    };
    let engine = engine.build().expect("built");
    let report = engine.scrape(item).await.expect("accepted");
    engine.shutdown().await;
    report
}

#[tokio::test]
async fn a_scanned_page_is_read_and_charged() {
    let site = site();
    let mut item = Item::get(site.url("/both")).formats([Format::Text, Format::Markdown]);
    item.advanced.ocr = true;

    let report = scrape(item, Some(Tesseract::new())).await;

    let page = report.result().expect("a PDF");
    let text = &page.extracted.text;
    assert!(text.starts_with("The first page has letters\n\nBread needs four things"), "{text}");
    let markdown = page.extracted.content[&Format::Markdown].as_str().expect("text");
    assert!(markdown.contains("flour, water, salt, time"), "{markdown}");
    let seen = &page.extracted.ocr_results;
    assert_eq!(seen.len(), 1);
    assert!(seen[0].url.ends_with("/both#page=2"), "{}", seen[0].url);
    assert_eq!(report.charged(), Credits(1_200), "tier 1, and the add-on");
    assert!(page.extracted.warnings.is_empty(), "{:?}", page.extracted.warnings);
}

#[tokio::test]
async fn without_the_ocr_option_a_scanned_page_becomes_a_warning() {
    let site = site();

    let report = scrape(Item::get(site.url("/both")), Some(Tesseract::new())).await;

    let page = report.result().expect("a PDF");
    assert_eq!(page.extracted.text.trim(), "The first page has letters");
    let warnings = page.extracted.warnings.join("\n");
    assert!(warnings.contains("page 2 has images and no text"), "{warnings}");
    assert_eq!(report.charged(), Credits(200));
}

#[tokio::test]
async fn mode_ocr_reads_a_scan() {
    let site = site();
    let scan = || Item::get(site.url("/scan")).mode(Mode::Ocr).formats([Format::Text]);

    let read = scrape(scan(), Some(Tesseract::new())).await;
    let unread = scrape(scan(), None).await;

    let page = read.result().expect("a PDF");
    assert!(page.extracted.text.contains("flour, water, salt, time"), "{}", page.extracted.text);
    let why = unread.result().expect_err("nothing reads it");
    assert_eq!(why.code, ErrorCode::OcrUnavailable, "{why}");
}

#[tokio::test]
async fn an_unused_ocr_add_on_is_not_charged() {
    let site = Site::start(|_| {
        let mut draft = Draft::new();
        draft.page(&drawn(&[(72.0, 700.0, 12.0, "Letters only")]), "");
        SiteResponse::status(200).body(draft.finish()).header("content-type", "application/pdf")
    });
    let mut item = Item::get(site.url("/"));
    item.advanced.ocr = true;

    let report = scrape(item, Some(Tesseract::new())).await;

    assert!(report.result().is_ok());
    assert_eq!(report.charged(), Credits(200));
}
