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
        let lower = value.to_ascii_lowercase();
        let begins = |at: usize| {
            let before = at.checked_sub(1).and_then(|it| value.as_bytes().get(it));
            let first = value.as_bytes().get(at);
            !before.is_some_and(u8::is_ascii_lowercase) || first.is_some_and(u8::is_ascii_uppercase)
        };
        words.iter().any(|word| lower.match_indices(word).any(|it| begins(it.0)))
    })
}
