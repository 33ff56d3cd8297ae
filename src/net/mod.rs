//! Guarded outbound connections, shared by everything that talks to the network.
//!
//! Every connection of rungs is opened here: pages, redirects, robots.txt, a browser's requests,
//! webhooks and model calls. This module decides which addresses may be connected to, resolves
//! names, connects directly or through a proxy, and sets up TLS. It neither follows redirects nor
//! sets the headers of a tier.
//!
//! # Invariants
//!
//! * The guard checks the very address that is then connected to, after name resolution.
//! * No imports from `engine`, `service` or any adapter.

mod bot_auth;
pub(crate) mod client;
mod dial;
pub(crate) mod error;
mod guard;
mod health;
mod lenient;
mod network;
mod policy;
pub(crate) mod proxy;
mod resolve;
mod roots;
mod route;
mod tunnel;

pub use bot_auth::{AgentForm, AgentUrlError, BotKey, ParseBotKeyError, WebBotAuth};
#[cfg(feature = "browser")]
pub(crate) use client::{CONNECT_TIMEOUT, MAX_HEADERS};
pub(crate) use client::{ClientLimits, Clients};
pub(crate) use dial::DialError;
#[cfg(feature = "browser")]
pub(crate) use dial::Dialer;
pub use guard::{AddressRefused, Guard};
#[cfg(feature = "browser")]
pub(crate) use lenient::LenientConnector;
pub(crate) use lenient::StaleConnection;
pub use network::{Network, ParseNetworkError};
pub use policy::NetPolicy;
pub use proxy::{ParseProxyError, ProxyUrl};
pub use resolve::Resolve;
pub use roots::RootCertificateError;
pub(crate) use route::{Route, RouteVia};
