//! When a page was published, as it shows it or writes it down.

use crate::extract::data::byline::{Repeats, in_frame, named};
use crate::extract::data::facts::is_review;
use crate::extract::doc::{Doc, Id};
use crate::extract::main_content::Kind;
use crate::extract::tag::Tag;

/// Bytes of a text that may be a date.
const LONGEST: usize = 60;
/// Bytes of a line that is little but a date.
const BARE: usize = 40;
/// Texts before and after a heading among which such a line is looked for.
const BEFORE: usize = 8;
const AFTER: usize = 16;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What names the day of a page in the class of an element.
const CALLED: [&str; 8] =
    ["date", "datetime", "published", "posted", "pubdate", "timestamp", "byline", "meta"];

/// When it was published: a marked time, what a part that is called a date says, or a line beside the
/// heading that is little else. Dates that stand on a page in a row are those of what it lists.
pub(super) fn date(doc: &Doc<'_>, kind: Kind, heading: Option<Id>) -> Option<String> {
    let elements = || (0..doc.len()).filter(|it| doc.tag(*it) != Tag::Text);
    let said = |it: Id| {
        let value = doc.attr(it, "datetime").or_else(|| doc.attr(it, "content"));
        value
            .and_then(day)
            .or_else(|| (doc.node(it).text <= LONGEST).then(|| day(&doc.folded_text(it))).flatten())
    };
    let property = elements()
        .filter(|it| doc.attr(*it, "itemprop") == Some("datePublished") && !is_review(doc, *it));
    let times: Vec<Id> =
        elements().filter(|it| doc.tag(*it) == Tag::Time && !in_frame(doc, *it)).collect();
    let called: Vec<Id> = elements()
        .filter(|it| {
            let node = doc.node(*it);
            (6..=LONGEST).contains(&node.text)
                && !node.has_block
                && doc.attr(*it, "class").is_some_and(|it| named(it, &CALLED))
                && !in_frame(doc, *it)
                && !is_of_thing(doc, *it)
        })
        .collect();
    let first = |all: Vec<Id>, most: usize| {
        let repeats = Repeats::of(doc, &all);
        let alone = |it: &Id| kind == Kind::Discussion || !repeats.lists(doc, *it);
        all.into_iter().filter(alone).take(most).find_map(said)
    };
    property
        .take(5)
        .find_map(said)
        .or_else(|| first(times, 3))
        .or_else(|| first(called, 20))
        .or_else(|| beside(doc, heading?))
}

/// Whether a day is one on which something happens and not that of its page.
fn is_of_thing(doc: &Doc<'_>, id: Id) -> bool {
    let classes = doc.around(id).take(4).filter_map(|it| doc.attr(it, "class"));
    classes.into_iter().any(|it| named(it, &["event", "events", "release", "released"]))
}

/// The day that a line near a heading is, if there are not several like it.
fn beside(doc: &Doc<'_>, heading: Id) -> Option<String> {
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        doc.text(*it).is_some() && node.text > 0 && !in_frame(doc, *it) && !is_of_thing(doc, *it)
    };
    let said = |it: Id| (doc.node(it).text <= BARE).then(|| doc.text(it).and_then(day)).flatten();
    let after = (doc.end(heading)..doc.len()).filter(is_line).take(AFTER);
    let before = (0..heading).rev().filter(is_line).take(BEFORE);
    let found = after.chain(before).find(|it| said(*it).is_some())?;
    let all: Vec<Id> = (0..doc.len()).filter(is_line).filter(|it| said(*it).is_some()).collect();
    if Repeats::of(doc, &all).lists(doc, found) { None } else { said(found) }
}

/// A time as ISO 8601 writes it, if that is not how it is written: its day.
pub(super) fn iso(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is = bytes.len() >= 10 && bytes[4] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit);
    if is { None } else { day(text) }
}

/// The day in a text, as ISO 8601: `2025-01-29T10:00Z`, `Jan. 29, 2025`, `29 January 2025`.
pub(in crate::extract) fn day(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let number = |it: &str, low: u32, high: u32| {
        let digits = it.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let value: u32 = digits.parse().ok()?;
        ((low..=high).contains(&value) && it.len() - digits.len() <= 2).then_some(value)
    };
    let year = |it: &str| (it.len() == 4).then(|| number(it, 1_990, 2_100)).flatten();
    let month = |it: &str| {
        let lower = it.to_lowercase();
        let found = MONTHS.iter().position(|month| lower.len() < 10 && lower.starts_with(month))?;
        u32::try_from(found + 1).ok()
    };
    let written = |year, month, day| Some(format!("{year:04}-{month:02}-{day:02}"));
    for three in words.windows(3) {
        let [first, second, third] = *three else { continue };
        // The day of a time stamp runs into its hour.
        let last = third.split(['T', 't']).next().unwrap_or_default();
        if let (Some(year), Some(month), Some(day)) =
            (year(first), number(second, 1, 12), number(last, 1, 31))
        {
            return written(year, month, day);
        }
        if let (Some(month), Some(day), Some(year)) =
            (month(first), number(second, 1, 31), year(third))
        {
            return written(year, month, day);
        }
        if let (Some(year), Some(month), Some(day)) =
            (year(first), month(second), number(third, 1, 31))
        {
            return written(year, month, day);
        }
        if let (Some(day), Some(month), Some(year)) =
            (number(first, 1, 31), month(second), year(third))
        {
            return written(year, month, day);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for text in [
            "2025-01-29T10:00:00Z",
            "2025/1/29",
            "Jan. 29, 2025",
            "Updated January 29th, 2025 at 1 PM",
            "29 January 2025",
            "Wed, 29 Jan 2025 10:00:00 GMT",
        ] {
            assert_eq!(day(text).as_deref(), Some("2025-01-29"), "{text}");
        }
        for text in ["29", "yesterday", "13/29/2025", "1 2 3", "Mai Tai 2025"] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}
