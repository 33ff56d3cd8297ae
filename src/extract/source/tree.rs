//! Parsed pages and fragments.

use scraper::Html;

use crate::extract::dom::doc::Doc;
use crate::extract::source::{bound, streamed};

/// Depth of a tree that is read; what [`bound`] lets through stays well below.
pub(crate) const MAX_DEPTH: usize = 600;

/// Parses a bounded page and puts its streamed parts in their places.
pub(crate) fn parse(bounded: &str) -> Html {
    let mut tree = Html::parse_document(bounded);
    if bounded.contains("id=\"S:") {
        streamed::put_in_place(&mut tree);
    }
    tree
}

/// Returns the visible text of a fragment of HTML on one line. A fragment that nests too deep has none.
pub(crate) fn text_of(source: &str) -> String {
    let bounded = bound::bounded(source, &mut Vec::new());
    let tree = Html::parse_fragment(&bounded);
    Doc::of(&tree, MAX_DEPTH).map(|it| it.folded_text(0)).unwrap_or_default()
}
