//! The service on a socket: a bounded number of connections, timeouts, and a graceful shutdown.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;

/// Pause after a failed `accept`. The usual cause is too many open files, which passes.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Limits and timeouts of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// Maximum number of simultaneous connections; more wait to be accepted. Defaults to 1,024.
    pub max_connections: usize,
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
    let permits = Arc::new(Semaphore::new(limits.max_connections));
    let head_bytes = usize::try_from(limits.max_head_bytes).unwrap_or(usize::MAX);
    let graceful = GracefulShutdown::new();
    while let Some((stream, permit)) = accept(&listener, &permits, &stop).await {
        // Without it, Nagle's algorithm delays small responses.
        let _ = stream.set_nodelay(true);
        // hyper times the reading of requests and not the writing of responses. A client that requests a large
        // response and never reads it would keep the connection forever.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(limits.write_timeout));
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
        server.max_headers(limits.max_headers).max_header_size(head_bytes);
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "the grace period ended before all requests had finished: raise `shutdown_grace`"
        );
    }
}

/// Accepts the next connection, once there is a permit for it. Returns `None` when `stop` is canceled.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            permit = Arc::clone(permits).acquire_owned() => permit.ok()?,
        };
        let accepted: io::Result<_> = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => return Some((stream, permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted: raise the limit of open files if this persists");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}
