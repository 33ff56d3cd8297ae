//! Drops the boilerplate inside the part that holds the content.

use std::collections::{HashMap, HashSet};

use super::phrases;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;
use crate::extract::main_content::{Boilerplate, BoilerplateMap};

/// Bytes of a story; comments below one are not its content.
const STORY: usize = 2_000;
/// Bytes of a line above a page's heading that does not belong to the content.
const LINE: usize = 140;
/// Bytes of a line that is nothing but a link.
const LONE_LINK: usize = 50;
/// Bytes of a product description that is kept although more was dropped.
const FEW_LINES: usize = 500;
/// Bytes of a line that is a quote if it occurs on a page twice.
const QUOTE: usize = 60;
/// Bytes of text that is kept even in boilerplate by name, if hardly any of it is linked.
const PROSE: usize = 800;
/// Occurrences of a line that labels each post of a page.
const LABELS: usize = 3;
/// Percent of the text of a part that must be left; with less, dropping went wrong.
const LEFT: usize = 10;

// Shares in percent, tuned like the bytes above with the pages of docs/QUALITY.md.

/// The text of a page that an element may hold and still be boilerplate by its class.
const MINOR: usize = 40;
/// The text of a page that a form or a list of links may hold.
const SMALL: usize = 20;
/// The linked text from which on prose in boilerplate is a menu after all.
const HARDLY_LINKED: usize = 5;
/// The linked text of a page with many links, of a page that is a list of links, of a list of links, and
/// of a line that is only a link.
const MANY_LINKS: usize = 35;
const LIST_OF_LINKS: usize = 50;
const MOSTLY_LINKED: usize = 70;
const ONLY_LINKED: usize = 90;

/// Links that make a list.
const LINKS: usize = 3;
/// The share of the text above a page's heading at most; with more, the heading stands elsewhere.
const ABOVE: usize = 3;

/// Returns a part of the page without boilerplate.
///
/// Words are only a hint: the element with most of the text is the content, whatever its name. If next to
/// nothing would be left, only certain boilerplate is dropped.
pub(super) fn without_boilerplate<'d, 'a>(
    doc: &'d Doc<'a>,
    boilerplate: &BoilerplateMap,
    kind: PageKind,
    root: Id,
) -> Selection<'d, 'a> {
    let total = doc.node(root).text;
    let enough = |selection: &Selection<'_, '_>| is_at_least(selection.length(), total, LEFT);
    let mut selection = Selection::whole(doc, root);
    drop_boilerplate(&mut selection, boilerplate, kind);
    phrases::drop_sections(&mut selection, kind);
    // On a page that is mostly links they are the content, unless it sells one thing.
    if kind == PageKind::Product || !is_at_least(doc.node(root).linked, total, LIST_OF_LINKS) {
        drop_link_lists(&mut selection, total);
    }
    drop_above_heading(&mut selection);
    drop_lone_links(&mut selection, kind);
    phrases::drop_invitations(&mut selection);
    match kind {
        PageKind::Product => drop_repeated(&mut selection, 1),
        PageKind::Discussion => {
            drop_repeated(&mut selection, QUOTE);
            drop_labels(&mut selection);
        }
        PageKind::Other => {}
    }
    // The description of a product is often short beside its reviews.
    if enough(&selection) || (kind == PageKind::Product && selection.length() >= FEW_LINES) {
        return selection;
    }
    let mut selection = Selection::whole(doc, root);
    drop_where(&mut selection, |it| boilerplate.of_node(it) == Boilerplate::Certain);
    drop_above_heading(&mut selection);
    if enough(&selection) { selection } else { Selection::whole(doc, root) }
}

/// Returns `true` if a part is at least so many percent of the whole.
fn is_at_least(part: usize, whole: usize, percent: usize) -> bool {
    part * 100 >= whole * percent
}

fn is_minor(text: usize, total: usize) -> bool {
    !is_at_least(text, total, MINOR)
}

/// Drops every element that `drops` selects, and does not look into it.
fn drop_where(selection: &mut Selection<'_, '_>, mut drops: impl FnMut(Id) -> bool) {
    let mut at = selection.root + 1;
    while at < selection.doc.end(selection.root) {
        if selection.is_dropped(at) {
            at = selection.doc.end(at);
        } else if drops(at) {
            selection.drop_node(at);
            at = selection.doc.end(at);
        } else {
            at += 1;
        }
    }
}

fn drop_boilerplate(
    selection: &mut Selection<'_, '_>,
    boilerplate: &BoilerplateMap,
    kind: PageKind,
) {
    let doc = selection.doc;
    let total = doc.node(selection.root).text;
    drop_where(selection, |at| {
        let node = doc.node(at);
        let text = node.text;
        if is_form(doc, at, total) {
            return true;
        }
        match boilerplate.of_node(at) {
            Boilerplate::Certain => true,
            Boilerplate::Likely | Boilerplate::Details => {
                is_minor(text, total)
                    && (text < PROSE || is_at_least(node.linked, text, HARDLY_LINKED))
            }
            Boilerplate::Control => text < LINE,
            // Below a story comments are boilerplate; without one they are the content.
            Boilerplate::Discussion => kind != PageKind::Discussion && total - text >= STORY,
            Boilerplate::Reviews => kind == PageKind::Product && !has_heading(doc, at),
            Boilerplate::Offers => {
                kind == PageKind::Product && is_minor(text, total) && !has_heading(doc, at)
            }
            Boilerplate::None => false,
        }
    });
}

/// Returns `true` if a part is a form to fill in. A page may be one form around everything, and a program
/// may wrap each post in a form without inputs.
fn is_form(doc: &Doc<'_>, id: Id, total: usize) -> bool {
    let node = doc.node(id);
    let asks = |it: Id| match doc.tag(it) {
        Tag::Select | Tag::Textarea => true,
        Tag::Input => {
            !matches!(doc.attr(it, "type"), Some("hidden" | "submit" | "button" | "image"))
        }
        _ => false,
    };
    match node.tag {
        // An unfolding part may be the label of a checkbox.
        Tag::Label => node.text < LINE && !node.has_parts && !doc.folded_text(id).ends_with('?'),
        Tag::Form => !is_at_least(node.text, total, SMALL) && (id..node.end).any(asks),
        _ => false,
    }
}

/// Returns `true` if a part holds the page's heading.
fn has_heading(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::H1)
}

fn has_image(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Img)
}

/// Drops lists of links among text.
fn drop_link_lists(selection: &mut Selection<'_, '_>, total: usize) {
    let doc = selection.doc;
    drop_where(selection, |at| {
        let node = doc.node(at);
        let block =
            matches!(node.tag, Tag::Div | Tag::Ul | Tag::Ol | Tag::Section | Tag::Table | Tag::Dl);
        block
            && node.text > 0
            && is_at_least(node.linked, node.text, MOSTLY_LINKED)
            && !is_at_least(node.text, total, SMALL)
            && (at..node.end).filter(|it| doc.tag(*it) == Tag::A).take(LINKS).count() >= LINKS
    });
}

/// Drops the lines above the page's heading: breadcrumbs, offers, logins. A paragraph there is a lead and
/// stays.
fn drop_above_heading(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let Some(heading) = selection.nodes().find(|it| {
        let node = doc.node(*it);
        node.tag == Tag::H1 && node.text > 0
    }) else {
        return;
    };
    let total = doc.node(selection.root).text;
    let above: usize = (selection.root..heading)
        .filter(|it| doc.text(*it).is_some())
        .map(|it| doc.node(it).text)
        .sum();
    if above * ABOVE > total {
        return;
    }
    drop_where(selection, |at| {
        let node = doc.node(at);
        node.end <= heading
            && node.text > 0
            && node.text < LINE
            && node.tag != Tag::Text
            && !has_image(doc, at)
    });
}

/// Drops lines that are only a short link, which the reader is to press next. In a list of links, in a
/// table or on a page of links they are the content, unless the page sells a thing.
fn drop_lone_links(selection: &mut Selection<'_, '_>, kind: PageKind) {
    let doc = selection.doc;
    let page = doc.node(doc.body());
    let sells = kind == PageKind::Product;
    if !sells && is_at_least(page.linked, page.text, MANY_LINKS) {
        return;
    }
    drop_where(selection, |at| {
        let node = doc.node(at);
        if node.text == 0 || node.has_block {
            return false;
        }
        if sells {
            return node.tag.is_block() && is_at_least(node.linked, node.text, MOSTLY_LINKED);
        }
        matches!(node.tag, Tag::Div | Tag::P)
            && node.text < LONE_LINK
            && is_at_least(node.linked, node.text, ONLY_LINKED)
            && !doc.around(at).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Table))
    });
}

/// Drops short lines that recur with only their numbers changed, as they stand beside each post.
fn drop_labels(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let label = |id: Id| {
        let node = doc.node(id);
        let line = node.tag.is_block() && !node.has_block && (1..QUOTE).contains(&node.text);
        line.then(|| {
            let mut text = doc.folded_text(id);
            text.retain(|it| !it.is_ascii_digit());
            text
        })
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for label in selection.nodes().filter_map(label) {
        *counts.entry(label).or_default() += 1;
    }
    drop_where(selection, |at| {
        label(at).and_then(|it| counts.get(&it).copied()).is_some_and(|it| it >= LABELS)
    });
}

/// Drops lines of at least `bytes` bytes that occurred before: quotes, and text for another width of the
/// window.
fn drop_repeated(selection: &mut Selection<'_, '_>, bytes: usize) {
    let doc = selection.doc;
    let mut seen: HashSet<String> = HashSet::new();
    drop_where(selection, |at| {
        let node = doc.node(at);
        let line = node.tag.is_block() && !node.has_block && node.text >= bytes;
        line && !matches!(node.tag, Tag::Td | Tag::Th | Tag::Tr)
            && !seen.insert(doc.folded_text(at))
    });
}
