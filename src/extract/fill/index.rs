//! Indexes data by the names in it, so that a schema of many fields is filled from one pass.

use std::collections::HashMap;

use serde_json::Value;

use crate::extract::vocabulary::FIELD_ALIASES;

use super::MAX_DEPTH;

/// Values of one name that are kept, in the order of the data.
const MAX_NAMED: usize = 50;

/// Every named value of some data, down to the depth in which fields are looked up.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    named: HashMap<String, Vec<Entry<'a>>>,
    /// Every object and list in the order of the data: its parent, and the step from there.
    steps: Vec<(usize, PathStep<'a>)>,
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    /// The number of the surrounding object.
    object: usize,
    depth: usize,
    name: &'a str,
    value: &'a Value,
}

#[derive(Clone, Copy, Debug)]
enum PathStep<'a> {
    Field(&'a str),
    Place(usize),
}

impl<'a> Index<'a> {
    pub(super) fn of(data: &'a Value) -> Self {
        let mut index = Self::default();
        index.add(data, 0, (0, PathStep::Place(0)));
        index
    }

    fn add(&mut self, value: &'a Value, depth: usize, step: (usize, PathStep<'a>)) {
        if !is_nested(value) || depth > MAX_DEPTH {
            return;
        }
        let number = self.steps.len();
        self.steps.push(step);
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let all = self.named.entry(plain(name)).or_default();
                    if all.len() < MAX_NAMED {
                        all.push(Entry { object: number, depth, name, value });
                    }
                }
                for (name, value) in fields {
                    self.add(value, depth + 1, (number, PathStep::Field(name)));
                }
            }
            Value::Array(all) => {
                for (place, value) in all.iter().enumerate() {
                    self.add(value, depth + 1, (number, PathStep::Place(place)));
                }
            }
            _ => {}
        }
    }

    /// Finds a field by its exact name, then in any case, then by an alias, then further down. Returns
    /// its value and path.
    pub(super) fn find(&self, name: &str, deepest: usize) -> Option<(&'a Value, String)> {
        let key = plain(name);
        let names = std::iter::once(key.as_str()).chain(aliases(&key).iter().copied());
        let mut found: Vec<((usize, usize), &Entry<'a>)> = Vec::new();
        for (rank, plain) in names.enumerate() {
            let entries = self.named.get(plain).into_iter().flatten();
            for entry in entries.filter(|it| it.depth <= deepest) {
                let rank = if entry.name == name { 0 } else { rank + 1 };
                found.push(((entry.object, rank), entry));
            }
        }
        found.sort_by_key(|it| it.0);
        // The first match in an object counts.
        found.dedup_by_key(|it| it.1.object);
        let (_, entry) = found.into_iter().find(|it| !is_blank(it.1.value))?;
        Some((entry.value, self.path_to(entry)))
    }

    fn path_to(&self, entry: &Entry<'_>) -> String {
        let mut path = vec![entry.name.to_owned()];
        let mut at = entry.object;
        while at > 0
            && let Some((around, step)) = self.steps.get(at)
        {
            path.push(match step {
                PathStep::Field(name) => (*name).to_owned(),
                PathStep::Place(place) => place.to_string(),
            });
            at = *around;
        }
        path.reverse();
        path.join(".")
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// Returns `true` for null and for a text without a visible character.
pub(super) fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|it| it.trim().is_empty())
}

pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns other names of a field by its plain name.
pub(super) fn aliases(name: &str) -> &'static [&'static str] {
    let found = FIELD_ALIASES.binary_search_by_key(&name, |it| it.0).ok();
    found.and_then(|it| FIELD_ALIASES.get(it)).map(|it| it.1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_where_the_data_says_it_first_and_surest() {
        let data = json!({
            "list": [{ "headline": "in a list" }],
            "inner": { "Title": "deep", "title": null, "sku": 1 },
            "NAME": "by another name", "offers": [{ "price": 2 }],
        });
        let index = Index::of(&data);
        let found =
            |name: &str, deepest| index.find(name, deepest).map(|(it, path)| (it.clone(), path));

        assert_eq!(found("title", 0), Some((json!("by another name"), "NAME".to_owned())));
        assert_eq!(found("Title", MAX_DEPTH).map(|it| it.1), Some("NAME".to_owned()));
        assert_eq!(found("price", MAX_DEPTH), Some((json!(2), "offers.0.price".to_owned())));
        assert_eq!(found("price", 1), None);
        assert_eq!(found("nothing", MAX_DEPTH), None);
    }

    #[test]
    fn what_says_null_says_it_for_all_its_names() {
        let data = json!([{ "name": null, "headline": "a" }, { "title": "b" }]);

        let found = Index::of(&data).find("name", MAX_DEPTH);

        assert_eq!(found, Some((&json!("b"), "1.title".to_owned())));
    }
}
