//! What each fuzz target does with its bytes.
//!
//! A target is a plain `fn(&[u8])` that panics when a promise is broken, so it runs under libFuzzer
//! (`fuzz_targets/`) and, over the committed seeds and their mutations, on any toolchain
//! (`tests/it/fuzz.rs` of the library includes this very file).

pub mod bytes;
pub mod convert;
pub mod decode;
pub mod extract;
pub mod guard;
pub mod made;
pub mod request;
pub mod response;
pub mod states;
pub mod step;
pub mod store;
pub mod verdict;
pub mod webhook;
