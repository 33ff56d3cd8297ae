//! The list of active formatting elements, which are opened again in the next block.

use crate::extract::reader::names::Name;
use crate::extract::reader::page::{Attributes, Span};
use crate::extract::reader::{Reader, Refused, StartTag, Step};

/// An entry of the list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// The beginning of a cell, a caption, an object or a template.
    Marker,
    /// An element.
    Element { name: Name, node: u32 },
}

/// Elements of the same name and attributes that are opened again.
const MAX_EQUAL: usize = 3;

impl Reader<'_> {
    /// Opens the formatting elements again that a block closed.
    pub(super) fn reconstruct(&mut self) {
        let is_done = |reader: &Self, entry: &Entry| match entry {
            Entry::Marker => true,
            Entry::Element { node, .. } => reader.stack.iter().rev().any(|it| it.node == *node),
        };
        let begin = self.formatting.iter().rposition(|it| is_done(self, it)).map_or(0, |it| it + 1);
        for at in begin..self.formatting.len() {
            let Some(Entry::Element { name, node }) = self.formatting.get(at).copied() else {
                continue;
            };
            let (text, attributes) = self.page.tag(node);
            let node = self.insert(StartTag { name, text, attributes });
            if let Some(entry) = self.formatting.get_mut(at) {
                *entry = Entry::Element { name, node };
            }
        }
    }

    /// Opens a formatting element.
    pub(super) fn insert_formatting(&mut self, tag: StartTag) {
        let mut equal = 0;
        let mut first = None;
        for (at, entry) in self.formatting.iter().enumerate().rev() {
            let Entry::Element { name, node } = entry else { break };
            if *name == tag.name && self.has_equal_attributes(*node, tag.attributes) {
                equal += 1;
                first = Some(at);
            }
        }
        if let Some(first) = first.filter(|_| equal >= MAX_EQUAL) {
            self.formatting.remove(first);
        }
        let node = self.insert(tag);
        self.formatting.push(Entry::Element { name: tag.name, node });
    }

    fn has_equal_attributes(&self, node: u32, attributes: Attributes) -> bool {
        let (left, right) = (self.page.list(self.page.tag(node).1), self.page.list(attributes));
        let text = |it| self.page.text(it);
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| text(left.0) == text(right.0) && text(left.1) == text(right.1))
    }

    /// Forgets the entries behind the last marker, and the marker.
    pub(super) fn clear_to_marker(&mut self) {
        while let Some(Entry::Element { .. }) = self.formatting.pop() {}
    }

    fn position(&self, node: u32) -> Option<usize> {
        self.formatting
            .iter()
            .position(|it| matches!(it, Entry::Element { node: own, .. } if *own == node))
    }

    /// Returns the last entry of a name behind the last marker.
    fn last_formatting(&self, wanted: Name) -> Option<(usize, u32)> {
        for (at, entry) in self.formatting.iter().enumerate().rev() {
            match entry {
                Entry::Marker => return None,
                Entry::Element { name, node } if *name == wanted => return Some((at, *node)),
                Entry::Element { .. } => {}
            }
        }
        None
    }

    /// Closes a formatting element (the standard's "adoption agency").
    ///
    /// # Errors
    ///
    /// Refuses if a block is open in it: its content would have to move.
    pub(super) fn close_formatting(&mut self, name: Name, text: Span) -> Step {
        let current = self.stack.last().copied().ok_or(Refused)?;
        if current.name == name && self.position(current.node).is_none() {
            self.stack.pop();
            return Ok(());
        }
        let Some((entry, node)) = self.last_formatting(name) else {
            self.close_other(name, text);
            return Ok(());
        };
        let Some(at) = self.stack.iter().rposition(|it| it.node == node) else {
            self.formatting.remove(entry);
            return Ok(());
        };
        if !self.is_any_in_scope(|it| it.node == node, Name::ends_scope) {
            return Ok(());
        }
        if self.stack.iter().skip(at).any(|it| it.name.is_special()) {
            return Err(Refused);
        }
        self.stack.truncate(at);
        self.formatting.remove(entry);
        Ok(())
    }

    /// Closes the link that a second one begins in.
    pub(super) fn close_open_link(&mut self, text: Span) -> Step {
        let Some((_, node)) = self.last_formatting(Name::A) else { return Ok(()) };
        self.close_formatting(Name::A, text)?;
        if let Some(at) = self.position(node) {
            self.formatting.remove(at);
        }
        self.remove(node);
        Ok(())
    }
}
