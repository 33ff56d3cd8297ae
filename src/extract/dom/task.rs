//! The boxes in front of the items of a task list.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Nodes at the beginning of an item in which its box is.
const NEAR: usize = 8;

/// Returns the box in front of an item as markdown writes it: `[x] ` or `[ ] `.
///
/// The box must be disabled, or a class must mark the item or its list as a task; other boxes are part of a
/// form.
pub(crate) fn task_box(doc: &Doc<'_>, item: Id) -> Option<&'static str> {
    let empty = |it: Id| doc.text(it).is_none_or(|it| it.trim().is_empty());
    let mut first = (item + 1..doc.end(item)).take(NEAR).skip_while(|it| {
        empty(*it) && matches!(doc.tag(*it), Tag::Text | Tag::Label | Tag::P | Tag::Span)
    });
    let ticked = first.next().filter(|it| doc.tag(*it) == Tag::Input)?;
    let called = |it: Id| doc.attr(it, "class").is_some_and(|it| it.contains("task"));
    let is_task =
        doc.attr(ticked, "disabled").is_some() || called(item) || called(doc.node(item).parent);
    (is_task && doc.attr(ticked, "type") == Some("checkbox"))
        .then(|| if doc.attr(ticked, "checked").is_some() { "[x] " } else { "[ ] " })
}
