//! The limits that a schema sets to its values. They refuse values, and never make one.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::core::pattern::Pattern;

use super::MAX_DEPTH;
use super::coerce::Wanted;

/// Warnings about the limits of one schema.
const MAX_WARNINGS: usize = 50;
/// The distance of a multiple from a whole one, for numbers such as 0.1.
const NEARLY: f64 = 1e-9;

/// The patterns of a schema, compiled when they are first needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Patterns(Rc<RefCell<HashMap<String, Option<Pattern>>>>);

impl Patterns {
    /// Returns `true` if a text matches, or if the pattern cannot be used: an item with such a one is refused.
    fn allows(&self, pattern: &str, text: &str) -> bool {
        let mut known = self.0.borrow_mut();
        if !known.contains_key(pattern) {
            known.insert(pattern.to_owned(), Pattern::new(pattern).ok());
        }
        known.get(pattern).and_then(Option::as_ref).is_none_or(|it| it.is_match(text))
    }
}

/// Returns `true` if a value is within the limits of its schema.
pub(super) fn obeys(value: &Value, wanted: &Wanted<'_>, patterns: &Patterns) -> bool {
    let Some(limits) = wanted.limits else { return true };
    match value {
        Value::Number(number) => is_in_range(number.as_f64().unwrap_or_default(), limits),
        Value::String(text) => {
            let length = text.chars().count();
            count_in(limits, "minLength").is_none_or(|it| length >= it)
                && count_in(limits, "maxLength").is_none_or(|it| length <= it)
                && limits
                    .get("pattern")
                    .and_then(Value::as_str)
                    .is_none_or(|it| patterns.allows(it, text))
        }
        _ => true,
    }
}

fn is_in_range(number: f64, limits: &Map<String, Value>) -> bool {
    let limit = |name: &str| limits.get(name).and_then(Value::as_f64);
    let is_multiple = |of: f64| {
        let times = number / of;
        of <= 0.0 || (times - times.round()).abs() < NEARLY
    };
    limit("minimum").is_none_or(|it| number >= it)
        && limit("maximum").is_none_or(|it| number <= it)
        && limit("exclusiveMinimum").is_none_or(|it| number > it)
        && limit("exclusiveMaximum").is_none_or(|it| number < it)
        && limit("multipleOf").is_none_or(is_multiple)
}

fn count_in(limits: &Map<String, Value>, name: &str) -> Option<usize> {
    limits.get(name).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok())
}

/// Returns `true` for an object that may have no fields but those that the schema names.
pub(super) fn is_closed(wanted: &Wanted<'_>) -> bool {
    wanted.limits.and_then(|it| it.get("additionalProperties")) == Some(&Value::Bool(false))
}

/// Drops the entries of lists that `maxItems` and `uniqueItems` do not allow, and warns of everything that the schema
/// requires and the page does not give.
pub(super) fn apply(
    wanted: &Wanted<'_>,
    value: &mut Value,
    path: &str,
    depth: usize,
    warnings: &mut Vec<String>,
) {
    if depth > MAX_DEPTH || warnings.len() > MAX_WARNINGS {
        return;
    }
    if let Some(limits) = wanted.limits {
        let name = if path.is_empty() { "the result" } else { path };
        if let Value::Array(all) = value {
            apply_to_list(limits, all, name, warnings);
        }
        if matches!(limits.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_)))
        {
            warnings.push(format!(
                "{name}: additionalProperties is not filled; name the fields in `properties`"
            ));
        }
        if let Value::Object(fields) = value {
            warn_of_required(limits, fields, path, warnings);
        }
    }
    let items = wanted.things();
    match value {
        Value::Array(all) => {
            let Some(items) = items else { return };
            for (at, inner) in all.iter_mut().enumerate() {
                apply(&items, inner, &joined(path, &at.to_string()), depth + 1, warnings);
            }
        }
        _ => {
            for (name, schema) in wanted.fields() {
                let mut nothing = Value::Null;
                let inner = value.get_mut(name).unwrap_or(&mut nothing);
                apply(&Wanted::of(schema), inner, &joined(path, name), depth + 1, warnings);
            }
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn apply_to_list(
    limits: &Map<String, Value>,
    all: &mut Vec<Value>,
    name: &str,
    warnings: &mut Vec<String>,
) {
    if limits.get("uniqueItems") == Some(&Value::Bool(true)) {
        let mut known = HashSet::new();
        all.retain(|it| known.insert(it.to_string()));
    }
    if let Some(most) = count_in(limits, "maxItems").filter(|it| all.len() > *it) {
        warnings.push(format!("{name}: the first {most} of {} entries were kept", all.len()));
        all.truncate(most);
    }
    if let Some(least) = count_in(limits, "minItems").filter(|it| all.len() < *it) {
        warnings.push(format!("{name} has {} of at least {least} entries", all.len()));
    }
}

fn warn_of_required(
    limits: &Map<String, Value>,
    fields: &Map<String, Value>,
    path: &str,
    warnings: &mut Vec<String>,
) {
    let required = limits.get("required").and_then(Value::as_array).into_iter().flatten();
    let lacking: Vec<String> = required
        .filter_map(Value::as_str)
        .filter(|it| fields.get(*it).is_none_or(Value::is_null))
        .map(|it| joined(path, it))
        .collect();
    if !lacking.is_empty() {
        let names = lacking.join(", ");
        warnings.push(format!("required by extraction_schema but not found: {names}"));
    }
}
