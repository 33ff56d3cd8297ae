//! What a page is for.

use crate::extract::data::{Facts, has_type};
use crate::extract::doc::Doc;

/// What readers say on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Talk {
    /// It is beside the content.
    Beside,
    /// It is the content.
    Content,
}

/// What a page is for, as far as its parts are judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::extract) enum Kind {
    /// What readers say to each other is the content.
    Discussion,
    /// One thing is sold; what buyers say of it is beside the content.
    Product,
    /// Anything else.
    Other,
}

/// Types of pages on which people talk.
const TALKS: [&str; 2] = ["DiscussionForumPosting", "QAPage"];
/// Types of what is sold.
const SOLD: [&str; 2] = ["Product", "ProductGroup"];
/// Types of pages that show many things.
const SHELVES: [&str; 4] = ["CollectionPage", "ItemList", "OfferCatalog", "SearchResultsPage"];
/// Types of what is written; a test of things to buy names them too, and is read for what it says.
const WRITTEN: [&str; 4] = ["Article", "NewsArticle", "BlogPosting", "TechArticle"];

impl Kind {
    /// Reads it off what the page says of itself.
    pub(in crate::extract) fn of(doc: &Doc<'_>, facts: &Facts) -> Self {
        let marked: Vec<&str> = (0..doc.len())
            .filter(|it| doc.node(*it).marks.scope)
            .filter_map(|it| doc.attr(it, "itemtype")?.trim().rsplit('/').next())
            .collect();
        let in_graph = |kinds: &[&str]| {
            facts.graph.items.iter().any(|it| kinds.iter().any(|kind| has_type(it, kind)))
        };
        let in_markup = |kinds: &[&str]| marked.iter().filter(|it| kinds.contains(it)).count();
        if facts.talk() == Talk::Content || in_markup(&TALKS) > 0 {
            return Self::Discussion;
        }
        let shared_as = facts.opengraph.get("type").map(String::as_str).unwrap_or_default();
        // Several in the markup are a list of them.
        let sold = in_graph(&SOLD) || in_markup(&SOLD) == 1 || shared_as.starts_with("product");
        let more = in_graph(&SHELVES) || in_graph(&WRITTEN) || in_markup(&WRITTEN) > 0;
        if sold && !more { Self::Product } else { Self::Other }
    }
}
