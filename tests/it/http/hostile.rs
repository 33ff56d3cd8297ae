//! Malicious and broken servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::fetch::http::{Http, HttpLimits};
use rungs::ports::fetch::{FetchErrorKind as Kind, FetchRequest, HttpFetcher};
use rungs::testkit::site::{RawSite, Site, SiteResponse, read_head};

use crate::support::PATIENCE;

async fn failure(url: &str, limits: HttpLimits, deadline: Duration) -> Kind {
    let item = Item::get(url).max_response_bytes(1_000_000);
    let options = item.check(&Limits::default()).expect("item");
    let request = FetchRequest::new(Arc::new(options), Tier::Curl).with_deadline(deadline);
    let http = Http::new().allow_network("127.0.0.0/8").expect("network").limits(limits);
    http.fetch(request).await.expect_err("a hostile server gives no page").kind()
}

/// Fetches from a server that reads the request and then runs `answer`.
async fn meets(
    answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Kind {
    let site = RawSite::start(move |mut stream| {
        if read_head(&mut stream).is_ok() {
            // Most of these end when the client disconnects.
            let _ = answer(&mut stream);
        }
    });
    failure(&site.url("/"), HttpLimits::default(), PATIENCE).await
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let kind = meets(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 16_384])?;
        }
    });

    assert_eq!(kind.await, Kind::TooLarge);
}

#[tokio::test]
async fn a_body_declared_too_large_is_not_read() {
    let kind = meets(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")?;
        std::io::copy(stream, &mut std::io::sink()).map(drop)
    });

    assert_eq!(kind.await, Kind::TooLarge);
}

#[tokio::test]
async fn a_gzip_bomb_is_cut_at_the_limit() {
    // One member of a mebibyte, 1,024 times: a gibibyte in about one megabyte.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 1 << 20]).expect("write");
    let bomb = encoder.finish().expect("finish").repeat(1_024);
    let site =
        Site::start(move |_| SiteResponse::html(bomb.clone()).header("content-encoding", "gzip"));

    let kind = failure(&site.url("/"), HttpLimits::default(), PATIENCE).await;

    assert_eq!(kind, Kind::TooLarge);
}

#[tokio::test]
async fn endless_empty_gzip_members_are_cut_at_the_limit() {
    let member = GzEncoder::new(Vec::new(), Compression::fast()).finish().expect("empty");
    let members = member.repeat(1_000);
    let kind = meets(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")?;
        loop {
            stream.write_all(&members)?;
        }
    });

    assert_eq!(kind.await, Kind::TooLarge);
}

#[tokio::test]
async fn a_body_that_trickles_ends_at_the_deadline() {
    let site = RawSite::start(|mut stream| {
        let _ = read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        // Waiting for the client to disconnect delays the next byte.
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        while stream.read(&mut [0]).is_err() && stream.write_all(b"x").is_ok() {}
    });

    let kind = failure(&site.url("/"), HttpLimits::default(), Duration::from_millis(300)).await;

    assert_eq!(kind, Kind::Timeout);
}

#[tokio::test]
async fn a_missing_first_byte_times_out_before_the_deadline() {
    let site = Site::start(|_| SiteResponse::html("late").delay(4 * PATIENCE));
    let limits = HttpLimits::default().with_first_byte_timeout(Duration::from_millis(100));

    let url = site.url("/");
    let waited = failure(&url, limits, 2 * PATIENCE);
    let kind = tokio::time::timeout(PATIENCE, waited).await;

    assert_eq!(kind, Ok(Kind::Timeout));
}

#[tokio::test]
async fn endless_headers_are_cut_at_the_limit() {
    let many = meets(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more and more\r\n")?;
        }
    });
    let long = meets(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
        loop {
            stream.write_all(&[b'x'; 4_096])?;
        }
    });

    assert_eq!((many.await, long.await), (Kind::TooLarge, Kind::TooLarge));
}

#[tokio::test]
async fn a_short_body_is_broken() {
    let sized =
        meets(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"));
    let chunked = meets(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")
    });

    assert_eq!((sized.await, chunked.await), (Kind::Broken, Kind::Broken));
}

#[tokio::test]
async fn a_hang_up_and_noise_are_broken() {
    let hang_up = meets(|_| Ok(()));
    let noise = meets(|stream| stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"));

    assert_eq!((hang_up.await, noise.await), (Kind::Broken, Kind::Broken));
}

#[tokio::test]
async fn connection_and_tls_errors_differ() {
    let closed = {
        let site = RawSite::start(|_| ());
        site.url("/")
    };
    let plain = RawSite::start(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Speak plainly\r\n\r\n");
    });

    let limits = HttpLimits::default;
    let of_closed = failure(&closed, limits(), PATIENCE).await;
    let https = plain.url("/").replace("http://", "https://");
    let of_plain = failure(&https, limits(), PATIENCE).await;

    assert_eq!((of_closed, of_plain), (Kind::Connect, Kind::Tls));
}
