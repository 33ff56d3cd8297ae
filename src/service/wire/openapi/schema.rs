//! Building blocks of JSON schemas.

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

/// An integer from zero.
pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// An integer within bounds.
pub(super) fn within(minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
}

pub(super) fn timestamp() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn list(items: Value) -> Value {
    let mut schema = json!({ "type": "array" });
    schema["items"] = items;
    schema
}

/// A string that is one of these words.
pub(super) fn word(words: impl IntoIterator<Item = &'static str>) -> Value {
    json!({ "type": "string", "enum": words.into_iter().collect::<Vec<_>>() })
}

/// An object with any fields.
pub(super) fn object() -> Value {
    json!({ "type": "object" })
}

/// Any JSON value.
pub(super) fn anything() -> Value {
    json!({})
}

/// The given schema, or null.
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

/// An object that has all of these fields, and may have more.
pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "required": required, "properties": properties(fields) })
}

/// An object that may have these fields. Each may be null.
pub(super) fn options<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(name, schema)| (name, or_null(schema)));
    json!({ "type": "object", "properties": properties(fields) })
}

pub(super) fn properties<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
