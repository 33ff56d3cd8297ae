//! Links that lead to the heading they stand beside.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Bytes of the sign.
const MAX_SIGN: usize = 4;
/// Elements around the link among which the heading is.
const NEAR: usize = 4;

/// Returns `true` if a link is the sign beside a heading that leads to that heading: `¶`, `#`.
pub(crate) fn is_heading_anchor(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.tag == Tag::A
        && (1..=MAX_SIGN).contains(&node.text)
        && doc.attr(id, "href").is_some_and(|it| it.contains('#'))
        && matches!(doc.source_text(id).trim(), "¶" | "#" | "§" | "🔗" | "∞")
        && doc.around(id).take(NEAR).any(|it| doc.tag(it).level().is_some())
}

/// Bytes of the links that edit a section: `[edit | edit source]`.
const MAX_EDIT: usize = 40;

/// Returns `true` if an element beside a heading only leads to the editor of its section: `[edit]`.
pub(crate) fn is_edit_link(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    if node.tag != Tag::Span || node.linked == 0 || node.text > MAX_EDIT {
        return false;
    }
    let text = doc.source_text(id);
    let text = text.trim();
    let is_edit = |it: Id| {
        doc.tag(it) == Tag::A
            && doc.attr(it, "href").is_some_and(|it| it.contains("edit") || it.contains("action="))
    };
    let beside = || doc.children(node.parent).any(|it| doc.tag(it).level().is_some());
    text.starts_with('[')
        && text.ends_with(']')
        && (id..node.end).any(is_edit)
        && (doc.around(id).any(|it| doc.tag(it).level().is_some()) || beside())
}
