//! One pass over a schema: each field from the first source that has it.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use crate::extract::collections::CARD_FIELDS;
use crate::extract::page_index::PageIndex;
use crate::extract::value::provenance::Fields;
use crate::extract::value::weight::weight;
use crate::schema::FieldType;

use super::coerce::{self, Wanted};
use super::index::{Index, aliases, plain};
use super::layers::Layers;
use super::plan::{FieldPlan, Planner};
use super::shown::{Found, PageReader, Scope};
use super::things::AskedNames;
use super::{FillBudget, Filled, LateData, MAX_ADDED, MAX_DEPTH, MAX_GROWTH, listed};

/// Characters of the passage that shows where a value stood.
const SNIPPET: usize = 160;
/// Bytes of text that are searched for passages.
const MAX_SEARCHED: usize = 268_435_456;
/// Percent of the requested fields that a collection must have to be the requested one; chosen by hand.
const MEANT: usize = 60;
/// Missing fields that are named in a warning.
const MAX_MISSING: usize = 100;
/// Confidence of values in percent: declared for the page's own item, further down in its data, in the state of its
/// scripts, a default of the schema.
const DECLARED: u8 = 100;
const DEEP: u8 = 80;
const STATE: u8 = 70;
/// Confidence of a label on the page that names a field beyond doubt.
const SURE: u8 = 80;
/// Objects whose fields are those of the page itself.
const PAGE_THINGS: [&str; 22] = [
    "apartment",
    "article",
    "book",
    "car",
    "data",
    "details",
    "event",
    "film",
    "flat",
    "info",
    "item",
    "job",
    "listing",
    "movie",
    "page",
    "position",
    "posting",
    "product",
    "property",
    "recipe",
    "result",
    "vehicle",
];
/// Concepts that belong to the page itself unless an object has a name of its own.
const PAGE_CONCEPTS: [&str; 9] =
    ["title", "description", "text", "url", "image", "author", "date", "language", "tag"];

/// A value with its source and path.
pub(super) struct Match<'a> {
    value: &'a Value,
    source: &'static str,
    path: String,
    confidence: u8,
}

/// A schema while it is filled.
pub(super) struct Filling<'a, 'i, 'd, 'p> {
    fields: &'a Fields,
    rest: Vec<(&'static str, Index<'a>)>,
    state: Vec<Index<'a>>,
    cards: &'a OnceCell<Vec<Vec<Value>>>,
    tables: &'a OnceCell<Vec<Vec<Value>>>,
    late: &'a LateData<'a>,
    page: Option<(PageReader<'i, 'd, 'p>, Planner<'i, 'd, 'p>)>,
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

impl<'a, 'i, 'd, 'p> Filling<'a, 'i, 'd, 'p> {
    pub(super) fn new(
        layers: &'a Layers,
        page: Option<&'i PageIndex<'d, 'p>>,
        late: &'a LateData<'a>,
        text: &'a str,
        evidence: bool,
    ) -> Self {
        let lists = [&layers.cards, &layers.tables].map(OnceCell::get).into_iter().flatten();
        let lists = lists.flatten().flatten();
        let data = layers.rest.iter().map(|it| &it.1).chain(lists);
        let given = data.chain(&layers.state).map(weight).sum::<usize>() + text.len();
        Self {
            fields: &layers.fields,
            rest: layers.rest.iter().map(|(source, it)| (*source, Index::of(it))).collect(),
            state: layers.state.iter().map(Index::of).collect(),
            cards: &layers.cards,
            tables: &layers.tables,
            late,
            page: page.map(|it| (PageReader::new(it), Planner::new(it))),
            text,
            searches: MAX_SEARCHED,
            evidence: evidence.then(Map::new),
            missing: Vec::new(),
            unnamed: 0,
            left: FillBudget::new(given * MAX_GROWTH + MAX_ADDED),
        }
    }

    pub(super) fn end(self, value: Value, has_fields: bool) -> Filled {
        Filled {
            value,
            evidence: self.evidence,
            missing: self.missing,
            unnamed: self.unnamed,
            refused: self.page.map(|it| it.0.refused).unwrap_or_default(),
            has_fields,
            is_cut: self.left.is_used_up(),
        }
    }

    /// Returns the value of a field whose full name is `path`, and records a field that is missing.
    pub(super) fn field(
        &mut self,
        name: &str,
        kind: &Value,
        path: &str,
        depth: usize,
    ) -> Option<Value> {
        let wanted = Wanted::of(kind);
        if self.left.is_used_up() {
            self.lacks(path);
            return None;
        }
        let plan = self.page.as_mut().map(|it| it.1.field(name, kind, depth));
        // The title of the page is not the name of an object inside.
        let concept = plan.as_ref().and_then(|it| it.concept);
        let is_own = is_of_page(path) || !concept.is_some_and(|it| PAGE_CONCEPTS.contains(&it));
        // The language that a page is written in may not be that of the thing it shows.
        let is_own_first = is_own && concept != Some("language");
        let declared = if is_own_first { self.find(name, &wanted, 0) } else { None };
        if let Some(value) = declared.and_then(|it| self.take(&it, &wanted, path, depth)) {
            return Some(value);
        }
        if let Some(value) = plan.as_ref().and_then(|it| self.shown(it, kind, path, depth)) {
            return Some(value);
        }
        let late = if is_own_first { None } else { self.find(name, &wanted, 0) };
        if let Some(value) =
            late.filter(|_| is_own).and_then(|it| self.take(&it, &wanted, path, depth))
        {
            return Some(value);
        }
        let deep = if is_own { self.find(name, &wanted, MAX_DEPTH) } else { None };
        let deep = deep.or_else(|| self.find_in_state(name, &wanted));
        let found = deep.or_else(|| {
            let fallback = wanted.default?;
            Some(Match {
                value: fallback,
                source: "schema",
                path: "default".to_owned(),
                confidence: 0,
            })
        });
        if let Some(value) = found.and_then(|it| self.take(&it, &wanted, path, depth)) {
            return Some(value);
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
        self.lacks(path);
        None
    }

    fn lacks(&mut self, path: &str) {
        if self.missing.len() < MAX_MISSING {
            self.missing.push(path.to_owned());
        } else {
            self.unnamed += 1;
        }
    }

    /// Pays for a value and records its evidence.
    fn take(
        &mut self,
        found: &Match<'_>,
        wanted: &Wanted<'_>,
        path: &str,
        depth: usize,
    ) -> Option<Value> {
        let value = coerce::fit(found.value, wanted, depth, &self.left)?;
        let value = Some(value).filter(|it| self.left.pays(weight(it) + path.len()))?;
        self.note(path, found, &value);
        Some(value)
    }

    /// Returns the value that the page shows for a field.
    fn shown(
        &mut self,
        plan: &FieldPlan<'_>,
        kind: &Value,
        path: &str,
        depth: usize,
    ) -> Option<Value> {
        if plan.wanted.things().is_some() {
            return self.records(plan.name, kind, path);
        }
        let (reader, _) = self.page.as_mut()?;
        if plan.wanted.kind == Some(FieldType::Object) && !plan.fields.is_empty() {
            let part = reader.part(plan, &Scope::Page)?;
            let (object, notes) = reader.object(plan, &part);
            let value = Value::Object(object);
            let count = value_count(&value);
            // Most of the parts must be there: the label may be that of something else.
            if count * 2 < plan.fields.len()
                || depth > MAX_DEPTH
                || !self.left.pays(weight(&value) + path.len())
            {
                return None;
            }
            for (inner, found) in notes {
                self.note_shown(&format!("{path}.{inner}"), &found);
            }
            return Some(value);
        }
        let found = reader.value(plan, &Scope::Page)?;
        // The profile has read the page for this field by rules of its own: only a plain label adds to it.
        if found.confidence < SURE && self.has_sought(plan.name) {
            return None;
        }
        if !self.left.pays(weight(&found.value) + path.len()) {
            return None;
        }
        self.note_shown(path, &found);
        Some(found.value)
    }

    /// Returns `true` if the profile has looked for a field on the page itself.
    fn has_sought(&self, name: &str) -> bool {
        let key = plain(name);
        let aliases = aliases(&key);
        let is_it = |sought: &&str| {
            let sought = plain(sought);
            sought == key || aliases.contains(&sought.as_str())
        };
        self.fields.sought().iter().any(is_it)
    }

    /// Returns the objects of a list that the page shows as records.
    pub(super) fn records(&mut self, name: &str, kind: &Value, path: &str) -> Option<Value> {
        let (reader, planner) = self.page.as_mut()?;
        let plan = planner.field(name, kind, 0);
        let within = reader.part(&plan, &Scope::Page);
        let inside = within.as_ref().and_then(|it| listed::fill(reader, &plan, Some(it)));
        let listed = inside.or_else(|| listed::fill(reader, &plan, None))?;
        let values: Vec<Value> = listed
            .values
            .into_iter()
            .take_while(|it| self.left.pays(weight(it) + path.len()))
            .collect();
        let all = Value::Array(values);
        all.get(0)?;
        if let Some((_, first)) = listed.notes.first().filter(|_| self.evidence.is_some()) {
            self.note_shown(path, &Found { value: all.clone(), label: None, ..first.clone() });
        }
        for (inner, found) in &listed.notes {
            self.note_shown(&format!("{path}.{inner}"), found);
        }
        Some(all)
    }

    /// Returns the collection with the largest share of the requested fields, if that is at least
    /// [`MEANT`].
    pub(super) fn things(&mut self, wanted: Wanted<'_>, path: &str) -> Option<Value> {
        let asked = AskedNames::of(&wanted);
        let mut best: Option<(usize, Vec<Value>)> = None;
        // To read repeated elements takes long, and most lists ask for more than those have.
        let cards = if asked.share_of(&CARD_FIELDS) >= MEANT {
            self.read(self.cards, self.late.cards)
        } else {
            &[]
        };
        let tables = self.read(self.tables, self.late.tables);
        for list in cards.iter().chain(tables) {
            let most = asked.most_of(list);
            if most < MEANT || best.as_ref().is_some_and(|it| most <= it.0) {
                continue;
            }
            let fitted = list.iter().filter_map(|it| coerce::fit(it, &wanted, 0, &self.left));
            let all: Vec<Value> = fitted.collect();
            let share = all.iter().map(value_count).sum::<usize>() * 100
                / (asked.count * list.len()).max(1);
            // Of equals the earlier collection, which has more values of each thing.
            if share >= MEANT && best.as_ref().is_none_or(|it| share > it.0) {
                best = Some((share, all));
            }
        }
        let things = Value::Array(best?.1);
        let value = things.get(0)?;
        let found = Match { value, source: "dom", path: "list".to_owned(), confidence: DEEP };
        self.note(path, &found, &things);
        Some(things)
    }

    /// Returns some collections, read when they are first needed.
    fn read<'l>(
        &self,
        lists: &'l OnceCell<Vec<Vec<Value>>>,
        read: &dyn Fn() -> Vec<Vec<Value>>,
    ) -> &'l [Vec<Value>] {
        lists.get_or_init(|| {
            let lists = read();
            self.left.add(lists.iter().flatten().map(weight).sum::<usize>() * MAX_GROWTH);
            lists
        })
    }

    /// Records the evidence of a value from data, if requested.
    fn note(&mut self, path: &str, found: &Match<'_>, value: &Value) {
        let Some(evidence) = &mut self.evidence else { return };
        let left = self.searches.checked_sub(self.text.len());
        self.searches = left.unwrap_or_default();
        let snippet = snippet(if left.is_some() { self.text } else { "" }, found.value);
        let note = json!({
            "value": value, "snippet": snippet, "source": found.source, "path": found.path,
            "confidence": f64::from(found.confidence) / 100.0,
        });
        evidence.insert(path.to_owned(), note);
    }

    /// Records the evidence of a value that the page shows, if requested.
    fn note_shown(&mut self, path: &str, found: &Found) {
        let (Some(evidence), Some((reader, _))) = (&mut self.evidence, &self.page) else { return };
        let snippet: String = found.text.chars().take(SNIPPET).collect();
        let place = reader.css_path(found.at);
        if !self.left.pays(weight(&found.value) + snippet.len() + place.len() + path.len()) {
            return;
        }
        let mut note = json!({
            "value": found.value, "snippet": snippet, "source": "dom", "path": place,
            "confidence": f64::from(found.confidence) / 100.0,
        });
        if let (Some(label), Value::Object(note)) = (&found.label, &mut note) {
            note.insert("label".to_owned(), label.as_str().into());
        }
        evidence.insert(path.to_owned(), note);
    }

    /// Finds a field in the data, at most `deepest` objects down.
    fn find(&self, name: &str, wanted: &Wanted<'_>, deepest: usize) -> Option<Match<'a>> {
        let key = plain(name);
        let aliases = aliases(&key);
        let names = || std::iter::once(key.as_str()).chain(aliases.iter().copied());
        let field = |it: &str| self.fields.0.iter().find(|(name, _)| plain(name) == it);
        if let Some((_, field)) = names().find_map(field).filter(|_| deepest == 0) {
            let source = field.source.as_str();
            let found = Match {
                value: &field.value,
                source,
                path: field.path.clone(),
                confidence: DECLARED,
            };
            return Some(found);
        }
        let confidence = if deepest == 0 { DECLARED } else { DEEP };
        let found = self.rest.iter().find_map(|(source, index)| {
            let (value, path) = index.find(name, deepest)?;
            Some(Match { value, source, path, confidence })
        });
        // A number of goods is not that of a book.
        let found = found.filter(|it| !key.starts_with("isbn") || is_isbn(it.value));
        found.filter(|it| deepest == 0 || coerce::fit(it.value, wanted, 0, &self.left).is_some())
    }

    /// Finds a field in the objects of scripts that are about the page.
    fn find_in_state(&self, name: &str, wanted: &Wanted<'_>) -> Option<Match<'a>> {
        let found = self.state.iter().find_map(|index| {
            let (value, path) = index.find(name, 2)?;
            Some(Match { value, source: "script", path, confidence: STATE })
        });
        found.filter(|it| coerce::fit(it.value, wanted, 0, &self.left).is_some())
    }
}

/// Returns `true` if the objects around a field are the thing that the page is about.
fn is_of_page(path: &str) -> bool {
    let mut around: Vec<&str> = path.split('.').collect();
    around.pop();
    around.iter().all(|it| PAGE_THINGS.contains(&plain(it).as_str()))
}

/// Returns `true` for the number of a book: ten digits, or thirteen behind its prefix.
fn is_isbn(value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        13 => digits.starts_with("978") || digits.starts_with("979"),
        9 | 10 => true,
        _ => false,
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
