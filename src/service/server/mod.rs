//! The surface as a router, and as a server on a socket.

mod answer;
mod body;
mod client;
mod gate;
mod keys;
mod metrics;
mod options;
mod origin;
mod page;
mod problem;
mod routes;
mod serve;
mod stall;

pub use client::Client;
pub use keys::{ApiKey, ApiKeysError, Keys};
pub use metrics::Metrics;
pub use options::{Names, Options};
pub use routes::Service;
pub use serve::{Connections, serve};
