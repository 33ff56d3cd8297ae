//! Tiers 1 to 3.5: pages over HTTP/1.1 and 2.
//!
//! What hyper leaves out is here: redirects, cookies, decoding, every limit, and the address guard.
//! A redirect is followed by hand, because each hop must pass the guard, the jar and the rules for
//! credentials again.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use crate::core::request::{Country, JobRequest};
use crate::core::tier::Tier;
use crate::fetch::guard::ParseNetworkError;
use crate::ports::BoxFuture;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher};

mod attempt;
mod body;
mod cookies;
mod dial;
pub(crate) mod error;
pub(crate) mod headers;
mod net;
mod proxy;

#[cfg(feature = "browser")]
pub(crate) use dial::{DialError, Dialer};
use net::Net;
pub(crate) use net::{Direct, HttpClient};
pub use net::{HttpLimits, RootCertificateError};
pub use proxy::{ParseProxyError, ProxyUrl};

/// Gets pages over HTTP.
///
/// # Example
///
/// ```
/// use rungs::fetch::http::{Http, ProxyUrl};
///
/// let http = Http::new().proxies([ProxyUrl::parse("socks5://proxy.example:1080")?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Http {
    net: Net,
    pool: Vec<Proxy>,
    own: Vec<(String, Proxy)>,
    direct: Lazy,
}

/// A client that is built when it is first needed, and shared by clones.
#[derive(Clone, Debug, Default)]
struct Lazy(Arc<OnceLock<HttpClient>>);

#[derive(Clone, Debug)]
struct Proxy {
    url: Arc<ProxyUrl>,
    client: Lazy,
}

impl Proxy {
    fn new(url: ProxyUrl) -> Self {
        Self { url: Arc::new(url), client: Lazy::default() }
    }
}

/// The way one attempt goes.
#[derive(Clone, Debug)]
struct Route {
    client: HttpClient,
    proxy: Option<Arc<ProxyUrl>>,
    own: bool,
    /// What was asked of the way and could not be had.
    warnings: Vec<String>,
}

/// Which way a request goes, without a client for it.
#[cfg(feature = "browser")]
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) proxy: Option<Arc<ProxyUrl>>,
    pub(crate) own: bool,
    pub(crate) warnings: Vec<String>,
}

impl Http {
    /// A fetcher with the default limits, a closed guard and no proxies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a network such as `127.0.0.0/8` to pages, redirects and proxies.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is none.
    pub fn allow_network(mut self, network: &str) -> Result<Self, ParseNetworkError> {
        self.net.guard = self.net.guard.allow(network)?;
        Ok(self.rebuilt())
    }

    /// Opens every address. For a closed network of the host's own, never for pages from outside.
    pub fn allow_private(mut self) -> Self {
        self.net.guard = self.net.guard.allow_private();
        self.rebuilt()
    }

    /// The pool that tier 3 and `use_proxy` go through; a site keeps its proxy.
    pub fn proxies(mut self, proxies: impl IntoIterator<Item = ProxyUrl>) -> Self {
        self.pool.extend(proxies.into_iter().map(Proxy::new));
        self
    }

    /// The host's own proxies by their integration ids, which `use_own_proxy` goes through.
    pub fn own_proxies<I: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = (I, ProxyUrl)>,
    ) -> Self {
        self.own.extend(proxies.into_iter().map(|(id, url)| (id.into(), Proxy::new(url))));
        self
    }

    /// Trusts more roots than the compiled-in ones: PEM with any number of them, or one as DER.
    ///
    /// # Errors
    ///
    /// [`RootCertificateError`] if there is none in it, or one that cannot be a root.
    pub fn extra_roots(mut self, roots: impl AsRef<[u8]>) -> Result<Self, RootCertificateError> {
        self.net.add_roots(roots.as_ref())?;
        Ok(self.rebuilt())
    }

    /// Other limits.
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.net.limits = limits;
        self.rebuilt()
    }

    /// Gives `host` a fixed address, as a line in the hosts file would. The guard judges it as any
    /// other; a port of 0 leaves the URL's.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.net.fixed.insert(host.to_ascii_lowercase(), address);
        self.rebuilt()
    }

    /// Drops clients that were built from older settings.
    fn rebuilt(mut self) -> Self {
        self.direct = Lazy::default();
        for proxy in self.pool.iter_mut().chain(self.own.iter_mut().map(|(_, it)| it)) {
            proxy.client = Lazy::default();
        }
        self
    }

    /// The dialer of the way that `request` goes, for a fetcher that speaks HTTP by itself.
    #[cfg(feature = "browser")]
    pub(crate) fn way(&self, request: &FetchRequest) -> Result<Way, FetchError> {
        let Route { proxy, own, warnings, .. } = self.route(request)?;
        Ok(Way { proxy, own, warnings })
    }

    /// The dialer of a way.
    #[cfg(feature = "browser")]
    pub(crate) fn dialer(&self, proxy: Option<&Arc<ProxyUrl>>) -> Dialer {
        self.net.dialer(proxy)
    }

    fn route(&self, request: &FetchRequest) -> Result<Route, FetchError> {
        let advanced = &request.options.advanced;
        let site = request.url.site();
        let mut route = if advanced.use_own_proxy {
            let id = advanced.proxy_integration_id.as_deref();
            let fits = self.own.iter().filter(|(own, _)| id.is_none_or(|it| it == own));
            let fits: Vec<_> = fits.map(|(_, it)| it).collect();
            // An own proxy is where its owner put it, whether or not its country was written down.
            self.carried(&fits, &site, true)?
        } else if advanced.use_proxy || request.tier == Tier::Stealth {
            self.carried(&self.of_pool(&request.options), &site, false)?
        } else {
            let client = self.direct.0.get_or_init(|| self.net.direct()).clone();
            Route { client, proxy: None, own: false, warnings: Vec::new() }
        };
        if let Some(country) = &request.options.location.country {
            let there = route.proxy.as_ref().is_some_and(|it| it.serves(Some(country)));
            if !there {
                let warning =
                    format!("location.country was not met: no proxy in {country} carried it");
                route.warnings.push(warning);
            }
        }
        Ok(route)
    }

    /// The pool's proxies for a job: those in the country that it insists on, or else those in the
    /// one that it would like, if there are any.
    fn of_pool(&self, options: &JobRequest) -> Vec<&Proxy> {
        let within = |country: Option<&Country>| -> Vec<&Proxy> {
            self.pool.iter().filter(|it| it.url.serves(country)).collect()
        };
        if let country @ Some(_) = options.advanced.proxy_country.as_ref() {
            return within(country);
        }
        let liked = within(options.location.country.as_ref());
        if liked.is_empty() { within(None) } else { liked }
    }

    fn carried(&self, fits: &[&Proxy], site: &str, own: bool) -> Result<Route, FetchError> {
        let Some(proxy) = fits.get(proxy::sticky(site, fits.len())) else {
            let message = "no configured proxy fits this job";
            return Err(FetchError::new(FetchErrorKind::Unavailable, message));
        };
        let client = proxy.client.0.get_or_init(|| self.net.through(&proxy.url)).clone();
        Ok(Route { client, proxy: Some(Arc::clone(&proxy.url)), own, warnings: Vec::new() })
    }
}

impl HttpFetcher for Http {
    fn tiers(&self) -> Vec<Tier> {
        let mut tiers = vec![Tier::Curl, Tier::Http];
        if !self.pool.is_empty() {
            tiers.push(Tier::Stealth);
        }
        tiers.push(Tier::LightJs);
        tiers
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(async move {
            if request.tier == Tier::Browser {
                let message = "tier 4 needs a browser";
                return Err(FetchError::new(FetchErrorKind::Unavailable, message));
            }
            let route = self.route(&request)?;
            attempt::run(&self.net.limits, &route, &request).await
        })
    }
}
