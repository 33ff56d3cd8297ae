//! The page as one list of nodes in the order of the source.
//!
//! Everything below a node stands behind it without a gap, so a walk is a loop over numbers and
//! leaving a part out is a jump. What several readers ask about a node (its tag, whether it is hidden,
//! how much text is in it and how much of that is links) is found once, while the list is made.

use scraper::Html;
use scraper::node::{self, Element};

use crate::extract::dom::folding::{FlowText, break_words};
use crate::extract::dom::list::{self, Hiding};
use crate::extract::dom::tag::Tag;
use crate::extract::reader::{Page, PageAttributes, PageElement};

/// A node's place in the list.
pub(crate) type Id = usize;

/// An element or a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    /// The name of the element, or [`Tag::Text`].
    pub(crate) tag: Tag,
    /// `true` for scripts, controls and hidden elements, which are no content.
    pub(crate) hidden: bool,
    /// The attributes of structured data on the element.
    pub(crate) marks: Marks,
    /// The parent element; the first node is its own.
    pub(crate) parent: Id,
    /// The first node behind the element.
    pub(crate) end: Id,
    /// Bytes of visible text inside, white space folded.
    pub(crate) text: usize,
    /// Bytes of that text which are in links.
    pub(crate) linked: usize,
    /// `true` if a block element is inside.
    pub(crate) has_block: bool,
    /// `true` if a table is inside.
    pub(crate) has_table: bool,
    /// `true` if a heading, a list or a table is inside: such a cell lays out a page.
    pub(crate) has_parts: bool,
    /// The names of the attributes.
    pub(super) names: AttributeNames,
    is: Is<'a>,
}

/// The set of an element's attribute names, with false positives: a name that is not in it needs no search.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttributeNames(u32);

impl AttributeNames {
    /// No names.
    pub(super) const NONE: Self = Self(0);
    /// Any names: those of an element that was not read yet.
    const UNKNOWN: Self = Self(u32::MAX);

    /// Adds a name.
    pub(super) fn add(&mut self, name: &str) {
        self.0 |= Self::bit(name);
    }

    /// Returns the bit of a name. The factors keep the most frequent names apart.
    #[inline]
    fn bit(name: &str) -> u32 {
        let name = name.as_bytes();
        let first = u32::from(name.first().copied().unwrap_or_default());
        let last = u32::from(name.last().copied().unwrap_or_default());
        let length = u32::try_from(name.len() & 0xff).unwrap_or_default();
        let hash = (first * 27) ^ (last * 30) ^ (length * 7);
        1 << ((hash >> 3) & 31)
    }
}

/// The attributes of structured data on an element, so that a page without any is not searched for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// `itemscope`.
    pub(crate) scope: bool,
    /// `itemprop`.
    pub(crate) property: bool,
    /// `typeof`.
    pub(crate) rdfa_scope: bool,
    /// `property`.
    pub(crate) rdfa_property: bool,
}

impl<'a> Node<'a> {
    /// Returns a node of which only its content and its parent are known.
    pub(super) fn new(is: Is<'a>, tag: Tag, parent: Id) -> Self {
        let is_text = matches!(is, Is::Text(_));
        Self {
            tag,
            hidden: false,
            marks: Marks::default(),
            parent,
            end: 0,
            text: 0,
            linked: 0,
            has_block: false,
            has_table: false,
            has_parts: false,
            names: if is_text { AttributeNames::NONE } else { AttributeNames::UNKNOWN },
            is,
        }
    }

    /// Returns everything about the node but its content.
    #[cfg(feature = "testkit")]
    pub(crate) fn facts(&self) -> impl std::fmt::Debug + use<> {
        let places = (self.tag, self.parent, self.end, self.hidden);
        let inside = (self.text, self.linked, self.has_block, self.has_table, self.has_parts);
        (places, inside, self.marks)
    }

    /// Returns the text of a text node.
    #[inline]
    pub(super) fn own_text(&self) -> Option<&'a str> {
        self.flow().map(|it| it.source)
    }

    #[inline]
    fn flow(&self) -> Option<FlowText<'a>> {
        match self.is {
            Is::Text(text) => Some(text),
            Is::Parsed(_) | Is::Read(_) => None,
        }
    }

    /// Reads the white space of a text node. Returns the bytes of its words, each with a blank behind it.
    pub(super) fn measure(&mut self) -> usize {
        match &mut self.is {
            Is::Text(text) => text.measure(),
            Is::Parsed(_) | Is::Read(_) => 0,
        }
    }

    /// Returns the attributes of an element.
    #[inline]
    pub(super) fn attrs(&self) -> Attributes<'a> {
        match self.is {
            Is::Parsed(element) if self.names.0 != 0 => Attributes::Parsed(element.attrs()),
            Is::Read(element) if self.names.0 != 0 => Attributes::Read(element.attrs()),
            _ => Attributes::None,
        }
    }

    /// Returns the value of an attribute.
    #[inline]
    pub(super) fn attr(&self, name: &str) -> Option<&'a str> {
        if self.names.0 & AttributeNames::bit(name) == 0 {
            return None;
        }
        self.find_attr(name)
    }

    fn find_attr(&self, name: &str) -> Option<&'a str> {
        match self.is {
            Is::Text(_) => None,
            Is::Parsed(element) => element.attrs().find(|it| it.0 == name).map(|it| it.1),
            Is::Read(element) => element.attrs().find(|it| it.0 == name).map(|it| it.1),
        }
    }
}

/// The content of a node, from either of the two readers of pages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is<'a> {
    Text(FlowText<'a>),
    Parsed(&'a Element),
    Read(PageElement<'a>),
}

/// The attributes of an element by name.
pub(crate) enum Attributes<'a> {
    None,
    Parsed(node::Attrs<'a>),
    Read(PageAttributes<'a>),
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::None => None,
            Self::Parsed(attributes) => attributes.next(),
            Self::Read(attributes) => attributes.next(),
        }
    }
}

/// A page. Its first node is the `html` element.
#[derive(Debug)]
pub(crate) struct Doc<'a> {
    nodes: Vec<Node<'a>>,
}

/// An error for a page that nests deeper than allowed.
#[derive(Debug)]
pub(crate) struct TooDeep;

impl<'a> Doc<'a> {
    /// Lists the nodes of a tree.
    ///
    /// # Errors
    ///
    /// [`TooDeep`] beyond `max_depth`: the formats are made by recursion, and a stack is finite.
    pub(crate) fn of(tree: &'a Html, max_depth: usize) -> Result<Self, TooDeep> {
        Self::read(list::of_tree(tree), max_depth, Hiding::Obeyed)
    }

    /// Like [`Doc::of`], but shows elements that attributes hide.
    pub(crate) fn revealed(tree: &'a Html, max_depth: usize) -> Result<Self, TooDeep> {
        Self::read(list::of_tree(tree), max_depth, Hiding::Ignored)
    }

    fn read(nodes: Vec<Node<'a>>, max_depth: usize, hiding: Hiding) -> Result<Self, TooDeep> {
        Ok(Self { nodes: list::described(nodes, max_depth, hiding)? })
    }

    /// Like [`Doc::of`], for a page that was read in one pass.
    pub(crate) fn of_page(page: &'a Page<'_>, max_depth: usize) -> Result<Self, TooDeep> {
        Self::read(list::of_page(page), max_depth, Hiding::Obeyed)
    }

    /// Like [`Doc::revealed`], for a page that was read in one pass.
    pub(crate) fn revealed_page(page: &'a Page<'_>, max_depth: usize) -> Result<Self, TooDeep> {
        Self::read(list::of_page(page), max_depth, Hiding::Ignored)
    }

    /// Returns the number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns a node by its place.
    #[inline]
    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id]
    }

    /// Returns the tag of a node.
    #[inline]
    pub(crate) fn tag(&self, id: Id) -> Tag {
        self.nodes[id].tag
    }

    /// Returns the first node behind a node.
    #[inline]
    pub(crate) fn end(&self, id: Id) -> Id {
        self.nodes[id].end
    }

    /// Returns the `body`, or the whole page if it has none.
    pub(crate) fn body(&self) -> Id {
        self.children(0).find(|it| self.tag(*it) == Tag::Body).unwrap_or(0)
    }

    /// Returns the children of a node.
    pub(crate) fn children(&self, id: Id) -> Children<'_, 'a> {
        Children { doc: self, at: id + 1, end: self.end(id) }
    }

    /// Returns the siblings behind a node.
    pub(crate) fn siblings_after(&self, id: Id) -> Children<'_, 'a> {
        Children { doc: self, at: self.end(id), end: self.end(self.node(id).parent) }
    }

    /// Returns a node and its ancestors, from the inside out.
    pub(crate) fn around(&self, id: Id) -> impl Iterator<Item = Id> {
        let up = |it: &Id| (*it > 0).then(|| self.nodes[*it].parent);
        std::iter::successors(Some(id), up)
    }

    /// Returns the text of a text node.
    #[inline]
    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        self.nodes[id].own_text()
    }

    /// Returns the text of a text node with the shape of its white space.
    #[inline]
    pub(crate) fn flow(&self, id: Id) -> Option<FlowText<'a>> {
        self.nodes[id].flow()
    }

    /// Returns the value of an attribute.
    #[inline]
    pub(crate) fn attr(&self, id: Id, name: &str) -> Option<&'a str> {
        self.nodes[id].attr(name)
    }

    /// Returns the attributes of an element.
    #[inline]
    pub(crate) fn attrs(&self, id: Id) -> Attributes<'a> {
        self.nodes[id].attrs()
    }

    /// Returns the name of an element, for elements without a [`Tag`] of their own.
    pub(crate) fn name(&self, id: Id) -> &'a str {
        match self.nodes[id].is {
            Is::Text(_) => "",
            Is::Parsed(element) => element.name(),
            Is::Read(element) => element.name(),
        }
    }

    /// Returns the text in a node as in the source, hidden or not.
    pub(crate) fn source_text(&self, id: Id) -> String {
        (id..self.end(id)).filter_map(|it| self.text(it)).collect()
    }

    /// Returns the visible text in a node on one line.
    pub(crate) fn folded_text(&self, id: Id) -> String {
        self.line(id, |it| self.node(it).hidden)
    }

    /// Returns the visible text in a node on one line, in lower case.
    pub(crate) fn lower_text(&self, id: Id) -> String {
        let mut text = self.folded_text(id);
        if !text.is_ascii() {
            return text.to_lowercase();
        }
        text.make_ascii_lowercase();
        text
    }

    /// Returns the text in a node on one line, without the nodes that `left_out` selects. Words of two
    /// blocks are kept apart, those of two inline elements are not.
    pub(crate) fn line(&self, id: Id, left_out: impl Fn(Id) -> bool) -> String {
        let mut out = String::with_capacity(self.node(id).text);
        // The ends of the open blocks: their words do not run into the next.
        let mut ends: Vec<Id> = Vec::new();
        let mut at = id;
        while at < self.end(id) {
            while ends.last().is_some_and(|it| *it <= at) {
                ends.pop();
                break_words(&mut out);
            }
            let node = self.node(at);
            if at > id && left_out(at) {
                at = node.end;
                continue;
            }
            match node.is {
                Is::Text(text) => text.flow_into(&mut out),
                _ if node.tag == Tag::Br || node.tag.is_block() => {
                    break_words(&mut out);
                    ends.push(node.end);
                }
                _ => {}
            }
            at += 1;
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// Returns `true` if an element gives the reading of the word before it (`rt`) without brackets of its
/// own (`rp`).
pub(crate) fn is_reading(doc: &Doc<'_>, id: Id) -> bool {
    // The element before it, and the text in that.
    const BEFORE: usize = 2;
    let mut before = (doc.node(id).parent..id).rev().take(BEFORE);
    doc.name(id) == "rt" && !before.any(|it| doc.name(it) == "rp")
}

/// Returns `true` if two elements without a blank between them are two words: a style may set them apart.
/// Single letters are set in tags of their own for looks.
pub(crate) fn are_apart(doc: &Doc<'_>, left: Id, right: Id) -> bool {
    let is_word = |it: Id| {
        let node = doc.node(it);
        matches!(node.tag, Tag::A | Tag::Button | Tag::Label | Tag::Small | Tag::Span | Tag::Time)
            && node.text > 2
    };
    is_word(left) && is_word(right)
}

/// See [`Doc::children`].
#[derive(Debug)]
pub(crate) struct Children<'d, 'a> {
    doc: &'d Doc<'a>,
    at: Id,
    end: Id,
}

impl Iterator for Children<'_, '_> {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        let id = self.at;
        if id >= self.end {
            return None;
        }
        self.at = self.doc.end(id);
        Some(id)
    }
}
