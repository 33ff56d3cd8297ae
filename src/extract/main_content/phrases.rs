//! Drops sections and lines whose words mark them as boilerplate.

use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::Id;
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{BOILERPLATE_HEADINGS, CALL_TO_ACTION_PHRASES, REVIEW_HEADINGS};

/// Words of a line that invites the reader to press it.
const INVITATION_WORDS: usize = 6;
/// Bytes of such a line.
const INVITATION: usize = 60;

/// Bytes of a heading over a section that may be boilerplate.
const HEADING: std::ops::Range<usize> = 4..60;
/// The share of the text that such a section may hold at most: with more it is the content.
const SECTION_SHARE: usize = 3;

/// Drops lines that invite the reader to press them.
pub(super) fn drop_invitations(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        // Among blocks an inline element is a line of its own.
        let alone = || matches!(node.tag, Tag::A | Tag::Span) && doc.node(node.parent).has_block;
        (matches!(node.tag, Tag::Div | Tag::P) || alone())
            && !node.has_block
            && (1..INVITATION).contains(&node.text)
    };
    let lines: Vec<Id> = selection.nodes().filter(is_line).collect();
    for line in lines {
        let text = doc.folded_text(line).to_lowercase();
        let invites = CALL_TO_ACTION_PHRASES.iter().any(|it| {
            let rest = text.strip_prefix(it);
            rest.is_some_and(|it| !it.starts_with(char::is_alphanumeric))
        });
        let ends = text.ends_with(['.', ':', '?']);
        if invites && !ends && text.split(' ').count() <= INVITATION_WORDS {
            selection.drop_node(line);
        }
    }
}

/// Drops sections whose heading marks them as boilerplate ("Related", "Share this").
pub(super) fn drop_sections(selection: &mut Selection<'_, '_>, kind: PageKind) {
    let doc = selection.doc;
    let (root, total) = (selection.root, doc.node(selection.root).text);
    let heads: Vec<Id> = selection
        .nodes()
        .filter(|it| {
            let node = doc.node(*it);
            node.tag.level().is_some_and(|it| it >= 2) && HEADING.contains(&node.text)
        })
        .collect();
    for head in heads {
        let text = doc.folded_text(head).to_lowercase();
        let reviews =
            || kind == PageKind::Product && REVIEW_HEADINGS.iter().any(|it| text.contains(it));
        if !BOILERPLATE_HEADINGS.iter().any(|it| text.starts_with(it)) && !reviews() {
            continue;
        }
        let level = doc.tag(head).level().unwrap_or(2);
        // The section of the heading: as large as it goes without another heading.
        let mut part = head;
        for around in doc.around(head).skip(1).take_while(|it| *it != root) {
            let other = (around..doc.end(around))
                .find(|it| *it != head && doc.tag(*it).level().is_some_and(|it| it <= level));
            if other.is_some() || doc.node(around).text * SECTION_SHARE > total {
                break;
            }
            part = around;
        }
        if part != head && doc.node(part).text > doc.node(head).text {
            selection.drop_node(part);
            continue;
        }
        // Without one, the elements behind it up to the next heading.
        let parent = doc.node(part).parent;
        let mut rest: Vec<Id> = vec![part];
        for next in doc.children(parent).filter(|it| *it > part) {
            if (next..doc.end(next)).any(|it| doc.tag(it).level().is_some_and(|it| it <= level)) {
                break;
            }
            rest.push(next);
        }
        let length: usize = rest.iter().map(|it| doc.node(*it).text).sum();
        if length * SECTION_SHARE < total {
            for id in rest {
                selection.drop_node(id);
            }
        }
    }
}
