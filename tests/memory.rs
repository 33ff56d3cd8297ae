//! Hostile servers against a whole engine: each job ends with its code, its credits are released, and its memory is
//! measured.
//!
//! A separate program whose tests run one after another, because memory is measured per process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rungs::Engine;
use rungs::core::credits::Credits;
use rungs::core::failure::ErrorCode;
use rungs::core::id::AccountId;
use rungs::core::job::JobState;
use rungs::core::request::{Format, Item};
use rungs::engine::{JobReport, Settings};
use rungs::fetch::Http;
use rungs::stores::Memory;
use rungs::testkit::site::{RawSite, Site, SiteResponse, read_head};

/// The limit of every item's response body.
const MAX_RESPONSE_BYTES: u64 = 4 << 20;
/// The memory limit of a job: its body, its body again while the buffer grows, and twice that for the formats.
const JOB_BYTES: u64 = 4 * MAX_RESPONSE_BYTES;
/// Threads, sockets, decoders' windows, and the server, which is in this process too.
const OVERHEAD_BYTES: u64 = 8 << 20;
/// The time after which a job counts as hanging, far beyond every deadline here.
const HANGS: Duration = Duration::from_mins(1);

static TURN: Mutex<()> = Mutex::new(());

/// A reading of this process in bytes.
fn reading(name: &str) -> u64 {
    let status =
        std::fs::read_to_string("/proc/self/status").expect("Linux tells a process's memory");
    let line = status.lines().find(|it| it.starts_with(name)).expect("the reading is there");
    let kib = line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    kib.expect("a number of kibibytes") * 1_024
}

fn engine() -> Engine {
    let mut settings = Settings::default();
    settings.retry.first = Duration::from_millis(1);
    Engine::builder()
        .store(Memory::default())
        .http(Http::new().allow_network("127.0.0.0/8").expect("a network"))
        .settings(settings)
        .build()
        .expect("all parts are there")
}

fn item(url: String) -> Item {
    let formats = [Format::Markdown, Format::Text, Format::Html, Format::Json];
    Item::get(url).formats(formats).max_response_bytes(MAX_RESPONSE_BYTES)
}

/// A page with enough on it to be read without a doubt.
fn good_page() -> String {
    let line = "Flour, water, salt and time are all that a good loaf needs, and of these time is \
        the one that most people are least willing to give.";
    format!("<title>Bread</title><article>{}</article>", format!("<p>{line}</p>").repeat(12))
}

/// Runs one job to its end, and checks its memory and that no credits are held.
fn end_of(item: Item) -> JobReport {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let engine = engine();
        // Allocations that are made once per process do not count for a job.
        let site = Site::start(|_| SiteResponse::html(good_page()));
        let first = engine.scrape(self::item(site.url("/"))).await.expect("accepted");
        assert_eq!(first.job().state, JobState::Succeeded);
        // Resets the peak if the kernel allows it. Otherwise the peak is that of the process, which is not lower.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = reading("VmRSS:");

        let report = tokio::time::timeout(HANGS, engine.scrape(item)).await;

        let report = report.expect("the job hangs").expect("accepted");
        let took = reading("VmHWM:").saturating_sub(before);
        eprintln!("{took} bytes, {:?}", report.job().outcome);
        assert!(took <= JOB_BYTES + OVERHEAD_BYTES, "the job took {took} bytes");
        let account = engine.account(&AccountId::default()).await.expect("booked");
        let charged = first.charged().saturating_add(report.charged());
        assert_eq!((account.held(), account.spent()), (Credits::ZERO, charged));
        engine.shutdown().await;
        report
    })
}

/// The code that a job ends with.
fn code(item: Item) -> ErrorCode {
    let report = end_of(item);
    let error = report.result().expect_err("a hostile server gives no page");
    assert_eq!((report.job().state, report.charged()), (JobState::Failed, Credits::ZERO));
    error.code
}

/// Returns the error code for a server that reads the request and then runs `answer`.
fn code_of(
    answer: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> ErrorCode {
    let site = RawSite::start(move |mut stream| {
        if read_head(&mut stream).is_ok() {
            // Most of these end when the client closes the connection.
            let _ = answer(&mut stream);
        }
    });
    code(item(site.url("/")))
}

/// A page's text, from a server that is merely ugly.
fn text_of(body: Vec<u8>) -> String {
    let site = Site::start(move |_| SiteResponse::html(body.clone()));
    let report = end_of(item(site.url("/")));
    let page = report.result().expect("a page");
    page.extracted.text.clone()
}

#[test]
fn an_endless_body_is_too_large() {
    let code = code_of(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 16_384])?;
        }
    });

    assert_eq!(code, ErrorCode::ContentTooLarge);
}

#[test]
fn a_gzip_bomb_is_too_large() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 1 << 20]).expect("written");
    let member = encoder.finish().expect("finished");
    let code = code_of(move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")?;
        (0..1_024).try_for_each(|_| stream.write_all(&member))
    });

    assert_eq!(code, ErrorCode::ContentTooLarge);
}

#[test]
fn a_trickling_body_ends_at_the_jobs_timeout() {
    let site = RawSite::start(|mut stream| {
        let _ = read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        // Waiting for the client to close the connection slows it down.
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        while stream.read(&mut [0]).is_err() && stream.write_all(b"x").is_ok() {}
    });

    assert_eq!(code(item(site.url("/")).timeout(Duration::from_secs(1))), ErrorCode::Timeout);
}

#[test]
fn headers_that_never_end_are_too_large() {
    let code = code_of(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more and more\r\n")?;
        }
    });

    assert_eq!(code, ErrorCode::ContentTooLarge);
}

#[test]
fn thirty_redirects_are_the_targets_error() {
    let site = Site::start(|request| {
        let number: u32 = request.path.trim_start_matches("/n").parse().unwrap_or(0);
        match number {
            30 => SiteResponse::html(good_page()),
            _ => SiteResponse::redirect(302, &format!("/n{}", number + 1)),
        }
    });

    assert_eq!(code(item(site.url("/n0"))), ErrorCode::TargetHttpError);
    assert_eq!(site.hits_on("/n30"), 0);
}

#[test]
fn redirects_to_private_addresses_are_blocked() {
    for to in ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]:80/"] {
        let site = Site::start(move |_| SiteResponse::redirect(302, to));

        assert_eq!(code(item(site.url("/"))), ErrorCode::PrivateAddressBlocked, "{to}");
        assert_eq!(site.hits(), 1, "{to}");
    }
}

#[test]
fn a_reset_in_the_body_is_a_connection_error() {
    // The body ends with the connection, so a proper end here would be a page.
    let answer = |reset: bool| {
        move |stream: &mut TcpStream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
            stream.write_all(good_page().as_bytes())?;
            if reset {
                socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            }
            Ok(())
        }
    };
    let whole = RawSite::start(move |mut stream| {
        let _ = read_head(&mut stream).and_then(|_| answer(false)(&mut stream));
    });

    assert_eq!(code_of(answer(true)), ErrorCode::ConnectionError);
    assert_eq!(end_of(item(whole.url("/"))).job().state, JobState::Succeeded);
}

#[test]
fn a_wrong_content_length_is_a_connection_error() {
    let code = code_of(|stream| {
        let page = good_page();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len() + 100)
    });

    assert_eq!(code, ErrorCode::ConnectionError);
}

#[test]
fn a_page_with_invalid_bytes_is_read() {
    let mut body = good_page().into_bytes();
    body.extend((0..200_000_u32).map(|it| 0x80 | u8::try_from(it * 7 % 128).expect("seven bits")));

    let text = text_of(body);

    assert!(text.contains("good loaf"), "{text:.200}");
}

#[test]
fn twenty_thousand_tags_in_tags_overflow_no_stack() {
    for tag in ["div", "b"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let body = format!("{}{}{}", open.repeat(20_000), good_page(), close.repeat(20_000));

        let text = text_of(body.into_bytes());

        assert!(text.contains("good loaf"), "{tag}: {text:.200}");
    }
}
