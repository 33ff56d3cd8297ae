//! Fills the fields of an `extraction_schema` from the data of a document.
//!
//! A field is looked up by its name, then by its name in any case, then by an alias, then further down. A
//! value that does not convert to the requested type counts as missing.

mod coerce;
mod index;
mod layers;

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::core::request::{Format, JobRequest};
use crate::extract::value::provenance::Fields;
use crate::extract::value::weight::weight;
use crate::ports::extract::Extracted;
use crate::schema::{FieldType, resolved};

pub(super) use self::layers::Layers;

use self::coerce::Wanted;
use self::index::{Index, aliases, plain};

/// Depth of the data in which a field is looked up.
const MAX_DEPTH: usize = 6;
/// Characters of the passage that shows where a value stood.
const SNIPPET: usize = 160;
/// Percent of the requested fields that a collection must have to be the requested one; chosen by hand.
const MEANT: usize = 60;
/// Missing fields that are named in a warning.
const MAX_MISSING: usize = 100;
/// Bytes of all fields: a multiple of the data's, and an allowance for small data. A schema may request
/// the same value over and over.
const MAX_GROWTH: usize = 4;
const MAX_ADDED: usize = 1_048_576;
/// Bytes of text that are searched for passages.
const MAX_SEARCHED: usize = 268_435_456;

/// The bytes that all fields of a schema may still take.
#[derive(Debug)]
struct FillBudget(Cell<usize>);

impl FillBudget {
    /// Pays for a value. A cost above the budget exhausts it.
    fn pays(&self, bytes: usize) -> bool {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }

    fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// A value with its source and path.
struct Match<'a> {
    value: &'a Value,
    source: &'static str,
    path: String,
}

/// Fills `filtered_content` and replaces the `json` format by it.
pub(super) fn fill(options: &JobRequest, layers: &Layers, made: &mut Extracted) {
    let Some(schema) = options.schema() else { return };
    let schema = &*resolved(schema);
    let wanted = Wanted::of(schema);
    let mut filling = Filling::new(layers, &made.text, options.wants_evidence());
    let listed = wanted.things().and_then(|it| filling.things(it, "items"));
    if let Some(listed) = listed {
        return put(options, made, listed, filling.evidence);
    }
    // Without a collection the fields of an entry are read from the page.
    let is_list = wanted.kind == Some(FieldType::Array);
    let wanted = if is_list { wanted.items.map_or(wanted, Wanted::of) } else { wanted };
    let mut filled = Map::new();
    for (name, kind) in wanted.fields() {
        let value = filling.field(name, kind, name, 0);
        filled.insert(name.clone(), value.unwrap_or_default());
    }
    let Filling { evidence, missing, unnamed, left, .. } = filling;
    if filled.is_empty() {
        made.warnings.push(
            "extraction_schema names no fields: add fields by name or `properties`".to_owned(),
        );
    }
    if left.is_used_up() {
        let note = "extraction_schema requests more than the page contains; the rest was dropped";
        made.warnings.push(note.to_owned());
    }
    if !missing.is_empty() {
        let more = if unnamed > 0 { format!(" and {unnamed} more") } else { String::new() };
        made.warnings.push(format!("the page has no value for: {}{more}", missing.join(", ")));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let required = required.filter_map(Value::as_str);
    let lacking: Vec<&str> =
        required.filter(|it| filled.get(*it).is_none_or(Value::is_null)).collect();
    if !lacking.is_empty() {
        made.warnings
            .push(format!("required by extraction_schema but not found: {}", lacking.join(", ")));
    }
    let filled = Value::Object(filled);
    let filled = if is_list { Value::Array(vec![filled]) } else { filled };
    put(options, made, filled, evidence);
}

fn put(
    options: &JobRequest,
    made: &mut Extracted,
    filled: Value,
    evidence: Option<Map<String, Value>>,
) {
    if options.formats().contains(&Format::Json) {
        made.content.insert(Format::Json, filled.clone());
    }
    made.filtered_content = Some(filled);
    made.evidence = evidence.map(Value::Object);
}

/// Returns `true` if a schema requests a list of objects with fields.
pub(super) fn wants_things(schema: &Value) -> bool {
    let schema = &*resolved(schema);
    let wanted = Wanted::of(schema);
    let inner = wanted.fields().map(|it| Wanted::of(it.1));
    std::iter::once(wanted).chain(inner).any(|it| it.things().is_some())
}

/// A schema while it is filled.
struct Filling<'a> {
    fields: &'a Fields,
    rest: Vec<(&'static str, Index<'a>)>,
    lists: &'a [Vec<Value>],
    text: &'a str,
    /// Bytes of the text that may still be searched.
    searches: usize,
    /// The evidence of each field, if requested.
    evidence: Option<Map<String, Value>>,
    missing: Vec<String>,
    /// The number of missing fields beyond [`MAX_MISSING`].
    unnamed: usize,
    left: FillBudget,
}

impl<'a> Filling<'a> {
    fn new(layers: &'a Layers, text: &'a str, evidence: bool) -> Self {
        let data = layers.rest.iter().map(|it| &it.1).chain(layers.collections.iter().flatten());
        let given = data.map(weight).sum::<usize>() + text.len();
        Self {
            fields: &layers.fields,
            rest: layers.rest.iter().map(|(source, it)| (*source, Index::of(it))).collect(),
            lists: &layers.collections,
            text,
            searches: MAX_SEARCHED,
            evidence: evidence.then(Map::new),
            missing: Vec::new(),
            unnamed: 0,
            left: FillBudget(Cell::new(given * MAX_GROWTH + MAX_ADDED)),
        }
    }

    /// Returns the value of a field whose full name is `path`, and records a field that is missing.
    fn field(&mut self, name: &str, kind: &Value, path: &str, depth: usize) -> Option<Value> {
        let wanted = Wanted::of(kind);
        let found = self.find(name).or_else(|| {
            let fallback = wanted.default?;
            Some(Match { value: fallback, source: "schema", path: "default".to_owned() })
        });
        let found = found.filter(|_| !self.left.is_used_up());
        let value = found.as_ref().and_then(|it| coerce::fit(it.value, &wanted, depth, &self.left));
        let value = value.filter(|it| self.left.pays(weight(it) + path.len()));
        if let (Some(found), Some(value)) = (found, &value) {
            self.note(path, &found, value);
            return Some(value.clone());
        }
        // Every collection has addresses: one field alone does not tell which is meant.
        let several = wanted.things().filter(|it| it.fields().count() > 1);
        if let Some(things) = several.and_then(|it| self.things(it, path)) {
            return Some(things);
        }
        // An object without a name on the page may still have its parts there.
        if wanted.kind == Some(FieldType::Object) && depth < MAX_DEPTH {
            let mut object = Map::new();
            for (name, kind) in wanted.fields() {
                let value = self.field(name, kind, &format!("{path}.{name}"), depth + 1);
                object.insert(name.clone(), value.unwrap_or_default());
            }
            return object.values().any(|it| !it.is_null()).then_some(Value::Object(object));
        }
        if self.missing.len() < MAX_MISSING {
            self.missing.push(path.to_owned());
        } else {
            self.unnamed += 1;
        }
        None
    }

    /// Returns the collection with the largest share of the requested fields, if that is at least
    /// [`MEANT`].
    fn things(&mut self, wanted: Wanted<'_>, path: &str) -> Option<Value> {
        let requested = wanted.fields().count();
        let mut best: Option<(usize, Vec<Value>)> = None;
        for list in self.lists {
            let fitted = list.iter().filter_map(|it| coerce::fit(it, &wanted, 0, &self.left));
            let all: Vec<Value> = fitted.collect();
            let share =
                all.iter().map(value_count).sum::<usize>() * 100 / (requested * list.len()).max(1);
            // Of equals the earlier collection, which has more values of each thing.
            if share >= MEANT && best.as_ref().is_none_or(|it| share > it.0) {
                best = Some((share, all));
            }
        }
        let things = Value::Array(best?.1);
        let found = Match { value: things.get(0)?, source: "dom", path: "list".to_owned() };
        self.note(path, &found, &things);
        Some(things)
    }

    /// Records the evidence of a field, if requested.
    fn note(&mut self, path: &str, found: &Match<'_>, value: &Value) {
        let Some(evidence) = &mut self.evidence else { return };
        let left = self.searches.checked_sub(self.text.len());
        self.searches = left.unwrap_or_default();
        let snippet = snippet(if left.is_some() { self.text } else { "" }, found.value);
        let note = json!({
            "value": value, "snippet": snippet, "source": found.source, "path": found.path,
        });
        evidence.insert(path.to_owned(), note);
    }

    /// Finds a field at the top of any source, then further down.
    fn find(&self, name: &str) -> Option<Match<'a>> {
        let key = plain(name);
        let aliases = aliases(&key);
        let names = || std::iter::once(key.as_str()).chain(aliases.iter().copied());
        let field = |it: &str| self.fields.0.iter().find(|(name, _)| plain(name) == it);
        if let Some((_, field)) = names().find_map(field) {
            let source = field.source.as_str();
            return Some(Match { value: &field.value, source, path: field.path.clone() });
        }
        for depth in [0, MAX_DEPTH] {
            for (source, index) in &self.rest {
                if let Some((value, path)) = index.find(name, depth) {
                    return Some(Match { value, source, path });
                }
            }
        }
        None
    }
}

/// Counts the fields of an object that have a value.
fn value_count(object: &Value) -> usize {
    object.as_object().map_or(0, |it| it.values().filter(|it| !it.is_null()).count())
}

/// Returns the passage of the text around a value, or the value itself if the text does not contain it.
fn snippet(text: &str, value: &Value) -> String {
    let written = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let needle: String = written.chars().take(SNIPPET / 2).collect();
    let Some(at) = text.find(&needle).filter(|_| !needle.is_empty()) else {
        return written.chars().take(SNIPPET).collect();
    };
    let before: Vec<char> =
        text.get(..at).unwrap_or_default().chars().rev().take(SNIPPET / 4).collect();
    let after = text.get(at..).unwrap_or_default().chars().take(SNIPPET * 3 / 4);
    let passage: String = before.into_iter().rev().chain(after).collect();
    passage.trim().to_owned()
}
