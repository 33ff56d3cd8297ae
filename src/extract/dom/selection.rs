//! The visible part of a page: one root, less the nodes below it that are hidden or dropped.

use crate::extract::dom::doc::{Doc, Id};

/// The reason that a node is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropRule {
    /// An attribute or the tag hides the node.
    Hidden,
    /// Navigation, a dialog, or an aside outside the flow of the text.
    Role,
    /// A class names boilerplate, and the part leads elsewhere or stands outside the flow.
    Named,
    /// Comments below an article.
    Comments,
    /// A form to fill in.
    Form,
    /// The heading names boilerplate, and the part below it leads elsewhere.
    Heading,
    /// A list of links outside the flow.
    Links,
    /// A line above the heading of the page.
    AboveHeading,
    /// A link that invites the reader to press it.
    Invitation,
    /// Text that the page shows twice.
    Repeated,
    /// A line before the first paragraph that repeats the author or the date.
    Details,
    /// A label that each post of a page repeats.
    Label,
    /// Outside the chosen part, between it and a paragraph that leads to it.
    Outside,
}

impl DropRule {
    /// Returns the name of the rule in reports.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Role => "role",
            Self::Named => "named",
            Self::Comments => "comments",
            Self::Form => "form",
            Self::Heading => "heading",
            Self::Links => "links",
            Self::AboveHeading => "above_heading",
            Self::Invitation => "invitation",
            Self::Repeated => "repeated",
            Self::Details => "details",
            Self::Label => "label",
            Self::Outside => "outside",
        }
    }
}

/// A part of a page as the formats render it.
#[derive(Debug)]
pub(crate) struct Selection<'d, 'a> {
    pub(crate) doc: &'d Doc<'a>,
    pub(crate) root: Id,
    /// By node: the rule that drops it.
    dropped: Vec<Option<DropRule>>,
}

impl<'d, 'a> Selection<'d, 'a> {
    /// Shows everything below `root` that is not hidden.
    pub(crate) fn whole(doc: &'d Doc<'a>, root: Id) -> Self {
        let hidden = |it| doc.node(it).hidden.then_some(DropRule::Hidden);
        Self { doc, root, dropped: (0..doc.len()).map(hidden).collect() }
    }

    /// Drops a node with everything inside.
    pub(crate) fn drop_node(&mut self, id: Id, rule: DropRule) {
        self.dropped[id] = Some(rule);
    }

    /// Returns `true` if a node is dropped.
    pub(crate) fn is_dropped(&self, id: Id) -> bool {
        self.dropped[id].is_some()
    }

    /// Returns `true` if neither a node nor an element around it is dropped.
    pub(crate) fn shows(&self, id: Id) -> bool {
        !self.doc.around(id).any(|it| self.is_dropped(it))
    }

    /// Returns the rule that drops a node.
    pub(crate) fn rule(&self, id: Id) -> Option<DropRule> {
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
