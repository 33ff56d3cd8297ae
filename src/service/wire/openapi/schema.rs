//! The few shapes that schemas are made of.

use serde_json::{Map, Value, json};

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

/// A whole number from zero.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A whole number within bounds.
pub(super) fn within(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(super) fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn list(of: Value) -> Value {
    let mut schema = json!({ "type": "array" });
    schema["items"] = of;
    schema
}

/// One of these words.
pub(super) fn word(words: impl IntoIterator<Item = &'static str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

/// An object of whatever fields.
pub(super) fn object() -> Value {
    json!({ "type": "object" })
}

/// Any value at all.
pub(super) fn anything() -> Value {
    json!({})
}

/// The schema, or null.
pub(super) fn or_null(schema: Value) -> Value {
    let mut schema = schema;
    match schema.get("type").cloned() {
        Some(Value::String(kind)) if schema.get("enum").is_none() => {
            schema["type"] = json!([kind, "null"]);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// An object with all of these fields, and perhaps more.
pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "required": required, "properties": properties(fields) })
}

/// An object with any of these fields, each of which may be null.
pub(super) fn options<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, schema)| (name, or_null(schema)));
    json!({ "type": "object", "properties": properties(fields) })
}

pub(super) fn properties<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
