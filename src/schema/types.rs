//! The types of fields, and the two dialects that name them.

use serde_json::{Map, Value};

/// The type of a field in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    String,
    /// A day as ISO 8601 text, `2025-01-29`.
    Date,
    Number,
    Integer,
    Boolean,
    Array,
    Object,
    Null,
}

impl FieldType {
    /// Parses a word of the shorthand or of JSON Schema. Returns `None` for any other word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "string" | "str" | "text" | "url" => Self::String,
            "date" => Self::Date,
            "number" | "float" => Self::Number,
            "integer" | "int" => Self::Integer,
            "boolean" | "bool" => Self::Boolean,
            "array" | "list" => Self::Array,
            "object" | "dict" => Self::Object,
            "null" => Self::Null,
            _ => return None,
        })
    }

    /// The name of the type in JSON Schema.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::String | Self::Date => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Null => "null",
        }
    }
}

/// Parses the types in a word of the shorthand, as in `number | null`. A description may follow a type:
/// `string, the name of the maker`.
pub(crate) fn field_types(words: &str) -> impl Iterator<Item = FieldType> {
    words.split('|').filter_map(|it| FieldType::parse(it.split([',', '(']).next()?.trim()))
}

/// Returns `true` if an object is JSON Schema, and `false` if it is the shorthand: fields by name, which may also be
/// named `type`, `items` or `description`.
pub(crate) fn is_json_schema(object: &Map<String, Value>) -> bool {
    const ANNOTATIONS: [&str; 21] = [
        "title",
        "description",
        "format",
        "enum",
        "const",
        "default",
        "examples",
        "example",
        "nullable",
        "required",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "items",
        "uniqueItems",
        "properties",
        "additionalProperties",
    ];
    let parts = object.iter().any(|(name, value)| {
        matches!(
            (name.as_str(), value),
            ("properties" | "items" | "$defs", Value::Object(_))
                | ("enum" | "anyOf" | "oneOf" | "allOf", Value::Array(_))
                | ("$schema" | "$ref", Value::String(_))
        )
    });
    let typed = match object.get("type") {
        Some(Value::String(word)) => FieldType::parse(word).is_some_and(|it| it.as_str() == word),
        Some(Value::Array(_)) => true,
        _ => false,
    };
    let annotates = |name: &String| {
        name == "type" || name.starts_with('$') || ANNOTATIONS.contains(&name.as_str())
    };
    // In the shorthand the value of a field named `description` is a type. A description in words rarely is.
    let described = ["title", "description"].iter().any(|it| {
        object.get(*it).and_then(Value::as_str).is_some_and(|it| FieldType::parse(it).is_some())
    });
    parts || (typed && !described && object.keys().all(annotates))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(value: Value) -> bool {
        let Value::Object(object) = value else { unreachable!("only objects are judged") };
        is_json_schema(&object)
    }

    #[test]
    fn json_schema_is_distinguished_from_fields_with_its_names() {
        for schema in [
            json!({ "type": "string" }),
            json!({ "type": "number", "description": "what it costs, in euros" }),
            json!({ "type": ["string", "null"], "format": "date" }),
            json!({ "properties": { "type": { "type": "string" } } }),
            json!({ "type": "object", "properties": {}, "required": [] }),
            json!({ "enum": ["new", "used"] }),
            json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
            json!({ "$ref": "#/$defs/Offer" }),
            json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" }),
        ] {
            assert!(judged(schema.clone()), "{schema}");
        }
        for fields in [
            json!({ "title": "string", "price": "number" }),
            json!({ "type": "string", "description": "string" }),
            json!({ "type": "text" }),
            json!({ "type": "string", "size": "number" }),
            json!({ "items": ["string"], "enum": "string" }),
            json!({ "properties": "string" }),
            json!({ "definitions": { "term": "string", "meaning": "string" } }),
            json!({}),
        ] {
            assert!(!judged(fields.clone()), "{fields}");
        }
    }

    #[test]
    fn a_word_of_the_shorthand_is_one_type_or_several() {
        let of = |words: &str| field_types(words).collect::<Vec<_>>();

        assert_eq!(of("str"), [FieldType::String]);
        assert_eq!(of("number | null"), [FieldType::Number, FieldType::Null]);
        assert_eq!(of("date, when it was written"), [FieldType::Date]);
        assert_eq!(of("int (stars)|null"), [FieldType::Integer, FieldType::Null]);
        assert!(of("whatever").is_empty());
    }
}
