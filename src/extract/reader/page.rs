//! A page as the one-pass reader leaves it: nodes in the order of the source.

use crate::extract::reader::references::{Place, decode_into};

/// A range of text: in the source, or counted on behind its end in what was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// Returns a range of the source, whose length the reader limits.
    pub(super) fn of(start: usize, end: usize) -> Self {
        let place = |it| u32::try_from(it).unwrap_or(u32::MAX);
        Self { start: place(start), end: place(end) }
    }

    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// The attributes of an element, as a range of the page's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The content of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    Text(Span),
    Element { name: Span, attributes: Attributes },
}

/// A node with the place of its parent; the first node is its own parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageNode {
    pub(super) parent: u32,
    pub(super) content: Content,
}

/// A page that was read in one pass. The first node is the `html` element; comments are dropped.
#[derive(Debug)]
pub(crate) struct Page<'s> {
    pub(super) source: &'s str,
    /// Text with its character references decoded, and names in lower case.
    decoded: String,
    pub(super) nodes: Vec<PageNode>,
    pub(super) attributes: Vec<(Span, Span)>,
}

/// A node of a [`Page`], as its user sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageItem<'p> {
    /// The text of a text node.
    Text(&'p str),
    /// An element.
    Element(PageElement<'p>),
}

/// An element of a [`Page`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageElement<'p> {
    page: &'p Page<'p>,
    node: u32,
}

impl<'p> PageElement<'p> {
    /// Returns the name in lower case.
    pub(crate) fn name(self) -> &'p str {
        self.page.text(self.page.tag(self.node).0)
    }

    /// Returns the attributes by name.
    #[inline]
    pub(crate) fn attrs(self) -> PageAttributes<'p> {
        PageAttributes { page: self.page, spans: self.page.list(self.page.tag(self.node).1).iter() }
    }
}

/// The attributes of an element by name.
#[derive(Debug)]
pub(crate) struct PageAttributes<'p> {
    page: &'p Page<'p>,
    spans: std::slice::Iter<'p, (Span, Span)>,
}

impl<'p> Iterator for PageAttributes<'p> {
    type Item = (&'p str, &'p str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.spans.next()?;
        Some((self.page.text(*name), self.page.text(*value)))
    }
}

impl<'s> Page<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        // Most pages have fewer nodes than one for each 24 bytes.
        let nodes = Vec::with_capacity(source.len() / 24 + 16);
        Self { source, decoded: String::new(), nodes, attributes: Vec::new() }
    }

    /// Returns each node with the place of its parent, in the order of the source.
    pub(crate) fn items(&self) -> impl ExactSizeIterator<Item = (usize, PageItem<'_>)> {
        self.nodes.iter().enumerate().map(|(at, node)| {
            let item = match node.content {
                Content::Text(span) => PageItem::Text(self.text(span)),
                Content::Element { .. } => {
                    let node = u32::try_from(at).unwrap_or_default();
                    PageItem::Element(PageElement { page: self, node })
                }
            };
            (node.parent as usize, item)
        })
    }

    /// Returns the text of a span.
    pub(super) fn text(&self, span: Span) -> &str {
        let (start, end) = (span.start as usize, span.end as usize);
        let text = match start.checked_sub(self.source.len()) {
            Some(start) => self.decoded.get(start..end.saturating_sub(self.source.len())),
            None => self.source.get(start..end),
        };
        text.unwrap_or_default()
    }

    /// Returns the name and the attributes of an element; nothing for a text.
    pub(super) fn tag(&self, node: u32) -> (Span, Attributes) {
        match self.nodes.get(node as usize).map(|it| it.content) {
            Some(Content::Element { name, attributes }) => (name, attributes),
            _ => (Span::default(), Attributes::default()),
        }
    }

    /// Returns the attributes of one element.
    pub(super) fn list(&self, attributes: Attributes) -> &[(Span, Span)] {
        let range = attributes.start as usize..attributes.end as usize;
        self.attributes.get(range).unwrap_or_default()
    }

    /// Returns a part of the source with its character references decoded.
    pub(super) fn decoded(&mut self, start: usize, end: usize, place: Place) -> Span {
        let text = self.source.get(start..end).unwrap_or_default();
        if memchr::memchr(b'&', text.as_bytes()).is_none() {
            return Span::of(start, end);
        }
        self.keep(|out| decode_into(out, text, place))
    }

    /// Keeps a text that is not in the source as it stands.
    pub(super) fn keep(&mut self, text: impl FnOnce(&mut String)) -> Span {
        let start = self.end_of_decoded();
        text(&mut self.decoded);
        Span { start, end: self.end_of_decoded() }
    }

    /// Returns a text that consists of two.
    pub(super) fn joined(&mut self, first: Span, then: Span) -> Span {
        let both_decoded = (first.start as usize) >= self.source.len();
        let meet = first.end == then.start;
        if meet && both_decoded == ((then.start as usize) >= self.source.len()) {
            return Span { start: first.start, end: then.end };
        }
        let mut start = first.start;
        if !both_decoded || first.end != self.end_of_decoded() {
            start = self.end_of_decoded();
            self.copy(first);
        }
        self.copy(then);
        Span { start, end: self.end_of_decoded() }
    }

    fn copy(&mut self, span: Span) {
        let start = span.start as usize;
        if let Some(start) = start.checked_sub(self.source.len()) {
            let end = (span.end as usize).saturating_sub(self.source.len());
            self.decoded.extend_from_within(start..end);
        } else {
            let text = self.source.get(start..span.end as usize).unwrap_or_default();
            self.decoded.push_str(text);
        }
    }

    fn end_of_decoded(&self) -> u32 {
        // The reader refuses sources that are so long that this could not be counted.
        u32::try_from(self.source.len() + self.decoded.len()).unwrap_or(u32::MAX)
    }
}
