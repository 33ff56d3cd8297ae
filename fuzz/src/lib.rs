//! The functions behind the fuzz targets.
//!
//! A target is a plain `fn(&[u8])` that panics when a guarantee is broken. It runs under libFuzzer (`fuzz_targets/`)
//! and, over the committed seeds and their mutations, on any toolchain (`tests/it/fuzz.rs` includes this file).

pub mod bytes;
pub mod convert;
pub mod decode;
pub mod extract;
pub mod guard;
pub mod made;
pub mod readers;
pub mod request;
pub mod response;
pub mod schema;
pub mod states;
pub mod step;
pub mod store;
pub mod verdict;
pub mod webhook;
