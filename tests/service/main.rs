//! The REST service over real sockets, with real sites behind it.
#![cfg(all(feature = "server", feature = "testkit"))]

mod batches;
mod clients;
mod connections;
mod deliveries;
mod described;
mod events;
mod generated;
mod http;
mod keys;
mod money;
#[cfg(feature = "cli")]
mod program;
mod refusals;
mod scrapes;
mod world;
