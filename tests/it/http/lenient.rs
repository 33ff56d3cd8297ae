//! Responses that no strict parser accepts and every browser shows.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rungs::core::request::{Item, Limits, Method};
use rungs::core::tier::Tier;
use rungs::fetch::http::Http;
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher};
use rungs::testkit::site::{RawSite, read_head};

use crate::support::PATIENCE;

const PAGE: &str = "<!DOCTYPE html><title>Harbor</title><h1>Opening hours</h1>";

fn open() -> Http {
    Http::new().allow_network("127.0.0.0/8").expect("network")
}

async fn fetch_by(http: &Http, url: &str) -> Result<Fetched, FetchError> {
    let options = Item::get(url).check(&Limits::default()).expect("item");
    http.fetch(FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(PATIENCE)).await
}

/// A site that responds to every request of a connection with these bytes; it then closes the connection.
fn responding(response: Vec<u8>) -> RawSite {
    RawSite::start(move |mut stream| {
        if read_head(&mut stream).is_ok() {
            let _ = stream.write_all(&response);
        }
    })
}

async fn fetched(response: &[u8]) -> Result<Fetched, FetchError> {
    let site = responding(response.to_vec());
    fetch_by(&open(), &site.url("/")).await
}

#[tokio::test]
async fn a_head_that_browsers_accept_brings_the_page() {
    let many = (0..600).fold(String::new(), |all, at| all + &format!("X-{at}: y\r\n"));
    let cookies = (0..105).fold(String::new(), |all, at| all + &format!("Set-Cookie: c{at}=1\r\n"));
    let length = PAGE.len();
    for (name, head) in [
        ("an empty length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n".to_owned()),
        ("a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n".to_owned()),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n".to_owned()),
        ("a control character", "HTTP/1.1 200 OK\r\nX-Iinfo: 1\u{1}2\u{7}\r\n".to_owned()),
        ("a DEL", "HTTP/1.1 200 OK\r\nX: a\u{7f}b\r\n".to_owned()),
        ("a NUL", "HTTP/1.1 200 OK\r\nX: a\0b\r\n".to_owned()),
        ("blanks in a name", "HTTP/1.1 200 OK\r\nMy Own Header: x\r\n".to_owned()),
        ("an umlaut in a name", "HTTP/1.1 200 OK\r\nL\u{e4}nge: x\r\n".to_owned()),
        ("brackets in a name", "HTTP/1.1 200 OK\r\n[x]: y\r\n(z): y\r\n".to_owned()),
        ("a line without a colon", "HTTP/1.1 200 OK\r\nno colon here\r\n".to_owned()),
        ("an empty name", "HTTP/1.1 200 OK\r\n: x\r\n".to_owned()),
        ("a blank before the colon", "HTTP/1.1 200 OK\r\nX : y\r\n".to_owned()),
        ("a folded header", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\tz\r\n".to_owned()),
        ("a tab after LF", "HTTP/1.1 200 OK\nX: y\n\tz\n".to_owned()),
        ("LF alone", format!("HTTP/1.1 200 OK\nContent-Length: {length}\n")),
        ("a bare CR", "HTTP/1.1 200 OK\r\nX: a\rb\r\n".to_owned()),
        ("600 headers", format!("HTTP/1.1 200 OK\r\n{many}")),
        ("105 cookies", format!("HTTP/1.1 200 OK\r\n{cookies}")),
        ("version 2.0", "HTTP/2.0 200 OK\r\n".to_owned()),
        ("version 1.2", "HTTP/1.2 200 OK\r\n".to_owned()),
        ("lower case", "http/1.1 200 ok\r\n".to_owned()),
        ("no blank behind the status", "HTTP/1.1 200OK\r\n".to_owned()),
        ("no reason", "HTTP/1.1 200\r\n".to_owned()),
        ("blank lines first", "\r\n\r\nHTTP/1.1 200 OK\r\n".to_owned()),
        ("two equal lengths", format!("HTTP/1.1 200 OK\r\nContent-Length: {length}, {length}\r\n")),
    ] {
        let response = format!("{head}Content-Type: text/html\r\n\r\n{PAGE}");
        let page = fetched(response.as_bytes()).await;
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((page.status, page.body.as_slice()), (200, PAGE.as_bytes()), "{name}");
        let kind = ("content-type".to_owned(), "text/html".to_owned());
        assert!(page.headers.contains(&kind), "{name}: {:?}", page.headers);
    }
}

#[tokio::test]
async fn a_head_that_contradicts_itself_names_its_fault() {
    let two = fetched(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");

    let error = two.await.expect_err("which of the two?");

    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().contains("two different Content-Length"), "{error}");
}

#[tokio::test]
async fn chunks_in_any_form_are_joined() {
    for (coding, body) in [
        ("chunked", "5\nhello\n6\n world\n0\n\n"),
        ("chunked", "5;x=y\r\nhello\r\n06 \r\n world\r\n0\r\nTrailer: t\r\n\r\n"),
        ("chunked", "B\r\nhello world\r\n0\r\n"),
        ("chunked, identity", "B\r\nhello world\r\n0\r\n\r\n"),
        ("Chunked", "B\r\nhello world\r\n0\r\n\r\n"),
        ("identity", "hello world"),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n{body}");
        let page = fetched(response.as_bytes()).await.unwrap_or_else(|it| panic!("{body:?}: {it}"));
        assert_eq!(page.body, b"hello world", "{coding} {body:?}");
    }
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nB\r\nhello world\r\n0\r\n\r\n";
    assert_eq!(fetched(old).await.expect("a page").body, b"hello world");
}

#[tokio::test]
async fn a_lenient_response_leaves_the_connection_open() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let site = RawSite::start(move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        let responses = [
            "HTTP/1.1 100 Continue\n\nHTTP/1.1 200OK\nContent-Length: 5\n\nfirst",
            "http/1.1 200 OK\nTransfer-Encoding: chunked, identity\n\n6\nsecond\n0\n\n",
            "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 5, 5\r\n\r\nthird",
        ];
        for response in responses {
            if read_head(&mut stream).is_err() || stream.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    });
    let http = open();

    for expected in ["first", "second", "third"] {
        let page = fetch_by(&http, &site.url("/")).await.expect(expected);
        assert_eq!(String::from_utf8_lossy(&page.body), expected);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Serves one request, and resets the connection on its second one.
fn resets_the_second(mut stream: TcpStream) {
    if read_head(&mut stream).is_err() {
        return;
    }
    let response = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\npage";
    let _ = stream.write_all(response);
    if read_head(&mut stream).is_ok() {
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}

#[tokio::test]
async fn a_stale_connection_does_not_cost_a_page() {
    let site = RawSite::start(resets_the_second);
    let (http, url) = (open(), site.url("/"));
    // Several idle connections at once: the first retry must not meet the next stale one.
    let fetches = (0..6).map(|_| {
        let (http, url) = (http.clone(), url.clone());
        tokio::spawn(async move { fetch_by(&http, &url).await })
    });
    for fetch in fetches.collect::<Vec<_>>() {
        fetch.await.expect("no panic").expect("a page");
    }

    for number in 0..20 {
        let page = fetch_by(&http, &url).await;
        assert_eq!(page.expect("a page over a fresh connection").body, b"page", "{number}");
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_not_sent_again() {
    let site = RawSite::start(resets_the_second);
    let http = open();
    fetch_by(&http, &site.url("/")).await.expect("a page");

    let mut item = Item::get(site.url("/"));
    item.method = Method::Post;
    item.body = Some("x".into());
    let options = item.check(&Limits::default()).expect("item");
    let request = FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(PATIENCE);

    let error = http.fetch(request).await.expect_err("the order may have been placed");
    assert_eq!(error.kind(), Kind::Broken);
}
