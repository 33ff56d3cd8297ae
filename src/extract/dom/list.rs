//! Makes the list of a page's nodes, and finds out once what several readers ask about each.

use ego_tree::iter::Edge;
use scraper::{Html, Node as Parsed};

use crate::extract::dom::doc::{AttributeNames, Id, Is, Marks, Node, TooDeep};
use crate::extract::dom::folding::FlowText;
use crate::extract::dom::tag::Tag;
use crate::extract::dom::visibility::{Styled, names_content, style_hides};
use crate::extract::reader::{Page, PageItem};
use crate::extract::vocabulary::COLLAPSIBLE_CLASSES;

/// Buttons whose parts are looked for.
const MAX_UNFOLDED: usize = 500;

/// The effect of attributes that hide an element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hiding {
    Obeyed,
    Ignored,
}

/// Lists the nodes of a tree in the order of the source, without comments.
pub(super) fn of_tree(tree: &Html) -> Vec<Node<'_>> {
    let mut nodes = Vec::with_capacity(tree.tree.values().len());
    let mut open: Vec<Id> = Vec::new();
    for edge in tree.root_element().traverse() {
        let parent = open.last().copied().unwrap_or_default();
        match edge {
            Edge::Open(node) => match node.value() {
                Parsed::Text(text) => {
                    nodes.push(Node::new(Is::Text(FlowText::new(text)), Tag::Text, parent));
                }
                Parsed::Element(element) => {
                    open.push(nodes.len());
                    nodes.push(Node::new(Is::Parsed(element), Tag::of(element.name()), parent));
                }
                _ => {}
            },
            Edge::Close(node) if node.value().is_element() => drop(open.pop()),
            Edge::Close(_) => {}
        }
    }
    nodes
}

/// Lists the nodes of a page that was read in one pass.
pub(super) fn of_page<'p>(page: &'p Page<'_>) -> Vec<Node<'p>> {
    let nodes = page.items().map(|(parent, item)| match item {
        PageItem::Text(text) => Node::new(Is::Text(FlowText::new(text)), Tag::Text, parent),
        PageItem::Element(element) => Node::new(Is::Read(element), Tag::of(element.name()), parent),
    });
    nodes.collect()
}

/// Fills in what each node and its parents tell together.
///
/// # Errors
///
/// [`TooDeep`] beyond `max_depth` open elements.
pub(super) fn described(
    mut nodes: Vec<Node<'_>>,
    max_depth: usize,
    hiding: Hiding,
) -> Result<Vec<Node<'_>>, TooDeep> {
    find_ends(&mut nodes);
    let mut pass =
        Pass { nodes, open: Vec::new(), hidden: 0, links: 0, unfolded: Vec::new(), hiding };
    for id in 0..pass.nodes.len() {
        while pass.open.last().is_some_and(|it| pass.nodes[*it].end <= id) {
            pass.close();
        }
        pass.open(id);
        if pass.open.len() > max_depth {
            return Err(TooDeep);
        }
    }
    while !pass.open.is_empty() {
        pass.close();
    }
    Ok(pass.nodes)
}

/// Finds the end of each node: that of the last node in it.
fn find_ends(nodes: &mut [Node<'_>]) {
    for id in (0..nodes.len()).rev() {
        let node = &mut nodes[id];
        node.end = node.end.max(id + 1);
        let (parent, end) = (node.parent, node.end);
        nodes[parent].end = nodes[parent].end.max(end);
    }
}

struct Pass<'a> {
    nodes: Vec<Node<'a>>,
    /// The elements that are open.
    open: Vec<Id>,
    /// Open elements that are hidden, and open links.
    hidden: usize,
    links: usize,
    /// The ids of the parts that buttons with content unfold.
    unfolded: Vec<&'a str>,
    hiding: Hiding,
}

impl Pass<'_> {
    fn open(&mut self, id: Id) {
        if self.nodes[id].tag == Tag::Text {
            let length = if self.hidden == 0 { self.nodes[id].measure() } else { 0 };
            let linked = if self.links == 0 { 0 } else { length };
            let parent = self.nodes[id].parent;
            for node in [id, parent] {
                self.nodes[node].text += length;
                self.nodes[node].linked += linked;
            }
            return;
        }
        let hidden = self.hides(id);
        self.nodes[id].hidden = hidden;
        self.hidden += usize::from(hidden);
        self.links += usize::from(self.nodes[id].tag == Tag::A);
        self.open.push(id);
    }

    /// Reads the attributes of an element. Returns `true` if it is no content.
    fn hides(&mut self, id: Id) -> bool {
        let (hides, marks, names) = read_attributes(&self.nodes, id);
        let node = &mut self.nodes[id];
        (node.marks, node.names) = (marks, names);
        let tag = node.tag;
        let around = || self.open.iter().rev().map(|it| self.nodes[*it].tag);
        let names = tag == Tag::Button && names_content(&self.nodes, id, around);
        if names && self.unfolded.len() < MAX_UNFOLDED {
            self.unfolded.extend(self.nodes[id].attr("aria-controls"));
        }
        let is_control = tag.is_never_content() && !names;
        let unfolds = || self.nodes[id].attr("id").is_some_and(|it| self.unfolded.contains(&it));
        is_control || (hides && self.hiding == Hiding::Obeyed && !unfolds())
    }

    fn close(&mut self) {
        let Some(id) = self.open.pop() else { return };
        let closed = self.nodes[id];
        self.hidden -= usize::from(closed.hidden);
        self.links -= usize::from(closed.tag == Tag::A);
        if id > 0 {
            let parent = &mut self.nodes[closed.parent];
            parent.text += closed.text;
            parent.linked += closed.linked;
            parent.has_block |= closed.has_block || closed.tag.is_block();
            parent.has_table |= closed.has_table || closed.tag == Tag::Table;
            parent.has_parts |= closed.has_parts || closed.tag.is_part();
        }
    }
}

/// Reads the attributes that matter for every element in one pass. Returns three things: `true` if they hide the
/// element, its marks, and the names of its attributes.
fn read_attributes(nodes: &[Node<'_>], id: Id) -> (bool, Marks, AttributeNames) {
    let mut marks = Marks::default();
    let mut names = AttributeNames::NONE;
    let mut hides = false;
    let mut folds = false;
    for (name, value) in nodes[id].attrs() {
        names.add(name);
        match name {
            "hidden" => hides |= !value.eq_ignore_ascii_case("until-found"),
            "aria-hidden" => hides |= value == "true",
            "style" => hides |= style_hides(value, Styled { nodes, id }),
            "role" => folds |= value == "tabpanel",
            "class" => folds |= is_fold(value),
            // Where a framework streams parts of a page, a script moves them into place.
            "id" => folds |= value.starts_with("S:"),
            "itemscope" => marks.scope = true,
            "itemprop" => marks.property = true,
            "typeof" => marks.rdfa_scope = true,
            "property" => marks.rdfa_property = true,
            _ => {}
        }
    }
    (hides && !folds, marks, names)
}

/// Returns `true` if a class names a part that a reader unfolds: a tab, an accordion.
fn is_fold(class: &str) -> bool {
    let mut words = class.split(|it: char| !it.is_ascii_alphanumeric());
    words.any(|it| COLLAPSIBLE_CLASSES.iter().any(|word| word.eq_ignore_ascii_case(it)))
}
