//! What a page is for.

use crate::extract::data::{Facts, has_type};

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

impl Kind {
    /// Reads it off what the page says of itself.
    pub(in crate::extract) fn of(facts: &Facts) -> Self {
        const SOLD: [&str; 2] = ["Product", "ProductGroup"];
        const WRITTEN: [&str; 4] = ["Article", "NewsArticle", "BlogPosting", "TechArticle"];
        if facts.talk() == Talk::Content {
            return Self::Discussion;
        }
        let says = |kinds: &[&str]| {
            facts.graph.items.iter().any(|it| kinds.iter().any(|kind| has_type(it, kind)))
        };
        let shared_as = facts.opengraph.get("type").map(String::as_str).unwrap_or_default();
        // A test of things to buy names them too, and is read for what it says of them.
        if (says(&SOLD) || shared_as.starts_with("product")) && !says(&WRITTEN) {
            Self::Product
        } else {
            Self::Other
        }
    }
}
