//! The browser's only route to the network: a proxy on the loopback interface that checks each address with the guard.
//!
//! Interception inside the browser would have to know every kind of request that a page can make. A proxy
//! does not: all traffic passes through it, redirects, web sockets and workers included, and it connects to
//! the very address that the guard checked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, HeaderName, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower_service::Service;
use url::Url;

use super::error::{from_net_error, unavailable};
use crate::net::error::{dial_kind, find, request_error};
use crate::net::proxy::proxy_refusal;
use crate::net::{
    CONNECT_TIMEOUT, DialError, Dialer, LenientConnector, MAX_HEADERS, NetPolicy, RouteVia,
    StaleConnection,
};
use crate::ports::fetch::{FetchError, FetchErrorKind};

/// Maximum number of simultaneous connections to one gateway. A browser opens at most 256.
const MAX_CONNECTIONS: usize = 1_024;
/// Maximum size of the head of a response, as in Chromium.
const MAX_HEAD_BYTES: usize = 262_144;
/// Time that a connection has to send the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum lifetime of a tunnel: longer than any page is rendered.
const TUNNEL_TIMEOUT: Duration = Duration::from_mins(15);
/// Maximum number of connection failures that are remembered to explain why a page was not reached.
const MAX_FAILURES: usize = 256;
/// Maximum number of idle connections to one host. A browser opens six.
const MAX_IDLE_PER_HOST: usize = 8;
/// Pause after a failed `accept`, which usually means that the process has no descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

type ProxyBody = BoxBody<Bytes, hyper::Error>;
type PlainClient = Client<LenientConnector<Dialer>, ProxyBody>;

/// The gateways of one fetcher, one for each route.
#[derive(Debug, Default)]
pub(super) struct Gateways(Mutex<HashMap<RouteVia, Arc<OnceCell<Arc<Gateway>>>>>);

impl Gateways {
    /// Returns the gateway of a route, which is started when the route is first used.
    pub(super) async fn to(
        &self,
        network: &NetPolicy,
        via: RouteVia,
    ) -> Result<Arc<Gateway>, FetchError> {
        let cell = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(via).or_default())
        };
        cell.get_or_try_init(|| Gateway::start(network.dialer(via, CONNECT_TIMEOUT))).await.cloned()
    }
}

/// A proxy on the loopback interface. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Gateway {
    addr: SocketAddr,
    failures: Arc<Failures>,
    _stop: DropGuard,
}

impl Gateway {
    async fn start(dialer: Dialer) -> Result<Arc<Self>, FetchError> {
        let failed = |why| {
            unavailable("the browser's proxy cannot listen on the loopback interface")
                .with_source(why)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let failures = Arc::new(Failures::default());
        let client = |max_idle_per_host| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(max_idle_per_host)
                .http1_max_buf_size(MAX_HEAD_BYTES)
                .http1_max_headers(MAX_HEADERS)
                .http1_preserve_header_case(true)
                .build(LenientConnector::new(dialer.clone(), MAX_HEAD_BYTES))
        };
        let (plain, fresh) = (client(MAX_IDLE_PER_HOST), client(0));
        let upstream = Upstream { dialer, plain, fresh, failures: Arc::clone(&failures) };
        tokio::spawn(serve(listener, upstream, stop.clone()));
        Ok(Arc::new(Self { addr, failures, _stop: stop.drop_guard() }))
    }

    /// The proxy URL for the browser.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Explains a failed navigation.
    ///
    /// The browser only knows that its proxy failed, as `net_error`; the gateway knows why it could not
    /// connect. The first of the URLs with a failed connection counts: after a redirect, the last one
    /// requested.
    pub(super) fn explain(&self, urls: [&str; 2], net_error: &str) -> FetchError {
        let failure_of = |url: &&str| {
            let url = Url::parse(url).ok()?;
            self.failure(url.host_str()?, url.port_or_known_default()?)
        };
        urls.iter().find_map(failure_of).unwrap_or_else(|| from_net_error(net_error))
    }

    /// Returns why the last connection to `host` and `port` failed, if it did.
    fn failure(&self, host: &str, port: u16) -> Option<FetchError> {
        let all = self.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&format!("{host}:{port}"));
        found.map(|(kind, message)| FetchError::new(*kind, message.clone()))
    }
}

#[derive(Debug, Default)]
struct Failures(Mutex<HashMap<String, (FetchErrorKind, String)>>);

impl Failures {
    fn record(&self, to: &Uri, kind: FetchErrorKind, reason: String) {
        tracing::debug!(reason, "a page could not connect");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_FAILURES {
            all.clear();
        }
        all.insert(authority(to), (kind, reason));
    }

    fn clear(&self, to: &Uri) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&authority(to));
    }
}

/// The key of a connection's failure: its host and port.
fn authority(to: &Uri) -> String {
    let default = if to.scheme_str() == Some("https") { 443 } else { 80 };
    let (host, port) = (to.host().unwrap_or_default(), to.port_u16().unwrap_or(default));
    format!("{host}:{port}")
}

/// The connections that the gateway makes.
#[derive(Clone, Debug)]
struct Upstream {
    dialer: Dialer,
    /// Keeps connections for later requests.
    plain: PlainClient,
    /// Opens a connection for each request.
    fresh: PlainClient,
    failures: Arc<Failures>,
}

async fn serve(listener: TcpListener, upstream: Upstream, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let _ = stream.set_nodelay(true);
        let (upstream, stop) = (upstream.clone(), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| upstream.clone().handle(request, stop.clone()));
            let mut server = hyper::server::conn::http1::Builder::new();
            server
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .preserve_header_case(true);
            let connection = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                // The browser may end its connection in any way.
                _ = connection => {}
                () = stop.cancelled() => {}
            }
            drop(permit);
        });
    }
}

impl Upstream {
    /// Handles one request. If it cannot be sent, its connection is closed: a response of this proxy must not
    /// be mistaken for the site's.
    async fn handle(
        self,
        request: Request<Incoming>,
        stop: CancellationToken,
    ) -> Result<Response<ProxyBody>, Box<dyn std::error::Error + Send + Sync>> {
        if request.method() == Method::CONNECT {
            return Ok(self.tunnel(request, stop).await);
        }
        let to = request.uri().clone();
        match self.forward(request).await {
            Ok(response) => {
                self.failures.clear(&to);
                Ok(response)
            }
            Err(error) => {
                self.failures.record(&to, error.kind(), error.to_string());
                Err(error.into())
            }
        }
    }

    async fn forward(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<ProxyBody>, FetchError> {
        drop_hop_by_hop(request.headers_mut());
        *request.version_mut() = http::Version::HTTP_11;
        let is_repeatable = matches!(*request.method(), Method::GET | Method::HEAD)
            && request.body().is_end_stream();
        let again = is_repeatable.then(|| {
            let mut again = Request::new(no_body());
            *again.method_mut() = request.method().clone();
            *again.uri_mut() = request.uri().clone();
            *again.headers_mut() = request.headers().clone();
            again
        });
        let sent = self.plain.request(request.map(BodyExt::boxed)).await;
        let sent = match (sent, again) {
            // The site closed the connection while it was idle. The browser would not know that it was reused.
            (Err(error), Some(again)) if find::<StaleConnection>(&error).is_some() => {
                self.fresh.request(again).await
            }
            (sent, _) => sent,
        };
        let mut response = sent.map_err(request_error)?;
        if self.dialer.is_proxied()
            && let Some(message) = proxy_refusal(response.status(), response.headers())
        {
            return Err(FetchError::new(FetchErrorKind::Proxy, message));
        }
        drop_hop_by_hop(response.headers_mut());
        Ok(response.map(BodyExt::boxed))
    }

    async fn tunnel(
        &self,
        request: Request<Incoming>,
        stop: CancellationToken,
    ) -> Response<ProxyBody> {
        // `https` whatever the port: an upstream proxy must tunnel as well, since the content is opaque.
        let to = request
            .uri()
            .authority()
            .and_then(|authority| format!("https://{authority}").parse::<Uri>().ok());
        let Some(to) = to else { return empty(StatusCode::BAD_REQUEST) };
        let mut dialer = self.dialer.clone();
        let stream = match dialer.call(to.clone()).await {
            Ok(stream) => stream,
            Err(error) => {
                if let Some(dial) = error.downcast_ref::<DialError>() {
                    self.failures.record(&to, dial_kind(dial), dial.to_string());
                }
                return empty(StatusCode::BAD_GATEWAY);
            }
        };
        self.failures.clear(&to);
        tokio::spawn(async move {
            let Ok(tunneled) = hyper::upgrade::on(request).await else { return };
            let (mut tunneled, mut stream) = (TokioIo::new(tunneled), TokioIo::new(stream));
            let copied = tokio::io::copy_bidirectional(&mut tunneled, &mut stream);
            tokio::select! {
                // Either side may end the tunnel in any way.
                _ = tokio::time::timeout(TUNNEL_TIMEOUT, copied) => {}
                () = stop.cancelled() => {}
            }
        });
        empty(StatusCode::OK)
    }
}

fn empty(status: StatusCode) -> Response<ProxyBody> {
    let mut response = Response::new(no_body());
    *response.status_mut() = status;
    response
}

fn no_body() -> ProxyBody {
    Empty::new().map_err(|never: Infallible| match never {}).boxed()
}

/// Removes the headers that are meant for this hop only.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let own = [CONNECTION, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let unnamed = ["proxy-connection", "keep-alive"].map(HeaderName::from_static);
    for name in own.into_iter().chain(unnamed).chain(named) {
        headers.remove(name);
    }
}
