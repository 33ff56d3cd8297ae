//! Fixture sites on the loopback interface.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

/// The most bytes of a request's body that a site reads.
const MAX_REQUEST_BYTES: usize = 16 * 1_024 * 1_024;
/// The most connections of a [`RawSite`] at once; more are closed.
const MAX_RAW_CONNECTIONS: usize = 64;

/// A request as the site receives it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SiteRequest {
    /// The method.
    pub method: String,
    /// The request target: the path with its query, or a whole URL if the site is used as a proxy.
    pub path: String,
    /// The `Host` header.
    pub host: String,
    /// All headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl SiteRequest {
    /// Returns the first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A response of a site.
#[derive(Clone, Debug)]
pub struct SiteResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl SiteResponse {
    /// Returns a 200 response with an HTML page.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body).header("content-type", "text/html; charset=utf-8")
    }

    /// Returns a response with this status, without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    /// Returns a redirect.
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).header("location", to)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the delay before the response.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Debug, Default)]
struct Counts {
    hits: Mutex<HashMap<String, usize>>,
    connections: AtomicUsize,
}

/// An HTTP/1.1 site on 127.0.0.1, for tests. It runs on its own thread, so that a test needs no runtime, and stops when it
/// is dropped.
///
/// # Example
///
/// ```
/// use rungs::testkit::site::{Site, SiteResponse};
///
/// let site = Site::start(|request| SiteResponse::html(format!("<p>{}</p>", request.path)));
/// assert!(site.url("/a").starts_with("http://127.0.0.1:"));
/// ```
pub struct Site {
    addr: SocketAddr,
    counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts a site that responds with the result of `answer`.
    ///
    /// # Panics
    ///
    /// Panics if no loopback port is free.
    pub fn start(answer: impl Fn(&SiteRequest) -> SiteResponse + Send + Sync + 'static) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST, answer)
    }

    /// Starts a site on another address of this machine, such as 127.0.0.2.
    ///
    /// # Panics
    ///
    /// Panics if the address has no free port.
    pub fn start_on(
        address: Ipv4Addr,
        answer: impl Fn(&SiteRequest) -> SiteResponse + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a loopback port");
        listener.set_nonblocking(true).expect("a listener can be non-blocking");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = oneshot::channel();
        let counted = Arc::clone(&counts);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime of one thread");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, Arc::new(answer), counted) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { addr, counts, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the address on which the site listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Returns the number of requests.
    pub fn hits(&self) -> usize {
        self.counts.hits.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Returns the number of requests for `path`, which is compared with its query.
    pub fn hits_on(&self, path: &str) -> usize {
        let hits = self.counts.hits.lock().unwrap_or_else(PoisonError::into_inner);
        hits.get(path).copied().unwrap_or(0)
    }

    /// Returns the number of connections.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve<F>(listener: TcpListener, answer: Arc<F>, counts: Arc<Counts>)
where
    F: Fn(&SiteRequest) -> SiteResponse + Send + Sync + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).expect("inside its runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (answer, counts) = (Arc::clone(&answer), Arc::clone(&counts));
        let service = service_fn(move |request| {
            let (answer, counts) = (Arc::clone(&answer), Arc::clone(&counts));
            async move { Ok::<_, Infallible>(respond(&*answer, &counts, request).await) }
        });
        tokio::spawn(async move {
            let io = TokioIo::new(stream);
            // A client that goes away is what many tests are about.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

async fn respond(
    answer: &(dyn Fn(&SiteRequest) -> SiteResponse + Send + Sync),
    counts: &Counts,
    request: http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let text = |it: &http::HeaderValue| String::from_utf8_lossy(it.as_bytes()).into_owned();
    let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await;
    let request = SiteRequest {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        host: head.headers.get("host").map(text).unwrap_or_default(),
        headers: head.headers.iter().map(|(k, v)| (k.as_str().to_owned(), text(v))).collect(),
        body: body.map(|it| it.to_bytes().to_vec()).unwrap_or_default(),
    };
    *counts
        .hits
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(request.path.clone())
        .or_default() += 1;
    let answer = answer(&request);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(answer.body.into()))
        .expect("the fixture's status and headers are valid")
}

/// A server on 127.0.0.1 that passes every connection to a closure on its own thread, for behavior that violates HTTP.
pub struct RawSite {
    addr: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RawSite {
    /// Starts it. A connection ends when `serve` returns.
    ///
    /// # Panics
    ///
    /// Panics if no loopback port is free.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let addr = listener.local_addr().expect("a bound listener has an address");
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || accept(&listener, &Arc::new(serve), &stop));
        Self { addr, stopping, thread: Some(thread) }
    }

    /// Returns the address on which the site listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

fn accept<F: Fn(TcpStream) + Send + Sync + 'static>(
    listener: &TcpListener,
    serve: &Arc<F>,
    stopping: &AtomicBool,
) {
    let live = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if live.load(Ordering::SeqCst) >= MAX_RAW_CONNECTIONS {
            continue;
        }
        live.fetch_add(1, Ordering::SeqCst);
        let (serve, live) = (Arc::clone(serve), Arc::clone(&live));
        std::thread::spawn(move || {
            serve(stream);
            live.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Reads one request's head, up to the empty line.
///
/// # Errors
///
/// Returns the error of the connection, or that it closed before the head was complete.
pub fn read_head(stream: &mut impl io::Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

impl fmt::Debug for RawSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSite").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for RawSite {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // The listener waits in `accept`; a connection of our own is what wakes it.
        let woken = TcpStream::connect(self.addr).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}
