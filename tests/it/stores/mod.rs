//! The stores, the conformance kit of their port, and the proof that it catches mistakes.

mod broken;
#[cfg(all(feature = "journal", feature = "sled"))]
mod built_in;
#[cfg(all(unix, feature = "journal", feature = "sled", feature = "html"))]
mod disk;
#[cfg(all(unix, feature = "journal", feature = "sled", feature = "html"))]
mod journal;
#[cfg(all(unix, feature = "objects", feature = "journal", feature = "html"))]
mod objects;
#[cfg(all(unix, feature = "postgres"))]
mod postgres;
mod sessions;
