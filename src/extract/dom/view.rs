//! The visible part of a page: one root, less the nodes below it that are hidden or dropped.

use crate::extract::dom::doc::{Doc, Id};

/// A part of a page as the formats render it.
#[derive(Debug)]
pub(crate) struct View<'d, 'a> {
    pub(crate) doc: &'d Doc<'a>,
    pub(crate) root: Id,
    /// By node: `true` if it is dropped.
    skipped: Vec<bool>,
}

impl<'d, 'a> View<'d, 'a> {
    /// Shows everything below `root` that is not hidden.
    pub(crate) fn whole(doc: &'d Doc<'a>, root: Id) -> Self {
        Self { doc, root, skipped: (0..doc.len()).map(|it| doc.node(it).hidden).collect() }
    }

    /// Drops a node with everything inside.
    pub(crate) fn skip(&mut self, id: Id) {
        self.skipped[id] = true;
    }

    /// Returns `true` if a node is dropped.
    pub(crate) fn skips(&self, id: Id) -> bool {
        self.skipped[id]
    }

    /// Returns every visible node in the order of the page.
    pub(crate) fn shown(&self) -> Shown<'_, 'd, 'a> {
        self.below(self.root)
    }

    /// Returns a node and every visible node inside.
    pub(crate) fn below(&self, id: Id) -> Shown<'_, 'd, 'a> {
        Shown { view: self, at: id, end: self.doc.end(id), first: true }
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

/// See [`View::below`].
#[derive(Debug)]
pub(crate) struct Shown<'v, 'd, 'a> {
    view: &'v View<'d, 'a>,
    at: Id,
    end: Id,
    first: bool,
}

impl Iterator for Shown<'_, '_, '_> {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        while self.at < self.end {
            let id = self.at;
            // The starting node is visible even if it is dropped elsewhere.
            if self.view.skips(id) && !self.first {
                self.at = self.view.doc.end(id);
                continue;
            }
            self.first = false;
            self.at = id + 1;
            return Some(id);
        }
        None
    }
}
