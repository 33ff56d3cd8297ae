//! Unpacks state that frameworks pack before they ship it: values by their index in a list, or with a
//! type beside each.

use serde_json::{Map, Value};

/// Values inside values that are unpacked.
const MAX_DEPTH: usize = 60;
/// Values that one list may unpack to, in all and as a multiple of its own: a shared value is copied
/// wherever it is named.
const MAX_VALUES: usize = 200_000;
const MAX_COPIES: usize = 50;
/// Bytes of strings that one list may unpack to: a multiple of its own, and an allowance for small lists.
const MAX_GROWTH: usize = 4;
const MAX_ADDED: usize = 65_536;

/// The format of a list whose first value is the whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// Nuxt: an object's values are places.
    Devalue,
    /// Remix and React Router: an object's keys are places too, as in `{"_1": 2}`.
    TurboStream,
}

struct PackedList<'a> {
    all: &'a [Value],
    packing: Packing,
    values: usize,
    bytes: usize,
}

/// Unpacks a list. Returns `None` if the value is not a packed list.
pub(super) fn unpacked(list: &Value) -> Option<Value> {
    let all = list.as_array().filter(|it| it.len() > 1)?;
    let is_place =
        |key: &String| key.strip_prefix('_').is_some_and(|it| it.parse::<usize>().is_ok());
    let objects = || all.iter().filter_map(Value::as_object);
    let keyed = objects().any(|it| !it.is_empty()) && objects().all(|it| it.keys().all(is_place));
    let bytes = all.iter().map(length).sum::<usize>();
    let packing = if keyed { Packing::TurboStream } else { Packing::Devalue };
    let mut list = PackedList {
        all,
        packing,
        values: MAX_VALUES.min(all.len() * MAX_COPIES),
        bytes: bytes * MAX_GROWTH + MAX_ADDED,
    };
    list.at(0, 0)
}

/// Counts the bytes of the strings in a value of a list, names included.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::len).sum(),
        Value::Object(fields) => fields.keys().map(String::len).sum(),
        _ => 0,
    }
}

impl PackedList<'_> {
    /// Reads the value at a place. A value that is too deep or too large is dropped.
    fn at(&mut self, place: usize, depth: usize) -> Option<Value> {
        let all = self.all;
        let value = all.get(place)?;
        self.values = self.values.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        match value {
            Value::String(it) => Some(self.copied(it)?.into()),
            Value::Array(parts) => Some(self.array(parts, depth)),
            Value::Object(fields) => Some(self.object(fields, depth)),
            _ => Some(value.clone()),
        }
    }

    /// Copies a string, if the budget allows it.
    fn copied(&mut self, text: &str) -> Option<String> {
        self.bytes = self.bytes.checked_sub(text.len())?;
        Some(text.to_owned())
    }

    /// Reads the value at a place. Negative places are values that JSON has no word for.
    fn named(&mut self, place: &Value, depth: usize) -> Value {
        let place = place.as_u64().and_then(|it| usize::try_from(it).ok());
        place.and_then(|it| self.at(it, depth + 1)).unwrap_or_default()
    }

    fn array(&mut self, parts: &[Value], depth: usize) -> Value {
        let Some(kind) = parts.first().and_then(Value::as_str) else {
            return parts.iter().map(|it| self.named(it, depth)).collect();
        };
        let rest = parts.get(1..).unwrap_or_default();
        match kind {
            // A date is written in place.
            "Date" | "D" => match rest.first() {
                Some(Value::String(it)) => self.copied(it).map(Value::from).unwrap_or_default(),
                Some(Value::Number(it)) => it.clone().into(),
                _ => Value::Null,
            },
            "Set" => rest.iter().map(|it| self.named(it, depth)).collect(),
            "Map" | "null" | "M" => self.pairs(rest, depth),
            // Wrappers of a framework, and resolved promises.
            _ => rest.first().map(|it| self.named(it, depth)).unwrap_or_default(),
        }
    }

    fn pairs(&mut self, parts: &[Value], depth: usize) -> Value {
        let mut object = Map::new();
        for pair in parts.chunks_exact(2) {
            let key = match pair.first() {
                Some(Value::String(it)) => self.copied(it).unwrap_or_default(),
                Some(place) => self.named(place, depth).as_str().unwrap_or_default().to_owned(),
                None => continue,
            };
            object.insert(key, pair.get(1).map(|it| self.named(it, depth)).unwrap_or_default());
        }
        object.into()
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Value {
        let mut object = Map::new();
        for (key, place) in fields {
            let key = if self.packing == Packing::TurboStream {
                let place = key.trim_start_matches('_').parse::<usize>().ok();
                let all = self.all;
                place.and_then(|it| all.get(it)).and_then(Value::as_str).unwrap_or_default()
            } else {
                key
            };
            let Some(key) = self.copied(key) else { break };
            let value = self.named(place, depth);
            object.insert(key, value);
        }
        object.into()
    }
}

/// Reads the properties of an Astro island, which have a number for the type beside each value.
pub(super) fn typed(value: &Value) -> Value {
    let Value::Object(fields) = value else { return Value::Null };
    fields.iter().map(|(key, it)| (key.clone(), typed_value(it, 0))).collect::<Map<_, _>>().into()
}

fn typed_value(pair: &Value, depth: usize) -> Value {
    let Some([kind, value]) = pair.as_array().map(Vec::as_slice) else { return Value::Null };
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    // 1 is an array and 5 a set; 0 is a plain value, and the fields of an object are typed again.
    match (kind.as_u64(), value) {
        (Some(1 | 5), Value::Array(all)) => {
            all.iter().map(|it| typed_value(it, depth + 1)).collect()
        }
        (_, Value::Object(fields)) => {
            let typed = fields.iter().map(|(key, it)| (key.clone(), typed_value(it, depth + 1)));
            typed.collect::<Map<_, _>>().into()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_nuxt_is_read_by_places() {
        let list = json!([
            ["ShallowReactive", 1], { "data": 2, "at": 6, "none": -1 }, { "title": 3, "tags": 4 },
            "Tea", [3, 5], "cups", ["Date", "2024-05-01"]
        ]);

        let data = json!({ "title": "Tea", "tags": ["Tea", "cups"] });
        assert_eq!(
            unpacked(&list),
            Some(json!({ "data": data, "at": "2024-05-01", "none": null }))
        );
    }

    #[test]
    fn a_list_of_remix_has_its_keys_by_place_too() {
        let list = json!([{ "_1": 2, "_4": -5 }, "loaderData", { "_3": 4 }, "title", "Tea"]);

        let read = unpacked(&list).expect("a list");

        assert_eq!(read["loaderData"], json!({ "title": "Tea" }));
    }

    #[test]
    fn the_properties_of_an_island_lose_their_types() {
        let island =
            json!({ "post": [0, { "title": [0, "Tea"], "tags": [1, [[0, "a"], [0, 2]]] }] });

        assert_eq!(typed(&island), json!({ "post": { "title": "Tea", "tags": ["a", 2] } }));
    }

    #[test]
    fn what_is_named_often_is_not_copied_without_measure() {
        let long = "k".repeat(50_000);
        let often = vec![1; 10_000];

        for list in [
            json!([often, { &long: 2 }, 0]),
            json!([often, ["Map", &long, 2], 0]),
            json!([often, ["Date", vec![&long; 10]], 0]),
            json!([vec![2; 10_000], &long, { "_1": 3 }, 0]),
        ] {
            let made = unpacked(&list).unwrap_or_default().to_string().len();
            let given = list.to_string().len();
            assert!(made <= given * MAX_GROWTH + MAX_ADDED * 2, "{made} bytes of {given}");
        }
    }

    #[test]
    fn a_list_that_names_itself_or_doubles_at_each_step_ends() {
        assert!(unpacked(&json!([[0, 0], 1])).is_some());
        let doubling: Value = (1..60).map(|it| json!([it, it])).collect();
        let made = unpacked(&doubling).expect("a list").to_string();
        assert!(made.len() < 60 * MAX_COPIES * 10, "{} bytes", made.len());
    }
}
