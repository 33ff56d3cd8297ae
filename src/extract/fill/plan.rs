//! Decides which labels of a page may name the value of a field.

use serde_json::Value;

use crate::extract::page_index::{PageIndex, Words, tokens};
use crate::extract::value::date::DateStyle;
use crate::schema::FieldType;

use super::coerce::Wanted;
use super::examples;
use super::limits::Patterns;
use super::units::{Unit, split_name};

/// Comparisons of names with labels for one schema.
const MAX_COMPARISONS: usize = 2_000_000;
/// Points that a field's title or description is worth less than its name, and a related concept.
const HINT: u8 = 5;
const RELATED: u8 = 25;
/// Words of a description that may be a label.
const HINT_WORDS: usize = 6;

/// Concepts whose labels also name another one, where that has no label of its own.
const RELATED_CONCEPTS: &[(&str, &[&str])] = &[
    ("start date", &["when", "date", "time"]),
    ("end date", &["when"]),
    ("date", &["when", "published"]),
    ("when", &["date", "start date"]),
    ("published", &["date"]),
    ("released", &["published", "date"]),
    ("year", &["released"]),
    ("price", &["admission", "rent"]),
    ("admission", &["price"]),
    ("rent", &["cold rent", "warm rent"]),
    ("location", &["venue", "city", "address"]),
    ("venue", &["location"]),
    ("address", &["location"]),
    ("city", &["location"]),
    ("total time", &["duration"]),
    ("text", &["description"]),
    ("description", &["text"]),
    ("availability", &["stock"]),
    ("employee", &["company size"]),
    ("organizer", &["company"]),
    ("instructor", &["speaker", "author"]),
    ("category", &["genre", "tag"]),
];

/// The form that the value of a field has, whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Any,
    Money,
    Currency,
    Day,
    Clock,
    Minutes,
    Year,
    Email,
    Phone,
    Link,
    Image,
    Rating,
    Prose,
    Title,
}

/// The end of a range that a field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Low,
    High,
}

/// A field of a schema and the labels that may name it.
#[derive(Debug)]
pub(super) struct FieldPlan<'s> {
    pub(super) name: &'s str,
    pub(super) wanted: Wanted<'s>,
    pub(super) words: Words,
    pub(super) concept: Option<&'static str>,
    pub(super) shape: Shape,
    pub(super) unit: Option<Unit>,
    pub(super) currency: Option<&'static str>,
    pub(super) bound: Option<Bound>,
    /// Labels of the page, each with the percent that it fits, the best first.
    pub(super) labels: Vec<(usize, u8)>,
    /// The fields of an object, or of the entries of a list.
    pub(super) fields: Vec<FieldPlan<'s>>,
    /// The shapes of the schema's examples.
    pub(super) shapes: Vec<String>,
    pub(super) patterns: Patterns,
}

impl FieldPlan<'_> {
    /// Returns the plan of each entry of a list of texts.
    pub(super) fn entry(&self) -> Self {
        let wanted = self.wanted.items.map_or(Wanted::any(), Wanted::of);
        let any = matches!(self.shape, Shape::Prose | Shape::Title);
        let shape = shape_of(&self.words, &wanted, &[]);
        Self {
            name: self.name,
            wanted,
            words: self.words.clone(),
            concept: self.concept,
            shape: if any { Shape::Any } else { shape },
            unit: self.unit,
            currency: self.currency,
            bound: None,
            labels: Vec::new(),
            fields: Vec::new(),
            shapes: Vec::new(),
            patterns: self.patterns.clone(),
        }
    }
}

/// The comparisons that are left.
#[derive(Debug)]
pub(super) struct Planner<'i, 'd, 'a> {
    index: &'i PageIndex<'d, 'a>,
    left: usize,
    patterns: Patterns,
}

impl<'i, 'd, 'a> Planner<'i, 'd, 'a> {
    pub(super) fn new(index: &'i PageIndex<'d, 'a>) -> Self {
        Self { index, left: MAX_COMPARISONS, patterns: Patterns::default() }
    }

    /// Plans a field and the fields inside.
    pub(super) fn field<'s>(
        &mut self,
        name: &'s str,
        schema: &'s Value,
        depth: usize,
    ) -> FieldPlan<'s> {
        let wanted = Wanted::of(schema);
        let all = Words::of_name(name);
        // `gtin13` and `address2` count themselves.
        let bare = name.trim_end_matches(|it: char| it.is_ascii_digit());
        let all =
            if all.concept().is_none() && !bare.is_empty() { Words::of_name(bare) } else { all };
        let split = name_tokens(name);
        let (rest, unit, currency) = split_name(&split);
        let short = Words::of_tokens(rest);
        let is_whole = all.concept().is_some() || rest.len() == split.len();
        let words = if is_whole { all } else { short };
        let (bound, words) = bounded(words);
        let concept = words.concept();
        let hints = hints(schema);
        let shape = shape_of(&words, &wanted, &hints);
        let labels = self.labels(&words, concept, &hints);
        let inner = wanted.things().unwrap_or(wanted);
        let fields = if depth < super::MAX_DEPTH && self.left > 0 {
            inner.fields().map(|(name, schema)| self.field(name, schema, depth + 1)).collect()
        } else {
            Vec::new()
        };
        let currency = currency.filter(|_| shape == Shape::Money);
        FieldPlan {
            name,
            wanted,
            words,
            concept,
            shape,
            unit,
            currency,
            bound,
            labels,
            fields,
            shapes: examples::shapes(schema),
            patterns: self.patterns.clone(),
        }
    }

    fn labels(
        &mut self,
        words: &Words,
        concept: Option<&str>,
        hints: &[Words],
    ) -> Vec<(usize, u8)> {
        let related = RELATED_CONCEPTS
            .iter()
            .find(|it| Some(it.0) == concept)
            .map(|it| it.1)
            .unwrap_or_default();
        let related: Vec<Words> = related.iter().map(|it| Words::of_label(it)).collect();
        let order = self.index.head_place();
        let cost = self.index.labels().len() * (1 + hints.len() + related.len());
        let Some(left) = self.left.checked_sub(cost) else { return Vec::new() };
        self.left = left;
        let mut found: Vec<(usize, u8)> = Vec::new();
        for (at, label) in self.index.labels().iter().enumerate() {
            let fits = |words: &Words| {
                if label.is_name {
                    words.likeness_of_name(&label.words)
                } else {
                    words.likeness(&label.words, order)
                }
            };
            let own = fits(words);
            let hinted = || hints.iter().filter_map(fits).max().map(|it| it - HINT);
            let near = || {
                if label.is_name {
                    return None;
                }
                related.iter().find_map(|it| fits(it).filter(|it| *it >= 90)).map(|it| it - RELATED)
            };
            if let Some(points) = own.or_else(hinted).or_else(near) {
                found.push((at, points));
            }
        }
        found.sort_by_key(|it| std::cmp::Reverse(it.1));
        found
    }
}

/// Splits a name into its words in lower case.
fn name_tokens(name: &str) -> Vec<String> {
    let mut apart = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            apart.push(' ');
        }
        apart.push(letter);
        before = letter;
    }
    tokens(&apart)
}

/// Splits the end of a range off a name: `salary_min`.
fn bounded(words: Words) -> (Option<Bound>, Words) {
    for (concept, bound) in [("minimum", Bound::Low), ("max", Bound::High)] {
        if let Some(rest) = words.without(concept) {
            let amount = rest
                .last_concept()
                .is_some_and(|it| matches!(it, "salary" | "price" | "rent" | "age"));
            if amount {
                return (Some(bound), rest);
            }
        }
    }
    (None, words)
}

/// Returns what a schema calls a field beside its name: the title, a short description, and the words behind the type
/// in the shorthand.
fn hints(schema: &Value) -> Vec<Words> {
    let mut texts: Vec<&str> = Vec::new();
    match schema {
        Value::String(words) => {
            texts.extend(words.split_once([',', '(']).map(|it| it.1.trim_end_matches(')')));
        }
        Value::Object(of) => {
            texts.extend(["title", "description"].iter().filter_map(|it| of.get(*it)?.as_str()));
        }
        _ => {}
    }
    let mut hints = Vec::new();
    for text in texts {
        // What stands in front of the first comma or bracket names the field; the rest explains.
        let first = text.split([',', '(', '.', ';', ':']).next().unwrap_or_default();
        let split = tokens(first);
        if (1..=HINT_WORDS).contains(&split.len()) {
            hints.push(Words::of_tokens(&split));
        }
    }
    hints.retain(|it| !it.is_empty());
    hints
}

fn shape_of(words: &Words, wanted: &Wanted<'_>, hints: &[Words]) -> Shape {
    match wanted.format {
        Some("date" | "date-time") => return Shape::Day,
        Some("time") => return Shape::Clock,
        Some("email" | "idn-email") => return Shape::Email,
        Some("uri" | "url" | "uri-reference" | "iri") if words.last_concept() != Some("image") => {
            return Shape::Link;
        }
        _ => {}
    }
    if wanted.kind == Some(FieldType::Date) {
        return Shape::Day;
    }
    if words.plain() == "amount" && wanted.kind != Some(FieldType::String) {
        return Shape::Money;
    }
    let named = words.last_concept().or_else(|| hints.iter().find_map(Words::concept));
    match named.unwrap_or_default() {
        "price" | "old price" | "price per unit" | "shipping" | "salary" | "rent" | "cold rent"
        | "warm rent" | "additional cost" | "deposit" | "admission" => Shape::Money,
        "currency" => Shape::Currency,
        "published" | "updated" | "released" | "deadline" | "start date" | "end date" | "date"
        | "available from" | "first registration" => Shape::Day,
        "prep time" | "cook time" | "total time" | "duration" => Shape::Minutes,
        "year" | "year built" | "founded" => Shape::Year,
        "email" => Shape::Email,
        "phone" | "fax" => Shape::Phone,
        "url" | "website" => Shape::Link,
        "image" => Shape::Image,
        "rating" => Shape::Rating,
        "text" | "description" | "answer" => Shape::Prose,
        "title" | "question" => Shape::Title,
        _ => Shape::Any,
    }
}

/// Returns the way in which the page writes dates.
pub(super) fn date_style<'d>(index: &PageIndex<'d, '_>) -> DateStyle<'d> {
    DateStyle::of(index.language)
}
