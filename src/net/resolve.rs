//! Name resolution, with the guard in front of every address.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::net::Guard;
use crate::net::dial::DialError;
use crate::ports::BoxFuture;

/// Maximum number of addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Resolves host names to IP addresses.
///
/// Implement it to use your own DNS, such as a caching resolver or DNS over HTTPS, in place of the
/// operating system's, and pass it to
/// [`NetPolicy::dns_resolver`](crate::net::NetPolicy::dns_resolver).
///
/// # Contract
///
/// * **Cancel safe.** The caller drops the future when the connect timeout expires.
/// * **Not a way around the guard.** Every address it returns is checked before it is connected to.
///
/// # Example
///
/// ```
/// use std::io;
/// use std::net::IpAddr;
///
/// use rungs::net::{NetPolicy, Resolve};
/// use rungs::ports::BoxFuture;
///
/// #[derive(Debug)]
/// struct Intranet;
///
/// impl Resolve for Intranet {
///     fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
///         Box::pin(async move {
///             match host {
///                 "wiki.internal" => Ok(vec![[10, 0, 0, 7].into()]),
///                 _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such host")),
///             }
///         })
///     }
/// }
///
/// let policy = NetPolicy::new().dns_resolver(Intranet).allow_network("10.0.0.0/24")?;
/// # Ok::<(), rungs::net::ParseNetworkError>(())
/// ```
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Returns the addresses of `host` in the order in which they should be tried. `host` is in
    /// lower case and never an IP address. No address is the same as an error.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// Turns host names into addresses that passed the guard.
#[derive(Clone, Debug, Default)]
pub(crate) struct GuardedResolver {
    pub(super) guard: Guard,
    pub(super) fixed: Arc<HashMap<String, SocketAddr>>,
    pub(super) dns: Option<Arc<dyn Resolve>>,
}

impl GuardedResolver {
    /// Returns the addresses of `host` that may be connected to: at least one.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let mut refusal = None;
        let mut allowed = Vec::new();
        for address in self.lookup(host, port).await? {
            match self.guard.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(refused) => refusal = Some(refused),
            }
        }
        allowed.truncate(MAX_ADDRESSES);
        match (allowed.is_empty(), refusal) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(refused.into()),
            (true, None) => Err(DialError::NoAddress),
        }
    }

    /// A literal address and a fixed one are not looked up.
    async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(literal) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(literal, port)]);
        }
        let name = bare.trim_end_matches('.').to_ascii_lowercase();
        if let Some(fixed) = self.fixed.get(&name) {
            let port = if fixed.port() == 0 { port } else { fixed.port() };
            return Ok(vec![SocketAddr::new(fixed.ip(), port)]);
        }
        if let Some(dns) = &self.dns {
            let found = dns.resolve(&name).await.map_err(DialError::Dns)?;
            Ok(found.into_iter().map(|it| SocketAddr::new(it, port)).collect())
        } else {
            let found = tokio::net::lookup_host((bare, port)).await.map_err(DialError::Dns)?;
            Ok(found.collect())
        }
    }
}
