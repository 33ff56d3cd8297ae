//! The HTTP fetcher over real sockets of the loopback interface.

mod bodies;
mod hostile;
mod lenient;
mod proxies;
mod redirects;
#[cfg(feature = "html")]
mod sessions;
#[cfg(feature = "html")]
mod signatures;
mod tiers;
mod tls;
mod types;
