//! What is left out of the part that the content is in.

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
    named::skip_sections(&mut view);
    // A page that is mostly links is a list, and they are its content.
    if doc.node(root).linked * 2 < total {
        skip_link_lists(&mut view, total);
    }
    skip_above_heading(&mut view);
    skip_lone_links(&mut view);
    if enough(&view) {
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
        let text = doc.node(at).text;
        match layout.frame(at) {
            Frame::Sure => true,
            Frame::Maybe | Frame::Beside => text * 5 < total * 2,
            // Under a story it is no part of it; without one it is what the page is for.
            Frame::Discussion => kind != Kind::Discussion && total - text >= STORY,
            Frame::Reviews => kind == Kind::Product && !has_heading(doc, at),
            Frame::No => false,
        }
    });
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
/// links, in a table or on a page that is made of links they are what it is made of.
fn skip_lone_links(view: &mut View<'_, '_>) {
    let doc = view.doc;
    let page = doc.node(doc.body());
    if page.linked * 20 >= page.text * 7 {
        return;
    }
    skip_where(view, |at| {
        let node = doc.node(at);
        matches!(node.tag, Tag::Div | Tag::P)
            && (1..LONE_LINK).contains(&node.text)
            && node.linked * 10 >= node.text * 9
            && !doc.around(at).any(|it| matches!(doc.tag(it), Tag::Li | Tag::Table))
    });
}
