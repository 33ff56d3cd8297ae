//! What every client here is made of: the guard, the roots, and the limits.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::fetch::guard::{Guard, ParseNetworkError};
use crate::fetch::http::dial::{Dialer, Plain, Resolver};
use crate::fetch::http::proxy::ProxyUrl;

pub(crate) type HttpClient = Client<HttpsConnector<Dialer>, Full<Bytes>>;

/// The bounds of every request. What a job sets for itself comes on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most bytes of a response's head; at least 8,192.
    pub header_bytes: usize,
    /// The most redirects that are followed.
    pub max_redirects: usize,
    /// How long a connection may take, with the look-up and the proxy.
    pub connect: Duration,
    /// How long until the response's head is there.
    pub first_byte: Duration,
    /// How long one attempt may take in all, whatever its deadline.
    pub total: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// How many idle connections are kept for one site.
    pub idle_per_site: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            header_bytes: 65_536,
            max_redirects: 10,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            total: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            idle_per_site: 8,
        }
    }
}

/// The text holds no certificate that can be a root.
#[derive(Debug, thiserror::Error)]
#[error("no root certificates there: {0}")]
pub struct RootCertificateError(String);

/// Settings that clients are built from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Net {
    pub(crate) guard: Guard,
    pub(crate) fixed: HashMap<String, SocketAddr>,
    pub(crate) limits: HttpLimits,
    roots: Vec<CertificateDer<'static>>,
}

impl Net {
    /// Adds the roots in `given`: PEM with one or more certificates, or one as DER.
    pub(crate) fn add_roots(&mut self, given: &[u8]) -> Result<(), RootCertificateError> {
        let found = if given.windows(11).any(|it| it == b"-----BEGIN ") {
            CertificateDer::pem_slice_iter(given)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| RootCertificateError(error.to_string()))?
        } else {
            vec![CertificateDer::from(given.to_vec())]
        };
        if found.is_empty() {
            return Err(RootCertificateError("the file is empty".to_owned()));
        }
        let mut check = RootCertStore::empty();
        for root in &found {
            check.add(root.clone()).map_err(|error| RootCertificateError(error.to_string()))?;
        }
        self.roots.extend(found);
        Ok(())
    }

    pub(crate) fn direct(&self) -> HttpClient {
        self.client(self.dialer(None))
    }

    pub(crate) fn through(&self, proxy: &Arc<ProxyUrl>) -> HttpClient {
        self.client(self.dialer(Some(proxy)))
    }

    /// The way to any site: straight, or through a proxy. Either way the guard is asked.
    pub(crate) fn dialer(&self, proxy: Option<&Arc<ProxyUrl>>) -> Dialer {
        let Some(proxy) = proxy else {
            return Dialer::direct(Plain::new(self.resolver(), self.limits.connect));
        };
        // An address that the host wrote down itself is opened by that; a name is not.
        let literal = proxy.uri().host().map(|it| it.trim_matches(['[', ']']));
        let guard = match literal.and_then(|it| it.parse::<IpAddr>().ok()) {
            Some(address) => self.guard.clone().allow_network(address.into()),
            None => self.guard.clone(),
        };
        let resolver = Resolver::new(guard, self.fixed.clone());
        let to_proxy = Plain::new(resolver, self.limits.connect);
        Dialer::through(Arc::clone(proxy), to_proxy, self.resolver())
    }

    fn resolver(&self) -> Resolver {
        Resolver::new(self.guard.clone(), self.fixed.clone())
    }

    fn client(&self, dialer: Dialer) -> HttpClient {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.roots.iter().cloned());
        // The provider is named: the process-wide default panics where a host links two.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring serves the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialer);
        let header_bytes = self.limits.header_bytes.max(8_192);
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.limits.idle)
            .pool_max_idle_per_host(self.limits.idle_per_site)
            .http1_max_buf_size(header_bytes)
            .http2_max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .build(connector)
    }
}

/// Settings, and the one client without a proxy that is built from them when it is first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Direct {
    net: Net,
    client: Arc<OnceLock<HttpClient>>,
}

impl Direct {
    pub(crate) fn allow_network(mut self, network: &str) -> Result<Self, ParseNetworkError> {
        self.net.guard = self.net.guard.allow(network)?;
        Ok(self.rebuilt())
    }

    pub(crate) fn allow_private(mut self) -> Self {
        self.net.guard = self.net.guard.allow_private();
        self.rebuilt()
    }

    pub(crate) fn extra_roots(mut self, roots: &[u8]) -> Result<Self, RootCertificateError> {
        self.net.add_roots(roots)?;
        Ok(self.rebuilt())
    }

    pub(crate) fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.net.fixed.insert(host.to_ascii_lowercase(), address);
        self.rebuilt()
    }

    /// Drops a client that was built from older settings.
    fn rebuilt(mut self) -> Self {
        self.client = Arc::default();
        self
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.net.guard
    }

    pub(crate) fn client(&self) -> &HttpClient {
        self.client.get_or_init(|| self.net.direct())
    }
}
