//! Limits: bytes, time, and a caller that drops the attempt.

use std::io::Write;
use std::time::Duration;

use super::AnyHttpFetcher;
use crate::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched};
use crate::testkit::fetcher::samples::gzip;
use crate::testkit::fetcher::shared::{self, Pages, assert_kind, attempt, get};
use crate::testkit::fetcher::sites::{Raw, SignalingSite, trickle};
use crate::testkit::fetcher::{AMPLE, SHORT, ends, request};
use crate::testkit::kit::{MustBeThere, breach, must_eq};
use crate::testkit::site::{Site, SiteResponse};

/// The byte limit of these checks.
const LIMIT: u64 = 50_000;
/// The bytes of a body that should have been cut off: enough to be noticed, too few to do harm.
const FLOOD: usize = 16 << 20;

async fn limited(fetcher: &AnyHttpFetcher, url: &str) -> Result<Fetched, FetchError> {
    let ask = request(url, fetcher.tier());
    attempt(fetcher, FetchRequest { max_bytes: LIMIT, ..ask }).await
}

async fn in_short(fetcher: &AnyHttpFetcher, url: &str) -> Result<Fetched, FetchError> {
    let ask = request(url, fetcher.tier());
    attempt(fetcher, FetchRequest { deadline: SHORT, ..ask }).await
}

/// A body of exactly `max_bytes` is returned, and one byte more is refused.
pub async fn a_body_is_returned_up_to_its_limit(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| {
        let length = request.path[1..].parse().unwrap_or(0);
        SiteResponse::html(vec![b'x'; length])
    });

    let just = limited(&fetcher, &site.url(&format!("/{LIMIT}"))).await;
    let over = limited(&fetcher, &site.url(&format!("/{}", LIMIT + 1))).await;

    must_eq!(
        just.map(|it| it.body.len() as u64).ok(),
        Some(LIMIT),
        "the length of a body of exactly `max_bytes`"
    );
    assert_kind(over, Kind::TooLarge);
}

/// A `Content-Length` above the limit is refused.
pub async fn a_declared_length_above_the_limit_is_refused(fetcher: AnyHttpFetcher) {
    let site = Raw::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
        flood(stream, &[b'x'; 16_384])
    });

    assert_kind(limited(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// An endless body is refused at the limit, chunked or not.
pub async fn a_body_of_unknown_length_is_refused_at_the_limit(fetcher: AnyHttpFetcher) {
    let chunk = [b"4000\r\n", &[b'x'; 16_384][..], b"\r\n"].concat();
    let chunked = Raw::start(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        flood(stream, &chunk)?;
        stream.write_all(b"0\r\n\r\n")
    });
    let open = Raw::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        flood(stream, &[b'x'; 16_384])
    });

    for site in [chunked, open] {
        assert_kind(limited(&fetcher, &site.url("/")).await, Kind::TooLarge);
    }
}

fn flood(stream: &mut impl Write, piece: &[u8]) -> std::io::Result<()> {
    for _ in 0..FLOOD / piece.len() {
        stream.write_all(piece)?;
    }
    Ok(())
}

/// The limit applies after decompression: 16 MiB compressed to 16 KiB are refused.
pub async fn the_body_limit_applies_after_decompression(fetcher: AnyHttpFetcher) {
    let packed = gzip(&vec![0; FLOOD]).await;
    assert!((packed.len() as u64) < LIMIT, "what travels is within the limit");
    let site =
        Site::start(move |_| SiteResponse::html(packed.clone()).header("content-encoding", "gzip"));

    assert_kind(limited(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// Response heads have a limit too, because they are buffered.
pub async fn endless_headers_are_refused(fetcher: AnyHttpFetcher) {
    let site = Raw::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        flood(stream, b"X-More: and more and more and more\r\n")?;
        stream.write_all(b"Content-Length: 0\r\n\r\n")
    });

    assert_kind(get(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// A site that accepts the connection and sends nothing ends the attempt at its deadline.
pub async fn a_site_that_never_answers_ends_at_the_deadline(fetcher: AnyHttpFetcher) {
    shared::a_silent_site_is_a_timeout(&fetcher).await;
}

/// A body that trickles ends at the deadline.
pub async fn a_head_that_trickles_ends_at_the_deadline(fetcher: AnyHttpFetcher) {
    let site = Raw::start(|stream| trickle(stream, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"));

    assert_kind(in_short(&fetcher, &site.url("/")).await, Kind::Timeout);
}

/// The deadline covers the body, not only the head.
pub async fn a_body_that_trickles_ends_at_the_deadline(fetcher: AnyHttpFetcher) {
    let site = Raw::start(|stream| {
        trickle(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
    });

    assert_kind(in_short(&fetcher, &site.url("/")).await, Kind::Timeout);
}

/// The deadline covers all redirects together.
pub async fn one_deadline_covers_every_hop(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| {
        let number: u64 = request.path.trim_start_matches("/n").parse().unwrap_or(0);
        SiteResponse::redirect(302, &format!("/n{}", number + 1)).delay(SHORT / 2)
    });

    assert_kind(in_short(&fetcher, &site.url("/n0")).await, Kind::Timeout);
}

/// A zero deadline is a timeout: the job's time may be used up.
pub async fn a_zero_deadline_is_a_timeout(fetcher: AnyHttpFetcher) {
    shared::a_deadline_of_zero_is_a_timeout(&fetcher).await;
}

/// Dropping the attempt while it waits for the response closes the connection.
pub async fn a_dropped_attempt_closes_its_connection(fetcher: AnyHttpFetcher) {
    shared::dropping_closes(&fetcher, b"").await;
}

/// Dropping the attempt while it reads the body closes the connection.
pub async fn dropping_an_attempt_drops_its_body(fetcher: AnyHttpFetcher) {
    let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first words";
    shared::dropping_closes(&fetcher, begin).await;
}

/// Dropping the attempt between two redirects sends no further request.
pub async fn a_dropped_attempt_follows_no_redirect(fetcher: AnyHttpFetcher) {
    let mut site = SignalingSite::sending_on();
    let mut attempt = fetcher.attempt(request(&site.url("/"), fetcher.tier()));
    tokio::select! {
        result = &mut attempt => breach!("an attempt at a silent site ended with {result:?}", "wait until it is dropped or its deadline passes"),
        it = ends(AMPLE, "the request", site.arrived.recv()) => it.must_be_there("the request"),
    }

    drop(attempt);
    site.go_on();

    ends(Duration::ZERO, "the connection of a dropped attempt", site.closed.recv()).await;
    must_eq!(site.followed(), 0, "the number of redirects followed after the attempt was dropped");
}
