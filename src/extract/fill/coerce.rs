//! Converts values to the types that a schema requests.

use serde_json::{Map, Number, Value};

use crate::extract::value::date::day;
use crate::extract::value::number::{number, whole};
use crate::extract::value::weight::weight;
use crate::schema::{FieldType, field_types, is_json_schema};

use super::index::{self, Index};
use super::{FillBudget, MAX_DEPTH, examples, limits};

/// Entries kept of a list.
const MAX_ENTRIES: usize = 500;

/// The requirements of a field's schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// `None` accepts any value.
    pub(super) kind: Option<FieldType>,
    properties: Option<&'a Map<String, Value>>,
    /// The schema of the entries of a list.
    pub(super) items: Option<&'a Value>,
    pub(super) format: Option<&'a str>,
    pub(super) words: Option<&'a [Value]>,
    pub(super) default: Option<&'a Value>,
    /// The schema itself, for the limits in it.
    pub(super) limits: Option<&'a Map<String, Value>>,
}

impl<'a> Wanted<'a> {
    /// Accepts any value.
    pub(super) fn any() -> Self {
        Wanted {
            kind: None,
            properties: None,
            items: None,
            format: None,
            words: None,
            default: None,
            limits: None,
        }
    }

    pub(super) fn of(schema: &'a Value) -> Self {
        let any = Self::any();
        match schema {
            Value::String(words) => {
                Wanted { kind: field_types(words).find(|it| *it != FieldType::Null), ..any }
            }
            Value::Array(all) => Wanted { kind: Some(FieldType::Array), items: all.first(), ..any },
            Value::Object(of) if !of.is_empty() && !is_json_schema(of) => {
                Wanted { kind: Some(FieldType::Object), properties: Some(of), ..any }
            }
            Value::Object(of) => {
                let choice = ["anyOf", "oneOf", "allOf"];
                if let Some(all) = choice.iter().find_map(|it| of.get(*it)?.as_array()) {
                    let some =
                        all.iter().map(Wanted::of).find(|it| it.kind != Some(FieldType::Null));
                    return some.unwrap_or(any);
                }
                let properties = of.get("properties").and_then(Value::as_object);
                let given = match of.get("type") {
                    Some(Value::Array(all)) => {
                        all.iter().filter_map(Value::as_str).find(|it| *it != "null")
                    }
                    Some(one) => one.as_str(),
                    None => properties.map(|_| "object"),
                };
                Wanted {
                    kind: given.and_then(FieldType::parse),
                    properties,
                    items: of.get("items"),
                    format: of
                        .get("format")
                        .and_then(Value::as_str)
                        .or_else(|| examples::format(of)),
                    words: of
                        .get("enum")
                        .and_then(Value::as_array)
                        .map(Vec::as_slice)
                        .or_else(|| of.get("const").map(std::slice::from_ref)),
                    default: of.get("default").filter(|it| !it.is_null()),
                    limits: Some(of),
                }
            }
            _ => any,
        }
    }

    /// Returns the requirements of each entry if the schema requests a list of objects with fields.
    pub(super) fn things(&self) -> Option<Self> {
        let items = self.items.filter(|_| self.kind == Some(FieldType::Array)).map(Self::of)?;
        items.fields().next().is_some().then_some(items)
    }

    /// Returns the fields of an object by name.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.properties.into_iter().flatten().filter(|it| !it.0.starts_with('$'))
    }
}

/// Converts a value to the requested type. Returns `None` if it does not convert.
pub(super) fn fit(
    value: &Value,
    wanted: &Wanted<'_>,
    depth: usize,
    left: &FillBudget,
) -> Option<Value> {
    let one = match value {
        Value::Array(all) if !matches!(wanted.kind, Some(FieldType::Array) | None) => {
            all.first()?
        }
        other => other,
    };
    let made = match wanted.kind {
        Some(FieldType::String) => text(one, wanted.format)?,
        Some(FieldType::Date) => Value::String(day(one.as_str()?)?),
        Some(FieldType::Number) => Value::Number(Number::from_f64(number(one)?)?),
        Some(FieldType::Integer) => whole(one)?,
        Some(FieldType::Boolean) => Value::Bool(truth(one)?),
        Some(FieldType::Array) => {
            let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let all = all.iter().filter(|it| !it.is_null()).take(MAX_ENTRIES);
            match wanted.items {
                Some(items) if depth < MAX_DEPTH => {
                    let items = Wanted::of(items);
                    all.filter_map(|it| fit(it, &items, depth + 1, left)).collect()
                }
                _ => all.cloned().collect(),
            }
        }
        Some(FieldType::Object) if wanted.properties.is_some() => object(one, wanted, depth, left)?,
        Some(FieldType::Object) if limits::is_closed(wanted) => return None,
        Some(FieldType::Object) => one.is_object().then(|| one.clone())?,
        Some(FieldType::Null) | None => value.clone(),
    };
    let made = match wanted.words {
        Some(words) if !words.contains(&made) => same(words, &made)?.clone(),
        _ => made,
    };
    limits::obeys(&made, wanted, &left.patterns).then_some(made)
}

/// Returns the allowed word that equals a value except for case and punctuation.
fn same<'a>(words: &'a [Value], made: &Value) -> Option<&'a Value> {
    let made = index::plain(made.as_str()?);
    words.iter().find(|it| it.as_str().is_some_and(|it| index::plain(it) == made))
}

fn object(value: &Value, wanted: &Wanted<'_>, depth: usize, left: &FillBudget) -> Option<Value> {
    if depth >= MAX_DEPTH || !value.is_object() || !left.pays(weight(value)) {
        return None;
    }
    let index = Index::of(value);
    let mut made = Map::new();
    for (name, kind) in wanted.fields() {
        let found = index.find(name, MAX_DEPTH);
        let fitted = found.and_then(|it| fit(it.0, &Wanted::of(kind), depth + 1, left));
        made.insert(name.clone(), fitted.unwrap_or_default());
    }
    made.values().any(|it| !it.is_null()).then_some(Value::Object(made))
}

fn text(value: &Value, format: Option<&str>) -> Option<Value> {
    let given = match value {
        Value::String(_) => value.clone(),
        Value::Object(of) => {
            let given = ["name", "url", "@value", "text"].iter().find_map(|it| of.get(*it))?;
            Some(given).filter(|it| !index::is_blank(it))?.clone()
        }
        Value::Null => return None,
        other => Value::String(other.to_string()),
    };
    match (format, given.as_str()) {
        (Some("date"), Some(it)) => day(it).map(Value::String),
        (Some("date-time"), Some(it)) if !it.contains('T') => day(it).map(Value::String),
        _ => Some(given),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(it) => Some(*it),
        Value::Number(it) => it.as_f64().map(|it| it != 0.0),
        Value::String(it) => {
            let word = index::plain(it.rsplit('/').next().unwrap_or_default());
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
