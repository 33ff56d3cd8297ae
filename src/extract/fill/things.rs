//! Finds out quickly that a collection cannot have the fields that a list of objects requests.

use std::collections::HashMap;

use serde_json::Value;

use super::coerce::Wanted;
use super::index::{aliases, plain};

/// Fields of a thing that are told apart.
const MAX_FIELDS: usize = 64;

/// The names under which collections may have the fields of a thing.
#[derive(Debug)]
pub(super) struct AskedNames {
    /// The number of fields.
    pub(super) count: usize,
    /// By name: one bit for each field that may have it.
    fields: HashMap<String, u64>,
}

impl AskedNames {
    pub(super) fn of(wanted: &Wanted<'_>) -> Self {
        let mut fields: HashMap<String, u64> = HashMap::new();
        let mut count = 0;
        for (name, _) in wanted.fields() {
            // The fields beyond the last bit share it, which counts them too often at most.
            let bit = 1_u64 << count.min(MAX_FIELDS - 1);
            count += 1;
            let name = plain(name);
            for alias in aliases(&name) {
                *fields.entry((*alias).to_owned()).or_insert(0) |= bit;
            }
            *fields.entry(name).or_insert(0) |= bit;
        }
        Self { count, fields }
    }

    /// Returns the percent of the fields that things with some fields can have at most.
    pub(super) fn share_of(&self, names: &[&str]) -> usize {
        let bits = names.iter().map(|it| self.bits(it)).fold(0, |all, it| all | it);
        self.percent(count(bits), 1)
    }

    /// Returns the percent of the fields that the things of a collection can have at most.
    pub(super) fn most_of(&self, list: &[Value]) -> usize {
        let mut known: HashMap<&str, u64> = HashMap::new();
        let mut most = 0;
        for thing in list {
            let Some(fields) = thing.as_object() else { return 100 };
            let mut bits = 0;
            for (name, value) in fields {
                match value {
                    Value::Null => {}
                    // Fields are also looked up further down.
                    Value::Object(_) | Value::Array(_) => return 100,
                    _ => bits |= *known.entry(name).or_insert_with(|| self.bits(&plain(name))),
                }
            }
            most += count(bits);
        }
        self.percent(most, list.len())
    }

    fn bits(&self, name: &str) -> u64 {
        self.fields.get(name).copied().unwrap_or_default()
    }

    fn percent(&self, values: usize, things: usize) -> usize {
        if self.count >= MAX_FIELDS {
            return 100;
        }
        values * 100 / (self.count * things).max(1)
    }
}

fn count(bits: u64) -> usize {
    usize::try_from(bits.count_ones()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_collection_has_at_most_the_fields_whose_names_it_has() {
        let schema =
            json!({ "title": "string", "url": "string", "salary": "string", "x": "string" });
        let asked = AskedNames::of(&Wanted::of(&schema));

        let all = [json!({ "name": "a", "url": "/a", "price": 1 }), json!({ "url": null })];

        assert_eq!(asked.share_of(&["name", "url"]), 50);
        assert_eq!(asked.most_of(&all), 25);
        assert_eq!(asked.most_of(&[json!({ "inner": { "title": "a" } })]), 100);
    }
}
