//! The REST service over real sockets, with real sites behind it.
#![cfg(all(feature = "server", feature = "testkit"))]

mod batches;
mod clients;
mod connections;
mod deliveries;
mod events;
mod http;
mod keys;
mod money;
#[cfg(feature = "cli")]
mod program;
mod scrapes;
mod world;
