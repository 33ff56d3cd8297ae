//! The built-in stores of records and result bodies.
//!
//! A store makes no decisions. It keeps versioned records by key and an index of the times at which they are due.
//! [`crate::core`] computes the new records.

#[cfg(feature = "sled")]
mod blocking;
#[cfg(feature = "sled")]
mod body_files;
#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod codec;
#[cfg(feature = "sled")]
mod dir;
#[cfg(feature = "sled")]
mod flush;
mod key_range;
mod memory;
#[cfg(feature = "sled")]
mod sled;
#[cfg(feature = "sled")]
mod space;

#[cfg(feature = "sled")]
use blocking::blocking;
#[cfg(feature = "sled")]
pub use body_files::BodyFiles;
#[cfg(feature = "sled")]
use dir::{check_in_place, sync_dir};
pub use memory::Memory;
#[cfg(feature = "sled")]
pub use sled::Sled;
