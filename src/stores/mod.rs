//! Stores: where records and result bodies are kept.
//!
//! A store decides nothing. It keeps records under versioned keys and an index of what falls due;
//! [`crate::core`] says what a record becomes.

mod memory;
mod stretch;

pub use memory::Memory;
