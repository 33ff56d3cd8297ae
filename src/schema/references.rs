//! References inside a schema, which generators of schemas write for nested types.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The nesting limit of references. A type that contains itself is cut there.
const MAX_REFERENCES: usize = 8;
/// The largest number of values of a schema after its references are resolved.
const MAX_VALUES: usize = 5_000;

/// Replaces the references of a schema (`{"$ref": "#/$defs/Offer"}`) by their targets. A reference without a target
/// becomes `{}`, which allows any value.
pub(crate) fn resolved(schema: &Value) -> Cow<'_, Value> {
    if !refers(schema) {
        return Cow::Borrowed(schema);
    }
    let mut resolving = Resolving { root: schema, left: MAX_VALUES };
    let Value::Object(of) = schema else { return Cow::Owned(resolving.value(schema, 0)) };
    // Definitions are not needed after the references are resolved. Deeper, a field may have that name.
    let kept = of.iter().filter(|it| !matches!(it.0.as_str(), "$defs" | "definitions"));
    let kept: Map<_, _> = kept.map(|(name, it)| (name.clone(), it.clone())).collect();
    Cow::Owned(resolving.value(&Value::Object(kept), 0))
}

/// Returns `true` if a schema has a reference anywhere. The recursion is bounded: an item's schema is
/// checked for its depth.
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
                if let Some(path) = object.get("$ref").and_then(Value::as_str) {
                    return self.referred(path, object, followed);
                }
                let fields = object.iter();
                fields.map(|(name, it)| (name.clone(), self.value(it, followed))).collect()
            }
            Value::Array(all) => all.iter().map(|it| self.value(it, followed)).collect(),
            other => other.clone(),
        }
    }

    /// Resolves one reference and adds its sibling keywords.
    fn referred(&mut self, path: &str, beside: &Map<String, Value>, followed: usize) -> Value {
        let target = path.strip_prefix('#').and_then(|it| self.root.pointer(it));
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

    #[test]
    fn references_are_resolved_with_their_sibling_keywords() {
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
    fn a_field_may_have_the_name_of_the_definitions() {
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
    fn a_recursive_reference_is_cut() {
        let link = json!({ "$ref": "#/$defs/Part" });
        let part = json!({ "properties": { "left": link, "right": link, "middle": link } });
        let schema = json!({ "properties": { "part": link }, "$defs": { "Part": part } });

        let written = resolved(&schema).to_string();

        assert!(written.len() < 40 * MAX_VALUES, "{}", written.len());
        let nowhere = json!({ "items": { "$ref": "#/$defs/Nothing" } });
        assert_eq!(*resolved(&nowhere), json!({ "items": {} }));
    }
}
