//! From a host and a port to a connection whose address passed the guard.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::fetch::guard::{AddressRefused, Guard};
use crate::fetch::http::proxy::{ProxyKind, ProxyUrl};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no connection. None of its messages holds a URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the address has no host")]
    NoHost,
    #[error("the name has no address")]
    Dns(#[source] Option<io::Error>),
    #[error(transparent)]
    Refused(#[from] AddressRefused),
    #[error("no connection to the address")]
    Connect(#[source] Option<io::Error>),
    #[error("no connection in time")]
    Timeout,
    #[error("the proxy could not be used: {0}")]
    Proxy(String),
}

/// Turns names into addresses that passed the guard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolver {
    guard: Guard,
    fixed: Arc<HashMap<String, SocketAddr>>,
}

impl Resolver {
    pub(crate) fn new(guard: Guard, fixed: HashMap<String, SocketAddr>) -> Self {
        Self { guard, fixed: Arc::new(fixed) }
    }

    /// The addresses of `host` that may be connected to: at least one.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = bare.trim_end_matches('.').to_ascii_lowercase();
        let found: Vec<SocketAddr> = if let Ok(literal) = bare.parse::<IpAddr>() {
            vec![SocketAddr::new(literal, port)]
        } else if let Some(fixed) = self.fixed.get(&name) {
            let port = if fixed.port() == 0 { port } else { fixed.port() };
            vec![SocketAddr::new(fixed.ip(), port)]
        } else {
            let looked_up = tokio::net::lookup_host((bare, port)).await;
            looked_up.map_err(|error| DialError::Dns(Some(error)))?.collect()
        };

        let mut refusal = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.guard.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(refused) => refusal = Some(refused),
            }
        }
        allowed.truncate(MAX_ADDRESSES);
        match (allowed.is_empty(), refusal) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(refused.into()),
            (true, None) => Err(DialError::Dns(None)),
        }
    }
}

/// A plain TCP connector: resolves, asks the guard about each address, and connects to that one.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    resolver: Resolver,
    connect: Duration,
}

impl Plain {
    pub(crate) fn new(resolver: Resolver, connect: Duration) -> Self {
        Self { resolver, connect }
    }

    async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let until = Instant::now() + self.connect;
        let looked_up = timeout_at(until, self.resolver.addresses(host, port)).await;
        let addresses = looked_up.map_err(|_| DialError::Timeout)??;
        let mut last = DialError::Connect(None);
        for (at, address) in addresses.iter().enumerate() {
            // Each gets its share of what is left, so that one dead address costs not all of it.
            let left = u32::try_from(addresses.len() - at).unwrap_or(1);
            let share = until.saturating_duration_since(Instant::now()) / left;
            match timeout(share, self.dial_address(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = DialError::Timeout,
            }
        }
        Err(last)
    }

    /// The last stop before the socket, so the guard is asked here whatever happened before.
    async fn dial_address(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        self.resolver.guard.check(address.ip())?;
        let stream =
            TcpStream::connect(address).await.map_err(|error| DialError::Connect(Some(error)))?;
        // Requests are written whole; waiting to fill a segment only delays them. A socket that
        // cannot be told so still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Service<Uri> for Plain {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (host, port) = host_and_port(&to)?;
            Ok(TokioIo::new(this.dial(host, port).await?))
        })
    }
}

fn host_and_port(to: &Uri) -> Result<(&str, u16), DialError> {
    let host = to.host().ok_or(DialError::NoHost)?;
    let default = if to.scheme_str() == Some("https") { 443 } else { 80 };
    Ok((host, to.port_u16().unwrap_or(default)))
}

/// The connector of one route: straight to the target, or through one proxy.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    /// Reaches the target, or the proxy where there is one.
    plain: Plain,
    /// Judges the target where a proxy is what is connected to.
    targets: Resolver,
    proxy: Option<Arc<ProxyUrl>>,
}

impl Dialer {
    pub(crate) fn direct(plain: Plain) -> Self {
        Self { targets: plain.resolver.clone(), plain, proxy: None }
    }

    /// `to_proxy` reaches the proxy; `targets` judges what is asked of it.
    pub(crate) fn through(proxy: Arc<ProxyUrl>, to_proxy: Plain, targets: Resolver) -> Self {
        Self { plain: to_proxy, targets, proxy: Some(proxy) }
    }

    async fn dial(self, to: Uri) -> Result<Conn, DialError> {
        let (host, port) = host_and_port(&to)?;
        let Some(proxy) = self.proxy else {
            let stream = self.plain.dial(host, port).await?;
            return Ok(Conn { io: TokioIo::new(stream), absolute_form: false });
        };
        // The proxy resolves names by itself, so the target is judged before it hears of it.
        let limit = self.plain.connect;
        let judged = timeout(limit, self.targets.addresses(host, port)).await;
        let addresses = judged.map_err(|_| DialError::Timeout)??;
        let through = through_proxy(&proxy, self.plain, &to, &addresses);
        timeout(limit, through).await.map_err(|_| DialError::Timeout)?
    }
}

async fn through_proxy(
    proxy: &ProxyUrl,
    mut plain: Plain,
    to: &Uri,
    addresses: &[SocketAddr],
) -> Result<Conn, DialError> {
    let at = proxy.uri().clone();
    let failed = |error: &dyn std::fmt::Display| DialError::Proxy(error.to_string());
    match proxy.kind() {
        ProxyKind::Http if to.scheme_str() == Some("http") => {
            let io = plain.call(at).await.map_err(|error| failed(&error))?;
            Ok(Conn { io, absolute_form: true })
        }
        ProxyKind::Http => {
            let mut tunnel = Tunnel::new(at, plain);
            if let Some(credentials) = proxy.authorization() {
                tunnel = tunnel.with_auth(credentials);
            }
            let io = tunnel.call(to.clone()).await.map_err(|error| failed(&error))?;
            Ok(Conn { io, absolute_form: false })
        }
        ProxyKind::Socks5 => {
            let mut socks = SocksV5::new(at, plain);
            if let Some((user, password)) = proxy.credentials() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            let to = checked_target(to, addresses);
            let io = socks.call(to).await.map_err(|error| failed(&format!("{error:?}")))?;
            Ok(Conn { io, absolute_form: false })
        }
    }
}

/// The address that was checked instead of the name, so that the proxy cannot find another one.
/// The SOCKS client writes a version 6 literal as a name, so there the name itself is better.
fn checked_target(to: &Uri, addresses: &[SocketAddr]) -> Uri {
    let scheme = to.scheme_str().unwrap_or("http");
    let named = || {
        let (host, port) = host_and_port(to).ok()?;
        format!("{scheme}://{host}:{port}").parse().ok()
    };
    addresses
        .iter()
        .find(|it| it.is_ipv4())
        .and_then(|it| format!("{scheme}://{it}").parse().ok())
        .or_else(named)
        .unwrap_or_else(|| to.clone())
}

impl Service<Uri> for Dialer {
    type Response = Conn;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.dial(to).await?) })
    }
}

/// A connection, and whether requests over it name the whole URL as plain HTTP proxies expect.
#[derive(Debug)]
pub(crate) struct Conn {
    io: TokioIo<TcpStream>,
    absolute_form: bool,
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.absolute_form)
    }
}

impl Read for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
