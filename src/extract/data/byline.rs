//! Title, author and date as a page shows them, for pages whose data does not say.

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Bytes of a text that may be a name or a date.
const LONGEST: usize = 60;
/// Bytes of a heading that may be a title.
const LONGEST_TITLE: usize = 250;
/// Bytes of a heading that a title holds for more than by chance.
const SHORTEST_TITLE: usize = 8;
/// Headings of the first level that are looked at.
const MAX_HEADINGS: usize = 50;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The heading that names the page: its one `h1`; of several the one that its title says too, or else the
/// first in the content.
pub(super) fn heading(doc: &Doc<'_>, title: &str) -> Option<Id> {
    let fits =
        |it: &Id| doc.tag(*it) == Tag::H1 && (2..=LONGEST_TITLE).contains(&doc.node(*it).text);
    let inside =
        |it: &Id| doc.around(*it).any(|it| matches!(doc.tag(it), Tag::Main | Tag::Article));
    let all: Vec<Id> = (0..doc.len()).filter(fits).take(MAX_HEADINGS).collect();
    let title = title.to_lowercase();
    let titled = |it: &Id| {
        let said = doc.folded_text(*it).to_lowercase();
        said.len() >= SHORTEST_TITLE && title.contains(&said)
    };
    let several = (all.len() > 1 && !title.is_empty()).then_some(&all);
    let titled = several.and_then(|all| all.iter().copied().find(titled));
    titled.or_else(|| all.iter().copied().find(inside)).or_else(|| all.first().copied())
}

/// Who wrote it, by what marks an author on most pages.
pub(super) fn author(doc: &Doc<'_>) -> Option<String> {
    // What a reader is asked for is no one's name.
    let asked =
        |it: &Id| doc.around(*it).take(8).any(|it| matches!(doc.tag(it), Tag::Form | Tag::Label));
    let elements = (0..doc.len()).filter(|it| doc.tag(*it) != Tag::Text && !doc.node(*it).hidden);
    let marked = elements.filter(|it| {
        doc.attrs(*it).any(|(name, value)| match name {
            "rel" | "itemprop" => value == "author",
            "class" => named(value, &["author", "byline"]),
            _ => false,
        })
    });
    marked.filter(|it| !asked(it)).take(40).find_map(|it| {
        let text = doc.folded_text(it);
        let text = text.strip_prefix("By ").or_else(|| text.strip_prefix("by ")).unwrap_or(&text);
        let text = text.split([',', '|', '•', '·']).next().unwrap_or_default();
        let text = text.trim_matches(|it: char| !it.is_alphanumeric() && it != '.');
        let words = text.split_whitespace().count();
        let name = (1..=5).contains(&words)
            && text.len() <= LONGEST
            && !text.bytes().any(|it| it.is_ascii_digit())
            && text.chars().next().is_some_and(|it| it.is_alphabetic() && !it.is_lowercase());
        name.then(|| text.to_owned())
    })
}

/// When it was published: a marked time, or what a part that is called a date says.
pub(super) fn date(doc: &Doc<'_>) -> Option<String> {
    let elements = || (0..doc.len()).filter(|it| doc.tag(*it) != Tag::Text);
    let said = |it: Id| {
        let value = doc.attr(it, "datetime").or_else(|| doc.attr(it, "content"));
        value
            .and_then(day)
            .or_else(|| (doc.node(it).text <= LONGEST).then(|| day(&doc.folded_text(it))).flatten())
    };
    let property = elements().filter(|it| doc.attr(*it, "itemprop") == Some("datePublished"));
    let time = elements().filter(|it| doc.tag(*it) == Tag::Time && !in_frame(doc, *it));
    let called = elements().filter(|it| {
        let node = doc.node(*it);
        (6..=LONGEST).contains(&node.text)
            && !node.has_block
            && doc.attr(*it, "class").is_some_and(|it| {
                named(
                    it,
                    &["date", "published", "posted", "pubdate", "timestamp", "byline", "meta"],
                )
            })
            && !in_frame(doc, *it)
    });
    property
        .take(5)
        .find_map(said)
        .or_else(|| time.take(3).find_map(said))
        .or_else(|| called.take(20).find_map(said))
}

fn in_frame(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| matches!(doc.tag(it), Tag::Nav | Tag::Aside | Tag::Footer))
}

fn named(class: &str, words: &[&str]) -> bool {
    let mut all = class.split(|it: char| !it.is_ascii_alphanumeric());
    all.any(|it| words.iter().any(|word| it.eq_ignore_ascii_case(word)))
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
