//! `extraction_schema`: the asked fields, filled from what was found.
//!
//! A field is looked for by its name, then by its name in any case, then by another name of the same
//! thing, then further down; what is found is made to be of the asked type or is said to be missing.

mod coerce;
mod index;

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::core::request::{Format, JobRequest};
use crate::extract::data::weight;
use crate::extract::profile::Fields;
use crate::ports::extract::Extracted;
use crate::schema::{FieldType, resolved};

use self::coerce::Wanted;
use self::index::{Index, aliases, plain};

/// How deep a field is looked for.
const MAX_DEPTH: usize = 6;
/// Symbols of a passage that shows where a value stood.
const SNIPPET: usize = 160;
/// Percent of what is asked of each thing that a list has to say to be the one that was meant.
const MEANT: usize = 60;
/// Fields that are said to be missing by their names.
const MAX_MISSING: usize = 100;
/// Bytes that all fields hold at most, in times those of the data, and some for small data: a schema may
/// ask for the same over and over.
const MAX_GROWTH: usize = 4;
const MAX_ADDED: usize = 1_048_576;
/// Bytes of text that are searched for passages.
const MAX_SEARCHED: usize = 268_435_456;

/// What a document says, by where it says it, the best place first.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What the profile made of all the places.
    pub(super) fields: Fields,
    pub(super) rest: Vec<(&'static str, Value)>,
    /// The lists of things that the page shows, for a schema that asks for things.
    pub(super) lists: Vec<Vec<Value>>,
}

/// What all fields of a schema may still cost.
#[derive(Debug)]
struct Left(Cell<usize>);

impl Left {
    /// Takes what a value costs. What costs more than is left uses that up.
    fn pays(&self, bytes: usize) -> bool {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }

    fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// A value and the way to it.
struct Found<'a> {
    value: &'a Value,
    source: &'static str,
    path: String,
}

/// Fills `filtered_content` and puts it in the place of `json`.
pub(super) fn fill(options: &JobRequest, layers: &Layers, made: &mut Extracted) {
    let Some(schema) = &options.extraction_schema else { return };
    let schema = &*resolved(schema);
    let wanted = Wanted::of(schema);
    let mut filling = Filling::new(layers, &made.text, options.evidence);
    let listed = wanted.things().and_then(|it| filling.things(it, "items"));
    if let Some(listed) = listed {
        return put(options, made, listed, filling.evidence);
    }
    // Where the page has no list, what is asked of each thing is asked of the page.
    let is_list = wanted.kind == Some(FieldType::Array);
    let wanted = if is_list { wanted.items.map_or(wanted, Wanted::of) } else { wanted };
    let mut filled = Map::new();
    for (name, kind) in wanted.fields() {
        let value = filling.field(name, kind, name, 0);
        filled.insert(name.clone(), value.unwrap_or_default());
    }
    let Filling { evidence, missing, unnamed, left, .. } = filling;
    if filled.is_empty() {
        made.warnings.push("extraction_schema names no fields".to_owned());
    }
    if left.is_used_up() {
        let note = "extraction_schema asks for more than the page says; the rest was left out";
        made.warnings.push(note.to_owned());
    }
    if !missing.is_empty() {
        let more = if unnamed > 0 { format!(" and {unnamed} more") } else { String::new() };
        made.warnings.push(format!("the page does not say: {}{more}", missing.join(", ")));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let required = required.filter_map(Value::as_str);
    let lacking: Vec<&str> =
        required.filter(|it| filled.get(*it).is_none_or(Value::is_null)).collect();
    if !lacking.is_empty() {
        made.warnings.push(format!("extraction_schema requires: {}", lacking.join(", ")));
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
    if options.formats.contains(&Format::Json) {
        made.content.insert(Format::Json, filled.clone());
    }
    made.filtered_content = Some(filled);
    made.evidence = evidence.map(Value::Object);
}

/// Whether a schema asks for a list of things, each with fields.
pub(super) fn asks_for_things(schema: &Value) -> bool {
    let schema = &*resolved(schema);
    let wanted = Wanted::of(schema);
    let inner = wanted.fields().map(|it| Wanted::of(it.1));
    std::iter::once(wanted).chain(inner).any(|it| it.things().is_some())
}

/// A schema that is being filled.
struct Filling<'a> {
    fields: &'a Fields,
    rest: Vec<(&'static str, Index<'a>)>,
    lists: &'a [Vec<Value>],
    text: &'a str,
    /// Bytes of the text that may still be searched.
    searches: usize,
    /// Where each field was found, if that is asked for.
    evidence: Option<Map<String, Value>>,
    missing: Vec<String>,
    /// How many are missing beside those.
    unnamed: usize,
    left: Left,
}

impl<'a> Filling<'a> {
    fn new(layers: &'a Layers, text: &'a str, evidence: bool) -> Self {
        let data = layers.rest.iter().map(|it| &it.1).chain(layers.lists.iter().flatten());
        let given = data.map(weight).sum::<usize>() + text.len();
        Self {
            fields: &layers.fields,
            rest: layers.rest.iter().map(|(source, it)| (*source, Index::of(it))).collect(),
            lists: &layers.lists,
            text,
            searches: MAX_SEARCHED,
            evidence: evidence.then(Map::new),
            missing: Vec::new(),
            unnamed: 0,
            left: Left(Cell::new(given * MAX_GROWTH + MAX_ADDED)),
        }
    }

    /// The value of a field, whose full name is `path`; what could not be found or made to fit is noted.
    fn field(&mut self, name: &str, kind: &Value, path: &str, depth: usize) -> Option<Value> {
        let wanted = Wanted::of(kind);
        let found = self.find(name).or_else(|| {
            let fallback = wanted.default?;
            Some(Found { value: fallback, source: "schema", path: "default".to_owned() })
        });
        let found = found.filter(|_| !self.left.is_used_up());
        let value = found.as_ref().and_then(|it| coerce::fit(it.value, &wanted, depth, &self.left));
        let value = value.filter(|it| self.left.pays(weight(it) + path.len()));
        if let (Some(found), Some(value)) = (found, &value) {
            self.note(path, &found, value);
            return Some(value.clone());
        }
        // Any list has addresses: one field alone does not say which is meant.
        let several = wanted.things().filter(|it| it.fields().count() > 1);
        if let Some(things) = several.and_then(|it| self.things(it, path)) {
            return Some(things);
        }
        // A thing that the page has no name for may still have its parts there.
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

    /// The list that says most of what is asked of each thing, if that is [`MEANT`].
    fn things(&mut self, wanted: Wanted<'_>, path: &str) -> Option<Value> {
        let asked = wanted.fields().count();
        let mut best: Option<(usize, Vec<Value>)> = None;
        for list in self.lists {
            let fitted = list.iter().filter_map(|it| coerce::fit(it, &wanted, 0, &self.left));
            let all: Vec<Value> = fitted.collect();
            let share = all.iter().map(said).sum::<usize>() * 100 / (asked * list.len()).max(1);
            // Of two lists that say as much the earlier, which says more of its things besides.
            if share >= MEANT && best.as_ref().is_none_or(|it| share > it.0) {
                best = Some((share, all));
            }
        }
        let things = Value::Array(best?.1);
        let found = Found { value: things.get(0)?, source: "dom", path: "list".to_owned() };
        self.note(path, &found, &things);
        Some(things)
    }

    /// Notes where a field was found, if that is asked for.
    fn note(&mut self, path: &str, found: &Found<'_>, value: &Value) {
        let Some(evidence) = &mut self.evidence else { return };
        let left = self.searches.checked_sub(self.text.len());
        self.searches = left.unwrap_or_default();
        let snippet = snippet(if left.is_some() { self.text } else { "" }, found.value);
        let note = json!({
            "value": value, "snippet": snippet, "source": found.source, "path": found.path,
        });
        evidence.insert(path.to_owned(), note);
    }

    /// A field by its name at the top of any place, then further down.
    fn find(&self, name: &str) -> Option<Found<'a>> {
        let key = plain(name);
        let aliases = aliases(&key);
        let names = || std::iter::once(key.as_str()).chain(aliases.iter().copied());
        let field = |it: &str| self.fields.0.iter().find(|(name, _)| plain(name) == it);
        if let Some((_, field)) = names().find_map(field) {
            let source = field.source.as_str();
            return Some(Found { value: &field.value, source, path: field.path.clone() });
        }
        for depth in [0, MAX_DEPTH] {
            for (source, index) in &self.rest {
                if let Some((value, path)) = index.find(name, depth) {
                    return Some(Found { value, source, path });
                }
            }
        }
        None
    }
}

/// The fields of an object that have a value.
fn said(object: &Value) -> usize {
    object.as_object().map_or(0, |it| it.values().filter(|it| !it.is_null()).count())
}

/// The passage that a value stands in: of the text if it is there, else the value as it is written.
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

pub(super) fn whole(value: &Value) -> Option<Value> {
    let number = number(value)?;
    let text = format!("{:.0}", number.trunc());
    text.parse::<i64>().ok().map(Value::from)
}

/// The number in a value: `"$1,099.99"` and `"1.099,99 €"` are both 1099.99.
///
/// The last sign is the decimal one where both occur; a comma alone is, unless three digits follow.
pub(super) fn number(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = first_amount(value.as_str()?)?;
    let text = text.trim_end_matches(['.', ',']);
    let (dot, comma) = (text.rfind('.'), text.rfind(','));
    let decimal = match (dot, comma) {
        (Some(dot), Some(comma)) => Some(dot.max(comma)),
        (None, Some(comma)) if text.len() - comma == 4 || text.matches(',').count() > 1 => None,
        (None, Some(comma)) => Some(comma),
        // More than one of the same kind stand between groups.
        (Some(_), None) if text.matches('.').count() > 1 => None,
        (dot, None) => dot,
    };
    let plain = text.char_indices().filter_map(|(at, it)| match it {
        '.' | ',' => (Some(at) == decimal).then_some('.'),
        other => Some(other),
    });
    plain.collect::<String>().parse().ok()
}

/// The first number of a text as it is written, without the blanks and quotes between its groups.
fn first_amount(text: &str) -> Option<String> {
    let begin = text.find(|it: char| it.is_ascii_digit())?;
    let mut out = String::new();
    if text.get(..begin)?.trim_end_matches(['$', '€', '£']).ends_with('-') {
        out.push('-');
    }
    let rest: Vec<char> = text.get(begin..)?.chars().take(40).collect();
    for (at, symbol) in rest.iter().enumerate() {
        let next: Vec<char> = rest.iter().skip(at + 1).take(4).copied().collect();
        let digits = next.iter().take_while(|it| it.is_ascii_digit()).count();
        match symbol {
            it if it.is_ascii_digit() => out.push(*it),
            '.' | ',' => out.push(*symbol),
            // Three digits behind a blank are more of the same number.
            '\'' | '’' => {}
            it if it.is_whitespace() && digits == 3 && at <= 3 => {}
            _ => break,
        }
    }
    Some(out)
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
            ("1 099,99 Kč", 1_099.99),
            ("1'099.50", 1_099.5),
            ("10.75 11.95", 10.75),
            ("2.450.000", 2_450_000.0),
            ("now $12.50 (was $15)", 12.5),
        ] {
            assert_eq!(number(&Value::from(text)), Some(is), "{text}");
        }
        assert_eq!(number(&Value::from("free")), None);
    }
}
