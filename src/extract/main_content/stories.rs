//! Drops boxes among the paragraphs of an article that lead to other stories of the same site: cards, and
//! lists of titles.
//!
//! The evidence is in the addresses and in the place: every link of the box leads to a page of this site
//! whose address is made from a title or a number, and nothing introduces the box as part of the text.

use super::evidence::Flow;
use super::phrases;
use super::trim::has_heading;
use crate::extract::data::facts::Facts;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;

/// Bytes of a box at most, and percent of the text around it that it may hold.
const BOX: usize = 1_500;
const SHARE: usize = 25;
/// Bytes of the teaser and the date on a card that are not linked.
const TEASER: usize = 500;
/// Percent of a list of titles that may be unlinked, and bytes of a label that always may.
const UNLINKED: usize = 20;
const LABEL: usize = 30;
/// Words of the title of a story.
const TITLE_WORDS: usize = 4;
/// Hyphens in an address that is made from a title, and digits in one that is a number.
const HYPHENS: usize = 3;
const DIGITS: usize = 6;
/// Links of a box that are read.
const MAX_LINKS: usize = 30;
/// Boxes among the paragraphs of an article; a page with more is a list of stories.
const MAX_BOXES: usize = 12;
/// Nodes of a box.
const MAX_NODES: usize = 400;
/// Nodes before a box that are searched for what introduces it.
const BEFORE: usize = 40;

/// Drops the boxes of a selection that lead to other stories.
pub(super) fn drop_stories(selection: &mut Selection<'_, '_>, flow: &Flow, facts: &Facts) {
    let doc = selection.doc;
    let (root, total) = (selection.root, doc.node(selection.root).text);
    let site = Site::of(facts);
    let mut found: Vec<Id> = Vec::new();
    let mut at = root + 1;
    while at < doc.end(root) {
        let node = doc.node(at);
        if selection.is_dropped(at) {
            at = node.end;
            continue;
        }
        let fits = flow.holds(at)
            && node.linked > 0
            && node.text <= BOX
            && node.end - at <= MAX_NODES
            && node.text * 100 < total * SHARE
            && is_box(doc, at);
        let links = if fits { StoryBox::of(doc, at, &site) } else { None };
        let is_list = links.as_ref().is_some_and(StoryBox::is_list);
        let is_card = links.as_ref().is_some_and(StoryBox::is_card);
        let introduction = if is_list { introduction(doc, root, at) } else { Introduction::Text };
        if is_card || !matches!(introduction, Introduction::Text) {
            found.push(at);
        }
        if let Introduction::Label(label) = introduction {
            found.push(label);
        }
        // The items of a list belong together, and a link in a paragraph is a part of it.
        let is_whole = is_list
            || is_card
            || matches!(
                node.tag,
                Tag::Blockquote | Tag::Dl | Tag::Ol | Tag::P | Tag::Pre | Tag::Table | Tag::Ul
            );
        at = if is_whole { node.end } else { at + 1 };
    }
    // What makes much of a page is its content: a list of stories.
    let text: usize = found.iter().map(|it| doc.node(*it).text).sum();
    if text * 100 < total * SHARE && found.len() <= MAX_BOXES {
        for it in found {
            selection.drop_node(it, DropRule::Links);
        }
    }
}

/// Returns `true` if an element may be a card or a list. A link is one only around blocks.
fn is_box(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    match node.tag {
        Tag::A => node.has_block,
        Tag::Other => node.has_block || doc.node(node.parent).has_block,
        Tag::Article | Tag::Aside | Tag::Div | Tag::Figure | Tag::Ol | Tag::Section | Tag::Ul => {
            !has_heading(doc, id)
        }
        _ => false,
    }
}

/// The block before a list of titles.
pub(super) enum Introduction {
    /// A whole paragraph, or nothing.
    None,
    /// A label that refers to other pages ("More:").
    Label(Id),
    /// A heading, or a line that leads to the list.
    Text,
}

/// Returns what introduces a box: the block before it.
pub(super) fn introduction(doc: &Doc<'_>, root: Id, id: Id) -> Introduction {
    let before = (root + 1..id).rev().take(BEFORE);
    let mut blocks = before.filter(|it| {
        let node = doc.node(*it);
        node.tag.is_block() && !node.has_block && node.text > 0 && !node.hidden
    });
    let Some(block) = blocks.next() else { return Introduction::None };
    let text = doc.lower_text(block);
    if phrases::refers(&text) || phrases::is_boilerplate_heading(&text) {
        let is_beside = doc.node(block).parent == doc.node(id).parent && text.len() < LABEL * 2;
        return if is_beside { Introduction::Label(block) } else { Introduction::None };
    }
    let is_heading = doc.tag(block).level().is_some() || !phrases::is_sentence(&text);
    let leads = text.ends_with(':') || is_heading && doc.node(block).linked == 0;
    if leads { Introduction::Text } else { Introduction::None }
}

/// The links of a box that all lead to other stories of the site.
#[derive(Debug, Default)]
struct StoryBox {
    /// Bytes of the text, and of the text outside links.
    text: usize,
    unlinked: usize,
    titles: usize,
    words: usize,
    /// `true` if one story is shown with an image.
    has_image: bool,
    /// `true` if a heading inside is not a link.
    has_heading: bool,
}

impl StoryBox {
    /// Reads the links of a box. Returns `None` if one of them leads elsewhere, or if the box holds more than
    /// a card or a list does.
    fn of(doc: &Doc<'_>, id: Id, site: &Site) -> Option<Self> {
        let node = doc.node(id);
        let mut found =
            Self { text: node.text, unlinked: node.text - node.linked, ..Self::default() };
        let mut links = 0;
        for at in id..node.end {
            let node = doc.node(at);
            match node.tag {
                Tag::A if node.text > 0 || holds_image(doc, at) => {
                    let address = doc.attr(at, "href").unwrap_or_default();
                    links += 1;
                    if links > MAX_LINKS || !site.is_here(address) {
                        return None;
                    }
                    if site.is_story(address) {
                        let words = doc.folded_text(at).split_whitespace().count();
                        found.titles += usize::from(words > 0);
                        found.words += words;
                        found.has_image |= holds_image(doc, at);
                    }
                }
                Tag::Blockquote | Tag::Table | Tag::Pre | Tag::Form if node.text > 0 => {
                    return None;
                }
                tag if tag.level().is_some() => {
                    found.has_heading |= node.linked * 2 < node.text && !is_in_link(doc, at);
                }
                _ => {}
            }
        }
        (found.titles > 0).then_some(found)
    }

    /// Returns `true` if the titles are long enough to be titles.
    fn has_titles(&self) -> bool {
        self.words >= self.titles * TITLE_WORDS
    }

    /// Returns `true` for one or a few stories with images: title, image and teaser.
    fn is_card(&self) -> bool {
        self.has_image && self.has_titles() && !self.has_heading && self.unlinked <= TEASER
    }

    /// Returns `true` for a list of titles.
    fn is_list(&self) -> bool {
        self.has_titles()
            && !self.has_heading
            && (self.unlinked <= LABEL || self.unlinked * 100 <= self.text * UNLINKED)
    }
}

pub(super) fn holds_image(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| matches!(doc.tag(it), Tag::Img | Tag::Picture))
}

fn is_in_link(doc: &Doc<'_>, id: Id) -> bool {
    doc.around(id).any(|it| doc.tag(it) == Tag::A)
}

/// The hosts and the path of a page.
#[derive(Debug)]
pub(super) struct Site {
    hosts: Vec<String>,
    path: Option<String>,
}

impl Site {
    /// Collects the hosts that a page names as its own.
    pub(super) fn of(facts: &Facts) -> Self {
        let declared = &facts.declared;
        let own = [
            declared.address.as_deref(),
            declared.canonical.as_deref(),
            declared.opengraph.get("url").map(String::as_str),
        ];
        let hosts = own.iter().flatten().filter_map(|it| host_and_path(it).0);
        let path = declared.canonical.as_deref().or(declared.address.as_deref());
        Self {
            hosts: hosts.map(str::to_ascii_lowercase).collect(),
            path: path.map(|it| host_and_path(it).1.trim_end_matches('/').to_owned()),
        }
    }

    /// Returns `true` if an address is that of a page of this site.
    pub(super) fn is_here(&self, address: &str) -> bool {
        let address = address.trim();
        let is_page =
            !address.is_empty() && !address.starts_with('#') && !phrases::leads_to_file(address);
        let (host, path) = host_and_path(address);
        let has_scheme = path.split('/').next().is_some_and(|it| it.contains(':'));
        is_page
            && match host {
                Some(host) => {
                    let host = host.to_ascii_lowercase();
                    self.hosts.contains(&host)
                }
                None => !has_scheme,
            }
    }

    /// Returns `true` if the address of a page of this site is made from a title or a number, and is that of
    /// another page.
    pub(super) fn is_story(&self, address: &str) -> bool {
        let path = host_and_path(address.trim()).1.trim_end_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        is_named(last) && self.path.as_deref() != Some(path)
    }

    /// Returns `true` like [`Site::is_story`], also if the title is the folder of a short last part:
    /// `/a-title-of-a-story/17-3.html`.
    pub(super) fn leads_to_story(&self, address: &str) -> bool {
        let path = host_and_path(address.trim()).1.trim_end_matches('/');
        has_story(path) && self.path.as_deref() != Some(path)
    }

    /// Returns `true` if the address of the page itself is that of a story.
    pub(super) fn is_own_story(&self) -> bool {
        self.path.as_deref().is_some_and(has_story)
    }
}

/// Returns `true` if one of the last two parts of a path is made from a title, or the last one from a number.
fn has_story(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (last, before) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    is_named(last) || hyphens(before) >= HYPHENS
}

/// Returns `true` if a part of an address is made from a title or a number.
fn is_named(part: &str) -> bool {
    let digits = part.split(|it: char| !it.is_ascii_digit()).any(|it| it.len() >= DIGITS);
    digits || hyphens(part) >= HYPHENS
}

fn hyphens(part: &str) -> usize {
    part.bytes().filter(|it| matches!(it, b'-' | b'_')).count()
}

/// Splits an address into its host, without `www.`, and its path.
fn host_and_path(address: &str) -> (Option<&str>, &str) {
    let rest = address.split_once("//").filter(|it| it.0.is_empty() || it.0.ends_with(':'));
    let (host, path) = match rest {
        Some((_, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest.get(..end).unwrap_or_default();
            (Some(host.strip_prefix("www.").unwrap_or(host)), rest.get(end..).unwrap_or_default())
        }
        None => (None, address),
    };
    (host, path.split(['?', '#']).next().unwrap_or_default())
}
