//! The HTTP fetcher over real sockets of the loopback interface.

mod hostile;
mod proxies;
mod redirects;
mod tiers;
mod tls;
