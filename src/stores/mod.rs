//! Stores: where records and result bodies are kept.
//!
//! A store decides nothing. It keeps records under versioned keys and an index of what falls due;
//! [`crate::core`] says what a record becomes.

#[cfg(feature = "sled")]
mod blocking;
pub mod codec;
#[cfg(feature = "sled")]
mod dir;
#[cfg(feature = "sled")]
mod flush;
mod memory;
#[cfg(feature = "sled")]
mod packs;
#[cfg(feature = "sled")]
mod sled;
mod stretch;

#[cfg(feature = "sled")]
use blocking::blocking;
#[cfg(feature = "sled")]
use dir::{check_in_place, sync_dir};
pub use memory::Memory;
#[cfg(feature = "sled")]
pub use packs::BodyFiles;
#[cfg(feature = "sled")]
pub use sled::Sled;
