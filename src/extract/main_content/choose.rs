//! Chooses the part of the page that holds the content.

use super::ENOUGH;
use crate::extract::dom::doc::{Doc, Id, Node};
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::BODY_CLASSES;

/// Percent of the visible text that an element with a class for article text must hold.
const BODY_SHARE: usize = 60;
/// Percent of the text of the choice so far that a wider part must hold, and percent of its text that may
/// be linked. Tuned with the pages of docs/QUALITY.md.
const GAIN: usize = 120;
const LINKED: usize = 15;

/// Returns the part that is marked as the content, or else the one with the most text.
pub(super) fn choose(doc: &Doc<'_>, body: Id) -> Option<Id> {
    let named = |wanted: &dyn Fn(Id) -> bool| {
        let mut found = (body..doc.end(body)).filter(|&it| wanted(it));
        let first = found.next()?;
        // Several elements of a kind are a list of pages.
        found.next().is_none().then_some(first).filter(|it| doc.node(*it).text >= ENOUGH)
    };
    let article_body =
        |it: Id| doc.node(it).marks.property && doc.attr(it, "itemprop") == Some("articleBody");
    let is_main = |it: Id| doc.tag(it) == Tag::Main || doc.attr(it, "role") == Some("main");
    named(&article_body)
        .or_else(|| named(&|it| doc.tag(it) == Tag::Article))
        .or_else(|| named(&is_main))
        .or_else(|| densest(doc, body).map(|it| lifted(doc, body, it)))
}

/// Returns the one element of a selection with a class for article text, if it holds most of the text.
pub(super) fn named_body(selection: &Selection<'_, '_>) -> Option<Id> {
    let doc = selection.doc;
    let mut found = None;
    let mut at = selection.root + 1;
    while at < doc.end(selection.root) {
        if selection.is_dropped(at) {
            at = doc.end(at);
        } else if doc.attr(at, "class").is_some_and(is_body) {
            if found.replace(at).is_some() {
                return None;
            }
            at = doc.end(at);
        } else {
            at += 1;
        }
    }
    let body = found?;
    let length = selection.length_of(body);
    (length >= ENOUGH && length * 100 >= selection.length() * BODY_SHARE).then_some(body)
}

fn is_body(class: &str) -> bool {
    class.split_ascii_whitespace().any(|word| {
        // Every class in the list ends in one of these letters, and this runs for every word of every
        // class.
        let ends = word.as_bytes().last().map(u8::to_ascii_lowercase);
        if !matches!(ends, Some(b'e' | b't' | b'y')) {
            return false;
        }
        let word = word.to_ascii_lowercase().replace("__", "-").replace('_', "-");
        BODY_CLASSES
            .iter()
            .any(|it| word.strip_suffix(it).is_some_and(|it| it.is_empty() || it.ends_with('-')))
    })
}

/// Bytes of a paragraph that counts.
const PARAGRAPH: usize = 25;
/// Bytes for one more point, and points for length at most, as in Readability.
const LENGTH_STEP: usize = 100;
const MAX_LENGTH: usize = 3;
/// Commas that count; without a limit a list of names would outweigh prose.
const MAX_COMMAS: usize = 10;
/// A factor that keeps half of a point a whole number.
const SCALE: usize = 4;

/// Returns the element whose own paragraphs weigh most, by the rule of Readability: a paragraph counts
/// for its parent, and half for its grandparent.
fn densest(doc: &Doc<'_>, body: Id) -> Option<Id> {
    let mut scores = vec![0_u32; doc.len()];
    let mut at = body;
    while at < doc.end(body) {
        let node = doc.node(at);
        if node.hidden && at > body {
            at = node.end;
            continue;
        }
        if is_paragraph(node.tag) && node.text >= PARAGRAPH {
            let commas: usize = (at..node.end)
                .filter_map(|it| doc.text(it))
                .map(|it| it.matches([',', '，', '、']).count())
                .sum();
            let length = (node.text / LENGTH_STEP).min(MAX_LENGTH);
            let weight = SCALE * (1 + commas.min(MAX_COMMAS) + length);
            let weight = u32::try_from(weight).unwrap_or_default();
            scores[node.parent] += weight;
            let above = doc.node(node.parent).parent;
            scores[above] += weight / 2;
        }
        at += 1;
    }
    let best = (body..doc.end(body)).max_by_key(|it| (scores[*it], std::cmp::Reverse(*it)))?;
    (scores[best] > 0).then_some(best)
}

fn is_paragraph(tag: Tag) -> bool {
    matches!(tag, Tag::P | Tag::Pre | Tag::Blockquote | Tag::Td)
}

/// Widens the choice from the densest element: content in several sections has its densest one, and a
/// table or a list is only a piece of a page.
fn lifted(doc: &Doc<'_>, body: Id, dense: Id) -> Id {
    let prose = |it: &Node<'_>| it.text - it.linked;
    let mut best = dense;
    for around in doc.around(dense).skip(1).take_while(|it| *it != body && *it != 0) {
        let (now, wider) = (doc.node(best), doc.node(around));
        // Boilerplate is made of links, so a wider part must add text and hardly any links.
        let gains =
            prose(wider) * 100 >= prose(now) * GAIN && wider.linked * 100 < wider.text * LINKED;
        if is_piece(now.tag) || gains {
            best = around;
        }
    }
    best
}

/// Returns `true` if an element is always a piece of something larger.
fn is_piece(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Blockquote
            | Tag::Dd
            | Tag::Dl
            | Tag::Figure
            | Tag::Form
            | Tag::Li
            | Tag::Ol
            | Tag::P
            | Tag::Pre
            | Tag::Table
            | Tag::Tbody
            | Tag::Td
            | Tag::Tr
            | Tag::Ul
    )
}
