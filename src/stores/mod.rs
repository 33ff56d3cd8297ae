//! The built-in stores of records and result bodies.
//!
//! A store makes no decisions. It keeps versioned records by key and an index of the times at which they are due.
//! [`crate::core`] computes the new records.

#[cfg(any(feature = "journal", feature = "objects", feature = "postgres", feature = "sled"))]
mod blocking;
#[cfg(feature = "sled")]
mod body_files;
#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod codec;
#[cfg(any(feature = "journal", feature = "objects", feature = "postgres", feature = "sled"))]
mod compress;
#[cfg(any(feature = "journal", feature = "objects", feature = "sled"))]
mod dir;
#[cfg(feature = "sled")]
mod flush;
#[cfg(feature = "journal")]
mod journal;
mod key_range;
mod memory;
#[cfg(feature = "objects")]
mod objects;
#[cfg(any(feature = "journal", feature = "sled"))]
mod opening;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "http")]
mod sessions;
#[cfg(feature = "sled")]
mod sled;
#[cfg(any(feature = "journal", feature = "sled"))]
mod space;

#[cfg(any(feature = "journal", feature = "sled"))]
use blocking::blocking;
#[cfg(any(feature = "journal", feature = "objects", feature = "postgres", feature = "sled"))]
use blocking::blocking_if_long;
#[cfg(feature = "sled")]
pub use body_files::BodyFiles;
#[cfg(any(feature = "journal", feature = "objects", feature = "sled"))]
use dir::sync_ancestors;
#[cfg(any(feature = "journal", feature = "sled"))]
use dir::{check_in_place, sync_dir};
#[cfg(feature = "journal")]
pub use journal::Journal;
pub use memory::Memory;
#[cfg(feature = "objects")]
pub use objects::{Objects, ObjectsError, ObjectsOptions};
#[cfg(feature = "postgres")]
pub use postgres::{DatabaseReport, Postgres, RelationSize};
#[cfg(feature = "http")]
pub use sessions::{ParseSealingKeyError, SealedSessions, SealingKey, SealingKeys};
#[cfg(feature = "sled")]
pub use sled::Sled;
