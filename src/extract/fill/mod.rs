//! Fills the fields of an `extraction_schema` from the data of a document.
//!
//! A field is looked up in the structured data by its name, then by its name in any case, then by an alias; then on the
//! page itself, behind a label that means the same ([`shown`], [`listed`]); then further down in the data. A value that
//! does not convert to the requested type counts as missing.

mod coerce;
mod examples;
mod filling;
mod index;
mod items;
mod layers;
mod limits;
mod listed;
mod plan;
mod reading;
mod shown;
mod things;
mod units;

use std::cell::Cell;

use serde_json::{Map, Value};

use crate::core::request::{Format, JobRequest};
use crate::extract::page_index::PageIndex;
use crate::ports::extract::Extracted;
use crate::schema::{FieldType, resolved};

pub(super) use self::layers::Layers;
pub(super) use self::reading::clock;

use self::coerce::Wanted;
use self::filling::Filling;
use self::limits::Patterns;
use self::plan::Planner;
use self::shown::{PageReader, Scope};

/// Depth of the data in which a field is looked up.
const MAX_DEPTH: usize = 6;
/// Bytes of all fields: a multiple of the data's, and an allowance for small data. A schema may request
/// the same value over and over.
const MAX_GROWTH: usize = 4;
const MAX_ADDED: usize = 1_048_576;

/// The bytes that all fields of a schema may still take, and its patterns.
#[derive(Debug)]
struct FillBudget {
    left: Cell<usize>,
    patterns: Patterns,
}

impl FillBudget {
    fn new(bytes: usize) -> Self {
        Self { left: Cell::new(bytes), patterns: Patterns::default() }
    }

    /// Pays for a value. A cost above the budget exhausts it.
    fn pays(&self, bytes: usize) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// Allows for more data.
    fn add(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_add(bytes));
    }

    fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }
}

/// A value that a page shows, and the CSS path of its place.
#[derive(Debug)]
pub(super) struct ShownValue {
    pub(super) value: Value,
    /// The text that the value was read from.
    pub(super) text: String,
    pub(super) place: String,
}

/// Reads one field of a profile off the page alone. Neither the form nor the place of a value is guessed: a label must
/// name it.
pub(super) fn labeled(page: &PageIndex<'_, '_>, name: &str, schema: &Value) -> Option<ShownValue> {
    let plan = Planner::new(page).field(name, schema, 0);
    let mut reader = PageReader::new(page);
    let found = reader.labeled(&plan, &Scope::Page)?;
    let place = reader.css_path(found.at);
    Some(ShownValue { value: found.value, text: found.text, place })
}

/// Returns the objects in the state of scripts for some fields and some missing names.
pub(super) type StateReader<'s> = dyn Fn(&[String], &[String]) -> Vec<Value> + 's;

/// Data of a page that is read only for fields that nothing else gives, because it takes long.
pub(super) struct LateData<'s> {
    /// Returns the objects in the state of scripts that have some of the named fields. The second list has the names of
    /// the missing fields, as the schema writes them.
    pub(super) state: &'s StateReader<'s>,
    /// Returns the collections of repeated elements, for a list of objects.
    pub(super) cards: &'s dyn Fn() -> Vec<Vec<Value>>,
    /// Returns the tables, likewise.
    pub(super) tables: &'s dyn Fn() -> Vec<Vec<Value>>,
}

impl LateData<'_> {
    /// The late data of a document that has none.
    pub(super) const NONE: LateData<'static> =
        LateData { state: &|_, _| Vec::new(), cards: &Vec::new, tables: &Vec::new };
}

/// Fills `filtered_content` and replaces the `json` format by it.
///
/// `page` is the index of what a page shows; other documents have none.
pub(super) fn fill(
    options: &JobRequest,
    layers: &mut Layers,
    page: Option<&PageIndex<'_, '_>>,
    late: &LateData<'_>,
    made: &mut Extracted,
) {
    let Some(schema) = options.schema() else { return };
    let schema = &*resolved(schema);
    let mut filled = run(options, layers, page, late, (schema, made));
    // The state of scripts is read only for what nothing else gives: it is large, and most of it is about the site.
    if filled.lacks_values() {
        layers.state = (late.state)(&names(schema), &filled.missing);
        if !layers.state.is_empty() {
            filled = run(options, layers, page, late, (schema, made));
        }
    }
    filled.warn(schema, &mut made.warnings);
    if options.formats().contains(&Format::Json) {
        made.content.insert(Format::Json, filled.value.clone());
    }
    made.filtered_content = Some(filled.value);
    made.evidence = filled.evidence.map(Value::Object);
}

/// A schema that is filled.
#[derive(Debug)]
struct Filled {
    value: Value,
    evidence: Option<Map<String, Value>>,
    missing: Vec<String>,
    unnamed: usize,
    /// Fields with a value on the page that does not fit, and that value.
    refused: Vec<(String, String)>,
    has_fields: bool,
    is_cut: bool,
}

impl Filled {
    fn lacks_values(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Adds the warnings, and drops the entries of lists that the schema does not allow.
    fn warn(&mut self, schema: &Value, warnings: &mut Vec<String>) {
        if !self.has_fields {
            warnings.push(
                "extraction_schema names no fields: add fields by name or `properties`".to_owned(),
            );
        }
        if self.is_cut {
            let note =
                "extraction_schema requests more than the page contains; the rest was dropped";
            warnings.push(note.to_owned());
        }
        if !self.missing.is_empty() {
            let more = if self.unnamed > 0 {
                format!(" and {} more", self.unnamed)
            } else {
                String::new()
            };
            warnings.push(format!("the page has no value for: {}{more}", self.missing.join(", ")));
        }
        for (field, text) in self.refused.iter().filter(|it| self.missing.contains(&it.0)) {
            warnings
                .push(format!("{field}: the page says `{text}`, which does not fit the schema"));
        }
        limits::apply(&Wanted::of(schema), &mut self.value, "", 0, warnings);
    }
}

fn run(
    options: &JobRequest,
    layers: &Layers,
    page: Option<&PageIndex<'_, '_>>,
    late: &LateData<'_>,
    (schema, made): (&Value, &Extracted),
) -> Filled {
    let mut wanted = Wanted::of(schema);
    let evidence = options.wants_evidence();
    let mut filling = Filling::new(layers, page, late, &made.text, evidence);
    if wanted.things().is_some()
        && let Some(listed) = filling.records("", schema, "items")
    {
        return filling.end(listed, true);
    }
    // Without a collection the fields of an entry are read from the page.
    let is_list = wanted.kind == Some(FieldType::Array);
    if is_list {
        wanted = wanted.items.map_or(wanted, Wanted::of);
    }
    let mut filled = Map::new();
    for (name, kind) in wanted.fields() {
        let value = filling.field(name, kind, name, 0);
        filled.insert(name.clone(), value.unwrap_or_default());
    }
    let has_fields = !filled.is_empty();
    let filled = Value::Object(filled);
    filling.end(if is_list { Value::Array(vec![filled]) } else { filled }, has_fields)
}

/// Returns the names of the fields of the thing that a schema asks for, in lower case, letters and digits only.
pub(super) fn requested_names(schema: &Value) -> Vec<String> {
    let schema = &*resolved(schema);
    let wanted = Wanted::of(schema);
    // Lists ask for several things.
    wanted.fields().take(200).map(|it| index::plain(it.0)).collect()
}

/// Returns the names of the fields at the top of a schema and in its objects.
fn names(schema: &Value) -> Vec<String> {
    const MAX_NAMES: usize = 200;
    let mut names = Vec::new();
    let mut waiting = vec![(Wanted::of(schema), 0)];
    while let Some((wanted, depth)) = waiting.pop() {
        for (name, schema) in wanted.fields() {
            if names.len() < MAX_NAMES && depth < MAX_DEPTH {
                names.push(index::plain(name));
                let inner = Wanted::of(schema);
                waiting.push((inner.things().unwrap_or(inner), depth + 1));
            }
        }
    }
    names
}
