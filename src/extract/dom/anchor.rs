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
