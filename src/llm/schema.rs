//! Converts the requested fields to a JSON Schema and checks an answer against it.

use serde_json::{Map, Value, json};

use crate::schema::{FieldType, field_types, is_json_schema, resolved};

/// Maximum nesting of schemas that is read.
const MAX_DEPTH: usize = 20;
/// Maximum number of mismatches that are reported for one answer.
const MAX_MISMATCHES: usize = 10;

/// Returns the JSON Schema of an item's schema, which is one already or the shorthand
/// `{"title": "string", "tags": ["string"], "price": "number | null"}`.
pub(super) fn json_schema(requested: &Value) -> Value {
    schema_of(&resolved(requested), 0)
}

fn schema_of(requested: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return json!({});
    }
    match requested {
        Value::String(words) => {
            let kinds: Vec<_> = field_types(words).map(FieldType::as_str).collect();
            match kinds.as_slice() {
                [] => json!({}),
                [one] => json!({ "type": one }),
                _ => json!({ "type": kinds }),
            }
        }
        Value::Array(all) => {
            json!({ "type": "array", "items": all.first().map(|it| schema_of(it, depth + 1)) })
        }
        Value::Object(object) if is_json_schema(object) => requested.clone(),
        Value::Object(fields) if !fields.is_empty() => {
            let properties: Map<_, _> =
                fields.iter().map(|(name, it)| (name.clone(), schema_of(it, depth + 1))).collect();
            let names: Vec<_> = fields.keys().collect();
            json!({ "type": "object", "properties": properties, "required": names })
        }
        _ => json!({}),
    }
}

/// Returns the required fields that an answer lacks and the values of the wrong type, each with its
/// path.
pub(super) fn mismatches(schema: &Value, value: &Value) -> Vec<String> {
    let mut mismatches = Vec::new();
    check(schema, value, "the answer", 0, &mut mismatches);
    mismatches
}

fn check(schema: &Value, value: &Value, path: &str, depth: usize, mismatches: &mut Vec<String>) {
    if depth > MAX_DEPTH || mismatches.len() >= MAX_MISMATCHES {
        return;
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(it)) => vec![it],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    // Null means that the page does not contain the field, which is allowed for every field.
    if value.is_null() {
        return;
    }
    if !kinds.is_empty() && !kinds.iter().any(|it| is_of(value, it)) {
        mismatches.push(format!("{path} is not of type {}", kinds.join(" or ")));
        return;
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        mismatches.push(format!("{path} is none of the allowed values"));
    }
    if let Value::Object(object) = value {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|it| !object.contains_key(*it)) {
            if mismatches.len() < MAX_MISMATCHES {
                mismatches.push(format!("{path} has no `{name}`"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, inner) in properties.into_iter().flatten() {
            if let Some(value) = object.get(name) {
                check(inner, value, &format!("`{name}`"), depth + 1, mismatches);
            }
        }
    }
    if let (Value::Array(all), Some(items)) = (value, schema.get("items")) {
        for value in all {
            check(items, value, &format!("an item of {path}"), depth + 1, mismatches);
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|it| it.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorthand_is_converted_to_a_json_schema() {
        let requested = json!({ "title": "string", "tags": ["str"], "price": "float | null" });

        let schema = json_schema(&requested);

        assert_eq!(schema["properties"]["title"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["tags"]["items"], json!({ "type": "string" }));
        assert_eq!(schema["properties"]["price"], json!({ "type": ["number", "null"] }));
        let list = json_schema(&json!([{ "url": "string" }]));
        assert_eq!(list["items"]["properties"]["url"], json!({ "type": "string" }));
        let already = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        assert_eq!(json_schema(&already), already);
    }

    #[test]
    fn a_referenced_schema_is_checked_where_it_is_used() {
        let schema = json_schema(&json!({
            "properties": { "offer": { "$ref": "#/$defs/Offer" } },
            "$defs": { "Offer": { "type": "object", "properties": { "price": { "type": "number" } } } },
        }));

        let wrong = mismatches(&schema, &json!({ "offer": { "price": "much" } }));

        assert_eq!(wrong, ["`price` is not of type number"]);
    }

    #[test]
    fn an_answer_is_checked_against_its_schema() {
        let schema =
            json_schema(&json!({ "title": "string", "tags": ["string"], "price": "number" }));

        assert!(
            mismatches(&schema, &json!({ "title": "a", "tags": ["b"], "price": null })).is_empty()
        );
        let wrong = mismatches(&schema, &json!({ "title": 1, "tags": ["b", 2] }));
        assert_eq!(
            wrong,
            [
                "the answer has no `price`",
                "an item of `tags` is not of type string",
                "`title` is not of type string",
            ]
        );
    }
}
