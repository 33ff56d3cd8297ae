//! Values made to be of the type that a schema asks for.

use serde_json::{Map, Number, Value};

use crate::extract::data::day;

use super::{MAX_DEPTH, look_up, number, whole};

/// Entries kept of a list.
const MAX_ENTRIES: usize = 500;

/// What a field's schema asks for: JSON Schema, or the shorthand, where a word is a type, an object its
/// fields, and a list what is in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) kind: &'a str,
    properties: Option<&'a Map<String, Value>>,
    /// The schema of what is in a list.
    pub(super) items: Option<&'a Value>,
    format: Option<&'a str>,
    words: Option<&'a [Value]>,
    pub(super) default: Option<&'a Value>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(schema: &'a Value) -> Self {
        let any = Wanted {
            kind: "any",
            properties: None,
            items: None,
            format: None,
            words: None,
            default: None,
        };
        match schema {
            // The shorthand's `string | null`, with what it is in words behind it.
            Value::String(word) => {
                let mut words = word.split(['|', ',', '(']).map(str::trim);
                Wanted { kind: words.find(|it| *it != "null").unwrap_or("any"), ..any }
            }
            Value::Array(all) => Wanted { kind: "array", items: all.first(), ..any },
            Value::Object(of) => {
                let is_schema = is_json_schema(of);
                if !is_schema {
                    return Wanted { kind: "object", properties: Some(of), ..any };
                }
                if let Some(all) = ["anyOf", "oneOf"].iter().find_map(|it| of.get(*it)?.as_array())
                {
                    let some = all.iter().map(Wanted::of).find(|it| it.kind != "null");
                    return some.unwrap_or(any);
                }
                let properties = of.get("properties").and_then(Value::as_object);
                let said = match of.get("type") {
                    Some(Value::Array(all)) => {
                        all.iter().filter_map(Value::as_str).find(|it| *it != "null")
                    }
                    Some(one) => one.as_str(),
                    None => properties.map(|_| "object"),
                };
                Wanted {
                    kind: said.unwrap_or("any"),
                    properties,
                    items: of.get("items"),
                    format: of.get("format").and_then(Value::as_str),
                    words: of.get("enum").and_then(Value::as_array).map(Vec::as_slice),
                    default: of.get("default").filter(|it| !it.is_null()),
                }
            }
            _ => any,
        }
    }

    /// The fields of an object by name.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.properties.into_iter().flatten().filter(|it| !it.0.starts_with('$'))
    }
}

/// Whether an object is JSON Schema and not fields by name: `type` may be the name of one.
fn is_json_schema(of: &Map<String, Value>) -> bool {
    const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
    const BESIDE: [&str; 22] = [
        "type",
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
    let parts = of.iter().any(|(name, value)| {
        matches!(
            (name.as_str(), value),
            ("properties" | "items", Value::Object(_))
                | ("enum" | "anyOf" | "oneOf", Value::Array(_))
        )
    });
    let typed = match of.get("type") {
        Some(Value::String(word)) => TYPES.contains(&word.as_str()),
        Some(Value::Array(_)) => true,
        _ => false,
    };
    parts || (typed && of.keys().all(|it| it.starts_with('$') || BESIDE.contains(&it.as_str())))
}

/// A value as it was asked for; nothing if it cannot be made to be that.
pub(super) fn fit(value: &Value, wanted: &Wanted<'_>, depth: usize) -> Option<Value> {
    let one = match value {
        Value::Array(all) if !matches!(wanted.kind, "array" | "list" | "any") => all.first()?,
        other => other,
    };
    let made = match wanted.kind {
        "string" | "str" | "text" => text(one, wanted.format)?,
        "date" => Value::String(day(one.as_str()?)?),
        "number" | "float" => Value::Number(Number::from_f64(number(one)?)?),
        "integer" | "int" => whole(one)?,
        "boolean" | "bool" => Value::Bool(truth(one)?),
        "array" | "list" => {
            let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let all = all.iter().filter(|it| !it.is_null()).take(MAX_ENTRIES);
            match wanted.items {
                Some(items) if depth < MAX_DEPTH => {
                    let items = Wanted::of(items);
                    all.filter_map(|it| fit(it, &items, depth + 1)).collect()
                }
                _ => all.cloned().collect(),
            }
        }
        "object" if wanted.properties.is_some() => object(one, wanted, depth)?,
        "object" => one.is_object().then(|| one.clone())?,
        _ => value.clone(),
    };
    match wanted.words {
        Some(words) if !words.contains(&made) => {
            words.iter().find(|it| is_same(it, &made)).cloned()
        }
        _ => Some(made),
    }
}

/// Whether two words are one but for their case and what is between their letters.
fn is_same(word: &Value, made: &Value) -> bool {
    let plain = |it: &Value| it.as_str().map(super::plain);
    plain(word).is_some() && plain(word) == plain(made)
}

fn object(value: &Value, wanted: &Wanted<'_>, depth: usize) -> Option<Value> {
    if depth >= MAX_DEPTH || !value.is_object() {
        return None;
    }
    let mut made = Map::new();
    for (name, kind) in wanted.fields() {
        let found = look_up(name, value, MAX_DEPTH, &mut Vec::new());
        let fitted = found.and_then(|it| fit(it, &Wanted::of(kind), depth + 1));
        made.insert(name.clone(), fitted.unwrap_or_default());
    }
    made.values().any(|it| !it.is_null()).then_some(Value::Object(made))
}

fn text(value: &Value, format: Option<&str>) -> Option<Value> {
    let said = match value {
        Value::String(_) => value.clone(),
        Value::Object(of) => {
            ["name", "url", "@value", "text"].iter().find_map(|it| of.get(*it))?.clone()
        }
        Value::Null => return None,
        other => Value::String(other.to_string()),
    };
    match (format, said.as_str()) {
        (Some("date"), Some(it)) => day(it).map(Value::String),
        (Some("date-time"), Some(it)) if !it.contains('T') => day(it).map(Value::String),
        _ => Some(said),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(it) => Some(*it),
        Value::Number(it) => it.as_f64().map(|it| it != 0.0),
        Value::String(it) => {
            let word = super::plain(it.rsplit('/').next().unwrap_or_default());
            match word.as_str() {
                "true"
                | "yes"
                | "y"
                | "1"
                | "on"
                | "instock"
                | "available"
                | "onlineonly"
                | "limitedavailability"
                | "instoreonly"
                | "preorder" => Some(true),
                "false" | "no" | "n" | "0" | "off" | "outofstock" | "soldout" | "discontinued"
                | "unavailable" => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}
