//! The kind of a page, as far as its parts are judged by it.

use serde_json::Value;

use crate::extract::data::declared::Declared;
use crate::extract::data::schema_org::has_type;
use crate::extract::dom::doc::Doc;
use crate::extract::vocabulary::{FORUM_PATHS, FORUM_SOFTWARE};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// A forum thread or a page of questions: the posts of its readers are the content.
    Discussion,
    /// A page that sells one thing; reviews by buyers are not its content.
    Product,
    /// Any other page.
    Other,
}

/// Types in JSON-LD of pages on which people talk.
const DISCUSSION: [&str; 3] = ["DiscussionForumPosting", "QAPage", "Question"];
/// The same in microdata. A `Question` there may be one of an FAQ.
const DISCUSSION_MARKUP: [&str; 2] = ["DiscussionForumPosting", "QAPage"];
/// Types of things for sale.
const SOLD: [&str; 2] = ["Product", "ProductGroup"];
/// Types of pages that show many things.
const SHELVES: [&str; 4] = ["CollectionPage", "ItemList", "OfferCatalog", "SearchResultsPage"];
/// Types of articles. A review of things to buy names these too, and is read for its text.
const WRITTEN: [&str; 4] = ["Article", "NewsArticle", "BlogPosting", "TechArticle"];

impl PageKind {
    /// Reads the kind off what the page declares and marks up.
    pub(super) fn of(doc: &Doc<'_>, declared: &Declared) -> Self {
        let marked: Vec<&str> = (0..doc.len())
            .filter(|it| doc.node(*it).marks.scope)
            .filter_map(|it| doc.attr(it, "itemtype")?.trim().rsplit('/').next())
            .collect();
        let in_graph = |types: &[&str]| {
            declared.graph.items.iter().any(|it| types.iter().any(|name| has_type(it, name)))
        };
        let in_markup = |types: &[&str]| marked.iter().filter(|it| types.contains(it)).count();
        let talks = in_graph(&DISCUSSION) || is_forum(declared);
        if talks || in_markup(&DISCUSSION_MARKUP) > 0 {
            return Self::Discussion;
        }
        let shared_as = declared.opengraph.get("type").map(String::as_str).unwrap_or_default();
        // Several in the markup are a list of them.
        let sold = in_graph(&SOLD) || in_markup(&SOLD) == 1 || shared_as.starts_with("product");
        let more = in_graph(&SHELVES) || in_graph(&WRITTEN) || in_markup(&WRITTEN) > 0;
        if sold && !more { Self::Product } else { Self::Other }
    }
}

/// Returns `true` if a page declares to be an article.
pub(super) fn is_written(declared: &Declared) -> bool {
    let shared_as = declared.opengraph.get("type").map(String::as_str).unwrap_or_default();
    shared_as == "article" || declared.graph.items.iter().any(is_article)
}

/// Returns `true` if an item of JSON-LD is an article.
pub(super) fn is_article(item: &Value) -> bool {
    WRITTEN.iter().any(|it| has_type(item, it))
}

/// Returns `true` if a page's program or its address is that of a forum.
fn is_forum(declared: &Declared) -> bool {
    let program = declared.meta.get("generator").map(|it| it.to_lowercase()).unwrap_or_default();
    let address = declared.address.as_deref().unwrap_or_default();
    FORUM_SOFTWARE.iter().any(|it| program.contains(it))
        || address.split(['/', '.', '?', '=']).any(|it| FORUM_PATHS.contains(&it))
}
