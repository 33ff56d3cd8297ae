//! Drops the teasers of other stories below an article.
//!
//! The evidence is in the addresses, the shape and the place: each teaser has a title of its own that is a
//! link to another story of the site, there are several, nothing but teasers follows, and the article
//! before them is longer than all of them.

use std::collections::HashSet;

use super::evidence::{Flow, PARAGRAPH};
use super::phrases;
use super::stories::{Introduction, Site, holds_image, introduction};
use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;

/// Bytes and nodes of a teaser at most.
const TEASER: std::ops::Range<usize> = 15..700;
const MAX_NODES: usize = 200;
/// Elements around a paragraph among which its teaser is.
const AROUND: usize = 8;
/// Links of a teaser: its title, its image, its section, "more".
const MAX_LINKS: usize = 5;
/// Words of a title.
const TITLE: usize = 3;
/// Percent of a line that must be linked to be a title.
const LINKED: usize = 90;
/// Stories that are a list.
const LISTED: usize = 2;
/// Bytes of a block that is prose however it ends.
const LONG: usize = 300;
/// Bytes of the paragraphs of an article.
const ARTICLE: usize = 800;

/// Drops the teasers behind the last paragraph of an article.
pub(super) fn drop_teasers(selection: &mut Selection<'_, '_>, flow: &Flow, facts: &Facts) {
    let doc = selection.doc;
    let site = Site::of(facts);
    if !(facts.published_at.is_some() || facts.is_article() || site.is_own_story()) {
        return;
    }
    let mut paragraphs: Vec<Id> = selection.nodes().filter(|it| is_long(doc, *it)).collect();
    // The paragraphs of teasers are not those of the article.
    while paragraphs.last().is_some_and(|it| is_in_teaser(doc, *it, &site) || !is_prose(doc, *it)) {
        paragraphs.pop();
    }
    let prose: usize = paragraphs.iter().map(|it| doc.node(*it).text - doc.node(*it).linked).sum();
    let Some(last) = paragraphs.last().filter(|_| prose >= ARTICLE) else { return };
    let mut bytes = 0;
    let mut teasers: Vec<Id> = Vec::new();
    let mut stories: HashSet<&str> = HashSet::new();
    let mut at = doc.end(*last);
    while at < doc.end(selection.root) {
        let node = doc.node(at);
        if selection.is_dropped(at) {
            at = node.end;
            continue;
        }
        let fits = || {
            let follows = teasers.last().is_some_and(|it| flow.holds(*it));
            !flow.holds(at) || follows || is_unannounced(doc, selection.root, at)
        };
        let titles = titles_of(doc, at, &site);
        if titles.is_empty() || !fits() {
            at += 1;
            continue;
        }
        teasers.push(at);
        stories.extend(titles);
        bytes += node.text;
        at = node.end;
    }
    if stories.len() >= LISTED && (prose >= bytes || facts.is_article()) {
        for id in teasers {
            selection.drop_node(id, DropRule::Links);
        }
    }
}

/// Returns `true` if nothing introduces a box among paragraphs as a part of the text.
fn is_unannounced(doc: &Doc<'_>, root: Id, id: Id) -> bool {
    !matches!(introduction(doc, root, id), Introduction::Text)
}

/// Returns `true` for a block with enough unlinked text to be a paragraph.
fn is_long(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    node.tag.is_block() && !node.has_block && node.text - node.linked >= PARAGRAPH
}

/// Returns `true` if such a block ends like a sentence, or is long.
fn is_prose(doc: &Doc<'_>, id: Id) -> bool {
    doc.node(id).text >= LONG || phrases::is_sentence(&doc.folded_text(id))
}

/// Returns `true` if a box around a paragraph is a teaser.
fn is_in_teaser(doc: &Doc<'_>, id: Id, site: &Site) -> bool {
    let small = |it: &Id| doc.node(*it).text < TEASER.end;
    let mut boxes = doc.around(id).take(AROUND).take_while(small);
    boxes.any(|it| !titles_of(doc, it, site).is_empty())
}

/// Returns the addresses of other stories of which a box holds the titles, and little else.
fn titles_of<'a>(doc: &Doc<'a>, id: Id, site: &Site) -> Vec<&'a str> {
    let node = doc.node(id);
    let is_box = match node.tag {
        Tag::A => node.has_block,
        Tag::Article | Tag::Div | Tag::Li | Tag::Section | Tag::Other => true,
        _ => false,
    };
    if !is_box || !TEASER.contains(&node.text) || node.linked == 0 || node.end - id > MAX_NODES {
        return Vec::new();
    }
    let mut links = 0;
    let mut titles = Vec::new();
    for at in id..node.end {
        let inner = doc.node(at);
        match inner.tag {
            Tag::A if inner.text > 0 || holds_image(doc, at) => {
                let address = doc.attr(at, "href").unwrap_or_default();
                links += 1;
                if links > MAX_LINKS || !site.is_here(address) {
                    return Vec::new();
                }
                if site.leads_to_story(address) && is_title(doc, id, at) {
                    titles.push(address);
                }
            }
            Tag::Blockquote | Tag::Form | Tag::Formula | Tag::H1 | Tag::Pre | Tag::Table
                if inner.text > 0 =>
            {
                return Vec::new();
            }
            _ => {}
        }
    }
    titles
}

/// Returns `true` if a link is a line of its own, a title by its length, or the whole teaser.
fn is_title(doc: &Doc<'_>, teaser: Id, link: Id) -> bool {
    let node = doc.node(link);
    if doc.folded_text(link).split_whitespace().count() < TITLE {
        return false;
    }
    let block = doc.around(link).skip(1).find(|it| doc.tag(*it).is_block()).unwrap_or(teaser);
    let is_line = node.text * 100 >= doc.node(block).text * LINKED;
    let is_whole = block == teaser && is_first_line(doc, block, link);
    node.has_block || block >= teaser && is_line || is_whole
}

/// Returns `true` if a link begins an item, and the rest follows on the next line.
fn is_first_line(doc: &Doc<'_>, item: Id, link: Id) -> bool {
    let mut before = (item + 1..link).filter(|it| doc.text(*it).is_some());
    let next = (doc.end(link)..doc.end(item))
        .find(|it| doc.node(*it).text > 0 || matches!(doc.tag(*it), Tag::Br));
    doc.tag(item) == Tag::Li
        && before.all(|it| doc.node(it).text == 0)
        && next.is_some_and(|it| doc.tag(it) == Tag::Br || doc.tag(it).is_block())
}
