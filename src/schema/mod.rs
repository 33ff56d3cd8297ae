//! The language of `extraction_schema`: JSON Schema, and a shorthand of it.
//!
//! In the shorthand `{"title": "string", "tags": ["string"], "price": "number | null"}` a word is a type, an object
//! contains fields by name, and a list contains the schema of its entries.
//!
//! This module only reads schemas. The extractor fills one from a page, the model client requests the fields from a
//! model, and the check of an item enforces the limits on its size.
//!
//! # Invariants
//!
//! * Pure, like `core`: no I/O, no clock, no `async`. Imports nothing but `std` and `serde_json`.
//! * Bounded: following references writes at most 5,000 values.

mod references;
mod types;

pub(crate) use self::references::resolved;
pub(crate) use self::types::{FieldType, field_types, is_json_schema};
