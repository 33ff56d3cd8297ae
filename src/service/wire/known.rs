//! The known fields of requests and settings, and hints for the others.
//!
//! The fields of a request are those that its reader looks up, recorded while it reads an example. The fields of a settings file are
//! those that its type names to serde. Neither is listed here, so a new option is known at once.

mod similarity;

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::value::Error as ValueError;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, json};

use crate::service::wire::known::similarity::similarity;
use crate::service::wire::request::{
    Lookup, Lookups, read_batch_with, read_crawl_with, read_extract_with, read_grant_with,
    read_item_with, read_map_with, read_retry_with, read_scrape_with,
};
#[cfg(feature = "server")]
use crate::service::wire::request::{
    read_session_refresh_with, read_session_update_with, read_session_with,
};

/// Maximum number of unknown fields that are reported.
const MAX_REPORTED: usize = 20;
/// Characters of an unknown name that are shown.
const MAX_NAME_CHARS: usize = 60;
/// Least similarity of a suggested name, from 0 to 1. Chosen so that swapped letters, a missing letter and a missing word are
/// found (`max_teir`, `format`, `webhook`).
const MIN_SIMILARITY: f64 = 0.65;
/// Deduction for each object between the unknown field and the suggested place.
const DISTANCE_COST: f64 = 0.02;
/// Deduction for a suggestion in a list that the object does not have, such as `requests` beside `urls`.
const ABSENT_COST: f64 = 0.01;

/// The names of an object's fields, with those of the objects inside it.
///
/// # Example
///
/// ```
/// use rungs::service::wire::KnownFields;
///
/// let line = serde_json::json!({"url": "https://example.com/", "max_tier": "3"});
/// let unknown = KnownFields::item().unknown(&line);
/// assert_eq!(unknown[0].to_string(), "unknown field `max_tier`: use `cost_controls.max_tier`");
/// ```
#[derive(Clone, Debug, Default)]
pub struct KnownFields(Vec<(&'static str, Inside)>);

/// The value of a field.
#[derive(Clone, Debug)]
enum Inside {
    /// A value without known fields, such as a string or an object of the caller's own.
    Value,
    Object(KnownFields),
    /// A list of objects.
    List(KnownFields),
}

/// A field that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownField {
    /// Path of the field, such as `urls[0].format`.
    pub path: String,
    /// Path of the known field with the most similar name, if one is similar enough. `[]` stands for any element of a list.
    pub suggestion: Option<String>,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suggestion {
            Some(suggestion) => write!(f, "unknown field `{}`: use `{suggestion}`", self.path),
            None => write!(f, "unknown field `{}`: remove it or correct its name", self.path),
        }
    }
}

static ITEM: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_item_with(value, Some(lookups));
    })
});
static SCRAPE: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_scrape_with(value, Some(lookups));
    })
});
static CRAWL: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_crawl_with(value, Some(lookups));
    })
});
static MAP: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_map_with(value, Some(lookups));
    })
});
static GRANT: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_grant_with(value, Some(lookups));
    })
});
#[cfg(feature = "server")]
static SESSION: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_session_with(value, Some(lookups));
    })
});
#[cfg(feature = "server")]
static SESSION_UPDATE: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_session_update_with(value, Some(lookups));
    })
});
#[cfg(feature = "server")]
static SESSION_REFRESH: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_session_refresh_with(value, Some(lookups));
    })
});
static EXTRACT: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_extract_with(value, Some(lookups));
    })
});
static RETRY: LazyLock<KnownFields> = LazyLock::new(|| {
    recorded(|value, lookups| {
        let _ = read_retry_with(value, Some(lookups));
    })
});
static BATCH: LazyLock<KnownFields> = LazyLock::new(|| {
    let batch = recorded(|value, lookups| {
        let _ = read_batch_with(value, Some(lookups));
    });
    batch.list("urls", ITEM.clone()).list("requests", ITEM.clone())
});

impl KnownFields {
    /// Returns the fields of an item, as in a batch or in a line of the input of `rungs batch`.
    pub fn item() -> &'static Self {
        &ITEM
    }

    /// Returns the fields of the body of `POST /scrape`.
    pub fn scrape() -> &'static Self {
        &SCRAPE
    }

    /// Returns the fields of the body of `POST /crawl`.
    pub fn crawl() -> &'static Self {
        &CRAWL
    }

    /// Returns the fields of the body of `POST /map`.
    pub fn map() -> &'static Self {
        &MAP
    }

    /// Returns the fields of the body of `POST /batch`.
    pub fn batch() -> &'static Self {
        &BATCH
    }

    /// Returns the fields of the body of `POST /batch/{id}/retry`.
    pub fn retry() -> &'static Self {
        &RETRY
    }

    /// Returns the fields of the body of `POST /sessions`.
    #[cfg(feature = "server")]
    pub(crate) fn session() -> &'static Self {
        &SESSION
    }

    /// Returns the fields of the body of `PATCH /sessions/{id}`.
    #[cfg(feature = "server")]
    pub(crate) fn session_update() -> &'static Self {
        &SESSION_UPDATE
    }

    /// Returns the fields of the body of `POST /sessions/{id}/refresh`.
    #[cfg(feature = "server")]
    pub(crate) fn session_refresh() -> &'static Self {
        &SESSION_REFRESH
    }

    /// Returns the fields of the body of `POST /extract`.
    pub fn extract() -> &'static Self {
        &EXTRACT
    }

    /// Returns the fields of the body of `POST /accounts/{account}/grants`.
    pub fn grant() -> &'static Self {
        &GRANT
    }

    /// Returns the fields of a struct that derives `Deserialize`; those inside its fields are added with
    /// [`object`](Self::object) and [`list`](Self::list).
    pub fn of<'de, T: Deserialize<'de>>() -> Self {
        let mut names = &[][..];
        let _ = T::deserialize(NamesOf(&mut names));
        Self(names.iter().map(|it| (*it, Inside::Value)).collect())
    }

    /// Adds the fields of the object in `name`.
    #[must_use]
    pub fn object(self, name: &'static str, fields: Self) -> Self {
        self.with(name, Inside::Object(fields))
    }

    /// Adds the fields of each object in the list `name`.
    #[must_use]
    pub fn list(self, name: &'static str, fields: Self) -> Self {
        self.with(name, Inside::List(fields))
    }

    fn with(mut self, name: &'static str, inside: Inside) -> Self {
        match self.0.iter_mut().find(|(it, _)| *it == name) {
            Some((_, slot)) => *slot = inside,
            None => self.0.push((name, inside)),
        }
        self
    }

    /// Returns the unknown fields of `value`, up to 20. A null field counts as absent.
    pub fn unknown(&self, value: &Value) -> Vec<UnknownField> {
        let mut found = Vec::new();
        self.search(value, &mut Vec::new(), String::new(), &mut found);
        found
    }

    /// Adds the unknown fields of the object at `path` to `found`. `outer` are the objects around it.
    fn search<'a>(
        &'a self,
        value: &'a Value,
        outer: &mut Vec<Level<'a>>,
        path: String,
        found: &mut Vec<UnknownField>,
    ) {
        let Some(map) = value.as_object() else { return };
        outer.push(Level { known: self, map, path, entered: "" });
        let depth = outer.len() - 1;
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            if found.len() >= MAX_REPORTED {
                break;
            }
            let Some((name, inside)) = self.0.iter().find(|(it, _)| it == name) else {
                found.push(unknown(name, outer));
                continue;
            };
            outer[depth].entered = *name;
            match inside {
                Inside::Value => {}
                Inside::Object(fields) => {
                    let path = outer[depth].join(name);
                    fields.search(value, outer, path, found);
                }
                Inside::List(fields) => {
                    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                        let path = outer[depth].join(&format!("{name}[{index}]"));
                        fields.search(value, outer, path, found);
                    }
                }
            }
        }
        outer.pop();
    }

    /// Calls `visit` with every known field below `path`, except those in `entered`.
    fn each(
        &self,
        path: &str,
        depth: u32,
        entered: &str,
        visit: &mut impl FnMut(&str, String, u32),
    ) {
        for (name, inside) in &self.0 {
            let here = join(path, name);
            visit(name, here.clone(), depth);
            match inside {
                Inside::Object(fields) if *name != entered => {
                    fields.each(&here, depth + 1, "", visit);
                }
                Inside::List(fields) if *name != entered => {
                    fields.each(&format!("{here}[]"), depth + 1, "", visit);
                }
                _ => {}
            }
        }
    }
}

/// An object on the way to an unknown field.
struct Level<'a> {
    known: &'a KnownFields,
    map: &'a Map<String, Value>,
    path: String,
    /// Name of the field that leads to the next level.
    entered: &'static str,
}

impl Level<'_> {
    fn join(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Describes a field of the innermost of `levels`.
fn unknown(name: &str, levels: &[Level<'_>]) -> UnknownField {
    let mut best: Option<(f64, String)> = None;
    for (up, level) in (0_u32..).zip(levels.iter().rev()) {
        let entered = if up == 0 { "" } else { level.entered };
        level.known.each(&level.path, up, entered, &mut |known, path, distance| {
            let mut score = similarity(name, known) - DISTANCE_COST * f64::from(distance);
            let first = path[level.path.len()..].trim_start_matches('.');
            if let Some((list, _)) = first.split_once("[]")
                && !level.map.contains_key(list)
            {
                score -= ABSENT_COST;
            }
            if score > best.as_ref().map_or(MIN_SIMILARITY, |(score, _)| *score) {
                best = Some((score, path));
            }
        });
    }
    let shown: String = name.chars().take(MAX_NAME_CHARS).collect();
    let path = levels.last().map(|it| it.join(&shown)).unwrap_or(shown);
    UnknownField { path, suggestion: best.map(|(_, path)| path) }
}

/// Returns the fields that `read` looks up. Objects are discovered one level after the other.
fn recorded(read: impl Fn(&Value, &Lookups)) -> KnownFields {
    let mut example = json!({ "url": "https://example.com/", "urls": [] });
    loop {
        let lookups = Lookups::default();
        read(&example, &lookups);
        let found = lookups.into_vec();
        let before = example.clone();
        for path in found.iter().filter_map(|it| it.object) {
            insert_object(&mut example, path);
        }
        if example == before {
            return known_at("", &found);
        }
    }
}

/// Inserts an empty object at `path`, unless there is one.
fn insert_object(example: &mut Value, path: &str) {
    let place = path.split('.').fold(example, |place, name| &mut place[name]);
    if place.is_null() {
        *place = json!({});
    }
}

fn known_at(place: &str, found: &[Lookup]) -> KnownFields {
    let here = found.iter().filter(|it| it.place == place);
    let fields = here.map(|it| {
        let inside = it.object.map_or(Inside::Value, |path| Inside::Object(known_at(path, found)));
        (it.name, inside)
    });
    KnownFields(fields.collect())
}

/// A deserializer that only notes the names of the struct's fields.
struct NamesOf<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for NamesOf<'_> {
    type Error = ValueError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ValueError> {
        *self.0 = fields;
        Err(ValueError::custom("only the names are needed"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
        Err(ValueError::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(known: &KnownFields, value: &Value) -> Vec<String> {
        known.unknown(value).iter().map(ToString::to_string).collect()
    }

    fn suggested(known: &KnownFields, value: &Value) -> Vec<(String, String)> {
        let found = known.unknown(value).into_iter();
        found.map(|it| (it.path, it.suggestion.unwrap_or_default())).collect()
    }

    #[test]
    fn a_misspelled_field_yields_the_nearest_name() {
        for (given, wanted) in [
            ("format", "formats"),
            ("Formats", "formats"),
            ("time_out", "timeout"),
            ("waitFor", "wait_for"),
            ("schema", "extraction_schema"),
            ("extraction-prompt", "extraction_prompt"),
            ("webhook", "webhook_url"),
            ("header", "headers"),
            ("max_teir", "cost_controls.max_tier"),
            ("zzz", ""),
            ("quantum_flux", ""),
        ] {
            let value = json!({ "url": "u", given: "x" });
            let found = suggested(KnownFields::scrape(), &value);
            assert_eq!(found, [(given.to_owned(), wanted.to_owned())]);
        }
    }

    #[test]
    fn a_name_of_other_programs_yields_the_field_that_does_the_same() {
        for known in [KnownFields::crawl(), KnownFields::map()] {
            for (given, wanted) in [
                ("include", "include_patterns"),
                ("excludePaths", "exclude_patterns"),
                ("ignore_robots", "respect_robots"),
                ("limit", "max_pages"),
                ("respect", ""),
                ("max", ""),
            ] {
                let found = suggested(known, &json!({ "url": "u", given: "x" }));
                assert_eq!(found, [(given.to_owned(), wanted.to_owned())]);
            }
        }
        let scrape = suggested(KnownFields::scrape(), &json!({ "url": "u", "include": ["/a"] }));
        assert_eq!(scrape, [("include".to_owned(), String::new())], "no field is like it");
    }

    #[test]
    fn a_misplaced_field_yields_its_place() {
        let item = json!({
            "url": "u", "max_tier": "2", "country": "DE", "content_only": true,
            "advanced": { "formats": ["text"], "force_tier": "1" },
            "cost_controls": { "timeout": 5, "render_js": true },
        });
        let found = suggested(KnownFields::item(), &item);
        let pairs = [
            ("advanced.force_tier", "cost_controls.force_tier"),
            ("advanced.formats", "formats"),
            ("content_only", "section_filter.content_only"),
            ("cost_controls.render_js", "render_js"),
            ("cost_controls.timeout", "timeout"),
            ("country", "location.country"),
            ("max_tier", "cost_controls.max_tier"),
        ];
        assert_eq!(found, pairs.map(|(path, wanted)| (path.to_owned(), wanted.to_owned())));
    }

    #[test]
    fn a_field_of_an_item_belongs_into_the_list_that_the_batch_has() {
        for list in ["urls", "requests"] {
            let body = json!({ "formats": ["text"], "max_tier": "1", list: [
                "https://a.example/", { "url": "u", "format": "text", "webhook_url": "x" },
            ] });
            let found = suggested(KnownFields::batch(), &body);
            let pairs = [
                ("formats".to_owned(), format!("{list}[].formats")),
                ("max_tier".to_owned(), format!("{list}[].cost_controls.max_tier")),
                (format!("{list}[1].format"), format!("{list}[1].formats")),
                (format!("{list}[1].webhook_url"), "webhook_url".to_owned()),
            ];
            let sorted = |mut pairs: Vec<(String, String)>| {
                pairs.sort();
                pairs
            };
            assert_eq!(sorted(found), sorted(pairs.to_vec()));
        }
    }

    #[test]
    fn known_fields_null_and_free_objects_are_not_reported() {
        let item = json!({
            "url": "u", "mood": null, "headers": { "format": "x" }, "wait_until": "load",
            "extraction_schema": { "formats": "string" }, "use_own_proxy": false,
            "advanced": { "cookies": { "a": "b" }, "section_filter": { "content_only": true } },
            "cost_controls": { "prefer": "cost", "max_cost_dollars": 1 },
        });
        assert_eq!(shown(KnownFields::item(), &item), [""; 0]);
        assert_eq!(shown(KnownFields::item(), &json!("https://example.com/")), [""; 0]);
        let batch = json!({ "urls": [item], "webhookUrl": "x" });
        assert_eq!(shown(KnownFields::batch(), &batch), [""; 0]);
        assert_eq!(shown(KnownFields::scrape(), &json!({ "url": "u", "sync": false })), [""; 0]);
    }

    #[test]
    fn a_report_is_bounded() {
        let many: Map<String, Value> =
            (0..1_000).map(|it| (format!("{it}").repeat(500), json!(1))).collect();

        let found = KnownFields::item().unknown(&Value::Object(many));

        assert_eq!(found.len(), MAX_REPORTED);
        assert!(found.iter().all(|it| it.path.chars().count() <= MAX_NAME_CHARS));
    }

    #[test]
    fn a_struct_names_its_fields() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only the names of its fields are read")]
        struct Outer {
            listen: String,
            keys: Vec<Inner>,
        }
        #[derive(Deserialize)]
        #[allow(dead_code, reason = "only the names of its fields are read")]
        struct Inner {
            name: String,
            #[serde(rename = "per_minute")]
            limit: u32,
        }
        let known = KnownFields::of::<Outer>().list("keys", KnownFields::of::<Inner>());

        let value = json!({ "lisen": "x", "per_minute": 1, "keys": [{ "nam": "a" }] });

        let found = shown(&known, &value);
        assert_eq!(found[0], "unknown field `keys[0].nam`: use `keys[0].name`");
        assert_eq!(found[1], "unknown field `lisen`: use `listen`");
        assert_eq!(found[2], "unknown field `per_minute`: use `keys[].per_minute`");
        assert!(KnownFields::of::<u32>().0.is_empty());
    }
}
