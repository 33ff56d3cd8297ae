//! Drops text that a page or its metadata holds twice: details of the article, galleries, quotes, labels.

use std::collections::{HashMap, HashSet};

use super::trim::{LINE, drop_where, has_heading, has_image, is_minor};
use super::{ending, phrases};
use crate::extract::data::facts::Facts;
use crate::extract::data::page_kind::PageKind;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::lines::{BOLD_LEVEL, TextLine, last_lines, lines};
use crate::extract::dom::selection::{DropRule, Selection};
use crate::extract::dom::tag::Tag;
use crate::extract::value::date::{DateStyle, day_in};

/// Bytes of a line that is a quote if it occurs on a page twice.
const QUOTE: usize = 60;
/// Occurrences of a line that labels each post of a page.
const LABELS: usize = 3;
/// Repeated lines that follow each other and so are no values.
const RUN: usize = 2;
/// Bytes of the name of an author that is looked for.
const NAME: usize = 6;
/// Repeated lines whose boxes are looked for, and elements around each.
const MAX_GALLERIES: usize = 100;
const AROUND: usize = 12;
/// Times that a gallery shows a caption.
const SHOWN: usize = 3;
/// Captions that are looked for inside longer lines.
const MAX_CAPTIONS: usize = 20;
/// Bytes of a line that counts images.
const COUNTER: usize = 24;
/// The share of other text in a gallery at most: a quarter.
const GALLERY: usize = 4;
/// Lines and paragraphs at the beginning of an article among which its details are.
const FIRST_LINES: usize = 40;
const FIRST_PARAGRAPHS: usize = 3;

/// Nodes at the end of a selection whose lines are usually enough for the notes there.
const LAST_NODES: usize = 60;

/// Returns the lines of a selection that are shown.
pub(super) fn lines_of(selection: &Selection<'_, '_>) -> Vec<TextLine> {
    let doc = selection.doc;
    let mut all = lines(doc, selection.root, doc.end(selection.root));
    drop_hidden(selection, &mut all);
    all
}

/// Returns the last lines of a selection that are shown, or all of them if those are not enough for the notes at the
/// end.
pub(super) fn last_lines_of(selection: &Selection<'_, '_>) -> Vec<TextLine> {
    if let Some(mut last) = last_lines(selection.doc, selection.root, LAST_NODES) {
        drop_hidden(selection, &mut last);
        if ending::are_enough(selection, &last) {
            return last;
        }
    }
    lines_of(selection)
}

/// Removes the lines that are no longer shown.
fn drop_hidden(selection: &Selection<'_, '_>, lines: &mut Vec<TextLine>) {
    lines.retain(|line| selection.shows(line.at));
}

/// Returns the largest element that holds a line and nothing else.
pub(super) fn element_of(doc: &Doc<'_>, root: Id, line: &TextLine) -> Id {
    let holds = |it: &Id| *it != root && doc.node(*it).text <= line.text.len() + 2;
    doc.around(line.at).take_while(holds).last().unwrap_or(line.at)
}

/// Drops short lines at the beginning that only repeat what the metadata holds: the author and the date.
/// Removes these from `lines`.
pub(super) fn drop_details(
    selection: &mut Selection<'_, '_>,
    lines: &mut Vec<TextLine>,
    facts: &Facts,
) {
    let doc = selection.doc;
    let author = facts.author.as_deref().filter(|it| it.len() >= NAME).map(str::to_lowercase);
    let style = DateStyle::of(facts.language.as_deref());
    let published = facts.published_at.as_deref().and_then(|it| it.get(..10));
    if author.is_none() && published.is_none() {
        return;
    }
    let mut paragraphs = 0;
    let mut any = false;
    for line in lines.iter().take(FIRST_LINES) {
        if line.text.len() >= LINE {
            paragraphs += 1;
            if paragraphs >= FIRST_PARAGRAPHS {
                break;
            }
            continue;
        }
        let is_cell = doc.around(line.at).any(|it| doc.tag(it) == Tag::Table);
        if line.level.is_some_and(|it| it < BOLD_LEVEL)
            || is_cell
            || phrases::is_sentence(&line.text)
        {
            continue;
        }
        let names = paragraphs == 0
            && author.as_deref().is_some_and(|it| line.text.to_lowercase().contains(it));
        let dates = || published.is_some() && day_in(&line.text, style).as_deref() == published;
        let element = element_of(doc, selection.root, line);
        if (names || dates()) && doc.tag(element) != Tag::Text {
            selection.drop_node(element, DropRule::Details);
            any = true;
        }
    }
    if any {
        drop_hidden(selection, lines);
    }
}

/// Drops the galleries of a page, which show each caption several times, and leaves text alone that a page
/// repeats once. Removes their captions from `lines`.
pub(super) fn drop_galleries(selection: &mut Selection<'_, '_>, lines: &mut Vec<TextLine>) {
    let doc = selection.doc;
    let captions = Captions::of(lines);
    if captions.all.is_empty() {
        return;
    }
    let repeats = |text: &str| captions.all.contains(text);
    let holds: Vec<bool> = lines.iter().map(|it| captions.are_in(&it.text)).collect();
    let root = selection.root;
    let total = selection.length();
    let mut end = root;
    let mut dropped: Vec<Id> = Vec::new();
    let mut tried = 0;
    for line in lines.iter().filter(|it| repeats(&it.text)) {
        if line.at < end || tried >= MAX_GALLERIES {
            continue;
        }
        tried += 1;
        // The box with the captions: as large as it goes with hardly any other text.
        let mut part = element_of(doc, root, line);
        for around in doc.around(part).skip(1).take(AROUND).take_while(|it| *it != root) {
            let inside = around..doc.end(around);
            let again = lines.iter().zip(&holds).filter(|it| *it.1 && inside.contains(&it.0.at));
            let again: usize = again.map(|it| it.0.text.len() + 1).sum();
            let other = doc.node(around).text.saturating_sub(again);
            if other * GALLERY > doc.node(around).text || has_heading(doc, around) {
                break;
            }
            part = around;
        }
        end = doc.end(part);
        // What makes most of a page is its text, and repeated lines without images are not captions.
        let is_box = doc.tag(part) != Tag::Text && is_minor(doc.node(part).text, total);
        if is_box && has_image(doc, part) {
            dropped.push(part);
        }
    }
    if dropped.is_empty() {
        return;
    }
    for id in dropped {
        selection.drop_node(id, DropRule::Repeated);
    }
    drop_hidden(selection, lines);
}

/// The lines that a page shows several times.
struct Captions<'l> {
    all: HashSet<&'l str>,
    /// The first of them, which are also looked for inside longer lines.
    first: Vec<&'l str>,
}

impl<'l> Captions<'l> {
    fn of(lines: &'l [TextLine]) -> Self {
        // A gallery that counts its images shows one caption at a time, twice.
        let counts_images = lines.iter().any(|it| is_counter(&it.text));
        let shown = if counts_images { SHOWN - 1 } else { SHOWN };
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let (mut all, mut first) = (HashSet::new(), Vec::new());
        for line in lines.iter().filter(|it| it.text.len() >= QUOTE) {
            let count = counts.entry(&line.text).or_default();
            *count += 1;
            if *count == shown {
                all.insert(line.text.as_str());
                first.push(line.text.as_str());
            }
        }
        first.truncate(MAX_CAPTIONS);
        Self { all, first }
    }

    /// Returns `true` if a line is made of captions, or counts the images.
    fn are_in(&self, text: &str) -> bool {
        let is_caption = self.all.contains(text) || self.first.iter().any(|it| text.contains(it));
        is_caption || !self.all.is_empty() && is_counter(text)
    }
}

/// Returns `true` if a line counts the images of a gallery: "Image 1 of 9", "1 / 9".
fn is_counter(text: &str) -> bool {
    let words = text.split([' ', '/']).filter(|it| !it.is_empty());
    let (numbers, others): (Vec<&str>, Vec<&str>) =
        words.take(6).partition(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let [first, last] = numbers[..] else { return false };
    let ends = text.ends_with(last) && text.len() <= COUNTER;
    let in_order = first.len() <= last.len() && last.len() <= 3;
    ends && in_order && others.len() <= 2 && (text.contains('/') || !others.is_empty())
}

/// Drops short lines that recur with only their numbers changed, as they stand beside each post.
pub(super) fn drop_labels(selection: &mut Selection<'_, '_>) {
    let doc = selection.doc;
    let label = |id: Id| {
        let node = doc.node(id);
        // A paragraph may be a short post.
        let line = node.tag.is_block()
            && node.tag != Tag::P
            && !node.has_block
            && (1..QUOTE).contains(&node.text);
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
    // A label stands beside every post.
    let posts = counts.values().copied().max().unwrap_or_default();
    drop_where(selection, DropRule::Label, |at| {
        let count = label(at).and_then(|it| counts.get(&it).copied());
        count.is_some_and(|it| it >= LABELS && it * 2 >= posts)
    });
}

/// Drops text that occurred before: quotes, and on a page that sells a thing also runs of lines, which are
/// text for another width of the window. A single short line that recurs is a value.
pub(super) fn drop_repeated(selection: &mut Selection<'_, '_>, kind: PageKind) {
    let doc = selection.doc;
    let is_line = |it: &Id| {
        let node = doc.node(*it);
        node.tag.is_block()
            && !node.has_block
            && node.text > 0
            && !matches!(node.tag, Tag::Td | Tag::Th | Tag::Tr)
    };
    let lines: Vec<(Id, String)> =
        selection.nodes().filter(is_line).map(|it| (it, doc.folded_text(it))).collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    // The lines of the current run, whose originals follow each other too.
    let mut run: Vec<Id> = Vec::new();
    let mut expected = 0;
    let mut dropped: HashSet<Id> = HashSet::new();
    for (at, (id, text)) in lines.iter().enumerate() {
        let before = seen.get(text.as_str()).copied();
        seen.entry(text).or_insert(at);
        let Some(before) = before else {
            run.clear();
            continue;
        };
        if before != expected {
            run.clear();
        }
        expected = before + 1;
        run.push(*id);
        let is_run = kind == PageKind::Product && run.len() >= RUN;
        if is_run {
            dropped.extend(&run);
        } else if text.len() >= QUOTE {
            dropped.insert(*id);
        }
    }
    for id in dropped {
        selection.drop_node(id, DropRule::Repeated);
    }
}
