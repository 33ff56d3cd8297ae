//! Bodies that end oddly, or are not what their labels say.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher};
use rungs::testkit::site::{RawSite, read_head};

use crate::support::PATIENCE;

fn page() -> Vec<u8> {
    let rows = (0..400).map(|it| format!("<p>Berth {it} opens at {}.</p>", it * 7));
    let rows = rows.collect::<Vec<_>>().concat();
    format!("<!DOCTYPE html><html><body>{rows}</body></html>\n").into_bytes()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

/// Compresses without ending the stream.
fn unfinished(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("memory");
    encoder.flush().expect("memory");
    encoder.get_ref().clone()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

/// Fetches from a site that responds with these headers and body, and then waits for the client to close if `stays`.
async fn fetched(headers: &str, body: &[u8], stays: bool) -> Result<Fetched, FetchError> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{headers}\r\n");
    let response = [head.as_bytes(), body].concat();
    let site = RawSite::start(move |mut stream| {
        if read_head(&mut stream).is_ok() && stream.write_all(&response).is_ok() && stays {
            let _ = read_head(&mut stream);
        }
    });
    let options = Item::get(site.url("/")).check(&Limits::default()).expect("item");
    let request = FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(PATIENCE);
    let http = Http::new().allow_network("127.0.0.0/8").expect("network");
    http.fetch(request).await
}

/// Returns the head lines of a body that is encoded and has its right length.
fn labeled(coding: &str, length: usize) -> String {
    format!("Content-Encoding: {coding}\r\nContent-Length: {length}\r\n")
}

#[tokio::test]
async fn a_compressed_page_with_a_damaged_end_is_fetched_with_a_warning() {
    let (plain, whole) = (page(), gzip(&page()));
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 0xff;
    let zipped = zlib(&plain);
    for (name, coding, body) in [
        ("no trailer", "gzip", whole[..whole.len() - 8].to_vec()),
        ("half a trailer", "gzip", whole[..whole.len() - 3].to_vec()),
        ("text behind", "gzip", [&whole, b"<!-- cached -->".as_slice()].concat()),
        ("a wrong checksum", "gzip", wrong_sum),
        ("an unfinished stream", "gzip", unfinished(&plain)),
        ("no checksum", "deflate", zipped[..zipped.len() - 4].to_vec()),
        ("text behind", "deflate", [&deflate(&plain), b"x".as_slice()].concat()),
    ] {
        for head in [labeled(coding, body.len()), format!("Content-Encoding: {coding}\r\n")] {
            let page = fetched(&head, &body, false).await;
            let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(page.body == plain, "{name}");
            // Bytes behind a raw stream are not looked at.
            let is_noticed = (name, coding) != ("text behind", "deflate");
            assert_eq!(page.warnings.len(), usize::from(is_noticed), "{name}");
        }
    }
}

#[tokio::test]
async fn several_members_and_zeros_behind_them_are_no_fault() {
    let (first, second) = (gzip(b"<p>one</p>"), gzip(b"<p>two</p>"));
    let body = [first, second, vec![0; 64]].concat();

    let page = fetched(&labeled("gzip", body.len()), &body, false).await.expect("a page");

    assert_eq!(page.body, b"<p>one</p><p>two</p>");
    assert!(page.warnings.is_empty(), "{:?}", page.warnings);
}

#[tokio::test]
async fn a_length_that_is_too_large_does_not_cost_a_whole_page() {
    let (plain, whole) = (page(), gzip(&page()));
    for stays in [false, true] {
        let packed = fetched(&labeled("gzip", plain.len()), &whole, stays).await.expect("a page");
        let bare = fetched(&labeled("identity", plain.len() + 9), &plain, stays).await;
        let bare = bare.expect("a page");

        assert!(packed.body == plain && bare.body == plain, "{stays}");
        assert_eq!((packed.warnings.len(), bare.warnings.len()), (1, 1), "{stays}");
    }
}

#[tokio::test]
async fn a_cut_stream_is_returned_if_its_length_was_right() {
    let (plain, whole) = (page(), gzip(&page()));
    let half = &whole[..whole.len() / 2];

    let framed = fetched(&labeled("gzip", half.len()), half, false).await.expect("half a page");
    let closed = fetched("Content-Encoding: gzip\r\n", half, false).await;
    let short = fetched(&labeled("gzip", whole.len()), half, false).await;

    assert!(plain.starts_with(&framed.body) && framed.body.len() > 100);
    assert!(framed.warnings[0].contains("cut short"), "{:?}", framed.warnings);
    for broken in [closed, short] {
        assert_eq!(broken.expect_err("the rest may come next time").kind(), Kind::Broken);
    }
}

#[tokio::test]
async fn labels_are_checked_against_the_bytes() {
    let plain = page();
    for (name, headers, body, warnings) in [
        ("no label", "", gzip(&plain), 0),
        ("gzip for nothing", "Content-Encoding: gzip\r\n", plain.clone(), 1),
        ("br for nothing", "Content-Encoding: br\r\n", plain.clone(), 1),
        ("deflate for gzip", "Content-Encoding: deflate\r\n", gzip(&plain), 0),
        ("br for gzip", "Content-Encoding: br\r\n", gzip(&plain), 0),
        ("gzip for zlib", "Content-Encoding: gzip\r\n", zlib(&plain), 0),
        ("gzip for raw deflate", "Content-Encoding: gzip\r\n", deflate(&plain), 0),
        ("a charset", "Content-Encoding: utf-8\r\n", plain.clone(), 0),
        ("a charset for gzip", "Content-Encoding: utf-8\r\n", gzip(&plain), 0),
        ("gzip said twice", "Content-Encoding: gzip, gzip\r\n", gzip(&plain), 1),
        ("gzip done twice", "Content-Encoding: gzip\r\n", gzip(&gzip(&plain)), 0),
        ("gzip as transfer", "Transfer-Encoding: gzip\r\n", gzip(&plain), 0),
    ] {
        let page = fetched(headers, &body, false).await;
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.body == plain, "{name}");
        assert_eq!(page.warnings.len(), warnings, "{name}: {:?}", page.warnings);
    }
}

#[tokio::test]
async fn an_archive_stays_an_archive() {
    let archive = gzip(b"a file");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\n\r\n";
    let response = [head.as_bytes(), &archive].concat();
    let site = RawSite::start(move |mut stream| {
        let _ = read_head(&mut stream);
        let _ = stream.write_all(&response);
    });
    let options = Item::get(site.url("/")).check(&Limits::default()).expect("item");
    let request = FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(PATIENCE);
    let http = Http::new().allow_network("127.0.0.0/8").expect("network");

    assert_eq!(http.fetch(request).await.expect("a file").body, archive);
}
