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
mod server;
pub mod wire;

#[cfg(feature = "server")]
pub use server::{
    ApiKey, ApiKeysError, Client, Connections, Keys, Metrics, Names, Options, Service, serve,
};
