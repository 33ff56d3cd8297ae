//! HTTP clients that connect by a network policy, one for each route.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::net::NetPolicy;
use crate::net::dial::Dialer;
use crate::net::lenient::LenientConnector;
use crate::net::route::RouteVia;

pub(crate) type HttpClient = Client<LenientConnector<HttpsConnector<Dialer>>, Full<Bytes>>;

/// Minimum buffer for the head of a response: hyper refuses a smaller one.
const MIN_HEADER_BYTES: usize = 8_192;
/// The most headers of a response. Browsers limit only the bytes; hyper needs memory for each.
pub(crate) const MAX_HEADERS: usize = 1_024;
/// The default time to connect, including name resolution and the proxy.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits that a client is built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientLimits {
    /// Maximum number of bytes in a response's head; at least [`MIN_HEADER_BYTES`].
    pub(crate) max_header_bytes: usize,
    /// The time to connect, including name resolution and the proxy.
    pub(crate) connect_timeout: Duration,
    /// The time an idle connection is kept.
    pub(crate) idle_timeout: Duration,
    /// The number of idle connections that are kept per host.
    pub(crate) max_idle_per_host: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            // As in Chromium.
            max_header_bytes: 262_144,
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: Duration::from_mins(1),
            max_idle_per_host: 32,
        }
    }
}

/// The clients of one route. They share their TLS sessions.
#[derive(Clone, Debug)]
struct RouteClients {
    /// Keeps connections for later requests.
    pooled: HttpClient,
    /// Opens a connection for each request.
    fresh: HttpClient,
}

/// The clients of one adapter. Each is built when its route is first used, and shared by clones.
///
/// # Invariants
///
/// * Routes share neither connections nor TLS sessions: a site could otherwise link requests that
///   go through different proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    policy: NetPolicy,
    limits: ClientLimits,
    by_route: Arc<Mutex<HashMap<RouteVia, RouteClients>>>,
}

impl Clients {
    pub(crate) fn new(policy: NetPolicy, limits: ClientLimits) -> Self {
        Self { policy, limits, by_route: Arc::default() }
    }

    /// Replaces the policy, and with it every client.
    pub(crate) fn with_policy(self, policy: NetPolicy) -> Self {
        Self::new(policy, self.limits)
    }

    /// Replaces the limits, and with them every client.
    pub(crate) fn with_limits(self, limits: ClientLimits) -> Self {
        Self::new(self.policy, limits)
    }

    pub(crate) fn policy(&self) -> &NetPolicy {
        &self.policy
    }

    /// Returns the client that uses no proxy.
    pub(crate) fn direct(&self) -> HttpClient {
        self.client(RouteVia::Direct)
    }

    /// Returns the client of a route.
    pub(crate) fn client(&self, via: RouteVia) -> HttpClient {
        self.of_route(via, |it| it.pooled.clone())
    }

    /// Returns a client of a route that reuses no connection.
    pub(crate) fn fresh_client(&self, via: RouteVia) -> HttpClient {
        self.of_route(via, |it| it.fresh.clone())
    }

    fn of_route(
        &self,
        via: RouteVia,
        choose: impl FnOnce(&RouteClients) -> HttpClient,
    ) -> HttpClient {
        let mut clients = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        choose(clients.entry(via).or_insert_with(|| self.build(via)))
    }

    fn build(&self, via: RouteVia) -> RouteClients {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.policy.roots().iter().cloned());
        // The provider is named: the process-wide default panics if the application links two.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(self.policy.dialer(via, self.limits.connect_timeout));
        let header_bytes = self.limits.max_header_bytes.max(MIN_HEADER_BYTES);
        let connector = LenientConnector::new(connector, header_bytes);
        let client = |max_idle_per_host| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(self.limits.idle_timeout)
                .pool_max_idle_per_host(max_idle_per_host)
                .http1_max_buf_size(header_bytes)
                .http1_max_headers(MAX_HEADERS)
                .http2_max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
                .build(connector.clone())
        };
        RouteClients { pooled: client(self.limits.max_idle_per_host), fresh: client(0) }
    }
}
