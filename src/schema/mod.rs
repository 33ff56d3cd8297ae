//! The language of `extraction_schema`: JSON Schema, and a shorthand of it.
//!
//! In the shorthand `{"title": "string", "tags": ["string"], "price": "number | null"}` a word is a type,
//! an object holds fields by name, and a list holds the schema of its entries.
//!
//! This module only reads schemas. Filling one from a page is the extractor's job, asking a model for the
//! fields is the model client's, and limits on the size of a schema are checked with the rest of an item.
//!
//! # Invariants
//!
//! * Pure, like `core`: no I/O, no clock, no `async`. Imports nothing but `std` and `serde_json`.
//! * Bounded: following references writes at most 5,000 values.

mod references;
mod types;

pub(crate) use self::references::resolved;
pub(crate) use self::types::{FieldType, field_types, is_json_schema};
