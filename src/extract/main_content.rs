//! Where on the page the content is.

use crate::extract::doc::{Doc, Id};
use crate::extract::layout::{Frame, Layout};
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// Below this many bytes, or this share of the page's text, a choice is not trusted.
const ENOUGH: usize = 250;
const SHARE: usize = 5;

/// The content: one part of the page less what frames it there; the whole where no part stands out.
pub(super) fn find<'d, 'a>(
    doc: &'d Doc<'a>,
    layout: &Layout,
    warnings: &mut Vec<String>,
) -> View<'d, 'a> {
    let body = doc.body();
    let chosen = choose(doc, body).unwrap_or(body);
    let (part, whole) = (doc.node(chosen).text, doc.node(body).text);
    let root = if chosen != body && (part < ENOUGH || part * SHARE < whole) {
        warnings
            .push("no part of the page stands out as its content; the whole is given".to_owned());
        body
    } else {
        chosen
    };
    without_frames(doc, layout, root)
}

/// A part of the page less what frames it.
///
/// Words are only a hint: what holds most of the text is the content, whatever it is called. And
/// where next to nothing would be left, nothing is a frame.
fn without_frames<'d, 'a>(doc: &'d Doc<'a>, layout: &Layout, root: Id) -> View<'d, 'a> {
    let mut view = View::whole(doc, root);
    let total = doc.node(root).text;
    let mut at = root + 1;
    while at < doc.end(root) {
        let node = doc.node(at);
        let frames = match layout.frame(at) {
            Frame::Sure => true,
            Frame::Maybe => node.text * 5 < total * 2,
            Frame::No => false,
        };
        if frames {
            view.skip(at);
        }
        at = if frames || node.hidden { node.end } else { at + 1 };
    }
    if view.length() * 10 < total { View::whole(doc, root) } else { view }
}

fn choose(doc: &Doc<'_>, body: Id) -> Option<Id> {
    let named = |wanted: &dyn Fn(Id) -> bool| {
        let mut found = (body..doc.end(body)).filter(|&it| wanted(it));
        let first = found.next()?;
        // Several of a kind are a list of pages and not one.
        found.next().is_none().then_some(first).filter(|it| doc.node(*it).text >= ENOUGH)
    };
    let article_body =
        |it: Id| doc.node(it).marks.property && doc.attr(it, "itemprop") == Some("articleBody");
    let is_main = |it: Id| doc.tag(it) == Tag::Main || doc.attr(it, "role") == Some("main");
    named(&article_body)
        .or_else(|| named(&|it| doc.tag(it) == Tag::Article))
        .or_else(|| named(&is_main))
        .or_else(|| densest(doc, body))
}

/// The element whose own paragraphs weigh most, by the rule that Readability made common: a
/// paragraph counts for its parent, and half for its grandparent.
fn densest(doc: &Doc<'_>, body: Id) -> Option<Id> {
    let mut scores = vec![0_u32; doc.len()];
    let mut at = body;
    while at < doc.end(body) {
        let node = doc.node(at);
        if node.hidden && at > body {
            at = node.end;
            continue;
        }
        if is_paragraph(node.tag) && node.text >= 25 {
            let commas: usize = (at..node.end)
                .filter_map(|it| doc.text(it))
                .map(|it| it.matches([',', '，', '、']).count())
                .sum();
            let weight = 4 * (1 + commas.min(10) + (node.text / 100).min(3));
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
