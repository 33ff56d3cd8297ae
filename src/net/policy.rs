//! The network policy of an application.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::core::id::AccountId;
use crate::net::dial::{Dialer, TcpConnector};
use crate::net::health::ProxyHealth;
use crate::net::resolve::{GuardedResolver, Resolve};
use crate::net::route::RouteVia;
use crate::net::{Guard, ParseNetworkError, ProxyUrl, RootCertificateError, roots};

/// Rules for every connection that rungs opens: allowed networks, name resolution, root
/// certificates and proxies.
///
/// Write one policy and pass a clone of it to each part that connects:
/// [`Http`](crate::fetch::Http), the browsers, [`Webhooks`](crate::webhook::Webhooks) and the model
/// client. Cloning is cheap. The default allows public addresses only and uses no proxy.
///
/// Proxies apply to pages; webhooks and model calls are sent directly.
///
/// # Example
///
/// ```
/// use rungs::fetch::Http;
/// use rungs::net::NetPolicy;
/// use rungs::webhook::Webhooks;
///
/// let network = NetPolicy::new()
///     .allow_network("10.0.0.0/8")?
///     .proxies(["socks5://proxy.example:1080".parse()?]);
/// let http = Http::new().network(network.clone());
/// let webhooks = Webhooks::signed_with("secret").network(network);
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct NetPolicy(Arc<Rules>);

#[derive(Clone, Debug, Default)]
struct Rules {
    guard: Guard,
    /// Shared with the resolvers, which are cloned for each connection.
    fixed: Arc<HashMap<String, SocketAddr>>,
    dns: Option<Arc<dyn Resolve>>,
    roots: Vec<CertificateDer<'static>>,
    pool: Vec<Arc<ProxyUrl>>,
    own: Vec<OwnProxy>,
    /// Shared by all clones, so that every fetcher learns which proxies are down.
    health: Arc<ProxyHealth>,
}

/// A proxy that an account or the application brings.
#[derive(Clone, Debug)]
pub(crate) struct OwnProxy {
    /// The account that the proxy is reserved for; `None` if every account uses it.
    account: Option<AccountId>,
    id: String,
    url: Arc<ProxyUrl>,
}

impl OwnProxy {
    /// Returns `true` if jobs of `account` may use the proxy, where `id` is the one that they ask for.
    pub(crate) fn serves(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.account.as_ref().is_none_or(|it| it == account) && id.is_none_or(|it| it == self.id)
    }
}

impl NetPolicy {
    /// Creates a policy that allows public addresses only, without proxies.
    pub fn new() -> Self {
        Self::default()
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.0)
    }

    /// Allows a network such as `127.0.0.0/8` to pages, redirects, proxies, webhooks and model
    /// calls. A bare address is a network of one.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is not a network.
    pub fn allow_network(mut self, network: &str) -> Result<Self, ParseNetworkError> {
        let network = network.parse()?;
        let rules = self.rules();
        rules.guard = std::mem::take(&mut rules.guard).allow_network(network);
        Ok(self)
    }

    /// Allows every address. Use it only in a closed network, never for URLs from outside.
    pub fn allow_private(mut self) -> Self {
        let rules = self.rules();
        rules.guard = std::mem::take(&mut rules.guard).allow_private();
        self
    }

    /// Gives `host` a fixed address, like a line in `/etc/hosts`. The guard still checks the
    /// address. Port 0 keeps the port of the URL.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        Arc::make_mut(&mut self.rules().fixed).insert(host, address);
        self
    }

    /// Resolves host names with `resolver` instead of the operating system. The guard still checks
    /// every address.
    pub fn dns_resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.rules().dns = Some(Arc::new(resolver));
        self
    }

    /// Trusts root certificates in addition to the compiled-in ones: PEM with one or more, or one
    /// as DER. The browsers do not use them: Chromium has its own root store.
    ///
    /// # Errors
    ///
    /// [`RootCertificateError`] if the input contains no certificate, or one that cannot be a root.
    pub fn extra_roots(mut self, roots: impl AsRef<[u8]>) -> Result<Self, RootCertificateError> {
        let roots = roots::parse(roots.as_ref())?;
        self.rules().roots.extend(roots);
        Ok(self)
    }

    /// Adds proxies to the pool that tier 3 and `use_proxy` use. All pages of a site use the same
    /// proxy.
    pub fn proxies(mut self, proxies: impl IntoIterator<Item = ProxyUrl>) -> Self {
        self.rules().pool.extend(proxies.into_iter().map(Arc::new));
        self
    }

    /// Adds your application's own proxies by their integration ids, for `use_own_proxy` of every account.
    pub fn own_proxies<I: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = (I, ProxyUrl)>,
    ) -> Self {
        self.add_own(None, proxies);
        self
    }

    /// Adds own proxies of one account by their integration ids, for its `use_own_proxy`.
    pub fn account_proxies<I: Into<String>>(
        mut self,
        account: &AccountId,
        proxies: impl IntoIterator<Item = (I, ProxyUrl)>,
    ) -> Self {
        self.add_own(Some(account), proxies);
        self
    }

    fn add_own<I: Into<String>>(
        &mut self,
        account: Option<&AccountId>,
        proxies: impl IntoIterator<Item = (I, ProxyUrl)>,
    ) {
        let proxies = proxies.into_iter().map(|(id, url)| OwnProxy {
            account: account.cloned(),
            id: id.into(),
            url: Arc::new(url),
        });
        self.rules().own.extend(proxies);
    }

    /// Returns `true` if jobs of `account` may use an own proxy: the one with this id, or any.
    pub(crate) fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.own().iter().any(|it| it.serves(account, id))
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    pub(crate) fn pool(&self) -> &[Arc<ProxyUrl>] {
        &self.0.pool
    }

    pub(crate) fn own(&self) -> &[OwnProxy] {
        &self.0.own
    }

    /// Returns `true` if the proxy of the pool with this index failed lately.
    pub(super) fn is_resting(&self, index: usize) -> bool {
        self.0.pool.get(index).is_some_and(|it| self.0.health.is_resting(&it.key()))
    }

    pub(super) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.0.roots
    }

    /// Returns the proxy of a route, if it uses one.
    pub(crate) fn proxy(&self, via: RouteVia) -> Option<&Arc<ProxyUrl>> {
        match via {
            RouteVia::Direct => None,
            RouteVia::Pool(index) => self.0.pool.get(index),
            RouteVia::Own(index) => self.0.own.get(index).map(|it| &it.url),
        }
    }

    /// Returns the connector of a route. The guard checks the target with and without a proxy.
    pub(crate) fn dialer(&self, via: RouteVia, connect_timeout: Duration) -> Dialer {
        let targets = self.resolver(self.0.guard.clone());
        let Some(proxy) = self.proxy(via) else {
            return Dialer::direct(TcpConnector::new(targets, connect_timeout));
        };
        // Writing down a proxy's IP address allows that address; a name is not enough.
        let literal = proxy.uri().host().map(|it| it.trim_matches(['[', ']']));
        let guard = match literal.and_then(|it| it.parse::<IpAddr>().ok()) {
            Some(address) => self.0.guard.clone().allow_network(address.into()),
            None => self.0.guard.clone(),
        };
        let to_proxy = TcpConnector::new(self.resolver(guard), connect_timeout);
        Dialer::via_proxy(Arc::clone(proxy), to_proxy, targets, Arc::clone(&self.0.health))
    }

    fn resolver(&self, guard: Guard) -> GuardedResolver {
        GuardedResolver { guard, fixed: Arc::clone(&self.0.fixed), dns: self.0.dns.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_to_a_clone_leaves_the_original_unchanged() {
        let closed = NetPolicy::new();

        let open = closed.clone().allow_private();

        assert!(open.guard().check([127, 0, 0, 1].into()).is_ok());
        assert!(closed.guard().check([127, 0, 0, 1].into()).is_err());
    }
}
