//! The service on a socket: a bounded number of connections, timeouts, and a graceful shutdown.
//!
//! A client that opens many connections must not lock others out. Connections without a request give way to new ones,
//! each address has its share, and beyond the limit some more connections are accepted, on which health checks are
//! answered and other requests get status 503.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1::{self, UpgradeableConnection};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::SystemClock;
use crate::ports::clock::Clock;
use crate::service::server::connection_places::{ActiveRequest, Place, PlaceKind, Places};
use crate::service::server::middleware::{new_request_id, set_request_id};
use crate::service::server::response;
use crate::service::wire;

/// Pause after a failed `accept`. The usual cause is too many open files, which passes.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Longest time for a request's head on connections that are accepted while most places are taken.
const SCARCE_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a request beyond the limit waits for a place.
const MAX_PLACE_WAIT: Duration = Duration::from_secs(1);
/// Longest time for a request's head on connections that are reserved for health checks.
const RESERVED_HEAD_TIMEOUT: Duration = Duration::from_secs(2);

/// The socket of a client.
type ClientStream = TokioIo<Pin<Box<TimeoutWriter<TcpStream>>>>;

/// Limits and timeouts of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Maximum number of simultaneous connections. Beyond it only health checks are answered. Defaults to 1,024.
    pub max_connections: usize,
    /// Maximum number of simultaneous connections from one address. Behind a reverse proxy, all have the proxy's address.
    /// Defaults to 512.
    pub max_connections_per_address: usize,
    /// Maximum size of a request head in bytes. Defaults to 64 KiB.
    pub max_head_bytes: u64,
    /// Maximum number of headers in a request. Defaults to 100.
    pub max_headers: usize,
    /// Time within which the head of the first or next request must arrive. Defaults to 30 seconds.
    pub head_timeout: Duration,
    /// Time without progress after which a connection whose client does not read is closed. Defaults to 30 seconds.
    pub write_timeout: Duration,
    /// Time that running requests get to finish on shutdown. Defaults to 10 seconds.
    pub shutdown_grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            max_connections_per_address: 512,
            max_head_bytes: 65_536,
            max_headers: 100,
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl ConnectionLimits {
    /// Sets the maximum number of simultaneous connections.
    #[must_use]
    pub fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets the maximum number of simultaneous connections from one address.
    #[must_use]
    pub fn with_max_connections_per_address(mut self, connections: usize) -> Self {
        self.max_connections_per_address = connections;
        self
    }

    /// Sets the maximum size of a request head in bytes.
    #[must_use]
    pub fn with_max_head_bytes(mut self, bytes: u64) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// Sets the maximum number of headers in a request.
    #[must_use]
    pub fn with_max_headers(mut self, headers: usize) -> Self {
        self.max_headers = headers;
        self
    }

    /// Sets the time within which a request's head must arrive.
    #[must_use]
    pub fn with_head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// Sets the time without progress after which a connection whose client does not read is closed.
    #[must_use]
    pub fn with_write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets the time that running requests get to finish on shutdown.
    #[must_use]
    pub fn with_shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
        self
    }
}

/// Serves `router` until `stop` is canceled.
///
/// After that, no connection is accepted. Open connections close once they have responded to the requests they
/// received, or when the grace period ends.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let places = Places::new(limits.max_connections, limits.max_connections_per_address);
    let connections = TaskTracker::new();
    while let Some((stream, address)) = accept(&listener, &stop).await {
        let Some(place) = places.take(address.ip()).map(Arc::new) else { continue };
        // Without it, Nagle's algorithm delays small responses.
        let _ = stream.set_nodelay(true);
        // hyper times the reading of requests and not the writing of responses. A client that requests a large
        // response and never reads it would keep the connection forever.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(limits.write_timeout));
        let closed = place.closed();
        let server = server(&limits, place.kind(), places.are_scarce());
        let service = Answering { router: TowerToHyperService::new(router.clone()), place };
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        connections.spawn(answer(connection.with_upgrades(), closed, stop.clone()));
    }
    drop(listener);
    connections.close();
    if timeout(limits.shutdown_grace, connections.wait()).await.is_err() {
        tracing::warn!(
            "the grace period ended before all requests had finished: raise `shutdown_grace`"
        );
    }
}

/// Answers the requests of one connection until it ends, has to close, or has none in hand after `stop`.
async fn answer(
    connection: UpgradeableConnection<ClientStream, Answering>,
    closed: CancellationToken,
    stop: CancellationToken,
) {
    let mut connection = std::pin::pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended early");
                }
                return;
            }
            () = closed.cancelled() => {
                tracing::debug!("connection closed to make room");
                return;
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

fn server(limits: &ConnectionLimits, place: PlaceKind, is_scarce: bool) -> http1::Builder {
    let head_bytes = usize::try_from(limits.max_head_bytes).unwrap_or(usize::MAX);
    let is_regular = place == PlaceKind::Regular;
    let head_timeout = match (is_regular, is_scarce) {
        (true, false) => limits.head_timeout,
        (true, true) => limits.head_timeout.min(SCARCE_HEAD_TIMEOUT),
        (false, _) => limits.head_timeout.min(RESERVED_HEAD_TIMEOUT),
    };
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(head_timeout).keep_alive(is_regular);
    server.max_headers(limits.max_headers).max_header_size(head_bytes);
    server
}

/// Accepts the next connection. Returns `None` when `stop` is canceled.
async fn accept(
    listener: &TcpListener,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted: io::Result<_> = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted: raise the limit of open files if this persists");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// The router for one connection. Records when the connection has a request.
struct Answering {
    router: TowerToHyperService<Router>,
    place: Arc<Place>,
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (router, place) = (self.router.clone(), Arc::clone(&self.place));
        Box::pin(async move {
            // While it waits, the connection counts as idle: health checks go before it.
            if place.kind() == PlaceKind::Reserved
                && !is_health_check(request.uri().path())
                && timeout(MAX_PLACE_WAIT, place.regular()).await.is_err()
            {
                return Ok(too_many_connections());
            }
            let active = place.begin_request();
            let active = Arc::new(active);
            let mut request = request;
            // A connection that becomes a WebSocket keeps its place for as long as the socket is open.
            request.extensions_mut().insert(OpenConnection(Arc::clone(&active)));
            let (head, body) = router.call(request).await?.into_parts();
            Ok(Response::from_parts(head, Body::new(AnsweringBody { body, _active: active })))
        })
    }
}

/// Returns `true` for the paths of health checks, wherever the router is nested.
fn is_health_check(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.ends_with("/health") || path.ends_with("/ready")
}

fn too_many_connections() -> Response {
    let problem = wire::too_many_connections();
    let (status, id) = (StatusCode::SERVICE_UNAVAILABLE, new_request_id(SystemClock.now()));
    let mut response = response::json(status, &wire::problem_body(&problem, &id));
    set_request_id(&mut response, id);
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The place of a connection, for what outlives the response.
#[derive(Clone, Debug)]
pub(super) struct OpenConnection(
    #[allow(dead_code, reason = "dropping it frees the place")] Arc<ActiveRequest>,
);

/// A response's body. The request counts until it is dropped.
struct AnsweringBody {
    body: Body,
    _active: Arc<ActiveRequest>,
}

impl HttpBody for AnsweringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
