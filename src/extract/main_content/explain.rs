//! Reports which parts of a page were kept and which were dropped, and by which rule.

use super::evidence::PARAGRAPH;
use crate::extract::dom::doc::Id;
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;
use crate::ports::extract::ContentPart;

/// Parts of a page that are reported.
const MAX_PARTS: usize = 500;
/// Characters of a part's text that are shown.
const SNIPPET: usize = 120;
/// The share of a page's prose that may be dropped without a warning: a tenth.
const QUIET: usize = 10;

/// Lists the chosen part, and every part that was dropped inside or outside it.
pub(crate) fn parts(selection: &Selection<'_, '_>) -> Vec<ContentPart> {
    let doc = selection.doc;
    let total = doc.node(doc.body()).text;
    let part = |kept: bool, id: Id, bytes: usize, rule: &str| {
        let text = doc.folded_text(id);
        let snippet = text.chars().take(SNIPPET).collect();
        ContentPart { kept, rule: rule.to_owned(), share: share(bytes, total), snippet }
    };
    let mut found = vec![part(true, selection.root, selection.length(), "chosen")];
    let mut add = |id: Id, rule: &str| {
        let bytes = doc.node(id).text;
        if bytes > 0 && found.len() < MAX_PARTS {
            found.push(part(false, id, bytes, rule));
        }
    };
    // From the inside out, whatever stands beside the chosen part.
    let mut inner = selection.root;
    while inner != doc.body() && inner > 0 {
        let parent = doc.node(inner).parent;
        doc.children(parent).filter(|it| *it != inner).for_each(|it| add(it, "outside"));
        inner = parent;
    }
    for_each_dropped(selection, |id, rule| add(id, rule.as_str()));
    found
}

/// Warns if much of the prose of a page was dropped, navigation and page footers aside.
pub(super) fn warning(selection: &Selection<'_, '_>) -> Option<String> {
    let doc = selection.doc;
    let body = doc.body();
    let (mut total, mut kept) = (0, 0);
    let chosen = selection.root..doc.end(selection.root);
    let mut at = body;
    while at < doc.end(body) {
        let node = doc.node(at);
        let outside = !chosen.contains(&at);
        let leads = matches!(node.tag, Tag::Nav | Tag::Menu)
            || outside && matches!(node.tag, Tag::Footer | Tag::Header | Tag::Aside);
        if node.hidden || leads {
            at = node.end;
            continue;
        }
        let prose = node.text - node.linked;
        if node.tag.is_block() && !node.has_block && prose >= PARAGRAPH {
            total += prose;
            let is_kept = !outside && selection.shows(at);
            kept += if is_kept { prose } else { 0 };
        }
        at += 1;
    }
    let dropped = total.saturating_sub(kept);
    (dropped * QUIET > total).then(|| {
        format!(
            "{}% of the page's prose was dropped as boilerplate: set advanced.explain_content to \
             list the dropped parts",
            dropped * 100 / total
        )
    })
}

/// Visits the outermost dropped nodes of a selection that were not hidden anyway.
fn for_each_dropped(selection: &Selection<'_, '_>, mut visit: impl FnMut(Id, DropRule)) {
    let doc = selection.doc;
    let mut at = selection.root + 1;
    while at < doc.end(selection.root) {
        match selection.rule(at) {
            Some(rule) => {
                if rule != DropRule::Hidden {
                    visit(at, rule);
                }
                at = doc.end(at);
            }
            None => at += 1,
        }
    }
}

/// Returns a part of the words of a page, from 0 to 1, in thousandths.
fn share(bytes: usize, total: usize) -> f64 {
    let thousandths = u32::try_from(bytes * 1_000 / total.max(1)).unwrap_or(1_000);
    f64::from(thousandths.min(1_000)) / 1_000.0
}
