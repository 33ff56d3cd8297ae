//! Building blocks of JSON schemas.

use serde_json::{Map, Value, json};

/// A property of an object. The constructor requires the description and the example, so no property lacks them.
pub(super) struct Property {
    name: &'static str,
    schema: Value,
    example: Value,
    description: &'static str,
    default: Option<Value>,
}

/// Creates a property. `example` is a valid value of `schema`.
pub(super) fn property(
    name: &'static str,
    schema: Value,
    example: impl Into<Value>,
    description: &'static str,
) -> Property {
    Property { name, schema, example: example.into(), description, default: None }
}

impl Property {
    /// Sets the value that an absent property has.
    pub(super) fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Allows null, which counts as absent.
    fn or_null(mut self) -> Self {
        self.schema = or_null(self.schema);
        self
    }

    fn into_entry(self) -> (String, Value) {
        let mut schema = self.schema;
        schema["description"] = json!(self.description);
        schema["examples"] = json!([self.example]);
        if let Some(default) = self.default {
            schema["default"] = default;
        }
        (self.name.to_owned(), schema)
    }
}

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

/// A number of seconds that is rounded up to the integers from `minimum` to `maximum`.
pub(super) fn seconds(minimum: u64, maximum: u64) -> Value {
    json!({ "type": "number", "exclusiveMinimum": minimum.saturating_sub(1), "maximum": maximum })
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

/// An object whose fields are strings.
pub(super) fn string_map() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
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
pub(super) fn record(fields: Vec<Property>) -> Value {
    let required: Vec<&str> = fields.iter().map(|it| it.name).collect();
    json!({ "type": "object", "required": required, "properties": properties(fields) })
}

/// An object that may have these fields. Each may be null.
pub(super) fn options(fields: Vec<Property>) -> Value {
    let fields = fields.into_iter().map(Property::or_null).collect();
    json!({ "type": "object", "properties": properties(fields) })
}

pub(super) fn properties(fields: Vec<Property>) -> Map<String, Value> {
    fields.into_iter().map(Property::into_entry).collect()
}

/// Adds a description to a schema.
pub(super) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
}

/// Adds optional fields to an object's schema, unless it has them already.
pub(super) fn with_optional(mut schema: Value, fields: Map<String, Value>) -> Value {
    if let Some(named) = schema["properties"].as_object_mut() {
        for (name, field) in fields {
            named.entry(name).or_insert(field);
        }
    }
    schema
}

/// Another schema with additional required fields.
pub(super) fn extended(name: &str, fields: Vec<Property>) -> Value {
    json!({ "allOf": [reference(name), record(fields)] })
}
