//! The REST service with independent clients: the official Python client, schemathesis,
//! curl and Node. `tests/run.sh` installs them.
//!
//! This is a test program of its own, so that the other tests run without these clients.

#![cfg(all(feature = "server", feature = "testkit"))]

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
