//! What of a page is shown: one root, less what is hidden or left out below it.

use crate::extract::doc::{Doc, Id};

/// A part of a page as the formats render it.
#[derive(Debug)]
pub(super) struct View<'d, 'a> {
    pub(super) doc: &'d Doc<'a>,
    pub(super) root: Id,
    /// By node: whether it is left out.
    skipped: Vec<bool>,
}

impl<'d, 'a> View<'d, 'a> {
    /// Everything below `root` that can be seen.
    pub(super) fn whole(doc: &'d Doc<'a>, root: Id) -> Self {
        Self { doc, root, skipped: (0..doc.len()).map(|it| doc.node(it).hidden).collect() }
    }

    /// Leaves a node out, with all that is in it.
    pub(super) fn skip(&mut self, id: Id) {
        self.skipped[id] = true;
    }

    /// Whether a node is left out.
    pub(super) fn skips(&self, id: Id) -> bool {
        self.skipped[id]
    }

    /// Every node that is shown, in the order of the page.
    pub(super) fn shown(&self) -> Shown<'_, 'd, 'a> {
        self.below(self.root)
    }

    /// A node and all that is shown in it.
    pub(super) fn below(&self, id: Id) -> Shown<'_, 'd, 'a> {
        Shown { view: self, at: id, end: self.doc.end(id), first: true }
    }

    /// Bytes of text that are shown.
    pub(super) fn length(&self) -> usize {
        self.length_of(self.root)
    }

    /// Bytes of text that are shown in a node.
    pub(super) fn length_of(&self, id: Id) -> usize {
        let texts = self.below(id).filter(|it| self.doc.text(*it).is_some());
        texts.map(|it| self.doc.node(it).text).sum()
    }
}

/// See [`View::below`].
#[derive(Debug)]
pub(super) struct Shown<'v, 'd, 'a> {
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
            // What was asked for is shown even if it is left out elsewhere.
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
