//! Structures that repeat: entries of lists, cards, rows of tables, posts, and sections under equal headings.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

use super::pairs::section;
use super::{MAX_SETS, PageIndex, Words};

/// Records of a set.
const FEWEST: usize = 2;
const MAX_RECORDS: usize = 500;
/// Nodes of one record.
const MAX_NODES: usize = 2_000;
/// Nodes in front of a set among which its heading is.
const HEADING: usize = 80;

/// Records of one shape.
#[derive(Clone, Debug)]
pub(crate) struct RecordSet {
    pub(crate) records: Vec<Range<Id>>,
    /// The page's names for the records: the heading above, the classes of the element around them and of themselves.
    pub(crate) names: Vec<Words>,
}

/// Returns the sets of records of a page, in the order of their first records.
pub(super) fn find(index: &PageIndex<'_, '_>) -> Vec<RecordSet> {
    let mut sets = groups(index);
    sets.extend(sections(index));
    sets.sort_by_key(|it| it.first().map_or(0, |it| it.start));
    sets.truncate(MAX_SETS);
    let named = sets.into_iter().map(|records| {
        let names = names(index, &records);
        RecordSet { records, names }
    });
    named.collect()
}

/// Groups elements of one shape whose parents have one shape, and the entries of each list of terms.
fn groups(index: &PageIndex<'_, '_>) -> Vec<Vec<Range<Id>>> {
    let doc = index.doc;
    let mut places: HashMap<(u64, u64), usize> = HashMap::new();
    let mut groups: Vec<Vec<Range<Id>>> = Vec::new();
    for id in index.whole() {
        let node = doc.node(id);
        if index.is_masked(id)
            || node.text == 0
            || node.end - id > MAX_NODES
            || !may_repeat(doc, id)
        {
            continue;
        }
        let key = (shape(doc, id), around(doc, id));
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        let end = if node.tag == Tag::Dt { end_of_term(doc, id) } else { node.end };
        let Some(group) = groups.get_mut(place) else { continue };
        if group.len() < MAX_RECORDS && group.last().is_none_or(|it| it.end <= id) {
            group.push(id..end);
        }
    }
    groups.retain(|it| it.len() >= FEWEST);
    groups
}

/// Returns `true` if an element may be a record: an entry, a row, or a block with several parts.
fn may_repeat(doc: &Doc<'_>, id: Id) -> bool {
    let parts = || doc.children(id).filter(|it| doc.node(*it).text > 0).count();
    match doc.tag(id) {
        Tag::Li | Tag::Dt | Tag::Details | Tag::Article | Tag::Blockquote => true,
        Tag::Tr => !doc.children(id).all(|it| matches!(doc.tag(it), Tag::Th | Tag::Text)),
        Tag::Div
        | Tag::Section
        | Tag::P
        | Tag::A
        | Tag::Figure
        | Tag::Td
        | Tag::Dd
        | Tag::Other => parts() > 1,
        _ => false,
    }
}

/// Hashes the name of an element and its first class, without the digits that number it.
fn shape(doc: &Doc<'_>, id: Id) -> u64 {
    let class = doc.attr(id, "class").unwrap_or_default();
    let class = class.split_ascii_whitespace().next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    doc.name(id).hash(&mut hasher);
    // Rows alternate between classes.
    if doc.tag(id) != Tag::Tr {
        class.trim_end_matches(|it: char| it.is_ascii_digit()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Hashes what is around a record: the table of a row, the parent's shape where classes tell it apart, else the
/// parent itself.
fn around(doc: &Doc<'_>, id: Id) -> u64 {
    let parent = doc.node(id).parent;
    let mut hasher = DefaultHasher::new();
    match doc.tag(id) {
        Tag::Tr => doc.around(id).find(|it| doc.tag(*it) == Tag::Table).hash(&mut hasher),
        Tag::Dt | Tag::Dd => doc.around(id).find(|it| doc.tag(*it) == Tag::Dl).hash(&mut hasher),
        _ if doc.attr(id, "class").is_some_and(|it| !it.trim().is_empty()) => {
            shape(doc, parent).hash(&mut hasher);
        }
        _ => parent.hash(&mut hasher),
    }
    hasher.finish()
}

/// Returns the end of the definitions of a term.
fn end_of_term(doc: &Doc<'_>, term: Id) -> Id {
    let siblings = doc.siblings_after(term).take_while(|it| doc.tag(*it) != Tag::Dt);
    siblings.last().map_or(doc.end(term), |it| doc.end(it))
}

/// Groups the sections under headings of one level in one element.
fn sections(index: &PageIndex<'_, '_>) -> Vec<Vec<Range<Id>>> {
    let doc = index.doc;
    let mut places: HashMap<(Id, usize), usize> = HashMap::new();
    let mut groups: Vec<Vec<Range<Id>>> = Vec::new();
    for id in index.whole() {
        let Some(level) = doc.tag(id).level().filter(|_| !index.is_masked(id)) else { continue };
        let place = *places.entry((doc.node(id).parent, level)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        let below = section(doc, id);
        let Some(group) = groups.get_mut(place) else { continue };
        if !below.is_empty() && group.len() < MAX_RECORDS && below.end - id <= MAX_NODES {
            group.push(id..below.end);
        }
    }
    groups.retain(|it| it.len() >= FEWEST);
    groups
}

/// Returns the names of some records.
fn names(index: &PageIndex<'_, '_>, records: &[Range<Id>]) -> Vec<Words> {
    let doc = index.doc;
    let Some(first) = records.first().map(|it| it.start) else { return Vec::new() };
    let mut names = Vec::new();
    let elements = doc.around(first).take(3);
    for (name, value) in elements.flat_map(|it| doc.attrs(it)) {
        if matches!(name, "class" | "id" | "aria-label") && value.len() < 100 {
            names.extend(value.split_ascii_whitespace().take(4).map(Words::of_name));
        }
    }
    let table = doc.around(first).find(|it| doc.tag(*it) == Tag::Table);
    let caption = table.and_then(|it| (it..doc.end(it)).find(|it| doc.tag(*it) == Tag::Caption));
    let heading = (first.saturating_sub(HEADING)..first).rev().find(|it| {
        let is_bold = matches!(doc.tag(*it), Tag::B | Tag::Strong) && doc.node(*it).text < 60;
        (doc.tag(*it).level().is_some() || is_bold) && !index.is_masked(*it)
    });
    for id in caption.into_iter().chain(heading) {
        names.push(Words::of_label(&doc.folded_text(id)));
    }
    names.retain(|it| !it.is_empty());
    names
}
