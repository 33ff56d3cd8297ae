//! The limits: bytes, time, and the caller's going away.

use std::io::Write;
use std::time::Duration;

use super::Html;
use crate::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched};
use crate::testkit::fetcher::samples::gzip;
use crate::testkit::fetcher::shared::{self, Pages, assert_kind, attempt, get};
use crate::testkit::fetcher::sites::{Raw, Told, trickle};
use crate::testkit::fetcher::{AMPLE, SHORT, ends, request};
use crate::testkit::site::{Site, SiteResponse};

/// What a body may have in these checks.
const LIMIT: u64 = 50_000;
/// What a site sends that has no end in sight: enough to be noticed, too little to do harm.
const FLOOD: usize = 16 << 20;

async fn limited(fetcher: &Html, url: &str) -> Result<Fetched, FetchError> {
    let ask = request(url, fetcher.tier());
    attempt(fetcher, FetchRequest { max_bytes: LIMIT, ..ask }).await
}

async fn in_short(fetcher: &Html, url: &str) -> Result<Fetched, FetchError> {
    let ask = request(url, fetcher.tier());
    attempt(fetcher, FetchRequest { deadline: SHORT, ..ask }).await
}

/// To the byte.
pub async fn a_body_is_kept_up_to_its_limit_and_no_further(fetcher: Html) {
    let site = Site::start(|request| {
        let length = request.path[1..].parse().unwrap_or(0);
        SiteResponse::html(vec![b'x'; length])
    });

    let just = limited(&fetcher, &site.url(&format!("/{LIMIT}"))).await;
    let over = limited(&fetcher, &site.url(&format!("/{}", LIMIT + 1))).await;

    assert_eq!(just.map(|it| it.body.len() as u64).ok(), Some(LIMIT), "a body of just the limit");
    assert_kind(over, Kind::TooLarge);
}

/// Its head is enough to know.
pub async fn a_body_that_says_it_is_too_large_is_refused(fetcher: Html) {
    let site = Raw::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?;
        flood(stream, &[b'x'; 16_384])
    });

    assert_kind(limited(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// A flood, in chunks and up to the end of the connection.
pub async fn a_body_of_unknown_length_is_cut_at_the_limit(fetcher: Html) {
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

/// Sixteen mebibytes packed into sixteen kibibytes.
pub async fn a_compressed_body_counts_as_what_it_becomes(fetcher: Html) {
    let packed = gzip(&vec![0; FLOOD]).await;
    assert!((packed.len() as u64) < LIMIT, "what travels is within the limit");
    let site =
        Site::start(move |_| SiteResponse::html(packed.clone()).header("content-encoding", "gzip"));

    assert_kind(limited(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// A head is buffered whole, so it has a limit too.
pub async fn headers_without_end_end(fetcher: Html) {
    let site = Raw::start(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        flood(stream, b"X-More: and more and more and more\r\n")?;
        stream.write_all(b"Content-Length: 0\r\n\r\n")
    });

    assert_kind(get(&fetcher, &site.url("/")).await, Kind::TooLarge);
}

/// The connection is there, and nothing comes.
pub async fn a_site_that_never_answers_ends_at_the_deadline(fetcher: Html) {
    shared::a_silent_site_is_a_timeout(&fetcher).await;
}

/// Something comes all the time, and it is never enough.
pub async fn a_head_that_trickles_ends_at_the_deadline(fetcher: Html) {
    let site = Raw::start(|stream| trickle(stream, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"));

    assert_kind(in_short(&fetcher, &site.url("/")).await, Kind::Timeout);
}

/// The deadline is the attempt's, not the head's.
pub async fn a_body_that_trickles_ends_at_the_deadline(fetcher: Html) {
    let site = Raw::start(|stream| {
        trickle(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
    });

    assert_kind(in_short(&fetcher, &site.url("/")).await, Kind::Timeout);
}

/// Each hop is within the deadline, all of them are not.
pub async fn one_deadline_covers_every_hop(fetcher: Html) {
    let site = Site::start(|request| {
        let number: u64 = request.path.trim_start_matches("/n").parse().unwrap_or(0);
        SiteResponse::redirect(302, &format!("/n{}", number + 1)).delay(SHORT / 2)
    });

    assert_kind(in_short(&fetcher, &site.url("/n0")).await, Kind::Timeout);
}

/// The engine may have used up the ladder's time by then.
pub async fn no_time_at_all_is_a_timeout(fetcher: Html) {
    shared::no_time_is_a_timeout(&fetcher).await;
}

/// While the answer is waited for.
pub async fn a_dropped_attempt_closes_its_connection(fetcher: Html) {
    shared::dropping_closes(&fetcher, b"").await;
}

/// While the body is read.
pub async fn a_body_is_given_up_with_its_attempt(fetcher: Html) {
    let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first words";
    shared::dropping_closes(&fetcher, begin).await;
}

/// Between two hops: the answer to the first comes when nobody waits for it.
pub async fn a_dropped_attempt_follows_no_redirect(fetcher: Html) {
    let mut site = Told::sending_on();
    let mut attempt = fetcher.attempt(request(&site.url("/"), fetcher.tier()));
    tokio::select! {
        result = &mut attempt => panic!("the attempt ended by itself: {result:?}"),
        it = ends(AMPLE, "the request", site.arrived.recv()) => it.expect("the site is there"),
    }

    drop(attempt);
    site.go_on();

    ends(Duration::ZERO, "the connection of a dropped attempt", site.closed.recv()).await;
    assert_eq!(site.followed(), 0, "the next hop was asked for");
}
