//! The REST service with independent clients: the official Python client, schemathesis,
//! curl and Node, and the tools for agents with the Python client of their protocol. `tests/run.sh` installs them.
//!
//! This is a test program of its own, so that the other tests run without these clients.

#![cfg(all(feature = "server", feature = "testkit"))]

#[cfg(feature = "cli")]
mod agents;
#[path = "../it/service/described.rs"]
mod described;
mod generated;
#[allow(dead_code, reason = "the tests of the service use the rest")]
#[path = "../it/service/http.rs"]
mod http;
mod programs;
#[allow(dead_code, reason = "the tests of the service use the rest")]
#[path = "../it/service/world.rs"]
mod world;
