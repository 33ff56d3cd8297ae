//! The numbers of the items of a list.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// The greatest number of an item; markdown reads one with more digits as text.
const MAX_NUMBER: i64 = 999_999_999;

/// The numbers of an `ol`, or the lack of them in any other list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberedList {
    next: Option<i64>,
    step: i64,
}

impl NumberedList {
    /// Reads where the numbers of a list begin, and whether they count down.
    pub(crate) fn of(doc: &Doc<'_>, list: Id) -> Self {
        if doc.tag(list) != Tag::Ol {
            return Self { next: None, step: 1 };
        }
        let reversed = doc.attr(list, "reversed").is_some();
        let count = || {
            let items = doc.children(list).filter(|it| doc.tag(*it) == Tag::Li).count();
            i64::try_from(items).unwrap_or(MAX_NUMBER)
        };
        let first =
            number_in(doc, list, "start").unwrap_or_else(|| if reversed { count() } else { 1 });
        Self { next: Some(first), step: if reversed { -1 } else { 1 } }
    }

    /// Returns the number of the next item. Returns `None` in a list without numbers.
    pub(crate) fn next(&mut self, doc: &Doc<'_>, item: Id) -> Option<i64> {
        let next = self.next?;
        let number = number_in(doc, item, "value").unwrap_or(next);
        self.next = Some((number + self.step).min(MAX_NUMBER));
        Some(number)
    }
}

/// Reads the number in an attribute, no higher than a marker may be.
fn number_in(doc: &Doc<'_>, id: Id, name: &str) -> Option<i64> {
    let number: i128 = doc.attr(id, name)?.trim().parse().ok()?;
    i64::try_from(number.clamp(-i128::from(MAX_NUMBER), i128::from(MAX_NUMBER))).ok()
}
