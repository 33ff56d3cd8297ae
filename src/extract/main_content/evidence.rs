//! Measures what speaks for a part of a page being boilerplate: its links, its controls, its position.
//!
//! A name (a class, a heading) is never evidence by itself. It counts only for a part that stands outside
//! the flow of the text, or whose links or controls show that it leads elsewhere.

use super::phrases;
use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Percent of linked text from which a part with a boilerplate name leads elsewhere.
const NAMED_LINKED: usize = 30;
/// Percent of linked text from which a part leads elsewhere even if it has a paragraph.
const MOSTLY_LINKED: usize = 50;
/// Bytes of a caption beside controls or linked images: "Share this article:".
const CAPTION: usize = 60;
/// Bytes of unlinked text that make a paragraph.
pub(super) const PARAGRAPH: usize = 80;
/// Bytes of text for each control of a part that asks the reader for something.
const TEXT_PER_CONTROL: usize = 200;

/// Counts of a part that tell boilerplate from content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    /// Bytes of visible text.
    text: usize,
    /// Bytes of that text which are in links.
    linked: usize,
    /// Fields and buttons.
    controls: usize,
    /// Images inside links.
    linked_images: usize,
    /// Images outside links.
    images: usize,
    /// Bytes of unlinked text in the block that has most of it.
    paragraph: usize,
    /// `true` if a block is a sentence with few links.
    sentence: bool,
}

impl Evidence {
    /// Measures a part.
    pub(super) fn of(doc: &Doc<'_>, id: Id) -> Self {
        let node = doc.node(id);
        let mut found = Self { text: node.text, linked: node.linked, ..Self::default() };
        let mut link_end = 0;
        for at in id..node.end {
            let node = doc.node(at);
            match node.tag {
                Tag::A => link_end = node.end,
                Tag::Img if at < link_end => found.linked_images += 1,
                Tag::Img => found.images += 1,
                Tag::Button | Tag::Select | Tag::Textarea => found.controls += 1,
                Tag::Input if doc.attr(at, "type") != Some("hidden") => found.controls += 1,
                tag if tag.is_block() && !node.has_block => {
                    found.paragraph = found.paragraph.max(node.text - node.linked);
                    found.sentence = found.sentence
                        || node.text > 0
                            && node.linked * 100 < node.text * MOSTLY_LINKED
                            && phrases::is_sentence(&doc.folded_text(at));
                }
                _ => {}
            }
        }
        found
    }

    /// Adds the counts of another part.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            text: self.text + other.text,
            linked: self.linked + other.linked,
            controls: self.controls + other.controls,
            linked_images: self.linked_images + other.linked_images,
            images: self.images + other.images,
            paragraph: self.paragraph.max(other.paragraph),
            sentence: self.sentence || other.sentence,
        }
    }

    /// Takes the bytes of a heading off.
    pub(super) fn without_text(self, bytes: usize) -> Self {
        let text = self.text.saturating_sub(bytes).max(self.linked);
        Self { text, ..self }
    }

    /// Returns `true` if the part leads elsewhere: its text is linked, or it holds only linked images.
    pub(super) fn leads_elsewhere(&self) -> bool {
        if self.text == 0 {
            return self.images == 0 && self.linked_images + self.controls > 0;
        }
        let caption = self.text < CAPTION && self.linked_images + self.controls > 1;
        let linked = |percent| self.linked * 100 >= self.text * percent;
        caption
            || linked(MOSTLY_LINKED)
            || linked(NAMED_LINKED) && !self.sentence && self.paragraph < PARAGRAPH
    }

    /// Returns `true` if the part holds a paragraph and does not lead elsewhere.
    pub(super) fn is_prose(&self) -> bool {
        self.paragraph >= PARAGRAPH && !self.leads_elsewhere()
    }

    /// Returns `true` if the part asks the reader for something: a form, a dialog.
    pub(super) fn asks(&self) -> bool {
        self.controls > 0 && self.text < self.controls * TEXT_PER_CONTROL
    }
}

/// The counts of a node that [`Flow::of`] makes.
#[derive(Clone, Copy, Debug, Default)]
struct FlowNode {
    is_paragraph: bool,
    paragraphs: u32,
    /// Sections with paragraphs.
    sections: u32,
}

/// The flow of a page: the nodes that stand among its paragraphs.
///
/// A part beside a paragraph of prose belongs to the text around it, whatever its name. A sidebar, a
/// footer or a banner stands beside the element that holds the paragraphs.
#[derive(Debug)]
pub(super) struct Flow(Vec<bool>);

impl Flow {
    /// Finds the nodes below `root` that stand among paragraphs.
    pub(super) fn of(doc: &Doc<'_>, root: Id) -> Self {
        let (begin, end) = (root, doc.end(root));
        let is_paragraph = |it: Id| {
            let node = doc.node(it);
            node.tag.is_block()
                && !node.has_block
                && !node.hidden
                && node.text - node.linked >= PARAGRAPH
                && node.linked * MOSTLY_LINKED < node.text * NAMED_LINKED
                && !matches!(node.tag, Tag::Li | Tag::Td | Tag::Th)
        };
        let mut nodes = vec![FlowNode::default(); end - begin];
        for at in begin + 1..end {
            if is_paragraph(at) {
                nodes[at - begin].is_paragraph = true;
                nodes[doc.node(at).parent - begin].paragraphs += 1;
            }
        }
        // Sections beside each other are one text.
        let is_section =
            |it: Id, inside: &FlowNode| inside.paragraphs > 0 && doc.tag(it) == Tag::Section;
        for at in begin + 1..end {
            if is_section(at, &nodes[at - begin]) {
                nodes[doc.node(at).parent - begin].sections += 1;
            }
        }
        let mut flow = vec![false; end];
        for at in begin + 1..end {
            let node = doc.node(at);
            let (own, around) = (&nodes[at - begin], &nodes[node.parent - begin]);
            let beside = around.paragraphs > u32::from(own.is_paragraph)
                || node.tag == Tag::Section && around.sections > u32::from(is_section(at, own)) + 1;
            flow[at] = flow[node.parent] || beside;
        }
        Self(flow)
    }

    /// Returns `true` if a node stands among paragraphs.
    pub(super) fn holds(&self, id: Id) -> bool {
        self.0.get(id).copied().unwrap_or_default()
    }
}
