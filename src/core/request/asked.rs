//! `extraction_schema`: the two languages that it may speak, JSON Schema and a shorthand of it.
//!
//! In the shorthand `{"title": "string", "tags": ["string"], "price": "number | null"}` a word is a type,
//! an object its fields by name, and a list holds what is in it.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// References in references that are followed; a thing that holds itself is cut there.
const MAX_REFERENCES: usize = 8;
/// Values that a schema may have once its references are followed.
const MAX_VALUES: usize = 5_000;

/// A type that a field is asked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    /// A day, as ISO 8601 text.
    Date,
    Number,
    Integer,
    Boolean,
    Array,
    Object,
    Null,
}

impl Kind {
    /// The type that a word of the shorthand stands for, which may be JSON Schema's own.
    pub(crate) fn named(word: &str) -> Option<Self> {
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

    /// JSON Schema's word for it.
    pub(crate) fn word(self) -> &'static str {
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

/// The types in the shorthand's `number | null`; what it is in words may stand behind one: `string, the
/// name of the maker`.
pub(crate) fn kinds(words: &str) -> impl Iterator<Item = Kind> {
    words.split('|').filter_map(|it| Kind::named(it.split([',', '(']).next()?.trim()))
}

/// Whether an object is JSON Schema and not the shorthand's fields by name, which may be called `type`,
/// `items` or `description` too.
pub(crate) fn is_json_schema(object: &Map<String, Value>) -> bool {
    const BESIDE: [&str; 21] = [
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
        Some(Value::String(word)) => Kind::named(word).is_some_and(|it| it.word() == word),
        Some(Value::Array(_)) => true,
        _ => false,
    };
    let beside =
        |name: &String| name == "type" || name.starts_with('$') || BESIDE.contains(&name.as_str());
    // A field called `description` is asked as a type; what a schema says in words is hardly ever one.
    let described = ["title", "description"].iter().any(|it| {
        object.get(*it).and_then(Value::as_str).is_some_and(|it| Kind::named(it).is_some())
    });
    parts || (typed && !described && object.keys().all(beside))
}

/// A schema with what its references within it (`{"$ref": "#/$defs/Offer"}`) refer to in their places,
/// as generators of schemas write things in things. A reference that leads nowhere asks for anything.
pub(crate) fn resolved(schema: &Value) -> Cow<'_, Value> {
    if !refers(schema) {
        return Cow::Borrowed(schema);
    }
    let mut resolving = Resolving { root: schema, left: MAX_VALUES };
    let Value::Object(of) = schema else { return Cow::Owned(resolving.value(schema, 0)) };
    // What only references lead to is of no use once they are followed. Further in, a field may be called so.
    let kept = of.iter().filter(|it| !matches!(it.0.as_str(), "$defs" | "definitions"));
    let kept: Map<_, _> = kept.map(|(name, it)| (name.clone(), it.clone())).collect();
    Cow::Owned(resolving.value(&Value::Object(kept), 0))
}

/// Whether a schema has a reference anywhere. A checked schema is not deep.
fn refers(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.get("$ref").is_some_and(Value::is_string) || object.values().any(refers)
        }
        Value::Array(all) => all.iter().any(refers),
        _ => false,
    }
}

struct Resolving<'a> {
    root: &'a Value,
    /// Values that may still be written.
    left: usize,
}

impl Resolving<'_> {
    fn value(&mut self, value: &Value, followed: usize) -> Value {
        let Some(left) = self.left.checked_sub(1) else { return anything() };
        self.left = left;
        match value {
            Value::Object(object) => {
                if let Some(way) = object.get("$ref").and_then(Value::as_str) {
                    return self.referred(way, object, followed);
                }
                let fields = object.iter();
                fields.map(|(name, it)| (name.clone(), self.value(it, followed))).collect()
            }
            Value::Array(all) => all.iter().map(|it| self.value(it, followed)).collect(),
            other => other.clone(),
        }
    }

    /// What a reference leads to, with what is said beside it.
    fn referred(&mut self, way: &str, beside: &Map<String, Value>, followed: usize) -> Value {
        let target = way.strip_prefix('#').and_then(|it| self.root.pointer(it));
        let Some(target) = target.filter(|_| followed < MAX_REFERENCES) else { return anything() };
        let mut made = self.value(target, followed + 1);
        if let Value::Object(made) = &mut made {
            let beside = beside.iter().filter(|it| it.0 != "$ref");
            made.extend(beside.map(|(name, it)| (name.clone(), it.clone())));
        }
        made
    }
}

fn anything() -> Value {
    Value::Object(Map::new())
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
    fn json_schema_is_told_from_fields_that_have_its_names() {
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
        let of = |words: &str| kinds(words).collect::<Vec<_>>();

        assert_eq!(of("str"), [Kind::String]);
        assert_eq!(of("number | null"), [Kind::Number, Kind::Null]);
        assert_eq!(of("date, when it was written"), [Kind::Date]);
        assert_eq!(of("int (stars)|null"), [Kind::Integer, Kind::Null]);
        assert!(of("whatever").is_empty());
    }

    #[test]
    fn references_are_followed_with_what_is_said_beside_them() {
        let schema = json!({
            "type": "object",
            "properties": { "offer": { "$ref": "#/$defs/Offer", "description": "the best one" } },
            "$defs": {
                "Offer": { "type": "object", "properties": { "price": { "$ref": "#/$defs/Price" } } },
                "Price": { "type": "number" },
            },
        });

        let resolved = resolved(&schema);

        let offer = json!({
            "type": "object", "properties": { "price": { "type": "number" } }, "description": "the best one",
        });
        assert_eq!(*resolved, json!({ "type": "object", "properties": { "offer": offer } }));
    }

    #[test]
    fn a_field_may_be_called_as_what_references_lead_to() {
        let schema = json!({
            "properties": { "definitions": { "$ref": "#/definitions/Words" } },
            "definitions": { "Words": { "type": "array" } },
        });

        let wanted = json!({ "properties": { "definitions": { "type": "array" } } });
        assert_eq!(*resolved(&schema), wanted);
    }

    #[test]
    fn a_schema_without_references_is_not_copied() {
        let schema = json!({ "title": "string", "$ref": 7 });

        assert!(matches!(resolved(&schema), Cow::Borrowed(_)));
    }

    #[test]
    fn a_thing_in_itself_ends() {
        let link = json!({ "$ref": "#/$defs/Part" });
        let part = json!({ "properties": { "left": link, "right": link, "middle": link } });
        let schema = json!({ "properties": { "part": link }, "$defs": { "Part": part } });

        let written = resolved(&schema).to_string();

        assert!(written.len() < 40 * MAX_VALUES, "{}", written.len());
        let nowhere = json!({ "items": { "$ref": "#/$defs/Nothing" } });
        assert_eq!(*resolved(&nowhere), json!({ "items": {} }));
    }
}
