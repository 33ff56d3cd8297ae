//! Footnotes: a raised link to an item further down, which becomes a reference and its note.

use std::collections::HashMap;

use crate::extract::doc::Id;
use crate::extract::tag::Tag;
use crate::extract::view::View;

/// Notes of a page; further references stay links.
const MAX_NOTES: usize = 2_000;

/// The numbers of the references and of the notes of a page, by node.
#[derive(Debug, Default)]
pub(super) struct Notes {
    references: HashMap<Id, usize>,
    notes: HashMap<Id, usize>,
}

impl Notes {
    /// Finds them: only what is referred to and is there is a note.
    pub(super) fn of(view: &View<'_, '_>) -> Self {
        let doc = view.doc;
        let raised = view.shown().filter(|it| doc.tag(*it) == Tag::Sup);
        let references: Vec<(Id, &str)> = raised
            .filter_map(|sup| {
                let link = (sup..doc.end(sup)).find(|it| doc.tag(*it) == Tag::A)?;
                let target = doc.attr(link, "href")?.strip_prefix('#')?;
                (!target.is_empty()).then_some((sup, target))
            })
            .take(MAX_NOTES)
            .collect();
        if references.is_empty() {
            return Self::default();
        }
        let items = view.shown().filter(|it| doc.tag(*it) == Tag::Li);
        let items: HashMap<&str, Id> =
            items.filter_map(|it| Some((doc.attr(it, "id")?, it))).collect();
        let mut found = Self::default();
        for (sup, target) in references {
            let Some(item) = items.get(target).copied().filter(|it| *it > sup) else { continue };
            let next = found.notes.len() + 1;
            let number = *found.notes.entry(item).or_insert(next);
            found.references.insert(sup, number);
        }
        found
    }

    /// The number of the note that an element refers to.
    pub(super) fn reference(&self, id: Id) -> Option<usize> {
        self.references.get(&id).copied()
    }

    /// The number of the note that an item is.
    pub(super) fn note(&self, id: Id) -> Option<usize> {
        self.notes.get(&id).copied()
    }

    /// Whether a link only leads from a note back to where it is referred to.
    pub(super) fn leads_back(&self, view: &View<'_, '_>, id: Id) -> bool {
        let doc = view.doc;
        !self.notes.is_empty()
            && doc.node(id).text <= 4
            && doc.attr(id, "href").is_some_and(|it| it.starts_with('#'))
            && doc.around(id).any(|it| self.notes.contains_key(&it))
    }
}
