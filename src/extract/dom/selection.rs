//! The visible part of a page: one root, less the nodes below it that are hidden or dropped.

use crate::extract::dom::doc::{Doc, Id};

/// A part of a page as the formats render it.
#[derive(Debug)]
pub(crate) struct Selection<'d, 'a> {
    pub(crate) doc: &'d Doc<'a>,
    pub(crate) root: Id,
    /// By node: `true` if it is dropped.
    dropped: Vec<bool>,
}

impl<'d, 'a> Selection<'d, 'a> {
    /// Shows everything below `root` that is not hidden.
    pub(crate) fn whole(doc: &'d Doc<'a>, root: Id) -> Self {
        Self { doc, root, dropped: (0..doc.len()).map(|it| doc.node(it).hidden).collect() }
    }

    /// Drops a node with everything inside.
    pub(crate) fn drop_node(&mut self, id: Id) {
        self.dropped[id] = true;
    }

    /// Returns `true` if a node is dropped.
    pub(crate) fn is_dropped(&self, id: Id) -> bool {
        self.dropped[id]
    }

    /// Returns every visible node in the order of the page.
    pub(crate) fn nodes(&self) -> SelectedNodes<'_, 'd, 'a> {
        self.below(self.root)
    }

    /// Returns a node and every visible node inside.
    pub(crate) fn below(&self, id: Id) -> SelectedNodes<'_, 'd, 'a> {
        SelectedNodes { selection: self, at: id, end: self.doc.end(id), first: true }
    }

    /// Counts the bytes of visible text.
    pub(crate) fn length(&self) -> usize {
        self.length_of(self.root)
    }

    /// Counts the bytes of visible text in a node.
    pub(crate) fn length_of(&self, id: Id) -> usize {
        let texts = self.below(id).filter(|it| self.doc.text(*it).is_some());
        texts.map(|it| self.doc.node(it).text).sum()
    }
}

/// See [`Selection::below`].
#[derive(Debug)]
pub(crate) struct SelectedNodes<'v, 'd, 'a> {
    selection: &'v Selection<'d, 'a>,
    at: Id,
    end: Id,
    first: bool,
}

impl Iterator for SelectedNodes<'_, '_, '_> {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        while self.at < self.end {
            let id = self.at;
            // The starting node is visible even if it is dropped elsewhere.
            if self.selection.is_dropped(id) && !self.first {
                self.at = self.selection.doc.end(id);
                continue;
            }
            self.first = false;
            self.at = id + 1;
            return Some(id);
        }
        None
    }
}
