//! Where on the page the content is.

use crate::extract::doc::{Doc, Id};
use crate::extract::layout::{Frame, Layout};
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// Below this many bytes, or this share of the page's text, a choice is not trusted.
const ENOUGH: usize = 250;
const SHARE: usize = 5;
/// Bytes that make a story.
const STORY: usize = 2_000;

/// What readers say on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    /// It is beside the content.
    Beside,
    /// It is the content.
    Content,
}

/// The content: one part of the page less what frames it there; the whole where no part stands out.
pub(super) fn find<'d, 'a>(
    doc: &'d Doc<'a>,
    layout: &Layout,
    talk: Talk,
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
    without_frames(doc, layout, talk, root)
}

/// A part of the page less what frames it.
///
/// Words are only a hint: what holds most of the text is the content, whatever it is called. And
/// where next to nothing would be left, nothing is a frame.
fn without_frames<'d, 'a>(doc: &'d Doc<'a>, layout: &Layout, talk: Talk, root: Id) -> View<'d, 'a> {
    let mut view = View::whole(doc, root);
    let total = doc.node(root).text;
    let mut at = root + 1;
    while at < doc.end(root) {
        let node = doc.node(at);
        let frames = match layout.frame(at) {
            Frame::Sure => true,
            Frame::Maybe => node.text * 5 < total * 2,
            // Under a story it is no part of it; without one it is what the page is for.
            Frame::Discussion => talk == Talk::Beside && total - node.text >= STORY,
            Frame::No => false,
        };
        if frames {
            view.skip(at);
        }
        at = if frames || node.hidden { node.end } else { at + 1 };
    }
    skip_named_sections(&mut view);
    // A page that is mostly links is a list, and they are its content.
    if doc.node(root).linked * 2 < total {
        skip_link_lists(&mut view, total);
    }
    if view.length() * 10 < total { View::whole(doc, root) } else { view }
}

/// Leaves out lists of links among text.
fn skip_link_lists(view: &mut View<'_, '_>, total: usize) {
    let doc = view.doc;
    let mut at = view.root + 1;
    while at < doc.end(view.root) {
        let node = doc.node(at);
        if view.skips(at) {
            at = node.end;
            continue;
        }
        let block =
            matches!(node.tag, Tag::Div | Tag::Ul | Tag::Ol | Tag::Section | Tag::Table | Tag::Dl);
        if block && node.text > 0 && node.linked * 10 >= node.text * 7 && node.text * 5 < total {
            let links = (at..node.end).filter(|it| doc.tag(*it) == Tag::A).take(4).count();
            if links >= 3 {
                view.skip(at);
                at = node.end;
                continue;
            }
        }
        at += 1;
    }
}

const NAMED: [&str; 36] = [
    "related",
    "you may also",
    "you might also",
    "recommended",
    "recently viewed",
    "frequently bought",
    "customers also",
    "customers who",
    "people also",
    "similar ",
    "more from",
    "more like this",
    "share this",
    "sign up",
    "subscribe",
    "newsletter",
    "follow us",
    "read next",
    "read more",
    "up next",
    "popular posts",
    "most popular",
    "trending",
    "latest posts",
    "latest news",
    "recent posts",
    "leave a comment",
    "leave a reply",
    "comments",
    "join the conversation",
    "ähnliche",
    "das könnte",
    "vous aimerez",
    "también te",
    "sponsored",
    "advertisement",
];

/// Leaves out what stands under a heading that names what frames the content.
fn skip_named_sections(view: &mut View<'_, '_>) {
    let doc = view.doc;
    let (root, total) = (view.root, doc.node(view.root).text);
    let heads: Vec<Id> = view
        .shown()
        .filter(|it| {
            let node = doc.node(*it);
            node.tag.level().is_some_and(|it| it >= 2) && (4..60).contains(&node.text)
        })
        .collect();
    for head in heads {
        let text = doc.folded_text(head).to_lowercase();
        if !NAMED.iter().any(|it| text.starts_with(it)) {
            continue;
        }
        let level = doc.tag(head).level().unwrap_or(2);
        // The part that the heading heads: as large as it goes without another heading before it.
        let mut part = head;
        for around in doc.around(head).skip(1).take_while(|it| *it != root) {
            let other = (around..doc.end(around))
                .find(|it| *it != head && doc.tag(*it).level().is_some_and(|it| it <= level));
            if other.is_some() || doc.node(around).text * 3 > total {
                break;
            }
            part = around;
        }
        if part != head && doc.node(part).text > doc.node(head).text {
            view.skip(part);
            continue;
        }
        // Else what follows it, up to the next heading.
        let parent = doc.node(part).parent;
        let mut rest: Vec<Id> = vec![part];
        for next in doc.children(parent).filter(|it| *it > part) {
            if (next..doc.end(next)).any(|it| doc.tag(it).level().is_some_and(|it| it <= level)) {
                break;
            }
            rest.push(next);
        }
        let length: usize = rest.iter().map(|it| doc.node(*it).text).sum();
        if length * 3 < total {
            for id in rest {
                view.skip(id);
            }
        }
    }
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
