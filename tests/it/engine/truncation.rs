//! Pages above `max_response_bytes`: HTML and text are cut and labeled, anything else and far larger pages are refused.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::request::{Format, Item, MAX_RESPONSE_BYTES};
use rungs::engine::JobReport;
use rungs::fetch::Http;
use rungs::ports::fetch::Truncation;
use rungs::stores::Memory;
use rungs::testkit::site::{RawSite, read_head};

const LIMIT: u64 = 20_000;

/// A page of some 60,000 bytes, whose paragraphs are numbered.
fn long_page() -> String {
    let paragraph = |number| {
        format!(
            "<p class=\"é\">Loaf {number} needs flour, water, salt and <b>time</b>, of which few have any.</p>"
        )
    };
    let body: String = (0..640).map(paragraph).collect();
    format!("<title>Bread</title><article>{body}</article>")
}

/// A site that sends this head, without the status line, and this body.
fn sends(head: impl Into<String>, body: impl Into<Vec<u8>>) -> RawSite {
    let (head, body) = (head.into(), body.into());
    RawSite::start(move |mut stream| {
        if read_head(&mut stream).is_ok() {
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n\r\n");
            // The client closes the connection once it has enough.
            drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
        }
    })
}

fn labeled(media_type: &str, body: impl Into<Vec<u8>>) -> RawSite {
    let body = body.into();
    sends(format!("Content-Type: {media_type}\r\nContent-Length: {}", body.len()), body)
}

/// The body in the coding `chunked`, which does not announce its size.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut sent: Vec<u8> = Vec::new();
    for chunk in body.chunks(4_096) {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"0\r\n\r\n");
    sent
}

async fn scraped(site: &RawSite) -> JobReport {
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network");
    let engine = Engine::builder().store(Memory::default()).http(http).build().expect("built");
    let item = Item::get(site.url("/")).formats([Format::Raw]).max_response_bytes(LIMIT);
    engine.scrape(item).await.expect("accepted")
}

/// Checks that the page is the beginning of `whole`, cut between its tags.
fn assert_cut(report: &JobReport, whole: &str, original: Option<u64>, case: &str) {
    let page = report.result().unwrap_or_else(|error| panic!("{case}: {error}"));
    let Truncation { kept_bytes, original_bytes, .. } =
        page.content_truncated.unwrap_or_else(|| panic!("{case}: it is not labeled"));
    assert_eq!(original_bytes, original, "{case}");
    assert!((LIMIT - 200..=LIMIT).contains(&kept_bytes), "{case}: {kept_bytes}");
    assert_eq!(page.size_bytes, kept_bytes, "{case}");
    let raw = page.format(Format::Raw).and_then(|it| it.as_str()).expect("it was requested");
    assert!(whole.starts_with(raw) && raw.len() as u64 == kept_bytes, "{case}");
    assert_eq!(raw.matches('<').count(), raw.matches('>').count(), "{case}: within a tag");
    let warnings = &page.extracted.warnings;
    assert!(warnings.iter().any(|it| it.contains("raise `max_response_bytes`")), "{warnings:?}");
}

#[tokio::test]
async fn a_page_above_its_limit_is_cut_and_labeled() {
    let page = long_page();
    let size = page.len() as u64;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(page.as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let html = "Content-Type: text/html; charset=utf-8";
    let length = gzip.len();
    for (case, site, original) in [
        ("announced", labeled("text/html; charset=utf-8", page.clone()), Some(size)),
        (
            "chunked",
            sends(format!("{html}\r\nTransfer-Encoding: chunked"), chunked(page.as_bytes())),
            Some(size),
        ),
        (
            "compressed",
            sends(format!("{html}\r\nContent-Encoding: gzip\r\nContent-Length: {length}"), gzip),
            Some(size),
        ),
    ] {
        let report = scraped(&site).await;

        assert_cut(&report, &page, original, case);
        let text = report.result().expect("a page").text().expect("it has text");
        assert!(text.contains("Loaf 0") && !text.contains("Loaf 639"), "{case}");
    }
}

#[tokio::test]
async fn a_text_is_cut_between_its_characters() {
    let text = "é".repeat(30_000);
    let odd = format!("a{text}");

    let report = scraped(&labeled("text/plain; charset=utf-8", odd.clone())).await;

    let page = report.result().expect("a page");
    let expected = Truncation::new(LIMIT - 1, Some(odd.len() as u64));
    assert_eq!(page.content_truncated, Some(expected));
    assert_eq!(page.size_bytes, LIMIT - 1);
}

#[tokio::test]
async fn a_page_at_its_limit_is_whole() {
    let mut page = long_page();
    page.truncate(usize::try_from(LIMIT).expect("small"));

    let report = scraped(&labeled("text/html; charset=utf-8", page)).await;

    let page = report.result().expect("a page");
    assert_eq!((page.content_truncated, page.size_bytes), (None, LIMIT));
}

#[tokio::test]
async fn a_document_that_is_worth_nothing_in_part_is_refused() {
    let json = format!("{{\"text\": \"{}\"}}", "x".repeat(30_000));
    let pdf = format!("%PDF-1.7\n{}", "x".repeat(30_000));
    for (case, site) in [
        ("JSON labeled as text", labeled("text/plain", json.clone())),
        ("JSON labeled as a page", labeled("text/html", json.clone())),
        ("json", labeled("application/json", json)),
        ("pdf", labeled("application/pdf", pdf.clone())),
        ("a PDF labeled as a page", labeled("text/html", pdf)),
    ] {
        let report = scraped(&site).await;

        let error = report.result().expect_err(case);
        assert_eq!(error.code, ErrorCode::ContentTooLarge, "{case}");
    }
}

#[tokio::test]
async fn a_text_ends_with_a_whole_line() {
    let rows = "loaf,flour,water\n".repeat(4_000);
    let chunks =
        sends("Content-Type: text/csv\r\nTransfer-Encoding: chunked", chunked(rows.as_bytes()));
    for (case, site) in [("announced", labeled("text/csv", rows.clone())), ("chunked", chunks)] {
        let report = scraped(&site).await;

        let page = report.result().expect("a page");
        let raw = page.format(Format::Raw).and_then(|it| it.as_str()).expect("it was requested");
        assert!(raw.ends_with("water\n") && raw.len() > 19_900, "{case}");
    }
}

#[tokio::test]
async fn a_page_whose_text_is_behind_the_cut_is_refused_at_no_charge() {
    let style = "b{color:red}".repeat(3_000);
    let page = format!("<title>Bread</title><style>{style}</style>{}", long_page());

    let report = scraped(&labeled("text/html", page)).await;

    let error = report.result().expect_err("there is nothing to read");
    assert_eq!((error.code, report.trail().len()), (ErrorCode::ContentTooLarge, 1));
    assert!(error.message.contains("raise `max_response_bytes`"), "{error}");
    assert_eq!(report.charged(), Credits::ZERO);
}

#[tokio::test]
async fn a_page_above_the_greatest_limit_is_refused() {
    let length = MAX_RESPONSE_BYTES + 1;
    let site = sends(format!("Content-Type: text/html\r\nContent-Length: {length}"), long_page());

    let report = scraped(&site).await;

    let error = report.result().expect_err("it is far too long");
    assert_eq!(error.code, ErrorCode::ContentTooLarge);
    assert!(error.message.contains("52428800 bytes"), "{error}");
}
