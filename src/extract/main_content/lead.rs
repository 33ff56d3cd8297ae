//! Brings back the paragraphs that lead to the chosen part: the standfirst that many sites put in a box of
//! its own between the heading and the text.

use super::phrases;
use super::{Boilerplate, BoilerplateMap};
use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;

/// Bytes of a lead, and of all of them together.
const LEAD: std::ops::Range<usize> = 60..1_200;
const ALL: usize = 2_000;
/// Paragraphs between a heading and the text at most; with more they are another text.
const MAX_LEADS: usize = 3;
/// Bytes between the heading and the first lead: an author, a date.
const BETWEEN: usize = 200;
/// Nodes before the chosen part that are searched.
const NEAR: usize = 600;
/// Percent of a lead that may be linked.
const LINKED: usize = 20;

/// Widens a selection to the leads before its root, and drops whatever else is between.
pub(super) fn add_leads(
    selection: &mut Selection<'_, '_>,
    boilerplate: &BoilerplateMap,
    facts: &Facts,
) {
    let doc = selection.doc;
    let root = selection.root;
    if root == doc.body() || holds_heading(doc, root) {
        return;
    }
    let from = root.saturating_sub(NEAR).max(doc.body() + 1);
    let heading = (from..root).rev().find(|it| is_heading(doc, *it));
    let begin = heading.map_or(from, |it| doc.end(it));
    let mut leads: Vec<Id> = Vec::new();
    let mut at = begin;
    while at < root {
        let node = doc.node(at);
        // What holds the root, or has boxes of its own, is searched inside.
        if node.hidden || node.end <= root && is_frame(node.tag) {
            at = node.end;
            continue;
        }
        if node.end <= root && is_paragraph(doc, at) {
            let is_near = match leads.last() {
                Some(it) => doc.node(*it).parent == node.parent,
                None => heading.is_some() && text_between(doc, begin, at) <= BETWEEN,
            };
            let is_described = || facts.describes(&doc.folded_text(at));
            if is_near && !is_named(doc, boilerplate, at, root) || is_described() {
                leads.push(at);
            }
            at = node.end;
        } else {
            at += 1;
        }
    }
    leads.retain(|it| !is_in_frame(doc, *it));
    let bytes: usize = leads.iter().map(|it| doc.node(*it).text).sum();
    let Some(&first) = leads.first() else { return };
    if leads.len() > MAX_LEADS || bytes > ALL {
        return;
    }
    let Some(around) = doc.around(first).find(|it| (*it..doc.end(*it)).contains(&root)) else {
        return;
    };
    leads.push(root);
    keep_only(selection, around, &leads);
}

/// Makes an element the root of a selection, and drops everything in it outside some parts.
fn keep_only(selection: &mut Selection<'_, '_>, around: Id, parts: &[Id]) {
    let doc = selection.doc;
    let mut dropped: Vec<Id> = Vec::new();
    let mut at = around + 1;
    while at < doc.end(around) {
        let node = doc.node(at);
        if parts.contains(&at) {
            at = node.end;
        } else if parts.iter().any(|it| (at..node.end).contains(it)) {
            at += 1;
        } else {
            // A text without an element of its own cannot be dropped.
            if node.tag == Tag::Text && node.text > 0 {
                return;
            }
            dropped.push(at);
            at = node.end;
        }
    }
    for id in dropped {
        selection.drop_node(id, DropRule::Outside);
    }
    selection.root = around;
}

/// Returns `true` for a paragraph that ends like a sentence and has hardly any links.
fn is_paragraph(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    let is_block = matches!(node.tag, Tag::P | Tag::Div | Tag::Section) && !node.has_block;
    is_block
        && LEAD.contains(&node.text)
        && node.linked * 100 <= node.text * LINKED
        && phrases::is_sentence(&doc.folded_text(id))
}

/// Returns `true` if a class around a paragraph names boilerplate: outside the chosen part, that is evidence enough.
fn is_named(doc: &Doc<'_>, boilerplate: &BoilerplateMap, id: Id, root: Id) -> bool {
    let mut boxes = doc.around(id).take_while(|it| doc.end(*it) <= root);
    boxes.any(|it| boilerplate.of_node(it) != Boilerplate::None)
}

/// Counts the bytes of visible text between two nodes.
fn text_between(doc: &Doc<'_>, from: Id, to: Id) -> usize {
    let mut at = from;
    let mut bytes = 0;
    while at < to {
        let node = doc.node(at);
        if node.hidden {
            at = node.end;
            continue;
        }
        bytes += if node.tag == Tag::Text { node.text } else { 0 };
        at += 1;
    }
    bytes
}

fn is_heading(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.tag == Tag::H1 && node.text > 0 && !node.hidden
}

fn holds_heading(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| is_heading(doc, it))
}

/// Returns `true` for an element that does not belong to the text after it.
fn is_frame(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Aside
            | Tag::Figure
            | Tag::Footer
            | Tag::Form
            | Tag::Menu
            | Tag::Nav
            | Tag::Ol
            | Tag::Table
            | Tag::Ul
    )
}

fn is_in_frame(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| is_frame(doc.tag(it)))
}
