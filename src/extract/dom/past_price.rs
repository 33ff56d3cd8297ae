//! Elements that show a price of the past.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::PAST_PRICE_CLASSES;

/// Returns `true` if an element holds a price of the past: it is crossed out, or a class or id marks it.
pub(crate) fn is_past(doc: &Doc<'_>, id: Id) -> bool {
    is_struck(doc, id) || has_class_part(doc, id, PAST_PRICE_CLASSES)
}

/// Returns `true` if an element is crossed out.
pub(crate) fn is_struck(doc: &Doc<'_>, id: Id) -> bool {
    matches!(doc.tag(id), Tag::Del | Tag::S | Tag::Strike)
        || doc.attr(id, "style").is_some_and(|it| it.contains("line-through"))
}

/// Returns `true` if a class or an id of an element contains one of some words. A word begins in front of its letters:
/// `semibold` is not `old`, and `priceOld` is.
pub(crate) fn has_class_part(doc: &Doc<'_>, id: Id, words: &[&str]) -> bool {
    doc.attrs(id).any(|(name, value)| {
        if !matches!(name, "class" | "id") {
            return false;
        }
        let mut before = b' ';
        value.bytes().enumerate().any(|(at, letter)| {
            let begins = !before.is_ascii_lowercase() || letter.is_ascii_uppercase();
            before = letter;
            begins && words.iter().any(|it| begins_with(value.as_bytes(), at, it))
        })
    })
}

/// Returns `true` if a word, given in lower case, occurs at a position of a text in any case.
fn begins_with(text: &[u8], at: usize, word: &str) -> bool {
    text.get(at..at + word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()))
}

/// Returns `true` if a text contains a word in lower case, in any case.
pub(crate) fn contains_part(text: &str, word: &str) -> bool {
    let Some(first) = word.bytes().next() else { return true };
    let mut places = memchr::memchr2_iter(first, first.to_ascii_uppercase(), text.as_bytes());
    places.any(|at| begins_with(text.as_bytes(), at, word))
}
