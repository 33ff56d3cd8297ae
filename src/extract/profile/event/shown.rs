//! Reads an event off its page: when and where it takes place, and what it costs.

use serde_json::{Value, json};

use crate::extract::dom::tag::Tag;
use crate::extract::fill::{ShownValue, clock, labeled};
use crate::extract::page_index::PageIndex;
use crate::extract::value::date::{DateStyle, day_in};
use crate::extract::value::money::{local_currency, priced};
use crate::extract::value::number::decimal;
use crate::extract::value::provenance::{Fields, Source};

/// Lines behind the heading among which the day is, and bytes of such a line.
const NEAR: usize = 8;
const LINE: usize = 120;
/// Words for an entrance that costs nothing.
const FREE: [&str; 7] = ["free", "kostenlos", "frei", "gratuit", "gratuite", "gratis", "libre"];

/// Fills the fields that the page shows.
pub(super) fn fill(fields: &mut Fields, page: &PageIndex<'_, '_>) {
    when(fields, page);
    place(fields, page);
    let text = json!({ "type": "string" });
    if let Some(found) = labeled(page, "admission", &text).or_else(|| labeled(page, "price", &text))
    {
        price(fields, page, &found);
    }
    for field in ["organizer", "performer"] {
        if let Some(found) = labeled(page, field, &text) {
            fields.offer(field, Source::Dom, &found.place, Some(found.value));
        }
    }
}

/// Reads when an event starts and ends, from a label, a marked time, or a line near the heading.
fn when(fields: &mut Fields, page: &PageIndex<'_, '_>) {
    let style = DateStyle::of(page.language);
    let text = json!({ "type": "string" });
    let with_day = |it: &ShownValue| day_in(&it.text, style).is_some();
    let start = ["when", "start_date", "date"]
        .iter()
        .find_map(|it| labeled(page, it, &text).filter(with_day));
    if let Some(start) = start {
        let time = labeled(page, "time", &text).map(|it| it.text);
        let end = labeled(page, "end_date", &text).filter(with_day);
        range(fields, page, &start.text, time.as_deref(), &start.place);
        if let Some(end) = end.filter(|it| it.text != start.text) {
            let day = day_in(&end.text, style).map(|it| at(&it, clock(&end.text, 0)));
            if let Some(day) = day {
                fields.put("ends_at", Source::Dom, &end.place, day.into());
            }
        }
        return;
    }
    let doc = page.doc;
    let behind = page.heading.map_or(0, |it| doc.end(it))..doc.len();
    let mut times = behind.clone().filter(|it| doc.tag(*it) == Tag::Time && !page.is_masked(*it));
    let marked = times.next().and_then(|it| doc.attr(it, "datetime"));
    let line = page
        .lines_in(&behind)
        .iter()
        .take(NEAR)
        .find(|it| it.text.len() <= LINE && day_in(&it.text, style).is_some());
    if let Some(line) = line {
        range(fields, page, &line.text, None, "line");
    } else if let Some(marked) = marked {
        fields.offer(
            "starts_at",
            Source::Dom,
            "time",
            day_in(marked, style).map(|it| at(&it, clock(marked, 0)).into()),
        );
    }
}

/// Reads the start and the end in a text with a day and times of day.
fn range(
    fields: &mut Fields,
    page: &PageIndex<'_, '_>,
    text: &str,
    time: Option<&str>,
    place: &str,
) {
    let style = DateStyle::of(page.language);
    let Some(first) = day_in(text, style) else { return };
    let times = if clock(text, 0).is_some() { text } else { time.unwrap_or_default() };
    let later = ["–", " - ", " to ", " bis ", " au ", " al ", " until "]
        .iter()
        .find_map(|it| text.split_once(it));
    let last = later.and_then(|it| day_in(it.1, style)).filter(|it| *it > first);
    fields.offer("starts_at", Source::Dom, place, Some(at(&first, clock(times, 0)).into()));
    let ends = match (&last, clock(times, 1)) {
        (Some(day), time) => Some(at(day, time)),
        (None, Some(time)) => Some(at(&first, Some(time))),
        (None, None) => None,
    };
    fields.offer("ends_at", Source::Dom, place, ends.map(Value::from));
}

fn at(day: &str, time: Option<String>) -> String {
    time.map_or_else(|| day.to_owned(), |it| format!("{day}T{it}"))
}

/// Reads where an event takes place: the name in front of the street is the venue.
fn place(fields: &mut Fields, page: &PageIndex<'_, '_>) {
    let text = json!({ "type": "string" });
    let address = labeled(page, "address", &text);
    let Some(found) = labeled(page, "venue", &text).or_else(|| labeled(page, "location", &text))
    else {
        if let Some(found) = address {
            fields.offer("address", Source::Dom, &found.place, Some(found.value));
        }
        return;
    };
    let (venue, rest) = found.text.split_once(", ").unwrap_or((&found.text, ""));
    let has_street = rest.bytes().any(|it| it.is_ascii_digit());
    let venue = if has_street { venue } else { &found.text };
    fields.offer("venue", Source::Dom, &found.place, Some(venue.trim().into()));
    let other = address.map(|it| it.text).filter(|it| *it != found.text);
    let address = other.or_else(|| has_street.then(|| rest.to_owned()));
    fields.offer("address", Source::Dom, &found.place, address.map(Value::from));
}

/// Reads what an entrance costs; it may be free.
fn price(fields: &mut Fields, page: &PageIndex<'_, '_>, found: &ShownValue) {
    if let Some(money) = priced(&found.text) {
        fields.offer("price", Source::Dom, &found.place, Some(decimal(money.amount)));
        let code = money.currency.map(|it| local_currency(it, page.base.page()));
        fields.offer("currency", Source::Dom, &found.place, code.map(Value::from));
        return;
    }
    let lower = found.text.to_lowercase();
    let is_free = lower.split(|it: char| !it.is_alphanumeric()).any(|it| FREE.contains(&it));
    if is_free && !lower.bytes().any(|it| it.is_ascii_digit()) {
        fields.offer("price", Source::Dom, &found.place, Some(0.into()));
    }
}
