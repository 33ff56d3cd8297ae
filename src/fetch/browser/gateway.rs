//! The only way out of a browser: a proxy on the loopback interface that asks the address guard.
//!
//! Interception inside the browser would have to know every kind of request that a page can make.
//! A proxy need not: whatever leaves comes through here, by the address that the guard was asked
//! about, redirects, web sockets and workers included.

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
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower_service::Service;
use url::Url;

use super::error::{from_net, unavailable};
use crate::net::error::{dial_kind, find};
use crate::net::{CONNECT_TIMEOUT, DialError, Dialer, NetPolicy, RouteVia};
use crate::ports::fetch::{FetchError, FetchErrorKind};

/// The most connections of one gateway at once; a browser opens some 256 itself.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a connection may take to say what it wants.
const HEAD: Duration = Duration::from_secs(30);
/// How long a tunnel may live: longer than any page.
const TUNNEL: Duration = Duration::from_secs(900);
/// Failures that are remembered, so that a page can say why it could not be reached.
const MAX_FAILURES: usize = 256;

type Body = BoxBody<Bytes, hyper::Error>;

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

/// A proxy on the loopback interface. It stops when it is dropped.
#[derive(Debug)]
pub(super) struct Gateway {
    addr: SocketAddr,
    failures: Arc<Failures>,
    _stop: DropGuard,
}

impl Gateway {
    async fn start(dialer: Dialer) -> Result<Arc<Self>, FetchError> {
        let failed = |why| unavailable("the loopback interface gives no port").with_source(why);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let failures = Arc::new(Failures::default());
        let plain = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .build(dialer.clone());
        let exit = Exit { dialer, plain, failures: Arc::clone(&failures) };
        tokio::spawn(serve(listener, exit, stop.clone()));
        Ok(Arc::new(Self { addr, failures, _stop: stop.drop_guard() }))
    }

    /// What the browser is to be told.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Why no page came. The gateway knows better than the browser, whose word is `word`, why there
    /// was no connection to one of `addresses`; behind a redirect, what failed is where it leads.
    pub(super) fn unreached(&self, addresses: [&str; 2], word: &str) -> FetchError {
        let of = |address: &&str| {
            let url = Url::parse(address).ok()?;
            self.failure(url.host_str()?, url.port_or_known_default()?)
        };
        addresses.iter().find_map(of).unwrap_or_else(|| from_net(word))
    }

    /// Why the last connection to `host` and `port` failed, if one did.
    fn failure(&self, host: &str, port: u16) -> Option<FetchError> {
        let all = self.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&format!("{host}:{port}"));
        found.map(|(kind, message)| FetchError::new(*kind, message.clone()))
    }
}

#[derive(Debug, Default)]
struct Failures(Mutex<HashMap<String, (FetchErrorKind, String)>>);

impl Failures {
    fn note(&self, to: &Uri, error: &DialError) {
        tracing::debug!(%error, "a page could not reach an address");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_FAILURES {
            all.clear();
        }
        all.insert(place(to), (dial_kind(error), error.to_string()));
    }

    fn worked(&self, to: &Uri) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&place(to));
    }
}

fn place(to: &Uri) -> String {
    let default = if to.scheme_str() == Some("https") { 443 } else { 80 };
    let (host, port) = (to.host().unwrap_or_default(), to.port_u16().unwrap_or(default));
    format!("{host}:{port}")
}

/// Where requests leave.
#[derive(Clone, Debug)]
struct Exit {
    dialer: Dialer,
    plain: Client<Dialer, Incoming>,
    failures: Arc<Failures>,
}

async fn serve(listener: TcpListener, exit: Exit, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // No descriptors left, most likely: some will be given back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let _ = stream.set_nodelay(true);
        let (exit, stop) = (exit.clone(), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| exit.clone().answer(request, stop.clone()));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD).preserve_header_case(true);
            let connection = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
            tokio::select! {
                // Its end is the browser's own business.
                _ = connection => {}
                () = stop.cancelled() => {}
            }
            drop(place);
        });
    }
}

impl Exit {
    /// A request that cannot be sent ends its connection: no answer of ours may be taken for the
    /// site's.
    async fn answer(
        self,
        request: Request<Incoming>,
        stop: CancellationToken,
    ) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
        if request.method() == Method::CONNECT {
            return Ok(self.tunnel(request, stop).await);
        }
        let to = request.uri().clone();
        match self.forward(request).await {
            Ok(response) => {
                self.failures.worked(&to);
                Ok(response)
            }
            Err(error) => {
                if let Some(dial) = find::<DialError>(&error) {
                    self.failures.note(&to, dial);
                }
                Err(error.into())
            }
        }
    }

    async fn forward(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, hyper_util::client::legacy::Error> {
        drop_hop_by_hop(request.headers_mut());
        *request.version_mut() = http::Version::HTTP_11;
        let mut response = self.plain.request(request).await?;
        drop_hop_by_hop(response.headers_mut());
        Ok(response.map(BodyExt::boxed))
    }

    async fn tunnel(&self, request: Request<Incoming>, stop: CancellationToken) -> Response<Body> {
        // Whatever the port, what is inside is none of ours: a proxy further on must tunnel too.
        let to =
            request.uri().authority().and_then(|it| format!("https://{it}").parse::<Uri>().ok());
        let Some(to) = to else { return short(StatusCode::BAD_REQUEST) };
        let mut dialer = self.dialer.clone();
        let out = match dialer.call(to.clone()).await {
            Ok(out) => out,
            Err(error) => {
                if let Some(dial) = error.downcast_ref::<DialError>() {
                    self.failures.note(&to, dial);
                }
                return short(StatusCode::BAD_GATEWAY);
            }
        };
        self.failures.worked(&to);
        tokio::spawn(async move {
            let Ok(inside) = hyper::upgrade::on(request).await else { return };
            let (mut inside, mut out) = (TokioIo::new(inside), TokioIo::new(out));
            let copied = tokio::io::copy_bidirectional(&mut inside, &mut out);
            tokio::select! {
                // Either side may end as it likes.
                _ = tokio::time::timeout(TUNNEL, copied) => {}
                () = stop.cancelled() => {}
            }
        });
        short(StatusCode::OK)
    }
}

fn short(status: StatusCode) -> Response<Body> {
    let mut response =
        Response::new(Empty::new().map_err(|never: Infallible| match never {}).boxed());
    *response.status_mut() = status;
    response
}

/// What is between the browser and us, or between us and the site, and goes no further.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .filter_map(|it| it.trim().parse().ok())
        .collect();
    let own = [CONNECTION, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let unnamed = ["proxy-connection", "keep-alive"].map(HeaderName::from_static);
    for name in own.into_iter().chain(unnamed).chain(named) {
        headers.remove(name);
    }
}
