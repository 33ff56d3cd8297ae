//! Tiers 1 to 3.5: pages over HTTP/1.1 and HTTP/2.
//!
//! Redirects, cookies, decoding and limits are implemented here; connections come from
//! [`crate::net`]. hyper follows no redirects, and none may be followed blindly: each hop passes
//! the address guard, the cookie jar and the rules for credentials again.

use std::sync::Arc;

use crate::core::id::AccountId;
use crate::core::tier::Tier;
use crate::net::{Clients, NetPolicy, ParseNetworkError, WebBotAuth};
use crate::ports::BoxFuture;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, HttpFetcher};

mod attempt;
mod body;
mod cookies;
mod decode;
mod headers;
mod limits;
mod user_agent;

pub use limits::HttpLimits;
use user_agent::UserAgent;
pub use user_agent::UserAgentError;

/// Fetches pages over HTTP.
///
/// # Example
///
/// ```
/// use rungs::fetch::http::Http;
/// use rungs::net::{NetPolicy, ProxyUrl};
///
/// let network = NetPolicy::new().proxies([ProxyUrl::parse("socks5://proxy.example:1080")?]);
/// let http = Http::new().network(network);
/// # Ok::<(), rungs::net::ParseProxyError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Http {
    clients: Clients,
    limits: HttpLimits,
    user_agent: UserAgent,
    bot_auth: Option<Arc<WebBotAuth>>,
}

impl Http {
    /// Creates a fetcher with the default limits and the default [`NetPolicy`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the network policy: allowed networks, name resolution, root certificates and proxies.
    pub fn network(mut self, policy: NetPolicy) -> Self {
        self.clients = self.clients.with_policy(policy);
        self
    }

    /// Allows a network such as `127.0.0.0/8`; short for [`NetPolicy::allow_network`].
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is not a network.
    pub fn allow_network(self, network: &str) -> Result<Self, ParseNetworkError> {
        let policy = self.clients.policy().clone().allow_network(network)?;
        Ok(self.network(policy))
    }

    /// Allows every address; short for [`NetPolicy::allow_private`].
    pub fn allow_private(self) -> Self {
        let policy = self.clients.policy().clone().allow_private();
        self.network(policy)
    }

    /// Sets the limits of every request.
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.clients = self.clients.with_limits(limits.of_client());
        self.limits = limits;
        self
    }

    /// Signs every request of tiers 1 to 3.5, robots.txt and redirects included, so that sites can verify its sender. A
    /// request whose item sets a signature itself is not signed again. Defaults to no signatures.
    pub fn web_bot_auth(mut self, identity: WebBotAuth) -> Self {
        self.bot_auth = Some(Arc::new(identity));
        self
    }

    /// Sets the user agent of tier 1, which also fetches robots.txt. Defaults to `rungs/` and the
    /// version. A job's own `User-Agent` header wins.
    ///
    /// # Errors
    ///
    /// [`UserAgentError`] if the text is empty, too long, or contains characters that a header
    /// cannot.
    pub fn user_agent(mut self, text: &str) -> Result<Self, UserAgentError> {
        self.user_agent = UserAgent::parse(text)?;
        Ok(self)
    }
}

impl HttpFetcher for Http {
    fn tiers(&self) -> Vec<Tier> {
        let mut tiers = vec![Tier::Curl, Tier::Http];
        if !self.clients.policy().pool().is_empty() {
            tiers.push(Tier::Stealth);
        }
        tiers.push(Tier::LightJs);
        tiers
    }

    fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        self.clients.policy().has_own_proxy(account, id)
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(async move {
            if request.tier == Tier::Browser {
                let message = "tier 4 needs a browser: build the engine with one";
                return Err(FetchError::new(FetchErrorKind::Unavailable, message));
            }
            attempt::run(self, &request).await
        })
    }
}
