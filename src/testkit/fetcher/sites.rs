//! Fixture sites that count, hang, trickle and signal.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::testkit::site::{RawSite, read_head};

/// The pause between the bytes of a trickling body.
const DROP: Duration = Duration::from_millis(20);

/// A site that reads and counts one request per connection and responds with arbitrary bytes.
pub(super) struct Raw {
    site: RawSite,
    heads: Arc<AtomicUsize>,
}

impl Raw {
    pub(super) fn start(
        answer: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let heads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heads);
        let site = RawSite::start(move |mut stream| {
            if read_head(&mut stream).is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
                // The client hanging up is what ends most of these.
                let _ = answer(&mut stream);
            }
        });
        Self { site, heads }
    }

    /// Starts a site that sends these bytes and closes the connection.
    pub(super) fn says(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |stream| stream.write_all(&bytes))
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.site.url(path)
    }

    /// Returns the number of requests.
    pub(super) fn requests(&self) -> usize {
        self.heads.load(Ordering::SeqCst)
    }
}

/// Reads until the other side has closed the connection.
pub(super) fn hang(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Writes `begin` and then single bytes with pauses, until the other side has closed the connection.
pub(super) fn trickle(stream: &mut TcpStream, begin: &[u8], each: &[u8]) -> io::Result<()> {
    stream.write_all(begin)?;
    loop {
        stream.write_all(each)?;
        std::thread::sleep(DROP);
    }
}

/// A site that signals when a request has arrived and when its connection was closed.
pub(super) struct SignalingSite {
    site: RawSite,
    pub(super) arrived: UnboundedReceiver<()>,
    pub(super) closed: UnboundedReceiver<()>,
    go_on: mpsc::Sender<()>,
    followed: Arc<AtomicUsize>,
}

struct Signals {
    arrived: UnboundedSender<()>,
    closed: UnboundedSender<()>,
    go: Mutex<mpsc::Receiver<()>>,
    followed: Arc<AtomicUsize>,
}

impl SignalingSite {
    /// Starts a site that sends `begin` and then nothing more.
    pub(super) fn hanging_after(begin: &'static [u8]) -> Self {
        Self::start(move |stream, signals| {
            read_head(stream)?;
            stream.write_all(begin)?;
            let _ = signals.arrived.send(());
            hang(stream)
        })
    }

    /// Starts a site that redirects to `/next` on a signal and counts the requests that follow.
    pub(super) fn sending_on() -> Self {
        Self::start(|stream, signals| {
            let answer = |path: &str| match path {
                "/next" => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                _ => "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
            };
            loop {
                let head = read_head(stream)?;
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                if path == "/next" {
                    signals.followed.fetch_add(1, Ordering::SeqCst);
                } else {
                    let _ = signals.arrived.send(());
                    let go = signals.go.lock().unwrap_or_else(PoisonError::into_inner);
                    let _ = go.recv();
                }
                stream.write_all(answer(&path).as_bytes())?;
            }
        })
    }

    fn start(
        serve: impl Fn(&mut TcpStream, &Signals) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let (tell_arrived, arrived) = unbounded_channel();
        let (tell_closed, closed) = unbounded_channel();
        let (go_on, go) = mpsc::channel();
        let followed = Arc::new(AtomicUsize::new(0));
        let signals = Signals {
            arrived: tell_arrived,
            closed: tell_closed,
            go: Mutex::new(go),
            followed: Arc::clone(&followed),
        };
        let site = RawSite::start(move |mut stream| {
            // However it ends, the other side is gone then.
            let _ = serve(&mut stream, &signals);
            let _ = signals.closed.send(());
        });
        Self { site, arrived, closed, go_on, followed }
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.site.url(path)
    }

    pub(super) fn go_on(&self) {
        // Nobody waits any more if the connection broke meanwhile.
        let _ = self.go_on.send(());
    }

    pub(super) fn followed(&self) -> usize {
        self.followed.load(Ordering::SeqCst)
    }
}

/// Serves one whole request on a connection, and closes it in the middle of the second, which it
/// counts as a reuse.
pub(super) fn closing_after_one(
    stream: &mut TcpStream,
    posts: &AtomicUsize,
    reuses: &AtomicUsize,
) -> io::Result<()> {
    read_post(stream, posts)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    read_post(stream, posts)?;
    reuses.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

fn read_post(stream: &mut TcpStream, posts: &AtomicUsize) -> io::Result<()> {
    let head = read_head(stream)?;
    let length = head.lines().find_map(|it| {
        let (name, value) = it.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    posts.fetch_add(1, Ordering::SeqCst);
    Ok(())
}
