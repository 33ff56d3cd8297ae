//! Connects to a host and port whose address passed the guard, directly or through a proxy.

use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::net::error::{cause_message, io_message};
use crate::net::guard::AddressRefused;
use crate::net::health::ProxyHealth;
use crate::net::proxy::{ProxyScheme, ProxyUrl};
use crate::net::resolve::GuardedResolver;
use crate::net::tunnel::{self, TunnelError};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason for a failed connection. No message contains a URL or credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the URL has no host")]
    NoHost,
    #[error("the host name could not be resolved: {}", io_message(.0))]
    Dns(#[source] io::Error),
    #[error("the host name has no address")]
    NoAddress,
    #[error(transparent)]
    Refused(#[from] AddressRefused),
    #[error("could not connect: {}", io_message(.0))]
    Connect(#[source] io::Error),
    #[error("could not connect: timed out after {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("the proxy failed: {}", cause_message(&**.0))]
    Proxy(#[source] BoxError),
}

impl DialError {
    /// Returns `true` if the proxy is at fault or cannot reach the target.
    pub(crate) fn is_of_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// Returns `true` if the proxy cannot be used at all: it cannot be reached, or refuses its credentials.
    fn is_dead_proxy(&self) -> bool {
        let Self::Proxy(source) = self else { return false };
        source.is::<Self>()
            || matches!(source.downcast_ref::<TunnelError>(), Some(TunnelError::Credentials))
    }
}

/// Connects over TCP: resolves the name, checks each address with the guard and connects to that
/// address.
#[derive(Clone, Debug)]
pub(crate) struct TcpConnector {
    resolver: GuardedResolver,
    connect_timeout: Duration,
}

impl TcpConnector {
    pub(crate) fn new(resolver: GuardedResolver, connect_timeout: Duration) -> Self {
        Self { resolver, connect_timeout }
    }

    async fn dial(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let deadline = Instant::now() + self.connect_timeout;
        let late = || DialError::Timeout(self.connect_timeout);
        let lookup = timeout_at(deadline, self.resolver.addresses(host, port)).await;
        let addresses = lookup.map_err(|_| late())??;
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            // Each address gets its share of the time that is left, so that a dead one does not use
            // up all of it.
            let untried = u32::try_from(addresses.len() - tried).unwrap_or(1);
            let share = deadline.saturating_duration_since(Instant::now()) / untried;
            match timeout(share, self.dial_address(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(late()),
            }
        }
        Err(last.unwrap_or(DialError::NoAddress))
    }

    /// Connects after the guard has checked the address, whatever was checked before.
    async fn dial_address(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        self.resolver.guard.check(address.ip())?;
        let stream = TcpStream::connect(address).await.map_err(DialError::Connect)?;
        // Requests are written whole; waiting to fill a segment only delays them. A socket that
        // refuses the option still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

fn host_and_port(to: &Uri) -> Result<(&str, u16), DialError> {
    let host = to.host().ok_or(DialError::NoHost)?;
    let default = if to.scheme_str() == Some("https") { 443 } else { 80 };
    Ok((host, to.port_u16().unwrap_or(default)))
}

/// The connector of one route: directly to the target, or through one proxy.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    /// Connects to the target, or to the proxy if there is one.
    tcp: TcpConnector,
    /// Checks the target if there is a proxy.
    targets: GuardedResolver,
    proxy: Option<(Arc<ProxyUrl>, Arc<ProxyHealth>)>,
}

impl Dialer {
    pub(crate) fn direct(tcp: TcpConnector) -> Self {
        Self { targets: tcp.resolver.clone(), tcp, proxy: None }
    }

    /// Creates the connector of a proxy. `to_proxy` connects to the proxy; `targets` checks the
    /// hosts that the proxy connects to.
    pub(crate) fn via_proxy(
        proxy: Arc<ProxyUrl>,
        to_proxy: TcpConnector,
        targets: GuardedResolver,
        health: Arc<ProxyHealth>,
    ) -> Self {
        Self { tcp: to_proxy, targets, proxy: Some((proxy, health)) }
    }

    /// Returns `true` if it connects through a proxy.
    #[cfg(feature = "browser")]
    pub(crate) fn is_proxied(&self) -> bool {
        self.proxy.is_some()
    }

    async fn dial(self, to: Uri) -> Result<GuardedStream, DialError> {
        let (host, port) = host_and_port(&to)?;
        let Some((proxy, health)) = self.proxy else {
            let stream = self.tcp.dial(host, port).await?;
            return Ok(GuardedStream { io: TokioIo::new(stream), absolute_form: false });
        };
        // The proxy resolves names by itself, so the target is checked before the proxy learns of
        // it.
        let limit = self.tcp.connect_timeout;
        let late = |_| DialError::Timeout(limit);
        let addresses =
            timeout(limit, self.targets.addresses(host, port)).await.map_err(late)??;
        let dialed = timeout(limit, dial_proxy(&proxy, &self.tcp, &to, &addresses)).await;
        let dialed = dialed.unwrap_or_else(|it| Err(DialError::Proxy(late(it).into())));
        match &dialed {
            Ok(_) => health.works(&proxy.key()),
            Err(error) if error.is_dead_proxy() => health.failed(&proxy.key()),
            // It works, but not for this target.
            Err(_) => {}
        }
        dialed
    }
}

/// Connects to the proxy and requests a connection to `to`, whose checked addresses are
/// `addresses`.
async fn dial_proxy(
    proxy: &ProxyUrl,
    tcp: &TcpConnector,
    to: &Uri,
    addresses: &[SocketAddr],
) -> Result<GuardedStream, DialError> {
    let proxy_uri = proxy.uri().clone();
    let (host, port) = host_and_port(&proxy_uri)?;
    let mut stream = tcp.dial(host, port).await.map_err(|error| DialError::Proxy(error.into()))?;
    match proxy.scheme() {
        ProxyScheme::Http if to.scheme_str() == Some("http") => {
            Ok(GuardedStream { io: TokioIo::new(stream), absolute_form: true })
        }
        ProxyScheme::Http => {
            let (host, port) = host_and_port(to)?;
            let target = format!("{host}:{port}");
            let opened = tunnel::open(&mut stream, &target, proxy.authorization().as_ref()).await;
            opened.map_err(|error| DialError::Proxy(error.into()))?;
            Ok(GuardedStream { io: TokioIo::new(stream), absolute_form: false })
        }
        ProxyScheme::Socks5 => {
            let io = TokioIo::new(stream);
            let mut socks = SocksV5::new(proxy_uri, OpenStream(Some(io)));
            if let Some((user, password)) = proxy.credentials() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            let dialed = socks.call(checked_target(to, addresses)).await;
            let io = dialed.map_err(|error| DialError::Proxy(error.into()))?;
            Ok(GuardedStream { io, absolute_form: false })
        }
    }
}

/// A connector that hands out one stream which is already connected.
#[derive(Debug)]
struct OpenStream(Option<TokioIo<TcpStream>>);

impl Service<Uri> for OpenStream {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

/// Returns `to` with the address that was checked in place of the name, so that the proxy cannot
/// resolve it to another one. The SOCKS client would send an IPv6 literal as a name; in that case
/// the name is the better choice.
fn checked_target(to: &Uri, addresses: &[SocketAddr]) -> Uri {
    let scheme = to.scheme_str().unwrap_or("http");
    let by_name = || {
        let (host, port) = host_and_port(to).ok()?;
        format!("{scheme}://{host}:{port}").parse().ok()
    };
    addresses
        .iter()
        .find(|it| it.is_ipv4())
        .and_then(|it| format!("{scheme}://{it}").parse().ok())
        .or_else(by_name)
        .unwrap_or_else(|| to.clone())
}

impl Service<Uri> for Dialer {
    type Response = GuardedStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<GuardedStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { Ok(this.dial(to).await?) })
    }
}

/// A connection that passed the guard.
#[derive(Debug)]
pub(crate) struct GuardedStream {
    io: TokioIo<TcpStream>,
    /// Requests over it carry the whole URL, as HTTP proxies expect for plain `http`.
    absolute_form: bool,
}

impl Connection for GuardedStream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.absolute_form)
    }
}

impl Read for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for GuardedStream {
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
