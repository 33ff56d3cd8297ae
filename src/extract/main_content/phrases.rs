//! Drops sections and lines whose words mark them as boilerplate.

use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::evidence::{Evidence, Flow};
use crate::extract::vocabulary::{
    BOILERPLATE_HEADINGS, CALL_TO_ACTION_PHRASES, REFERRAL_PHRASES, REVIEW_HEADINGS,
};

/// Extensions of documents that readers download.
const FILE_KINDS: [&str; 16] = [
    "csv", "doc", "docx", "epub", "gz", "ics", "mp3", "mp4", "odt", "pdf", "ppt", "pptx", "txt",
    "xls", "xlsx", "zip",
];
/// Words of a line that invites the reader to press it.
const INVITATION_WORDS: usize = 6;
/// The same for a line in the flow of the text.
const FEW_WORDS: usize = 2;
/// Bytes of such a line.
const INVITATION: usize = 60;

/// Bytes of a line that refers to another page, percent of it that is linked, and bytes that are not.
const REFERRAL: usize = 240;
const REFERRED: usize = 40;
const UNLINKED: usize = 80;

/// Bytes of a block that is a heading by what follows it.
const LABEL: usize = 40;
/// Nodes behind it among which that is.
const NEAR: usize = 8;
/// Headings of boilerplate on a page.
const MAX_HEADS: usize = 100;
/// Bytes of a heading over a section that may be boilerplate.
const HEADING: std::ops::Range<usize> = 4..60;
/// The share of the text that such a section may hold at most: with more it is the content.
const SECTION_SHARE: usize = 3;

/// Drops lines that invite the reader to press them.
pub(super) fn drop_invitations(selection: &mut Selection<'_, '_>, flow: &Flow) {
    let doc = selection.doc;
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        // Among blocks an inline element is a line of its own.
        let alone = || matches!(node.tag, Tag::A | Tag::Span) && doc.node(node.parent).has_block;
        (matches!(node.tag, Tag::Div | Tag::P) || is_linked_title(doc, *it) || alone())
            && !node.has_block
            && (1..REFERRAL).contains(&node.text)
            && node.linked > 0
    };
    let lines: Vec<Id> = selection.nodes().filter(is_line).collect();
    for line in lines {
        let node = doc.node(line);
        let may_refer =
            node.linked * 100 >= node.text * REFERRED && node.text - node.linked < UNLINKED;
        let is_pressed = is_pressed(doc, line);
        let is_title = is_linked_title(doc, line);
        if !may_refer && !is_pressed && !is_title {
            continue;
        }
        let text = doc.lower_text(line);
        if is_title {
            // "Related: ..." between two paragraphs.
            let label =
                text.split(':').next().filter(|it| it.len() < LABEL && it.len() < text.len());
            if flow.holds(line) && label.is_some_and(is_boilerplate_heading) {
                selection.drop_node(line, DropRule::Invitation);
            }
            continue;
        }
        if may_refer && (!is_sentence(&text) || node.linked >= node.text) && refers(&text) {
            selection.drop_node(line, DropRule::Invitation);
            continue;
        }
        let invites = CALL_TO_ACTION_PHRASES.iter().any(|it| {
            let rest = text.strip_prefix(it);
            rest.is_some_and(|it| !it.starts_with(char::is_alphanumeric))
        });
        let ends = text.ends_with(['.', ':', '?']);
        // In the text "Read the report" leads to the report.
        let most = if flow.holds(line) { FEW_WORDS } else { INVITATION_WORDS };
        let short = text.len() < INVITATION && text.split(' ').count() <= most;
        if invites && !ends && short && is_pressed {
            selection.drop_node(line, DropRule::Invitation);
        }
    }
}

/// Returns `true` for a heading that is a link.
fn is_linked_title(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.tag.level().is_some_and(|it| it >= 2) && node.linked * 2 > node.text
}

/// Returns `true` if a line is to be pressed: all of it is a link, or its role is that of a button.
fn is_pressed(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    let is_file = |it: Id| doc.attr(it, "href").is_some_and(leads_to_file);
    let loads = || (id..node.end).any(|it| doc.tag(it) == Tag::A && is_file(it));
    (node.linked >= node.text || doc.attr(id, "role") == Some("button")) && !loads()
}

/// Returns `true` if an address is that of a document to download.
pub(super) fn leads_to_file(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let kind = path.rsplit('/').next().and_then(|it| it.rsplit_once('.')).map(|it| it.1);
    kind.is_some_and(|it| FILE_KINDS.iter().any(|kind| it.eq_ignore_ascii_case(kind)))
}

/// Returns `true` if a text in lower case begins like a reference to other pages.
pub(super) fn refers(text: &str) -> bool {
    let text = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    begins_like(text, REFERRAL_PHRASES)
}

/// Returns `true` if a text in lower case begins like the heading of a section that is boilerplate.
pub(super) fn is_boilerplate_heading(text: &str) -> bool {
    begins_like(text, BOILERPLATE_HEADINGS)
}

/// Returns `true` if a text begins with one of the phrases of a sorted list.
fn begins_like(text: &str, phrases: &[&str]) -> bool {
    let first = text.bytes().next();
    let from = phrases.partition_point(|it| it.bytes().next() < first);
    let same = phrases.iter().skip(from).take_while(|it| it.bytes().next() == first);
    // Most phrases differ in their first bytes, so comparing bytes here is cheaper than a call.
    let begins = |it: &&str| {
        it.len() <= text.len() && it.bytes().zip(text.bytes()).all(|(left, right)| left == right)
    };
    first.is_some() && same.into_iter().any(begins)
}

/// Returns `true` if a line ends like a sentence.
pub(in crate::extract) fn is_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', '”', '’', '»', ')', ' ']);
    text.ends_with(['.', '!', '?', ':', '…', '。', '！', '？'])
}

/// Drops sections whose heading marks them as boilerplate ("Related", "Share this").
pub(super) fn drop_sections(selection: &mut Selection<'_, '_>, flow: &Flow, kind: PageKind) {
    let doc = selection.doc;
    let (root, total) = (selection.root, doc.node(selection.root).text);
    let heads: Vec<Id> = selection
        .nodes()
        .filter(|it| {
            let node = doc.node(*it);
            let titled = node.tag.level().is_some_and(|it| it >= 2) || is_label(doc, *it);
            titled && HEADING.contains(&node.text)
        })
        .collect();
    let mut found = 0;
    for head in heads {
        let text = doc.lower_text(head);
        let reviews =
            || kind == PageKind::Product && REVIEW_HEADINGS.iter().any(|it| text.contains(it));
        if !is_boilerplate_heading(&text) && !reviews() {
            continue;
        }
        found += 1;
        if found > MAX_HEADS {
            break;
        }
        let level = doc.tag(head).level().unwrap_or(2);
        // A heading that is a link is the title of another page, and begins no section of this one.
        let begins = |it: Id| {
            let node = doc.node(it);
            node.tag.level().is_some_and(|it| it <= level) && node.linked * 2 < node.text
        };
        // The section of the heading: as large as it goes without another heading.
        let mut part = head;
        for around in doc.around(head).skip(1).take_while(|it| *it != root) {
            let other = (around..doc.end(around)).find(|it| *it != head && begins(*it));
            if other.is_some() || doc.node(around).text * SECTION_SHARE > total {
                break;
            }
            part = around;
        }
        if part != head && doc.node(part).text > doc.node(head).text {
            if leads(doc, flow, &[part], head) {
                selection.drop_node(part, DropRule::Heading);
            }
            continue;
        }
        // Without one, the elements behind it up to the next heading.
        let mut rest: Vec<Id> = vec![part];
        for next in doc.siblings_after(part) {
            // Prose behind the links is the text again.
            if (next..doc.end(next)).any(begins) || Evidence::of(doc, next).is_prose() {
                break;
            }
            rest.push(next);
        }
        let length: usize = rest.iter().map(|it| doc.node(*it).text).sum();
        if length * SECTION_SHARE < total && leads(doc, flow, &rest, head) {
            for id in rest {
                selection.drop_node(id, DropRule::Heading);
            }
        }
    }
}

/// Returns `true` if a short block without links stands where a heading does: links follow it.
fn is_label(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    let is_line = matches!(node.tag, Tag::P | Tag::Div)
        || node.tag == Tag::Span && doc.node(node.parent).has_block;
    let is_short = is_line && !node.has_block && node.linked == 0 && node.text < LABEL;
    is_short && {
        let next = doc.siblings_after(id).take(NEAR).find(|it| doc.node(*it).text > 0);
        next.is_some_and(|it| doc.node(it).linked * 2 >= doc.node(it).text)
    }
}

/// Returns `true` if the parts below a heading lead elsewhere, or stand outside the flow of the text.
fn leads(doc: &Doc<'_>, flow: &Flow, parts: &[Id], head: Id) -> bool {
    let outside = parts.iter().all(|it| !flow.holds(*it));
    let all = parts.iter().filter(|it| **it != head);
    let evidence = all.map(|it| Evidence::of(doc, *it)).reduce(Evidence::and);
    let title = if parts.contains(&head) { 0 } else { doc.node(head).text };
    let evidence = evidence.map(|it| it.without_text(title));
    evidence.is_some_and(|it| outside && !it.is_prose() || it.leads_elsewhere() || it.asks())
}
