//! JSON as clients write it. Nothing else in rungs knows the names of its fields.
//!
//! Reading is lenient where the format is (any optional field may be null, unknown fields are
//! ignored) and exact where it is not: a wrong type or an unknown word is a flaw that names its
//! field. Bounds and conflicts are the core's to check, the same for every surface.

mod advanced;
mod batch;
mod field;
mod item;
#[cfg(feature = "engine")]
mod result;

pub use batch::{WireBatch, WireFlaw, read_batch};
pub use item::read_item;
#[cfg(feature = "engine")]
pub use result::{billing, scrape_object};
