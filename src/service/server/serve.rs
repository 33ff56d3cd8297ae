//! The service on a socket: bounded connections, bounded patience, and an end that drops nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::service::server::stall::Stall;

/// After a connection could not be taken, most often because there are too many open files.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The bounds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many at once; 1,024. More wait for their turn.
    pub most: usize,
    /// Bytes of a request's head; 64 KiB.
    pub head_bytes: usize,
    /// Headers of a request; 100.
    pub headers: usize,
    /// How long a client may take to send a request's head, or the next request; 30 seconds.
    pub head_time: Duration,
    /// How long a client may take to read on; 30 seconds.
    pub read_time: Duration,
    /// How long requests may go on after the end was asked for; 10 seconds.
    pub grace: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            most: 1_024,
            head_bytes: 65_536,
            headers: 100,
            head_time: Duration::from_secs(30),
            read_time: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

/// Serves `router` until `stop`: then no connection is taken any more, and those that are open end
/// with the answers to the requests that they have sent, within the grace time.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Connections,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.most));
    let graceful = GracefulShutdown::new();
    while let Some((stream, place)) = next(&listener, &places, &stop).await {
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(Stall::new(stream, bounds.read_time));
        let service = TowerToHyperService::new(router.clone());
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(bounds.head_time);
        server.max_headers(bounds.headers).max_header_size(bounds.head_bytes);
        let connection = graceful.watch(server.serve_connection(io, service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were closed before their requests had ended");
    }
}

/// The next connection, once there is a place for it.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            place = Arc::clone(places).acquire_owned() => place.ok()?,
        };
        let accepted: io::Result<_> = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}
