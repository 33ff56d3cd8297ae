//! Finds the publication date that a page shows, for pages whose metadata has none.

use crate::extract::data::byline::{Repeats, in_frame, named};
use crate::extract::data::declared::is_in_review;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::value::date::{DateStyle, day_in};
use crate::extract::vocabulary::DATE_CLASSES;

/// Bytes of a text that may be a date.
const LONGEST: usize = 60;
/// Bytes of a line that holds little else than a date.
const BARE: usize = 40;
/// Texts before and after the heading that are read for such a line.
const BEFORE: usize = 8;
const AFTER: usize = 16;

/// Returns the date of a marked time, of an element with a class for dates, or of a line beside the
/// heading that holds little else. Several dates in a row belong to a list and are ignored.
pub(super) fn date(
    doc: &Doc<'_>,
    kind: PageKind,
    heading: Option<Id>,
    style: DateStyle<'_>,
) -> Option<String> {
    let day = |text: &str| day_in(text, style);
    let elements = (0..doc.len()).filter(|it| doc.tag(*it) != Tag::Text);
    let read_day = |it: Id| {
        let value = doc.attr(it, "datetime").or_else(|| doc.attr(it, "content"));
        value
            .and_then(day)
            .or_else(|| (doc.node(it).text <= LONGEST).then(|| day(&doc.folded_text(it))).flatten())
    };
    let (mut properties, mut times, mut called) = (Vec::new(), Vec::new(), Vec::new());
    for it in elements {
        let node = doc.node(it);
        if node.marks.property
            && doc.attr(it, "itemprop") == Some("datePublished")
            && !is_in_review(doc, it)
        {
            properties.push(it);
        }
        if node.tag == Tag::Time && !in_frame(doc, it) {
            times.push(it);
        }
        if (6..=LONGEST).contains(&node.text)
            && !node.has_block
            && doc.attr(it, "class").is_some_and(|it| named(it, DATE_CLASSES))
            && !in_frame(doc, it)
            && !is_of_thing(doc, it)
        {
            called.push(it);
        }
    }
    let first = |all: Vec<Id>, most: usize| {
        let repeats = Repeats::of(doc, &all);
        let alone = |it: &Id| kind == PageKind::Discussion || !repeats.lists(doc, *it);
        all.into_iter().filter(alone).take(most).find_map(read_day)
    };
    properties
        .into_iter()
        .take(5)
        .find_map(read_day)
        .or_else(|| first(times, 3))
        .or_else(|| first(called, 20))
        .or_else(|| beside(doc, heading?, style))
}

/// Returns the day in the path of an address: `/2025/01/29/`.
pub(super) fn in_address(address: &str) -> Option<String> {
    let path = address.split("://").nth(1)?.split(['?', '#']).next()?;
    let parts: Vec<&str> = path.split(['/', '-', '_']).collect();
    parts.windows(3).find_map(|three| {
        let [year, month, day] = *three else { return None };
        let fits = year.len() == 4 && month.len() == 2 && day.len() == 2;
        fits.then(|| day_in(&format!("{year}-{month}-{day}"), DateStyle::default())).flatten()
    })
}

/// Returns `true` if a date is that of an event or a release.
fn is_of_thing(doc: &Doc<'_>, id: Id) -> bool {
    let classes = doc.around(id).take(4).filter_map(|it| doc.attr(it, "class"));
    classes.into_iter().any(|it| named(it, &["event", "events", "release", "released"]))
}

/// Returns the date in a line near the heading, unless several lines like it exist.
fn beside(doc: &Doc<'_>, heading: Id, style: DateStyle<'_>) -> Option<String> {
    let day = |text: &str| day_in(text, style);
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        doc.text(*it).is_some() && node.text > 0 && !in_frame(doc, *it) && !is_of_thing(doc, *it)
    };
    let read_day =
        |it: Id| (doc.node(it).text <= BARE).then(|| doc.text(it).and_then(day)).flatten();
    let after = (doc.end(heading)..doc.len()).filter(is_line).take(AFTER);
    let before = (0..heading).rev().filter(is_line).take(BEFORE);
    let found = after.chain(before).find(|it| read_day(*it).is_some())?;
    let all: Vec<Id> =
        (0..doc.len()).filter(is_line).filter(|it| read_day(*it).is_some()).collect();
    if Repeats::of(doc, &all).lists(doc, found) { None } else { read_day(found) }
}
