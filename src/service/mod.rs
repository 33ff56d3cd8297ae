//! The REST surface: what clients of the batch API send and get.
//!
//! Handlers are thin: they read a request with [`wire`], call the engine, and write with [`wire`].
//!
//! # Architecture invariants
//!
//! * [`wire`] is the only place that knows the names of JSON fields.
//! * Nothing here decides about jobs, credits or retries: the engine does, for every surface alike.
//! * Whoever asks for what is another account's gets the answer of what does not exist.

#[cfg(feature = "server")]
mod answer;
#[cfg(feature = "server")]
mod body;
#[cfg(feature = "server")]
mod client;
#[cfg(feature = "server")]
mod gate;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod options;
#[cfg(feature = "server")]
mod problem;
#[cfg(feature = "server")]
mod routes;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod stall;
pub mod wire;

#[cfg(feature = "server")]
pub use client::Client;
#[cfg(feature = "server")]
pub use keys::{ApiKey, BadKeys, Keys};
#[cfg(feature = "server")]
pub use metrics::Metrics;
#[cfg(feature = "server")]
pub use options::Options;
#[cfg(feature = "server")]
pub use routes::Service;
#[cfg(feature = "server")]
pub use serve::{Connections, serve};
