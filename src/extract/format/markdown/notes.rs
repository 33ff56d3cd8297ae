//! Finds footnotes: a superscript link to a part further down becomes a reference, and that part its
//! note.

use std::collections::HashMap;

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::selection::Selection;
use crate::extract::dom::tag::Tag;

/// Notes of a page; further references stay links.
const MAX_NOTES: usize = 2_000;
/// Bytes of a reference to a note, and of the link back.
const MARK: usize = 24;
/// Bytes of a note outside a list; a longer element is a part of the page.
const NOTE: usize = 4_000;
/// Elements around the target of a reference among which its note is.
const AROUND: usize = 4;
/// Nodes of a note before that target.
const BEFORE: usize = 64;

/// The numbers of the references and of the notes of a page, by node.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    references: HashMap<Id, usize>,
    notes: HashMap<Id, usize>,
}

impl Notes {
    /// Finds the notes of a page and the references to them.
    pub(crate) fn of(selection: &Selection<'_, '_>) -> Self {
        let doc = selection.doc;
        let mut references: Vec<(Id, &str)> = Vec::new();
        let mut end = 0;
        for id in selection.nodes() {
            if id < end || references.len() >= MAX_NOTES {
                continue;
            }
            if let Some(target) = referred(doc, id) {
                references.push((id, target));
                end = doc.end(id);
            }
        }
        if references.is_empty() {
            return Self::default();
        }
        let name = |it: Id| doc.attr(it, "id").or_else(|| doc.attr(it, "name"));
        let places: HashMap<&str, Id> =
            selection.nodes().filter_map(|it| Some((name(it)?, it))).collect();
        let mut found = Self::default();
        for (id, target) in references {
            let place = places.get(target).filter(|it| **it > id);
            let Some(note) = place.and_then(|it| note_at(doc, *it)).filter(|it| *it > id) else {
                continue;
            };
            let next = found.notes.len() + 1;
            let number = *found.notes.entry(note).or_insert(next);
            found.references.insert(id, number);
        }
        found
    }

    /// Returns the number of the note that an element refers to.
    pub(crate) fn reference(&self, id: Id) -> Option<usize> {
        self.references.get(&id).copied()
    }

    /// Returns the number of the note that an element holds.
    pub(crate) fn note(&self, id: Id) -> Option<usize> {
        self.notes.get(&id).copied()
    }

    /// Returns `true` if an element only leads from a note back to its reference.
    pub(crate) fn leads_back(&self, doc: &Doc<'_>, id: Id) -> bool {
        let node = doc.node(id);
        if self.notes.is_empty() || node.text > MARK || node.linked == 0 || node.has_block {
            return false;
        }
        let mut links_end = id;
        for at in id..node.end {
            if doc.tag(at) == Tag::A {
                if !doc.attr(at, "href").is_some_and(|it| it.starts_with('#')) {
                    return false;
                }
                links_end = doc.end(at);
            }
            let beside = doc.text(at).filter(|_| at >= links_end);
            if beside.is_some_and(|it| it.contains(char::is_alphanumeric)) {
                return false;
            }
        }
        doc.around(id).any(|it| self.notes.contains_key(&it))
    }
}

/// Returns the target of an element that refers to a note.
fn referred<'a>(doc: &Doc<'a>, id: Id) -> Option<&'a str> {
    let node = doc.node(id);
    if node.text > MARK || node.linked == 0 {
        return None;
    }
    let link = match node.tag {
        Tag::Sup => (id..node.end).find(|it| doc.tag(*it) == Tag::A)?,
        Tag::A if is_called_reference(doc, id) || is_raised(doc, id) => id,
        _ => return None,
    };
    doc.attr(link, "href")?.strip_prefix('#').filter(|it| !it.is_empty())
}

/// Returns `true` if the whole text of a link is a superscript.
fn is_raised(doc: &Doc<'_>, id: Id) -> bool {
    let raised = (id..doc.end(id)).find(|it| doc.tag(*it) == Tag::Sup);
    raised.is_some_and(|it| doc.node(it).text == doc.node(id).text)
}

fn is_called_reference(doc: &Doc<'_>, id: Id) -> bool {
    doc.attrs(id).any(|(name, value)| match name {
        "role" => value == "doc-noteref",
        "epub:type" => value == "noteref",
        "class" => ["footnote-ref", "footnote-anchor", "footnoteref"]
            .iter()
            .any(|it| value.to_ascii_lowercase().contains(it)),
        _ => false,
    })
}

/// Returns the note that begins at a target.
fn note_at(doc: &Doc<'_>, place: Id) -> Option<Id> {
    let found = doc
        .around(place)
        .take(AROUND)
        .find(|it| matches!(doc.tag(*it), Tag::Li | Tag::P | Tag::Div | Tag::Aside | Tag::Dd))?;
    let before = found..place;
    let begins = before.len() <= BEFORE
        && before.clone().all(|it| doc.text(it).is_none_or(|it| it.trim().is_empty()));
    let fits = doc.tag(found) == Tag::Li || doc.node(found).text <= NOTE;
    (begins && fits).then_some(found)
}
