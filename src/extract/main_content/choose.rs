//! The part of the page that the content is in.

use super::ENOUGH;
use crate::extract::doc::{Doc, Id, Node};
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// The part that calls itself the content, or else the one with the most to read.
pub(super) fn choose(doc: &Doc<'_>, body: Id) -> Option<Id> {
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
        .or_else(|| densest(doc, body).map(|it| lifted(doc, body, it)))
}

/// What programs that keep articles call the element that an article's text is in, alone or behind
/// another word.
const BODIES: [&str; 14] = [
    "article-body",
    "article-content",
    "article-text",
    "articlebody",
    "blog-content",
    "entry-body",
    "entry-content",
    "markdown-body",
    "post-body",
    "post-content",
    "prose",
    "rich-text",
    "rte",
    "story-body",
];

/// The one element in a view that is called the text, where it holds most of it.
pub(super) fn named_body(view: &View<'_, '_>) -> Option<Id> {
    let doc = view.doc;
    let mut found = None;
    let mut at = view.root + 1;
    while at < doc.end(view.root) {
        if view.skips(at) {
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
    let length = view.length_of(body);
    (length >= ENOUGH && length * 5 >= view.length() * 3).then_some(body)
}

fn is_body(class: &str) -> bool {
    class.split_ascii_whitespace().any(|word| {
        // No name ends otherwise, and this is asked of every word of every class.
        let ends = word.as_bytes().last().map(u8::to_ascii_lowercase);
        if !matches!(ends, Some(b'e' | b't' | b'y')) {
            return false;
        }
        let word = word.to_ascii_lowercase().replace("__", "-").replace('_', "-");
        BODIES
            .iter()
            .any(|it| word.strip_suffix(it).is_some_and(|it| it.is_empty() || it.ends_with('-')))
    })
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

/// The part that `dense` is a part of: a content in several sections has its densest one, and a table
/// or a list is a piece of a page and never the page.
fn lifted(doc: &Doc<'_>, body: Id, dense: Id) -> Id {
    let prose = |it: &Node<'_>| it.text - it.linked;
    let mut best = dense;
    for around in doc.around(dense).skip(1).take_while(|it| *it != body && *it != 0) {
        let (now, wider) = (doc.node(best), doc.node(around));
        // More to read by a fifth, and hardly a link with it: what frames a page is made of links.
        let gains = prose(wider) * 5 >= prose(now) * 6 && wider.linked * 20 < wider.text * 3;
        if is_piece(now.tag) || gains {
            best = around;
        }
    }
    best
}

/// Whether an element is always a piece of something.
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
