//! The REST service, driven by programs that others wrote: the official Python client, schemathesis,
//! curl and Node. `tests/run.sh` installs them.
//!
//! A program of its own: it alone needs them, so that the other tests run without.

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
