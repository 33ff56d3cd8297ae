//! Finds the values of fields on the page itself, each with the place where it stands.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::extract::dom::doc::Id;
use crate::extract::dom::tag::Tag;
use crate::extract::page_index::{PageIndex, Pair, PairKind, css_path};
use crate::extract::value::money::{local_currency, priced};
use crate::schema::FieldType;

use super::examples;
use super::items;
use super::plan::{FieldPlan, Shape};
use super::reading::{self, Shown};

/// The least percent of a candidate that is taken.
const ENOUGH: u8 = 50;
/// The least percent of a candidate whose value is named in a warning if it does not fit.
const NEAR: u8 = 80;
/// Different values under one label of a page, above which it is the label of a list.
const FEW: usize = 2;
/// Values of one label that are read.
const MAX_VALUES: usize = 20;
/// Points for a value that looks like an example: more than the difference of two good labels, less than that of a good
/// one and a poor one.
const LIKE_AN_EXAMPLE: u8 = 25;
/// Confidence of a value that only its form tells apart, in percent.
const BY_FORM: u8 = 60;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) value: Value,
    /// The node where the value begins.
    pub(super) at: Id,
    /// The text that was read.
    pub(super) text: String,
    pub(super) label: Option<String>,
    /// In percent.
    pub(super) confidence: u8,
}

/// The part of a page in which a value is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The whole page.
    Page,
    /// One record, or the part that a label names.
    Part(Range<Id>),
}

/// Finds values on one page.
pub(super) struct PageReader<'i, 'd, 'a> {
    pub(super) index: &'i PageIndex<'d, 'a>,
    /// Labels whose values did not fit the type of the field: the field, and what the page says.
    pub(super) refused: Vec<(String, String)>,
}

impl<'i, 'd, 'a> PageReader<'i, 'd, 'a> {
    pub(super) fn new(index: &'i PageIndex<'d, 'a>) -> Self {
        Self { index, refused: Vec::new() }
    }

    pub(super) fn css_path(&self, at: Id) -> String {
        css_path(self.index.doc, at)
    }

    fn range(&self, scope: &Scope) -> Range<Id> {
        match scope {
            Scope::Page => 0..self.index.doc.len(),
            Scope::Part(range) => range.clone(),
        }
    }

    /// Returns the value of a field that is neither an object nor a list of objects.
    pub(super) fn value(&mut self, plan: &FieldPlan<'_>, scope: &Scope) -> Option<Found> {
        if plan.wanted.kind == Some(FieldType::Array) {
            return self.list(plan, scope);
        }
        let labeled = self.labeled(plan, scope);
        let sure = labeled.as_ref().is_some_and(|it| it.confidence >= NEAR);
        if sure {
            return labeled;
        }
        labeled.or_else(|| match scope {
            Scope::Page => self.by_price(plan),
            Scope::Part(range) => self.by_form(plan, range),
        })
    }

    /// Returns the value behind the label that fits best.
    pub(super) fn labeled(&mut self, plan: &FieldPlan<'_>, scope: &Scope) -> Option<Found> {
        let range = self.range(scope);
        let mut near: Option<String> = None;
        let mut best: Option<Found> = None;
        for (label, points) in &plan.labels {
            if best.as_ref().is_some_and(|it| rank(plan, it) >= points + preference(plan)) {
                break;
            }
            let mut values: Vec<Found> = Vec::new();
            for pair in self.index.labeled(*label, &range).take(MAX_VALUES) {
                let points = points.saturating_sub(self.discount(pair, plan, *points, scope));
                let leads = *scope == Scope::Page && is_menu(self.index, &pair.value);
                if points < ENOUGH || leads || !self.may_hold(pair, scope) {
                    continue;
                }
                let text = self.index.value_text(pair);
                let unit = pair.unit.as_deref();
                let shown = Shown { text: &text, range: pair.value.clone(), unit, kind: pair.kind };
                match reading::read(self.index, &shown, plan) {
                    Some(value) => values.push(Found {
                        value,
                        at: pair.value.start,
                        text,
                        label: self.index.label(pair),
                        confidence: points,
                    }),
                    None if points >= NEAR && pair.kind != PairKind::Named => {
                        near = near.or(Some(text));
                    }
                    None => {}
                }
            }
            let different: HashSet<String> = values.iter().map(|it| it.value.to_string()).collect();
            if *scope == Scope::Page && different.len() > FEW {
                continue;
            }
            // Of equals the first on the page.
            for found in values {
                let rank = |it: &Found| rank(plan, it);
                if best.as_ref().is_none_or(|it| rank(&found) > rank(it)) {
                    best = Some(found);
                }
            }
        }
        if let Some(found) = best {
            return Some(self.with_time(plan, found));
        }
        if let Some(text) = near.filter(|_| *scope == Scope::Page && self.refused.len() < 20) {
            self.refused.push((plan.name.to_owned(), text.chars().take(80).collect()));
        }
        None
    }

    /// Adds the time of day that the page gives under a label of its own.
    fn with_time(&self, plan: &FieldPlan<'_>, found: Found) -> Found {
        let day = found.value.as_str().filter(|it| it.len() == 10 && !it.contains('T'));
        let Some(day) = day.filter(|_| plan.wanted.format == Some("date-time")) else {
            return found;
        };
        let whole = self.range(&Scope::Page);
        let labels = self.index.labels().iter().enumerate();
        let mut times = labels.filter(|it| !it.1.is_name && it.1.words.concept() == Some("time"));
        let pair = times.find_map(|(label, _)| self.index.labeled(label, &whole).next());
        let skipped = usize::from(plan.concept == Some("end date"));
        let time = pair.and_then(|it| reading::clock(&self.index.value_text(it), skipped));
        match time {
            Some(time) => Found { value: format!("{day}T{time}:00").into(), ..found },
            None => found,
        }
    }

    /// Returns the points to subtract for a kind of pair that is less reliable than a table row.
    fn discount(&self, pair: &Pair, plan: &FieldPlan<'_>, points: u8, scope: &Scope) -> u8 {
        let on_page = *scope == Scope::Page;
        // The time in a numbered step is that of the step.
        if on_page && plan.shape == Shape::Minutes && self.is_in_step(pair) {
            return points;
        }
        match pair.kind {
            PairKind::Column if on_page => 15,
            PairKind::Row | PairKind::Term | PairKind::Line | PairKind::Column => 0,
            PairKind::Beside => 3,
            PairKind::Contact if self.index.is_masked(pair.value.start) => 25,
            PairKind::Contact => 2,
            PairKind::Title => 5,
            // A heading with more words is about something else.
            PairKind::Heading if points < 85 => points,
            PairKind::Heading if plan.wanted.kind == Some(FieldType::Array) => 0,
            PairKind::Heading => 10,
            // On a whole page many things have classes, and some words in them are about looks.
            PairKind::Named if on_page && (points < 90 || is_about_looks(plan.concept)) => points,
            PairKind::Named if on_page => 20,
            PairKind::Named => 8,
            // Words beside a number are prose unless they are the very label.
            PairKind::Phrase if plan.wanted.kind == Some(FieldType::Array) => points,
            PairKind::Phrase if points >= 85 => 10,
            PairKind::Phrase => points,
        }
    }

    fn is_in_step(&self, pair: &Pair) -> bool {
        let doc = self.index.doc;
        doc.around(pair.value.start).any(|it| doc.tag(it) == Tag::Ol)
    }

    /// Returns `true` if a pair may give a value in a scope.
    fn may_hold(&self, pair: &Pair, scope: &Scope) -> bool {
        let inside = match scope {
            Scope::Page => true,
            Scope::Part(range) => pair.value.end <= range.end,
        };
        inside && (pair.kind == PairKind::Contact || !self.index.is_masked(pair.value.start))
    }

    /// Returns the strings of a list.
    fn list(&mut self, plan: &FieldPlan<'_>, scope: &Scope) -> Option<Found> {
        let range = self.range(scope);
        let entry = plan.entry();
        for (label, points) in &plan.labels {
            let pairs: Vec<&Pair> =
                self.index.labeled(*label, &range).take(MAX_VALUES * 5).collect();
            let fits = |it: &&&Pair| self.may_hold(it, scope);
            let Some(first) = pairs.iter().find(fits) else { continue };
            let Some(points) = points
                .checked_sub(self.discount(first, plan, *points, scope))
                .filter(|it| *it >= ENOUGH)
            else {
                continue;
            };
            // Elements of one name side by side are the entries themselves.
            let parent = |it: &Pair| self.index.doc.node(it.value.start).parent;
            let alike: Vec<&&Pair> = pairs
                .iter()
                .filter(|it| parent(it) == parent(first) && it.kind == first.kind)
                .collect();
            let texts: Vec<(String, Range<Id>)> =
                if first.kind == PairKind::Named && alike.len() > 1 {
                    alike.iter().map(|it| (self.index.value_text(it), it.value.clone())).collect()
                } else {
                    items::items(self.index, &first.value, first.text.as_deref())
                };
            let values: Vec<Value> = texts
                .iter()
                .filter_map(|(text, range)| {
                    let shown =
                        Shown { text, range: range.clone(), unit: None, kind: PairKind::Row };
                    reading::read(self.index, &shown, &entry)
                })
                .collect();
            if !values.is_empty() {
                let text = texts.iter().map(|it| it.0.as_str()).collect::<Vec<_>>().join(", ");
                return Some(Found {
                    value: Value::Array(values),
                    at: first.value.start,
                    text,
                    label: self.index.label(first),
                    confidence: points,
                });
            }
        }
        None
    }

    /// Returns the price that the page shows, the one that is crossed out, or their currency.
    fn by_price(&self, plan: &FieldPlan<'_>) -> Option<Found> {
        if !matches!(plan.concept, Some("price" | "old price" | "currency")) {
            return None;
        }
        let prices = self.index.prices();
        let current = prices.current.filter(|it| it.currency.is_some() && prices.is_marked);
        let amount = match plan.concept {
            Some("price") => current.map(|it| it.amount),
            Some("old price") => prices.old(),
            Some("currency") => {
                let code = current?.currency?;
                let code = local_currency(code, self.index.base.page());
                return Some(Found {
                    value: code.into(),
                    at: prices.at,
                    text: self.index.text(&(prices.at..self.index.doc.end(prices.at))),
                    label: None,
                    confidence: BY_FORM,
                });
            }
            _ => None,
        }?;
        let text = self.index.text(&(prices.at..self.index.doc.end(prices.at)));
        let value = match plan.wanted.kind {
            Some(FieldType::String) => Value::from(amount.to_string()),
            Some(FieldType::Integer) if amount.fract() > 0.0 => return None,
            Some(FieldType::Integer) => crate::extract::value::number::decimal(amount),
            Some(FieldType::Number) | None => Value::from(amount),
            _ => return None,
        };
        let is_right = plan
            .currency
            .is_none_or(|it| current.and_then(|it| it.currency).is_none_or(|code| code == it));
        is_right.then_some(Found { value, at: prices.at, text, label: None, confidence: BY_FORM })
    }

    /// Returns the value that only its form tells: the heading of a record, its link, its day, its price.
    fn by_form(&self, plan: &FieldPlan<'_>, range: &Range<Id>) -> Option<Found> {
        let doc = self.index.doc;
        let visible = || range.clone().filter(|it| !self.index.is_masked(*it));
        let element = |id: Id| {
            let nodes = id..doc.end(id);
            let text = self.index.text(&nodes);
            self.found(plan, nodes, text)
        };
        match plan.shape {
            Shape::Title => self.title(plan, range),
            Shape::Link => {
                let heading =
                    visible().find(|it| doc.tag(*it).level().is_some() && has_link(self, *it));
                let link = visible().find(|it| doc.tag(*it) == Tag::A && doc.node(*it).text > 0);
                let any = visible().find(|it| doc.tag(*it) == Tag::A);
                heading.or(link).or(any).and_then(element)
            }
            Shape::Image => {
                let image = visible().find(|it| doc.tag(*it) == Tag::Img)?;
                self.found(plan, image..image + 1, "image".to_owned())
            }
            Shape::Day if is_any_day(plan.concept) => {
                let times: Vec<Id> =
                    visible().filter(|it| doc.tag(*it) == Tag::Time).take(2).collect();
                if let [only] = times.as_slice() {
                    return element(*only);
                }
                self.only(plan, range)
            }
            Shape::Money if matches!(plan.concept, None | Some("price")) => self.only(plan, range),
            Shape::Currency => {
                let line =
                    self.index.lines_in(range).iter().find(|it| priced(&it.text).is_some())?;
                self.found(plan, line.range.clone(), line.text.clone())
            }
            Shape::Prose if plan.concept == Some("answer") => self.below_heading(plan, range),
            Shape::Prose => {
                let lines = self.index.lines_in(range);
                let longest = lines
                    .iter()
                    .max_by_key(|it| it.text.len())
                    .filter(|it| it.text.len() >= SENTENCE)?;
                self.found(plan, longest.range.clone(), longest.text.clone())
            }
            Shape::Rating => {
                let marked = visible().find(|it| {
                    doc.attr(*it, "aria-label")
                        .is_some_and(|it| it.contains("star") || it.contains("out of"))
                });
                let shown = || self.index.lines_in(range).iter().find(|it| it.text.contains('★'));
                if let Some(id) = marked {
                    return element(id);
                }
                let line = shown()?;
                self.found(plan, line.range.clone(), line.text.clone())
            }
            _ => None,
        }
    }

    /// Returns the name of a record: its heading, its first link, or a bold text at its beginning.
    fn title(&self, plan: &FieldPlan<'_>, range: &Range<Id>) -> Option<Found> {
        let doc = self.index.doc;
        let visible =
            || range.clone().filter(|it| !self.index.is_masked(*it) && doc.node(*it).text > 1);
        let heading = visible().find(|it| doc.tag(*it).level().is_some());
        let summary = || visible().find(|it| matches!(doc.tag(*it), Tag::Summary | Tag::Dt));
        let link = || {
            visible()
                .filter(|it| doc.tag(*it) == Tag::A)
                .max_by_key(|it| (doc.node(*it).text, usize::MAX - it))
        };
        let bold = || visible().take(6).find(|it| matches!(doc.tag(*it), Tag::B | Tag::Strong));
        let link = link();
        // A link behind a bold name is a button.
        let bold = bold().filter(|it| link.is_none_or(|link| *it < link));
        let id = heading.or_else(summary).or(bold).or(link)?;
        let covers =
            doc.tag(id) == Tag::A && doc.node(id).text * 10 >= self.index.text(range).len() * 9;
        if covers && let Some(name) = self.name_in(id) {
            return self.found(plan, name..doc.end(name), self.index.text(&(name..doc.end(name))));
        }
        // A link around the whole record begins with its name.
        let nodes = id..doc.end(id);
        let (nodes, text) = match self.index.lines_in(&nodes).first() {
            Some(first) if doc.tag(id) == Tag::A && first.range.end <= nodes.end => {
                (first.range.clone(), first.text.clone())
            }
            _ => (nodes.clone(), self.index.text(&nodes)),
        };
        self.found(plan, nodes, text)
    }

    /// Returns the name in a link around a whole record: its first bold text, or the first that is no day and no price.
    fn name_in(&self, link: Id) -> Option<Id> {
        let doc = self.index.doc;
        let inside = || {
            (link + 1..doc.end(link))
                .filter(|it| !self.index.is_masked(*it) && doc.node(*it).text > 1)
        };
        let bold = inside().find(|it| matches!(doc.tag(*it), Tag::B | Tag::Strong));
        let is_name = |it: &Id| {
            let text = doc.text(*it).unwrap_or_default();
            doc.tag(doc.node(*it).parent) != Tag::Time
                && text.contains(char::is_alphabetic)
                && priced(text).is_none()
        };
        bold.or_else(|| inside().find(is_name))
    }

    /// Returns the only value of the field's form in a range.
    fn only(&self, plan: &FieldPlan<'_>, range: &Range<Id>) -> Option<Found> {
        let mut found: Option<Found> = None;
        for line in self.index.lines_in(range) {
            let is_form = match plan.shape {
                Shape::Money => line.text.len() <= 120 && amount_in(&line.text).is_some(),
                _ => true,
            };
            let new = is_form.then(|| self.form_of(plan, line.range.clone(), &line.text)).flatten();
            match (new, &found) {
                (Some(new), None) => found = Some(new),
                (Some(new), Some(old)) if new.value != old.value => return None,
                _ => {}
            }
        }
        found
    }

    /// Reads a line for a value of a form, without the words around it.
    fn form_of(&self, plan: &FieldPlan<'_>, range: Range<Id>, text: &str) -> Option<Found> {
        if plan.shape == Shape::Money {
            return self.found(plan, range, amount_in(text)?.to_owned());
        }
        self.found(plan, range, text.to_owned())
    }

    /// Returns the text behind the heading of a record.
    fn below_heading(&self, plan: &FieldPlan<'_>, range: &Range<Id>) -> Option<Found> {
        let doc = self.index.doc;
        let heads = |it: &Id| {
            doc.tag(*it).level().is_some() || matches!(doc.tag(*it), Tag::Summary | Tag::Dt)
        };
        let heading = range.clone().find(heads)?;
        let below = doc.end(heading)..range.end;
        let lines: Vec<&str> =
            self.index.lines_in(&below).iter().map(|it| it.text.as_str()).collect();
        (!lines.is_empty()).then(|| self.found(plan, below.clone(), lines.join("\n"))).flatten()
    }

    fn found(&self, plan: &FieldPlan<'_>, range: Range<Id>, text: String) -> Option<Found> {
        let shown = Shown { text: &text, range: range.clone(), unit: None, kind: PairKind::Beside };
        let value = reading::read(self.index, &shown, plan)?;
        Some(Found { value, at: range.start, text, label: None, confidence: BY_FORM })
    }

    /// Returns the part of the page that the name of an object labels.
    pub(super) fn part(&self, plan: &FieldPlan<'_>, scope: &Scope) -> Option<Range<Id>> {
        let range = self.range(scope);
        plan.labels.iter().find_map(|(label, points)| {
            let mut pairs = self.index.labeled(*label, &range);
            let fits = |it: &&Pair| {
                self.may_hold(it, scope)
                    && points.saturating_sub(self.discount(it, plan, *points, scope)) >= ENOUGH
            };
            pairs.find(fits).map(|it| it.value.clone())
        })
    }

    /// Fills the fields of an object from one part of the page.
    pub(super) fn object(
        &mut self,
        plan: &FieldPlan<'_>,
        range: &Range<Id>,
    ) -> (Map<String, Value>, Vec<(String, Found)>) {
        let mut made = Map::new();
        let mut notes = Vec::new();
        for field in &plan.fields {
            let scope = Scope::Part(range.clone());
            let value = if field.wanted.kind == Some(FieldType::Object) && !field.fields.is_empty()
            {
                let part = self.part(field, &scope).unwrap_or_else(|| range.clone());
                let (inner, inner_notes) = self.object(field, &part);
                notes.extend(
                    inner_notes
                        .into_iter()
                        .map(|(path, it)| (format!("{}.{path}", field.name), it)),
                );
                inner.values().any(|it| !it.is_null()).then_some(Value::Object(inner))
            } else {
                let found = self.value(field, &scope);
                let value = found.as_ref().map(|it| it.value.clone());
                notes.extend(found.map(|it| (field.name.to_owned(), it)));
                value
            };
            made.insert(field.name.to_owned(), value.unwrap_or_default());
        }
        (made, notes)
    }
}

/// Returns the points of a value: those of its label, and some if it looks like an example.
fn rank(plan: &FieldPlan<'_>, found: &Found) -> u8 {
    let text = found.value.as_str().unwrap_or(&found.text);
    let is_alike = !plan.shapes.is_empty() && plan.shapes.contains(&examples::shape(text));
    found.confidence + if is_alike { LIKE_AN_EXAMPLE } else { 0 }
}

/// Returns the points that a value may have beyond those of its label.
fn preference(plan: &FieldPlan<'_>) -> u8 {
    if plan.shapes.is_empty() { 0 } else { LIKE_AN_EXAMPLE }
}

/// Returns `true` for a field that may be the only day of a record.
fn is_any_day(concept: Option<&str>) -> bool {
    concept.is_none_or(|it| {
        !matches!(it, "deadline" | "end date" | "updated" | "available from" | "first registration")
    })
}

/// Returns `true` for a concept whose name in a class tells how an element looks.
fn is_about_looks(concept: Option<&str>) -> bool {
    const LOOKS: [&str; 16] = [
        "color",
        "width",
        "height",
        "size",
        "depth",
        "length",
        "page",
        "text",
        "url",
        "image",
        "status",
        "max",
        "minimum",
        "series",
        "quantity",
        "dimension",
    ];
    concept.is_some_and(|it| LOOKS.contains(&it))
}

/// Returns `true` if a range is a list of links, which lead to other pages.
fn is_menu(index: &PageIndex<'_, '_>, range: &Range<Id>) -> bool {
    const LINKS: usize = 3;
    let doc = index.doc;
    let links: Vec<Id> = range
        .clone()
        .filter(|it| doc.tag(*it) == Tag::A && doc.node(*it).text > 0)
        .take(200)
        .collect();
    if links.len() < LINKS {
        return false;
    }
    let texts = range.clone().filter(|it| doc.text(*it).is_some());
    let (linked, all) =
        texts.fold((0, 0), |sum, it| (sum.0 + doc.node(it).linked, sum.1 + doc.node(it).text));
    linked * 10 >= all * 8
}

/// Returns the part of a line that holds an amount, or says that something is free.
fn amount_in(text: &str) -> Option<&str> {
    const FREE: [&str; 6] =
        ["free", "kostenlos", "gratuit", "gratis", "free entry", "eintritt frei"];
    let is_free = |it: &str| FREE.contains(&it.to_lowercase().as_str());
    let mut parts = text.split(['·', '|', '•', ';', '(']).map(str::trim);
    parts.find(|it| priced(it).is_some() || is_free(it))
}

/// Bytes of a line that is prose.
const SENTENCE: usize = 20;

fn has_link(reader: &PageReader<'_, '_, '_>, id: Id) -> bool {
    (id..reader.index.doc.end(id)).any(|it| reader.index.doc.tag(it) == Tag::A)
}
