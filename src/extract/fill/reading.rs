//! Reads the text of a page as the type that a field requests.
//!
//! A text that does not have the form of the field is no value: a number does not begin in the middle of a sentence, and
//! a day is no number.

use std::ops::Range;

use serde_json::{Number, Value};

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::image::image_source;
use crate::extract::dom::past_price::is_past;
use crate::extract::dom::tag::Tag;
use crate::extract::page_index::{PageIndex, PairKind, Words};
use crate::extract::value::availability::availability;
use crate::extract::value::date::{day, day_in};
use crate::extract::value::duration;
use crate::extract::value::money::{local_currency, money, priced};
use crate::extract::value::number::number;
use crate::schema::FieldType;

use super::index::plain;
use super::limits;
use super::plan::{Bound, FieldPlan, Shape, date_style};
use super::units::{Measure, Unit, unit_in};

/// Bytes of a text that holds a number.
const NUMBER_TEXT: usize = 80;
/// Words in front of a number: `from`, `approx.`
const WORDS_BEFORE: usize = 3;
/// Bytes of the value of a field that is neither prose nor a list.
const LONGEST: usize = 500;
/// Nodes that are searched for a time, a link or an image.
const MAX_NODES: usize = 400;
/// Words for yes and no in the languages of the vocabulary.
const YES: [&str; 14] = [
    "yes",
    "ja",
    "oui",
    "si",
    "sí",
    "true",
    "✓",
    "✔",
    "✅",
    "included",
    "inklusive",
    "inclus",
    "incluido",
    "x",
];
const NO: [&str; 11] =
    ["no", "nein", "non", "false", "✗", "✘", "❌", "none", "nicht", "keine", "sin"];

/// A part of a page that may be a value.
#[derive(Clone, Debug)]
pub(super) struct Shown<'p> {
    pub(super) text: &'p str,
    pub(super) range: Range<Id>,
    /// The unit that the label gives.
    pub(super) unit: Option<&'p str>,
    pub(super) kind: PairKind,
}

/// Reads a value in the form of a field. Returns `None` if the text does not have it.
pub(super) fn read(
    index: &PageIndex<'_, '_>,
    shown: &Shown<'_>,
    plan: &FieldPlan<'_>,
) -> Option<Value> {
    let text = shown.text.trim();
    if text.is_empty() {
        return None;
    }
    let made = match plan.wanted.kind {
        Some(FieldType::Number) => number_value(read_number(index, shown, plan)?)?,
        Some(FieldType::Integer) => whole(read_number(index, shown, plan)?)?,
        Some(FieldType::Boolean) => Value::Bool(truth(text, plan)?),
        Some(FieldType::String | FieldType::Date) | None => {
            Value::String(string(index, shown, plan)?)
        }
        Some(FieldType::Array | FieldType::Object | FieldType::Null) => return None,
    };
    let made = match plan.wanted.words {
        Some(words) if !words.contains(&made) => allowed(words, made.as_str()?)?,
        _ => made,
    };
    limits::obeys(&made, &plan.wanted, &plan.patterns).then_some(made)
}

fn number_value(number: f64) -> Option<Value> {
    Number::from_f64(number).map(Value::Number)
}

/// Converts a number without a fraction.
fn whole(number: f64) -> Option<Value> {
    let text = format!("{number:.0}");
    ((number - number.round()).abs() < 1e-9)
        .then(|| text.parse::<i64>().ok())
        .flatten()
        .map(Value::from)
}

/// Returns the word that a text is, or the only word that it contains.
fn allowed(words: &[Value], text: &str) -> Option<Value> {
    let made = plain(text);
    let exact = words.iter().find(|it| it.as_str().is_some_and(|it| plain(it) == made));
    if let Some(found) = exact {
        return Some(found.clone());
    }
    let meaning = Words::of_label(text);
    let is_meant = |it: &str| {
        let word = Words::of_name(it);
        word.concept().is_some_and(|it| meaning.names(it))
            || (plain(it).len() > 2
                && format!(" {} ", spaced(text)).contains(&format!(" {} ", spaced(it))))
    };
    let mut meant = words.iter().filter(|it| it.as_str().is_some_and(is_meant));
    let first = meant.next()?;
    meant.next().is_none().then(|| first.clone())
}

fn spaced(text: &str) -> String {
    crate::extract::page_index::tokens(text).join(" ")
}

fn truth(text: &str, plan: &FieldPlan<'_>) -> Option<bool> {
    let lower = text.to_lowercase();
    let first = lower
        .split(|it: char| it.is_whitespace() || matches!(it, ',' | '.' | '(' | ';'))
        .next()
        .unwrap_or_default();
    if YES.contains(&first) {
        return Some(true);
    }
    if NO.contains(&first) {
        return Some(false);
    }
    if plan.concept == Some("availability") || plan.concept == Some("stock") {
        let word = availability(text)?;
        return Some(!matches!(word, "OutOfStock" | "SoldOut" | "Discontinued"));
    }
    // `Remote: possible` says yes; a label that repeats the field does, too.
    let positive = [
        "available",
        "possible",
        "allowed",
        "permitted",
        "möglich",
        "erlaubt",
        "vorhanden",
        "possible",
        "permis",
    ];
    let negative = ["not ", "nicht", "kein", "un"];
    let says = positive.iter().any(|it| lower.contains(it));
    (says && lower.len() < 40).then(|| {
        !negative.iter().any(|it| lower.starts_with(it) || lower.contains(&format!(" {it}")))
    })
}

fn read_number(index: &PageIndex<'_, '_>, shown: &Shown<'_>, plan: &FieldPlan<'_>) -> Option<f64> {
    let text = shown.text.trim();
    match plan.shape {
        Shape::Money => return read_money(index, shown, plan),
        Shape::Year => return year(text),
        Shape::Rating => {
            if let Some(stars) = stars(index, shown) {
                return Some(stars);
            }
        }
        Shape::Minutes if plan.unit.is_none() => return minutes(text),
        _ => {}
    }
    if text.len() > NUMBER_TEXT || (plan.concept != Some("date") && is_day(text)) {
        return None;
    }
    if let Some(unit) = plan.unit.filter(|it| it.measure == Measure::Time) {
        // `1 h 20 min` has two numbers.
        let in_units = unit_in(text).and_then(|it| it.convert(number(&Value::from(text))?, unit));
        let several = has_two_numbers(text);
        if !several {
            return in_units
                .or_else(|| unit_in(text).is_none().then(|| plain_number(index, text)).flatten());
        }
        let minutes = minutes(text)?;
        return Unit::parse("min")?.convert(minutes, unit);
    }
    let found = plain_number(index, bounded(text, plan.bound))?;
    let given = unit_in(text).or_else(|| shown.unit.and_then(Unit::parse));
    match (plan.unit, given) {
        (Some(wanted), Some(given)) => given.convert(found, wanted),
        _ => Some(found),
    }
}

/// Returns `true` for two numbers that are neither the parts of one nor the ends of a range: `1 h 20 min`.
fn has_two_numbers(text: &str) -> bool {
    let runs = text.split(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | ',')));
    let count = runs.filter(|it| it.bytes().any(|it| it.is_ascii_digit())).count();
    count == 2 && !text.contains(['-', '–', '/'])
}

/// Returns the part of a range that a field asks for.
fn bounded(text: &str, bound: Option<Bound>) -> &str {
    const BETWEEN: [&str; 8] = [" – ", "–", " - ", " to ", " bis ", " à ", " a ", "-"];
    let both = BETWEEN.iter().find_map(|it| text.split_once(it));
    let has_digits = |it: &str| it.bytes().any(|it| it.is_ascii_digit());
    match (bound, both.filter(|it| has_digits(it.0) && has_digits(it.1))) {
        (Some(Bound::Low), Some(both)) => both.0,
        (Some(Bound::High), Some(both)) => both.1,
        _ => text,
    }
}

fn read_money(index: &PageIndex<'_, '_>, shown: &Shown<'_>, plan: &FieldPlan<'_>) -> Option<f64> {
    let struck =
        plan.concept != Some("old price") && (shown.range.clone()).any(|it| is_past(index.doc, it));
    let current = struck.then(|| without_past(index.doc, &shown.range));
    let text = current
        .as_deref()
        .filter(|it| it.bytes().any(|it| it.is_ascii_digit()))
        .unwrap_or(shown.text);
    let text = bounded(text, plan.bound);
    let low = text.to_lowercase();
    let free = [
        "free",
        "kostenlos",
        "gratuit",
        "gratis",
        "frei",
        "kostenfrei",
        "entrée libre",
        "eintritt frei",
    ];
    if free.iter().any(|it| low.starts_with(it)) && !low.bytes().any(|it| it.is_ascii_digit()) {
        return Some(0.0);
    }
    let found = priced(text)
        .or_else(|| (plain_number(index, text).is_some()).then(|| money(text)).flatten())?;
    match (plan.currency, found.currency) {
        (Some(wanted), Some(given)) if wanted != given => None,
        _ if text.len() > NUMBER_TEXT * 2 && found.currency.is_none() => None,
        _ => Some(found.amount),
    }
}

/// Returns the text of a range without the prices that are crossed out.
fn without_past(doc: &Doc<'_>, range: &Range<Id>) -> String {
    let mut out = String::new();
    let mut at = range.start;
    while at < range.end {
        if is_past(doc, at) {
            at = doc.end(at);
            continue;
        }
        if let Some(text) = doc.text(at) {
            out.push_str(text);
            out.push(' ');
        }
        at += 1;
    }
    out
}

/// Reads a number near the beginning of a text, as the language of the page writes it.
fn plain_number(index: &PageIndex<'_, '_>, text: &str) -> Option<f64> {
    let text = text.trim();
    let begin = text.find(|it: char| it.is_ascii_digit())?;
    let before = text.get(..begin).unwrap_or_default();
    if text.len() > NUMBER_TEXT || before.split_whitespace().count() > WORDS_BEFORE {
        return None;
    }
    // A digit inside a word belongs to a name: `K60`.
    if before.ends_with(char::is_alphabetic) {
        return None;
    }
    let rest = text.get(begin..)?;
    let end = rest
        .find(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | ',')))
        .unwrap_or(rest.len());
    let written = rest.get(..end)?.trim_end_matches(['.', ',']);
    // Several points are a version or a day.
    if written.matches('.').count() > 1 && !is_grouped(written, '.') {
        return None;
    }
    let point_groups = !matches!(index.head_place(), crate::extract::page_index::HeadPlace::Last)
        && !written.contains(',')
        && is_grouped(written, '.');
    let found = if point_groups {
        written.replace('.', "").parse().ok()?
    } else {
        number(&Value::from(text))?
    };
    let behind = rest.get(end..).unwrap_or_default();
    let scale = match behind.chars().next() {
        Some('k' | 'K') if !behind.chars().nth(1).is_some_and(char::is_alphabetic) => 1_000.0,
        Some('M') if !behind.chars().nth(1).is_some_and(char::is_alphabetic) => 1_000_000.0,
        _ => 1.0,
    };
    let negative = before.trim_end().ends_with(['-', '−']) && before.trim().len() <= 3;
    let found: f64 = found * scale;
    Some(if negative { -found.abs() } else { found })
}

/// Returns `true` if a sign separates groups of three digits.
fn is_grouped(written: &str, sign: char) -> bool {
    let mut groups = written.split(sign);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    (1..=3).contains(&first.len())
        && first != "0"
        && !rest.is_empty()
        && rest.iter().all(|it| it.len() == 3)
}

fn minutes(text: &str) -> Option<f64> {
    if text.len() > NUMBER_TEXT {
        return None;
    }
    duration::minutes(&Value::from(text))?.as_f64()
}

fn year(text: &str) -> Option<f64> {
    let digits = |it: &&str| it.len() == 4 && it.bytes().all(|it| it.is_ascii_digit());
    let year = text.split(|it: char| !it.is_ascii_alphanumeric()).find(digits)?;
    let year: f64 = year.parse().ok()?;
    (1_000.0..=2_100.0).contains(&year).then_some(year)
}

fn is_day(text: &str) -> bool {
    day(text).is_some()
}

/// Reads a rating that stars show, in the text or in the words for readers who do not see them.
fn stars(index: &PageIndex<'_, '_>, shown: &Shown<'_>) -> Option<f64> {
    let labels = shown.range.clone().take(MAX_NODES).filter_map(|it| {
        index
            .doc
            .attr(it, "aria-label")
            .or_else(|| index.doc.attr(it, "title"))
            .or_else(|| index.doc.attr(it, "data-rating"))
    });
    let full = shown.text.matches('★').count();
    let has_digits = shown.text.bytes().any(|it| it.is_ascii_digit());
    if has_digits && full == 0 {
        return None;
    }
    // The words are more precise than the row of stars.
    let said = labels.into_iter().find_map(|it| plain_number(index, it));
    let row =
        || (full > 0 && !has_digits).then(|| u8::try_from(full).ok().map(f64::from)).flatten();
    said.or_else(row)
}

fn string(index: &PageIndex<'_, '_>, shown: &Shown<'_>, plan: &FieldPlan<'_>) -> Option<String> {
    let text = shown.text.trim();
    match plan.shape {
        Shape::Day => return days(index, shown, plan),
        Shape::Clock => return clock(text, 0),
        Shape::Email => return email(text),
        Shape::Phone => return phone(text),
        Shape::Link => return link(index, shown),
        Shape::Image => return image(index, shown),
        Shape::Currency => return currency(index, text),
        // The clock of a player that has not begun.
        Shape::Minutes if !text.bytes().any(|it| matches!(it, b'1'..=b'9')) => return None,
        Shape::Rating => {
            if let Some(stars) = stars(index, shown) {
                return Some(format!("{stars}"));
            }
        }
        Shape::Money
            if !text.bytes().any(|it| it.is_ascii_digit()) && text.len() > LONGEST_PRICE_WORDS =>
        {
            return None;
        }
        _ => {}
    }
    let text = match shown.kind {
        PairKind::Phrase => text.split(", ").next().unwrap_or(text),
        _ => text,
    };
    let limit = if plan.shape == Shape::Prose { usize::MAX } else { LONGEST };
    (text.len() <= limit).then(|| text.to_owned())
}

/// Bytes of words in place of a price: `on request`.
const LONGEST_PRICE_WORDS: usize = 40;

/// Reads a day, or a day with its time of day if the field asks for one.
fn days(index: &PageIndex<'_, '_>, shown: &Shown<'_>, plan: &FieldPlan<'_>) -> Option<String> {
    let text = shown.text;
    let marked = shown.range.clone().take(MAX_NODES).find_map(|it| {
        (index.doc.tag(it) == Tag::Time).then(|| index.doc.attr(it, "datetime")).flatten()
    });
    let is_end = plan.concept == Some("end date");
    let style = date_style(index);
    let ends = || bounded(text, Some(Bound::High));
    let shown_day = if is_end {
        day_in(ends(), style).or_else(|| day_in(text, style))
    } else {
        day_in(text, style)
    };
    let found = shown_day.or_else(|| day_in(marked?, style));
    let wants_time = plan.wanted.format == Some("date-time");
    let wants_day =
        matches!(plan.wanted.format, Some("date")) || plan.wanted.kind == Some(FieldType::Date);
    match found {
        Some(day) if wants_time => Some(with_time(&day, marked, text, is_end)),
        Some(day) if wants_day => Some(day),
        // Without a format the page's own words are kept, unless they are more than a day.
        Some(day) => Some(if text.len() > 40 { day } else { text.trim().to_owned() }),
        None if wants_time || wants_day => None,
        None => {
            let is_labeled = !matches!(shown.kind, PairKind::Beside | PairKind::Named);
            let has_digits = text.bytes().any(|it| it.is_ascii_digit());
            (text.len() <= LONGEST_PRICE_WORDS && (is_labeled || has_digits))
                .then(|| text.trim().to_owned())
        }
    }
}

fn with_time(day: &str, marked: Option<&str>, text: &str, is_end: bool) -> String {
    if let Some(marked) = marked.filter(|it| it.contains('T') && it.starts_with(day)) {
        return marked.to_owned();
    }
    match clock(text, usize::from(is_end)).or_else(|| clock(text, 0)) {
        Some(time) => format!("{day}T{time}:00"),
        None => day.to_owned(),
    }
}

/// Reads a time of day: the first, or the one behind `skipped` others.
pub(crate) fn clock(text: &str, skipped: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut found = 0;
    for (at, _) in text.match_indices([':', 'h', '.']) {
        let before: String =
            text.get(..at)?.chars().rev().take_while(char::is_ascii_digit).collect();
        let after: String = text.get(at + 1..)?.chars().take_while(char::is_ascii_digit).collect();
        let hours: String = before.chars().rev().collect();
        let (Ok(mut hour), Ok(minute)) = (hours.parse::<u32>(), after.parse::<u32>()) else {
            continue;
        };
        let is_clock = hours.len() <= 2 && after.len() == 2 && hour < 24 && minute < 60;
        // A point separates days from months, too.
        let rest = text.get(at + 3..).unwrap_or_default().trim_start().to_lowercase();
        let dotted = bytes.get(at) == Some(&b'.')
            && !rest.starts_with("uhr")
            && !rest.starts_with(['–', '-']);
        if !is_clock || dotted {
            continue;
        }
        if found == skipped {
            let afternoon = rest.starts_with("pm") || rest.starts_with("p.m");
            if afternoon && hour < 12 {
                hour += 12;
            }
            if (rest.starts_with("am") || rest.starts_with("a.m")) && hour == 12 {
                hour = 0;
            }
            return Some(format!("{hour:02}:{minute:02}"));
        }
        found += 1;
    }
    None
}

fn email(text: &str) -> Option<String> {
    let word = text
        .split(|it: char| it.is_whitespace() || matches!(it, ',' | ';' | '<' | '>' | '(' | ')'))
        .find(|it| {
            it.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
        })?;
    Some(word.trim_end_matches(['.', ':']).trim_start_matches("mailto:").to_owned())
}

fn phone(text: &str) -> Option<String> {
    let begin = text.find(|it: char| it.is_ascii_digit() || matches!(it, '+' | '('))?;
    let is_part = |it: char| {
        it.is_ascii_digit()
            || it.is_whitespace()
            || matches!(it, '+' | '(' | ')' | '-' | '–' | '/' | '.')
    };
    let number: String = text.get(begin..)?.chars().take_while(|it| is_part(*it)).collect();
    let number = number.trim_end_matches(|it: char| !it.is_ascii_digit());
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (5..=17).contains(&digits).then(|| number.to_owned())
}

/// Returns the absolute address of the link in a range, or an address that stands there as text.
pub(super) fn link(index: &PageIndex<'_, '_>, shown: &Shown<'_>) -> Option<String> {
    let doc = index.doc;
    let links = shown.range.clone().take(MAX_NODES).filter(|it| doc.tag(*it) == Tag::A);
    let address = |it: Id| {
        index.base.absolute(doc.attr(it, "href")?.trim()).filter(|it| it.starts_with("http"))
    };
    let text = shown.text.trim();
    let shown_address = || {
        let is_bare = text.starts_with("www.") && !text.contains(char::is_whitespace);
        let is_full = text.starts_with("http") && !text.contains(char::is_whitespace);
        (is_full || is_bare).then(|| text.to_owned())
    };
    links.into_iter().find_map(address).or_else(shown_address)
}

/// Returns the address of the image in a range.
pub(super) fn image(index: &PageIndex<'_, '_>, shown: &Shown<'_>) -> Option<String> {
    let images = shown.range.clone().take(MAX_NODES).filter(|it| index.doc.tag(*it) == Tag::Img);
    images.into_iter().find_map(|it| image_source(index.doc, it, index.base))
}

fn currency(index: &PageIndex<'_, '_>, text: &str) -> Option<String> {
    let code = text.trim();
    if code.len() == 3 && code.bytes().all(|it| it.is_ascii_uppercase()) {
        return Some(code.to_owned());
    }
    let found = priced(text)?.currency?;
    Some(local_currency(found, index.base.page()).to_owned())
}
