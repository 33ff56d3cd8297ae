//! Drops what is left around an article when its boilerplate is gone: labels of advertisements, headings
//! without a section, and the lines below the last paragraph that speak of the author or the rights.

use super::phrases;
use super::repetition::element_of;
use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::lines::TextLine;
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{
    ADVERTISEMENT_LABELS, BIOGRAPHY_VERBS, COPYRIGHT_PHRASES, SOCIAL_HOSTS,
};

/// Bytes of the label of an advertisement.
const LABEL: usize = 24;
/// Lines at the end among which the note about the author is, and lines that an article has at least.
const LAST_LINES: usize = 3;
const MIN_LINES: usize = 6;
/// Bytes of such a note.
const NOTE: usize = 500;
/// Bytes of a line that only leads to profiles of the author.
const CONTACT: usize = 200;
/// Headings without a section, and labels without a box, that are looked for.
const MAX_HEADINGS: usize = 200;
const MAX_LABELS: usize = 1_000;
/// Bytes of a heading; a longer one is a sentence of the text.
const HEADING: usize = 80;
/// Bytes of a label that is left of a box, and elements around it that may be the box.
const LEFTOVER: usize = 40;
const AROUND: usize = 6;
const MAX_NODES: usize = 400;
/// Bytes of a phrase about rights that may stand anywhere in a line.
const ANYWHERE: usize = 14;

/// Drops lines that only label an advertisement, which a script puts beside them.
pub(super) fn drop_advertisements(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let is_label = |it: &Id| {
        let node = doc.node(*it);
        (1..=LABEL).contains(&node.text)
            && node.linked == 0
            && !node.has_block
            && matches!(node.tag, Tag::Div | Tag::P | Tag::Section | Tag::Aside | Tag::Center)
            && {
                let text = doc.lower_text(*it);
                let bare = text.trim_matches(|it: char| !it.is_alphanumeric());
                ADVERTISEMENT_LABELS.contains(&bare)
            }
    };
    let labels: Vec<Id> = selection.nodes().filter(is_label).collect();
    for label in labels {
        selection.drop_node(label, DropRule::Named);
    }
}

/// Drops headings whose section was dropped, and headings of boilerplate with nothing below them.
pub(super) fn drop_empty_sections(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let is_heading = |it: &Id| {
        let node = doc.node(*it);
        node.tag.level().is_some_and(|it| it >= 2)
            && (1..HEADING).contains(&node.text)
            && !doc.around(*it).take(AROUND).any(|it| doc.tag(it) == Tag::Li)
    };
    let mut heads: Vec<Id> = selection.nodes().filter(is_heading).take(MAX_HEADINGS).collect();
    // From the end, so that a heading over headings without sections is dropped after them.
    heads.reverse();
    for head in heads {
        let level = doc.tag(head).level().unwrap_or(6);
        let Some(lost) = lost_section(selection, head, level) else { continue };
        let is_named = || phrases::is_boilerplate_heading(&doc.lower_text(head));
        if lost || is_named() {
            selection.drop_node(head, DropRule::Heading);
        }
    }
}

/// Returns `None` if something is shown below a heading, or else whether something was dropped there.
fn lost_section(selection: &Selection<'_, '_>, head: Id, level: usize) -> Option<bool> {
    let doc = selection.doc;
    let mut lost = false;
    let mut at = doc.end(head);
    while at < doc.end(selection.root) {
        let node = doc.node(at);
        // A heading ends the section, dropped or not.
        if node.tag.level().is_some_and(|it| it <= level) && node.text > 0 {
            break;
        }
        if selection.is_dropped(at) {
            if matches!(node.tag, Tag::Video | Tag::Audio | Tag::Iframe | Tag::Svg | Tag::Canvas) {
                return None;
            }
            lost |= node.text > 0;
            at = node.end;
            continue;
        }
        let shows = node.tag == Tag::Text && node.text > 0
            || matches!(node.tag, Tag::Img | Tag::Picture | Tag::AmpImg | Tag::Formula);
        if shows {
            return None;
        }
        at += 1;
    }
    Some(lost)
}

/// Drops labels whose box lost everything else, and labels that refer to a list which was dropped.
pub(super) fn drop_leftovers(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let is_label = |it: &Id| {
        let node = doc.node(*it);
        matches!(node.tag, Tag::Div | Tag::P | Tag::Span)
            && (1..=LEFTOVER).contains(&node.text)
            && node.linked == 0
            && !node.has_block
    };
    let labels: Vec<Id> = selection.nodes().filter(is_label).take(MAX_LABELS).collect();
    for label in labels {
        let text = doc.lower_text(label);
        let is_named = phrases::is_boilerplate_heading(&text) || phrases::refers(&text);
        // A paragraph may be a short line of the text.
        let is_line = || doc.tag(label) != Tag::P;
        let is_left = || {
            lost_list(selection, label)
                || is_line() && (is_last(selection, label) || is_alone(selection, label))
        };
        if is_named && is_left() {
            selection.drop_node(label, DropRule::Heading);
        }
    }
}

/// Returns `true` if nothing is shown below a label.
fn is_last(selection: &Selection<'_, '_>, label: Id) -> bool {
    let doc = selection.doc;
    let mut at = doc.end(label);
    while at < doc.end(selection.root) {
        if selection.is_dropped(at) {
            at = doc.end(at);
            continue;
        }
        if doc.tag(at) == Tag::Text && doc.node(at).text > 0 || doc.tag(at) == Tag::Img {
            return false;
        }
        at += 1;
    }
    true
}

/// Returns `true` if a box around a label shows nothing else, and lost text or has links without any.
fn is_alone(selection: &Selection<'_, '_>, label: Id) -> bool {
    let doc = selection.doc;
    let text = doc.node(label).text;
    let is_small = |it: &Id| *it != selection.root && doc.end(*it) - *it <= MAX_NODES;
    let around = doc.around(label).skip(1).take(AROUND).take_while(is_small);
    let alone = around.take_while(|it| selection.length_of(*it) <= text);
    alone.last().is_some_and(|it| {
        doc.node(it).text > text || (it..doc.end(it)).any(|it| doc.tag(it) == Tag::A)
    })
}

/// Returns `true` if what follows a label was dropped as a reference to other pages.
fn lost_list(selection: &Selection<'_, '_>, label: Id) -> bool {
    let doc = selection.doc;
    let next = doc.siblings_after(label).find(|it| doc.node(*it).text > 0);
    let rule = next.and_then(|it| selection.rule(it));
    matches!(
        rule,
        Some(DropRule::Links | DropRule::Heading | DropRule::Invitation | DropRule::Named)
    )
}

/// Drops the last lines of an article that speak of its author or its rights, or lead to profiles.
pub(super) fn drop_notes(selection: &mut Selection<'_, '_>, lines: &[TextLine], facts: &Facts) {
    let doc = selection.doc;
    if lines.len() < MIN_LINES {
        return;
    }
    let authors = facts.author.as_deref().unwrap_or_default().to_lowercase();
    let authors: Vec<&str> = authors.split(", ").filter(|it| it.contains(' ')).collect();
    let is_written = facts.author.is_some() || facts.published_at.is_some();
    for block in last_blocks(selection, lines) {
        let inside = |it: Id| matches!(doc.tag(it), Tag::Blockquote | Tag::Table | Tag::Li);
        let text = doc.folded_text(block);
        let is_other = text.len() > NOTE
            || doc.tag(block) == Tag::Text
            || doc.tag(block).level().is_some()
            || doc.around(block).any(inside);
        if is_other {
            continue;
        }
        let leads = || is_written && text.len() < CONTACT && leads_to_profiles(doc, block, &text);
        let in_italics =
            || is_in_italics(doc, block) && (text.contains('@') || introduces_a_person(&text));
        if speaks_of(&text, &authors) || is_about_rights(&text) || leads() || in_italics() {
            selection.drop_node(block, DropRule::Details);
        }
    }
}

/// Returns the blocks of the last lines, from the end.
fn last_blocks(selection: &Selection<'_, '_>, lines: &[TextLine]) -> Vec<Id> {
    let mut blocks: Vec<Id> = Vec::new();
    for line in lines.iter().rev() {
        let block = block_of(selection, line);
        if !blocks.contains(&block) {
            blocks.push(block);
        }
        if blocks.len() >= LAST_LINES {
            break;
        }
    }
    blocks
}

/// Returns `true` if the last lines of a selection are as many as [`drop_notes`] reads.
pub(super) fn are_enough(selection: &Selection<'_, '_>, lines: &[TextLine]) -> bool {
    lines.len() >= MIN_LINES && last_blocks(selection, lines).len() >= LAST_LINES
}

/// Returns the block that a line belongs to, with its other lines, or the largest element with no other text.
fn block_of(selection: &Selection<'_, '_>, line: &TextLine) -> Id {
    let doc = selection.doc;
    let element = element_of(doc, selection.root, line);
    let block = doc.around(line.at).find(|it| doc.tag(*it).is_block());
    let block = block.filter(|it| *it > selection.root && !doc.node(*it).has_block);
    if doc.tag(element) == Tag::Text { block.unwrap_or(element) } else { element }
}

/// Returns `true` if a line begins with the name of an author, or gives the address.
fn speaks_of(text: &str, authors: &[&str]) -> bool {
    let text = text.to_lowercase();
    let bare = text.trim_start_matches(|it: char| !it.is_alphanumeric());
    authors.iter().any(|it| {
        let begins = bare.strip_prefix(it).is_some_and(|it| {
            it.starts_with([' ', ',']) && !it.trim_start().starts_with(['"', '“', ':'])
        });
        begins || bare.contains(it) && bare.contains('@') && text.len() < CONTACT
    })
}

/// Returns `true` if a line is about the rights in the text.
fn is_about_rights(text: &str) -> bool {
    let text = text.to_lowercase();
    let bare = text.trim_start_matches(|it: char| !it.is_alphanumeric() && it != '©');
    let is = |it: &&str| bare.starts_with(it) || it.len() >= ANYWHERE && bare.contains(it);
    COPYRIGHT_PHRASES.iter().any(is)
}

/// Returns `true` if all words of an element are in italics.
fn is_in_italics(doc: &Doc<'_>, id: Id) -> bool {
    let italic = (id..doc.end(id)).filter(|it| matches!(doc.tag(*it), Tag::Em | Tag::I));
    let mut italic = italic.map(|it| doc.node(it).text);
    italic.any(|it| it > 0 && it + 2 >= doc.node(id).text)
}

/// Returns `true` if a line begins like "Ann Lee is": a name in capitals and a verb.
fn introduces_a_person(text: &str) -> bool {
    let capital = |it: &&str| it.chars().next().is_some_and(char::is_uppercase);
    let name = text.split(' ').take_while(capital).count();
    let verb = text.split(' ').nth(name).unwrap_or_default();
    (2..=4).contains(&name) && BIOGRAPHY_VERBS.contains(&verb)
}

/// Returns `true` if every link of a line leads to a social network, and the line is for them.
fn leads_to_profiles(doc: &Doc<'_>, id: Id, text: &str) -> bool {
    let mut links = (id..doc.end(id)).filter(|it| doc.tag(*it) == Tag::A && doc.node(*it).text > 0);
    let is_profile = |it: Id| {
        let address = doc.attr(it, "href").unwrap_or_default();
        let host = address.split("//").nth(1).and_then(|it| it.split(['/', '?']).next());
        let host = host.map(|it| it.strip_prefix("www.").unwrap_or(it));
        host.is_some_and(|it| SOCIAL_HOSTS.contains(&it))
    };
    let (first, second) = (links.next(), links.next());
    let is_for_them = second.is_some() || phrases::refers(&text.to_lowercase());
    is_for_them
        && first.is_some_and(is_profile)
        && second.is_none_or(is_profile)
        && links.all(is_profile)
}
