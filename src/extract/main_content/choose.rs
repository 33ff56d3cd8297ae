//! Chooses the part of the page that holds the content.

use std::collections::HashMap;

use super::evidence::PARAGRAPH as PROSE;
use super::{ENOUGH, phrases};
use crate::extract::data::byline::Classes;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{BODY_CLASSES, COMMENT_CLASSES};

/// Bytes of a paragraph beside the element with a class for article text.
const OUTSIDE: usize = 80;
/// Bytes of prose of an `article` that no quote or card has.
const STORY: usize = 1_500;
/// Percent of the visible text that an element with a class for article text must hold.
const BODY_SHARE: usize = 60;
/// Percent of the text of the choice so far that a wider part must hold, and percent of its text that may
/// be linked. Tuned with the pages of docs/QUALITY.md.
const GAIN: usize = 120;
const LINKED: usize = 15;

/// Percent of the prose around an `article` without the page's heading that it must hold.
const ARTICLE_SHARE: usize = 60;
/// Bytes of the paragraphs of a small part, and percent of those of the page, that it must hold to be
/// chosen.
const SMALL_STORY: usize = 500;
const PROSE_SHARE: usize = 60;
/// Items of one class that are a list of comments.
const COMMENTS: usize = 2;

/// Returns the part that is marked as the content, or else the one with the most text.
pub(super) fn choose(doc: &Doc<'_>, body: Id, kind: PageKind) -> Option<Id> {
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
        .or_else(|| named(&|it| doc.tag(it) == Tag::Article).filter(|it| is_entry(doc, body, *it)))
        .or_else(|| named(&is_main).map(|it| headed_article(doc, it).unwrap_or(it)))
        .or_else(|| {
            let comments =
                if kind == PageKind::Discussion { Vec::new() } else { comments(doc, body) };
            densest(doc, body, &comments).map(|it| lifted(doc, body, it, &comments))
        })
}

/// Returns `true` if the only `article` of a page is what the page is about: it has the heading, or most of
/// the prose around it. A quote or a card may be one too.
fn is_entry(doc: &Doc<'_>, body: Id, article: Id) -> bool {
    let heading =
        (body..doc.end(body)).find(|it| doc.tag(*it) == Tag::H1 && doc.node(*it).text > 0);
    if heading.is_none_or(|it| (article..doc.end(article)).contains(&it)) {
        return true;
    }
    let is_main = |it: &Id| doc.tag(*it) == Tag::Main || doc.attr(*it, "role") == Some("main");
    let around = doc.around(article).find(is_main).unwrap_or(body);
    let prose = |it: Id| doc.node(it).text - doc.node(it).linked;
    prose(article) * 100 >= prose(around) * ARTICLE_SHARE
        || around == body && prose(article) > STORY
}

/// Returns the only one of several `article` elements in the main part that has a heading of the first level,
/// if it holds most of the prose. The others are the cards of other pages.
fn headed_article(doc: &Doc<'_>, main: Id) -> Option<Id> {
    let is_heading = |it: &Id| doc.tag(*it) == Tag::H1 && doc.node(*it).text > 0;
    let mut found = None;
    for heading in (main..doc.end(main)).filter(is_heading) {
        let inside = doc.around(heading).take_while(|it| *it != main);
        let article = inside.filter(|it| doc.tag(*it) == Tag::Article).last();
        match (article, found) {
            (Some(new), Some(old)) if new != old => return None,
            (Some(new), _) => found = Some(new),
            (None, _) => {}
        }
    }
    let article = found.filter(|it| doc.node(*it).text >= ENOUGH)?;
    let prose = |it: Id| doc.node(it).text - doc.node(it).linked;
    (prose(article) * 100 >= prose(main) * ARTICLE_SHARE).then_some(article)
}

/// Returns `true` if a part holds most of the paragraphs of a page, however many lists and menus stand around
/// it.
pub(super) fn holds_prose(doc: &Doc<'_>, body: Id, part: Id) -> bool {
    let is_prose = |it: &Id| {
        let node = doc.node(*it);
        let is_block = node.tag.is_block() && !node.has_block && !node.hidden;
        let is_bare = node.tag == Tag::Text && doc.node(node.parent).has_block;
        node.text - node.linked >= PROSE
            && (is_block || is_bare && is_container(doc.tag(node.parent)))
            && phrases::is_sentence(&doc.folded_text(*it))
    };
    let paragraphs = |it: Id| {
        let all = (it..doc.end(it)).filter(is_prose).map(|it| doc.node(it));
        all.map(|it| it.text - it.linked).sum::<usize>()
    };
    let own = paragraphs(part);
    own >= SMALL_STORY && own * 100 >= paragraphs(body) * PROSE_SHARE
}

/// Returns the comments of readers: items of one class that names them, beside each other.
pub(super) fn comments(doc: &Doc<'_>, body: Id) -> Vec<Id> {
    let mut found = Vec::new();
    let mut counts: HashMap<(Id, &str), usize> = HashMap::new();
    let mut at = body + 1;
    while at < doc.end(body) {
        let node = doc.node(at);
        let class = doc.attr(at, "class").filter(|_| node.tag.is_block() && node.text > 0);
        let class = class.filter(|it| Classes::of(it).has(COMMENT_CLASSES));
        if let Some(class) = class.filter(|_| !(at..node.end).any(|it| doc.tag(it) == Tag::H1)) {
            let first = class.split_ascii_whitespace().next().unwrap_or_default();
            *counts.entry((node.parent, first)).or_default() += 1;
            found.push((at, (node.parent, first)));
            at = node.end;
        } else {
            at += 1;
        }
    }
    found.retain(|it| counts.get(&it.1).is_some_and(|it| *it >= COMMENTS));
    found.into_iter().map(|it| it.0).collect()
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
    let holds_most = length >= ENOUGH && length * 100 >= selection.length() * BODY_SHARE;
    (holds_most && !has_prose_outside(selection, body)).then_some(body)
}

/// Returns `true` if a paragraph of a selection stands beside a part of it, or leads to it.
fn has_prose_outside(selection: &Selection<'_, '_>, part: Id) -> bool {
    let doc = selection.doc;
    let is_paragraph = |it: Id| {
        let node = doc.node(it);
        node.tag.is_block()
            && !node.has_block
            && node.text - node.linked >= OUTSIDE
            && phrases::is_sentence(&doc.folded_text(it))
    };
    let parent = doc.node(part).parent;
    let mut beside = doc.children(parent).filter(|it| *it != part && !selection.is_dropped(*it));
    let heading = selection.nodes().find(|it| doc.tag(*it) == Tag::H1);
    let from = heading.filter(|it| *it < part).unwrap_or(part);
    beside.any(is_paragraph)
        || selection
            .nodes()
            .skip_while(|it| *it < from)
            .take_while(|it| *it < part)
            .any(is_paragraph)
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
fn densest(doc: &Doc<'_>, body: Id, comments: &[Id]) -> Option<Id> {
    let mut scores = vec![0_u32; doc.len()];
    let mut at = body;
    while at < doc.end(body) {
        let node = doc.node(at);
        if at > body && (node.hidden || comments.binary_search(&at).is_ok()) {
            at = node.end;
            continue;
        }
        // Text that only line breaks divide is a paragraph, too.
        let is_bare = node.tag == Tag::Text
            && node.linked == 0
            && node.text >= PROSE
            && is_container(doc.tag(node.parent))
            && doc.text(at).is_some_and(|it| phrases::is_sentence(it.trim_end()));
        if is_paragraph(node.tag) && node.text >= PARAGRAPH || is_bare {
            let commas: usize = (at..node.end)
                .filter_map(|it| doc.text(it))
                .map(|it| it.matches([',', '，', '、']).count())
                .sum();
            let length = (node.text / LENGTH_STEP).min(MAX_LENGTH);
            // In a list it may be the teaser of another page.
            let scale = if doc.tag(node.parent) == Tag::Li { SCALE / 2 } else { SCALE };
            let weight = scale * (1 + commas.min(MAX_COMMAS) + length);
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

/// Returns `true` if an element may hold text without paragraphs.
fn is_container(tag: Tag) -> bool {
    matches!(tag, Tag::Article | Tag::Center | Tag::Div | Tag::Main | Tag::Section)
}

fn is_paragraph(tag: Tag) -> bool {
    matches!(tag, Tag::P | Tag::Pre | Tag::Blockquote | Tag::Td)
}

/// Widens the choice from the densest element: content in several sections has its densest one, and a
/// table or a list is only a piece of a page.
fn lifted(doc: &Doc<'_>, body: Id, dense: Id, comments: &[Id]) -> Id {
    let prose = |it: Id| {
        let node = doc.node(it);
        let said = comments.iter().filter(|at| (it..node.end).contains(*at));
        let said: usize = said.map(|it| doc.node(*it).text - doc.node(*it).linked).sum();
        node.text - node.linked - said
    };
    let mut best = dense;
    for around in doc.around(dense).skip(1).take_while(|it| *it != body && *it != 0) {
        let (now, wider) = (doc.node(best), doc.node(around));
        // Boilerplate is made of links, so a wider part must add text and hardly any links.
        let gains =
            prose(around) * 100 >= prose(best) * GAIN && wider.linked * 100 < wider.text * LINKED;
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
