//! Parsed pages and fragments.

use std::borrow::Cow;

use scraper::Html;

use crate::extract::dom::doc::{Doc, TooDeep};
use crate::extract::reader::{self, Page};
use crate::extract::source::{bound, streamed};

/// Depth of a tree that is read; what [`bound`] lets through stays well below.
pub(crate) const MAX_DEPTH: usize = 600;

/// A parsed page.
#[derive(Debug)]
pub(crate) enum Tree<'s> {
    /// Read in one pass.
    Read(Page<'s>),
    /// Parsed by html5ever.
    Parsed(Html),
}

impl Tree<'_> {
    /// Lists the nodes of the page.
    ///
    /// # Errors
    ///
    /// [`TooDeep`] if the page nests deeper than [`MAX_DEPTH`].
    pub(crate) fn doc(&self) -> Result<Doc<'_>, TooDeep> {
        match self {
            Self::Read(page) => Doc::of_page(page, MAX_DEPTH),
            Self::Parsed(tree) => Doc::of(tree, MAX_DEPTH),
        }
    }

    /// Like [`Tree::doc`], but shows elements that attributes hide.
    pub(crate) fn revealed(&self) -> Result<Doc<'_>, TooDeep> {
        match self {
            Self::Read(page) => Doc::revealed_page(page, MAX_DEPTH),
            Self::Parsed(tree) => Doc::revealed(tree, MAX_DEPTH),
        }
    }
}

/// Parses a bounded page and puts its streamed parts in their places.
pub(crate) fn parse(bounded: &str) -> Tree<'_> {
    let is_streamed = memchr::memmem::find(bounded.as_bytes(), b"id=\"S:").is_some();
    if !is_streamed && let Some(page) = reader::read(bounded) {
        return Tree::Read(page);
    }
    let mut tree = Html::parse_document(bounded);
    if is_streamed {
        streamed::put_in_place(&mut tree);
    }
    Tree::Parsed(tree)
}

/// Ends every line with a line feed, as the parser does first.
pub(crate) fn with_newlines(source: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', source.as_bytes()).is_none() {
        return Cow::Borrowed(source);
    }
    Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Returns the visible text of a fragment of HTML on one line. A fragment that nests too deep has none.
pub(crate) fn text_of(source: &str) -> String {
    let bounded = bound::bounded(source, &mut Vec::new());
    let tree = Html::parse_fragment(&bounded);
    Doc::of(&tree, MAX_DEPTH).map(|it| it.folded_text(0)).unwrap_or_default()
}
