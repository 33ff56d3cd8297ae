//! The REST service over real sockets, with real sites behind it.
#![cfg(all(feature = "server", feature = "testkit"))]

mod batches;
mod connections;
mod http;
mod keys;
#[cfg(feature = "cli")]
mod program;
mod scrapes;
mod world;
