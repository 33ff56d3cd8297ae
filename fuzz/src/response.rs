//! The HTTP client over a server that sends the fuzzer's bytes for a response.
//!
//! The first byte is the number of pieces in which they are sent, the second selects the body limit. Then the server
//! closes the connection. No request leaves the loopback interface: redirects are followed only if every `Location` in
//! the input is a plain path.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rungs::core::request::{Item, Limits};
use rungs::core::tier::Tier;
use rungs::core::url::PageUrl;
use rungs::fetch::http::{Http, HttpLimits};
use rungs::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher};
use rungs::testkit::site::{RawSite, read_head};

use super::bytes::Bytes;

/// The deadline, longer than any response takes on a busy machine. The server never waits, so it must not expire.
const DEADLINE: Duration = Duration::from_secs(60);
const LIMITS: [u64; 4] = [0, 100, 4_096, 1_048_576];
const MAX_REDIRECTS: usize = 3;

/// The response of the server, and the number of pieces in which it is sent.
static SENT: Mutex<(Vec<u8>, usize)> = Mutex::new((Vec::new(), 1));
/// One input at a time: they share the server.
static TURN: Mutex<()> = Mutex::new(());
static SITE: LazyLock<RawSite> = LazyLock::new(|| RawSite::start(serve));

fn serve(mut stream: TcpStream) {
    let (bytes, pieces) = SENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if read_head(&mut stream).is_err() || stream.set_nodelay(true).is_err() {
        return;
    }
    for piece in bytes.chunks((bytes.len() / pieces).max(1)) {
        // A client that has seen enough hangs up.
        if stream.write_all(piece).is_err() {
            return;
        }
    }
}

pub fn run(data: &[u8]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bytes = Bytes::new(data);
    let pieces = 1 + bytes.below(8);
    let (most, tier) = (bytes.pick(&LIMITS), bytes.pick(&[Tier::Curl, Tier::Http, Tier::LightJs]));
    let sent = bytes.rest();
    *SENT.lock().unwrap_or_else(PoisonError::into_inner) = (sent.to_vec(), pieces);
    let redirects = if stays_here(sent) { MAX_REDIRECTS } else { 0 };

    let answer = rungs::testkit::run(fetch(most, tier, redirects));

    match answer {
        Ok(page) => {
            assert!(page.body.len() as u64 <= most, "{} of {most} bytes", page.body.len());
            // An unrequested change of protocol is a status like any other. hyper consumes the other statuses
            // below 200.
            assert!(matches!(page.status, 101 | 200..=999), "status {}", page.status);
            assert!(page.redirects.len() <= redirects);
            assert!(page.final_url.starts_with(&SITE.url("")), "{}", page.final_url);
            let lower = |it: &str| it.bytes().all(|it| !it.is_ascii_uppercase());
            assert!(page.headers.iter().all(|(name, _)| lower(name)));
        }
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, Kind::Broken | Kind::TooLarge | Kind::Redirect), "{error:?}");
            assert!(!error.to_string().is_empty());
        }
    }
}

async fn fetch(most: u64, tier: Tier, max_redirects: usize) -> Result<Fetched, FetchError> {
    let limits = HttpLimits::default()
        .with_max_redirects(max_redirects)
        .with_first_byte_timeout(DEADLINE)
        .with_total_timeout(DEADLINE);
    let http = Http::new().allow_network("127.0.0.0/8").expect("a network").limits(limits);
    let options = Item::get("https://example.com/").check(&Limits::default()).expect("an item");
    let url = PageUrl::parse(&SITE.url("/page")).expect("the site's own address");
    let request = FetchRequest::new(Arc::new(options), tier).with_url(url);
    http.fetch(request.with_deadline(DEADLINE).with_max_bytes(most)).await
}

/// Returns `true` if every `Location` certainly leads to a path of the same server.
fn stays_here(sent: &[u8]) -> bool {
    let lower = sent.to_ascii_lowercase();
    let mut rest = lower.as_slice();
    while let Some(at) = rest.windows(8).position(|it| it == b"location") {
        rest = &rest[at + 8..];
        let plain = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'/' | b'?' | b'=');
        let value = rest.strip_prefix(b": /").unwrap_or(b"//");
        let end = value.iter().position(|it| *it == b'\r').unwrap_or(value.len());
        if value.starts_with(b"/") || !value[..end].iter().all(plain) {
            return false;
        }
    }
    true
}
