//! The API as an [`axum::Router`], and as a server on a socket.
//!
//! Imports point one way. `router` maps `routes`, `page` and `middleware` to paths. Those three use [`Service`], the
//! state that every request shares, which uses `keys` and `options`.

mod client_family;
mod connection_places;
mod connections;
mod key_limits;
mod keys;
mod metrics;
mod middleware;
mod options;
mod page;
mod principal;
mod problem;
mod query;
mod request_body;
mod response;
mod router;
mod routes;
mod state;

#[doc(hidden)]
pub use client_family::ClientFamily;
pub use connections::{ConnectionLimits, serve};
pub use keys::{ApiKey, ApiKeysError, KeyScope, Keys};
pub use metrics::Metrics;
pub use options::{AllowedHosts, ServiceOptions};
pub use principal::Caller;
pub use state::Service;
