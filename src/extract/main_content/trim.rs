//! What is left out of the part that the content is in.

use std::collections::{HashMap, HashSet};

use super::Kind;
use super::named;
use crate::extract::doc::{Doc, Id};
use crate::extract::layout::{Frame, Layout};
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// Bytes that make a story.
const STORY: usize = 2_000;
/// Bytes of a line that stands above a page's heading and is no part of what it heads.
const LINE: usize = 140;
/// Bytes of a line that is nothing but a link.
const LONE_LINK: usize = 50;
/// Bytes that describe a thing.
const FEW_LINES: usize = 500;
/// Bytes of a line that is a quote where it stands on a page twice.
const QUOTE: usize = 60;
/// Bytes that are read even in what is called a menu, if hardly any of them lead elsewhere.
const PROSE: usize = 800;
/// How often a line is on a page that labels each of its posts.
const LABELS: usize = 3;
/// What is left of a part, in percent of its text, where leaving out went wrong.
const LEFT: usize = 10;

/// A part of the page less what frames it.
///
/// Words are only a hint: what holds most of the text is the content, whatever it is called. And
/// where next to nothing would be left, only what is a frame by its element is one.
pub(super) fn without_frames<'d, 'a>(
    doc: &'d Doc<'a>,
    layout: &Layout,
    kind: Kind,
    root: Id,
) -> View<'d, 'a> {
    let total = doc.node(root).text;
    let enough = |view: &View<'_, '_>| view.length() * 100 >= total * LEFT;
    let mut view = View::whole(doc, root);
    skip_frames(&mut view, layout, kind);
    named::skip_sections(&mut view, kind);
    // A page that is mostly links is a list, and they are its content; one that sells a thing has them
    // to other things.
    if kind == Kind::Product || doc.node(root).linked * 2 < total {
        skip_link_lists(&mut view, total);
    }
    skip_above_heading(&mut view);
    skip_lone_links(&mut view, kind);
    named::skip_invitations(&mut view);
    match kind {
        Kind::Product => skip_repeated(&mut view, 1),
        Kind::Discussion => {
            skip_repeated(&mut view, QUOTE);
            skip_labels(&mut view);
        }
        Kind::Other => {}
    }
    // What is said of a thing is often little beside what buyers say.
    if enough(&view) || (kind == Kind::Product && view.length() >= FEW_LINES) {
        return view;
    }
    let mut view = View::whole(doc, root);
    skip_where(&mut view, |it| layout.frame(it) == Frame::Sure);
    skip_above_heading(&mut view);
    if enough(&view) { view } else { View::whole(doc, root) }
}

/// Leaves out every element that is told to, and does not look into it.
fn skip_where(view: &mut View<'_, '_>, mut frames: impl FnMut(Id) -> bool) {
    let mut at = view.root + 1;
    while at < view.doc.end(view.root) {
        if view.skips(at) {
            at = view.doc.end(at);
        } else if frames(at) {
            view.skip(at);
            at = view.doc.end(at);
        } else {
            at += 1;
        }
    }
}

fn skip_frames(view: &mut View<'_, '_>, layout: &Layout, kind: Kind) {
    let doc = view.doc;
    let total = doc.node(view.root).text;
    skip_where(view, |at| {
        let node = doc.node(at);
        let text = node.text;
        if is_form(doc, at, total) {
            return true;
        }
        match layout.frame(at) {
            Frame::Sure => true,
            Frame::Maybe | Frame::Beside => {
                text * 5 < total * 2 && (text < PROSE || node.linked * 20 >= text)
            }
            Frame::Control => text < LINE,
            // Under a story it is no part of it; without one it is what the page is for.
            Frame::Discussion => kind != Kind::Discussion && total - text >= STORY,
            Frame::Reviews => kind == Kind::Product && !has_heading(doc, at),
            Frame::Offers => kind == Kind::Product && text * 5 < total * 2 && !has_heading(doc, at),
            Frame::No => false,
        }
    });
}

/// Whether a part is there to be filled in. A page may be one form around everything, and a program may
/// put each post into one that asks for nothing.
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
        // What a reader unfolds may hang on the label of a box.
        Tag::Label => node.text < LINE && !node.has_parts && !doc.folded_text(id).ends_with('?'),
        Tag::Form => node.text * 5 < total && (id..node.end).any(asks),
        _ => false,
    }
}

/// Whether the page's own heading is in a part.
fn has_heading(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::H1)
}

fn has_image(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Img)
}

/// Leaves out lists of links among text.
fn skip_link_lists(view: &mut View<'_, '_>, total: usize) {
    let doc = view.doc;
    skip_where(view, |at| {
        let node = doc.node(at);
        let block =
            matches!(node.tag, Tag::Div | Tag::Ul | Tag::Ol | Tag::Section | Tag::Table | Tag::Dl);
        block
            && node.text > 0
            && node.linked * 10 >= node.text * 7
            && node.text * 5 < total
            && (at..node.end).filter(|it| doc.tag(*it) == Tag::A).take(3).count() >= 3
    });
}

/// Leaves out the lines above the page's heading: where it stands in the site, what is on offer, who
/// is asked to log in. A paragraph there is a lead.
fn skip_above_heading(view: &mut View<'_, '_>) {
    let doc = view.doc;
    let Some(heading) = view.shown().find(|it| {
        let node = doc.node(*it);
        node.tag == Tag::H1 && node.text > 0
    }) else {
        return;
    };
    let total = doc.node(view.root).text;
    let above: usize =
        (view.root..heading).filter(|it| doc.text(*it).is_some()).map(|it| doc.node(it).text).sum();
    if above * 3 > total {
        return;
    }
    skip_where(view, |at| {
        let node = doc.node(at);
        node.end <= heading
            && node.text > 0
            && node.text < LINE
            && node.tag != Tag::Text
            && !has_image(doc, at)
    });
}

/// Leaves out lines that are nothing but a short link: what the reader is to press next. In a list of
/// links, in a table or on a page that is made of links they are what it is made of, unless it sells a
/// thing: there they lead to others.
fn skip_lone_links(view: &mut View<'_, '_>, kind: Kind) {
    let doc = view.doc;
    let page = doc.node(doc.body());
    let sells = kind == Kind::Product;
    if !sells && page.linked * 20 >= page.text * 7 {
        return;
    }
    skip_where(view, |at| {
        let node = doc.node(at);
        if node.text == 0 || node.has_block {
            return false;
        }
        if sells {
            return node.tag.is_block() && node.linked * 10 >= node.text * 7;
        }
        matches!(node.tag, Tag::Div | Tag::P)
            && node.text < LONE_LINK
            && node.linked * 10 >= node.text * 9
            && !doc.around(at).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Table))
    });
}

/// Leaves out short lines that are on a page again and again with nothing changed but numbers: what
/// stands beside each post.
fn skip_labels(view: &mut View<'_, '_>) {
    let doc = view.doc;
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
    for label in view.shown().filter_map(label) {
        *counts.entry(label).or_default() += 1;
    }
    skip_where(view, |at| {
        label(at).and_then(|it| counts.get(&it).copied()).is_some_and(|it| it >= LABELS)
    });
}

/// Leaves out lines of at least so many bytes that have been read: what is quoted once more, and what
/// is shown once more for another width of the window.
fn skip_repeated(view: &mut View<'_, '_>, bytes: usize) {
    let doc = view.doc;
    let mut seen: HashSet<String> = HashSet::new();
    skip_where(view, |at| {
        let node = doc.node(at);
        let line = node.tag.is_block() && !node.has_block && node.text >= bytes;
        line && !matches!(node.tag, Tag::Td | Tag::Th | Tag::Tr)
            && !seen.insert(doc.folded_text(at))
    });
}
