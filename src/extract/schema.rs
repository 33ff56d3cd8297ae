//! `extraction_schema`: the asked fields, filled from what was found.

use serde_json::{Map, Value};

use crate::core::request::{Format, JobRequest};
use crate::ports::extract::Extracted;

/// How deep a field is looked for.
const MAX_DEPTH: usize = 6;

/// Fills `filtered_content` and puts it in the place of `json`.
pub(super) fn fill(options: &JobRequest, made: &mut Extracted) {
    let Some(schema) = &options.extraction_schema else { return };
    let mut found = match made.content.get(&Format::Json) {
        Some(Value::Object(object)) => object.clone(),
        _ => Map::new(),
    };
    for (name, value) in &made.metadata {
        found.entry(name.clone()).or_insert_with(|| value.clone());
    }
    found.entry("text").or_insert_with(|| made.text.clone().into());
    let source = Value::Object(found);
    let mut missing = Vec::new();
    let filled = object(schema, &source, &mut missing);
    if filled.as_object().is_some_and(Map::is_empty) {
        made.warnings.push("extraction_schema names no fields".to_owned());
    }
    if !missing.is_empty() {
        made.warnings.push(format!("the page does not say: {}", missing.join(", ")));
    }
    if options.formats.contains(&Format::Json) {
        made.content.insert(Format::Json, filled.clone());
    }
    made.filtered_content = Some(filled);
}

fn object(schema: &Value, source: &Value, missing: &mut Vec<String>) -> Value {
    // The shorthand for a list holds the fields of what is in it.
    let schema = schema.get(0).unwrap_or(schema);
    let fields = schema.get("properties").unwrap_or(schema).as_object();
    let mut out = Map::new();
    for (name, kind) in fields.into_iter().flatten() {
        if name.starts_with('$') {
            continue;
        }
        let value = look_up(name, source, 0).and_then(|it| coerced(it, wanted(kind)));
        if value.is_none() {
            missing.push(name.clone());
        }
        out.insert(name.clone(), value.unwrap_or(Value::Null));
    }
    Value::Object(out)
}

/// The type that a field's schema asks for: JSON Schema's `type`, or the shorthand's word.
fn wanted(kind: &Value) -> &str {
    let word = match kind {
        Value::String(word) => Some(word.as_str()),
        _ => match kind.get("type") {
            Some(Value::Array(all)) => {
                all.iter().filter_map(Value::as_str).find(|it| *it != "null")
            }
            Some(one) => one.as_str(),
            None => None,
        },
    };
    word.and_then(|it| it.split('|').next()).map_or("any", str::trim)
}

fn plain(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Other names of the same thing.
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "title" => &["name", "headline"],
        "name" => &["title", "headline"],
        "headline" => &["title", "name"],
        "image" | "imageurl" => &["image", "contenturl", "thumbnailurl"],
        "date" | "publishedat" | "published" => &["datepublished", "publishedat"],
        "currency" => &["pricecurrency"],
        "price" => &["price", "lowprice"],
        "rating" => &["ratingvalue"],
        "reviewcount" => &["reviewcount", "ratingcount"],
        "url" => &["url", "canonical"],
        "body" | "content" => &["articlebody", "text"],
        _ => &[],
    }
}

/// A field by its exact name, then in any case, then by an alias, then further down.
fn look_up<'a>(name: &str, source: &'a Value, depth: usize) -> Option<&'a Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    match source {
        Value::Object(object) => {
            let key = plain(name);
            let by =
                |wanted: &str| object.iter().find(|(it, _)| plain(it) == wanted).map(|it| it.1);
            let here = object.get(name).or_else(|| by(&key));
            let here = here.or_else(|| aliases(&key).iter().find_map(|it| by(it)));
            here.filter(|it| !it.is_null())
                .or_else(|| object.values().find_map(|it| look_up(name, it, depth + 1)))
        }
        Value::Array(all) => all.iter().find_map(|it| look_up(name, it, depth + 1)),
        _ => None,
    }
}

fn coerced(value: &Value, kind: &str) -> Option<Value> {
    let one = match value {
        Value::Array(all) if kind != "array" && kind != "any" => all.first()?,
        other => other,
    };
    match kind {
        "string" | "str" => match one {
            Value::String(_) => Some(one.clone()),
            Value::Object(object) => object.get("name").or(object.get("url")).cloned(),
            Value::Null => None,
            other => Some(Value::String(other.to_string())),
        },
        "number" | "float" => {
            number(one).and_then(|it| serde_json::Number::from_f64(it).map(Value::Number))
        }
        "integer" | "int" => whole(one),
        "boolean" | "bool" => match one {
            Value::Bool(_) => Some(one.clone()),
            Value::String(it) if it.ends_with("InStock") => Some(Value::Bool(true)),
            Value::String(it) if it.ends_with("OutOfStock") => Some(Value::Bool(false)),
            Value::String(it) => it.parse().ok().map(Value::Bool),
            _ => None,
        },
        "array" => match one {
            Value::Array(_) => Some(one.clone()),
            other => Some(Value::Array(vec![other.clone()])),
        },
        _ => Some(value.clone()),
    }
}

fn whole(value: &Value) -> Option<Value> {
    let number = number(value)?;
    let text = format!("{:.0}", number.trunc());
    text.parse::<i64>().ok().map(Value::from)
}

/// The number in a value: `"$1,099.99"` and `"1.099,99 €"` are both 1099.99.
///
/// The last sign is the decimal one where both occur; a comma alone is, unless three digits follow.
fn number(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let kept = |it: &char| it.is_ascii_digit() || matches!(it, '.' | ',' | '-');
    let text: String = value.as_str()?.chars().filter(kept).collect();
    let text = text.trim_end_matches(['.', ',', '-']);
    let (dot, comma) = (text.rfind('.'), text.rfind(','));
    let decimal = match (dot, comma) {
        (Some(dot), Some(comma)) => Some(dot.max(comma)),
        (None, Some(comma)) if text.len() - comma == 4 => None,
        (None, Some(comma)) => Some(comma),
        (dot, None) => dot,
    };
    let plain = text.char_indices().filter_map(|(at, it)| match it {
        '.' | ',' => (Some(at) == decimal).then_some('.'),
        other => Some(other),
    });
    plain.collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_either_continent_writes_them() {
        for (text, is) in [
            ("$1,099.99", 1_099.99),
            ("1.099,99 €", 1_099.99),
            ("12,50", 12.5),
            ("1,099", 1_099.0),
            ("-4.5", -4.5),
            ("USD 7.", 7.0),
        ] {
            assert_eq!(number(&Value::from(text)), Some(is), "{text}");
        }
        assert_eq!(number(&Value::from("free")), None);
    }
}
