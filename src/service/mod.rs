//! The REST API: a router to nest in your application, and a server of its own.
//!
//! Handlers are thin: they parse a request with [`wire`], call the engine, and serialize the result with [`wire`].
//!
//! # Invariants
//!
//! * [`wire`] is the only module that names the JSON fields of the API.
//! * Nothing here decides about jobs, credits or retries. The engine decides, by the same rules for every caller.
//! * A request for a record of another account gets the same response as one for a record that does not exist.

pub mod wire;

#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
pub use server::*;
