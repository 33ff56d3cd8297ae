//! What on a page frames its content: navigation, footers, sharing, consent.

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Words of `class` and `id` that name what frames the content.
const FRAME_WORDS: [&str; 22] = [
    "ad",
    "ads",
    "advert",
    "advertisement",
    "breadcrumb",
    "breadcrumbs",
    "comments",
    "consent",
    "cookie",
    "cookies",
    "footer",
    "menu",
    "nav",
    "navbar",
    "newsletter",
    "pagination",
    "popup",
    "promo",
    "related",
    "share",
    "sidebar",
    "social",
];

/// Parts of such words.
const PARTS: [&str; 20] = [
    "breadcrumb",
    "newsletter",
    "sidebar",
    "pagination",
    "recommend",
    "related",
    "upsell",
    "crosssell",
    "cross-sell",
    "recently-viewed",
    "recentlyviewed",
    "minicart",
    "mini-cart",
    "sponsor",
    "advert",
    "subscri",
    "skip-to",
    "announcement",
    "also-like",
    "alsobought",
];

/// Whether an element frames the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Nothing says so.
    No,
    /// A word of its class or id does.
    Maybe,
    /// It is what readers said of the content.
    Discussion,
    /// Its name or role does.
    Sure,
}

/// By node: whether it calls itself a frame.
#[derive(Debug)]
pub(super) struct Layout(Vec<Frame>);

impl Layout {
    /// Reads it off every element.
    pub(super) fn of(doc: &Doc<'_>) -> Self {
        Self((0..doc.len()).map(|it| frame(doc, it)).collect())
    }

    /// What an element says of itself.
    pub(super) fn frame(&self, id: Id) -> Frame {
        self.0[id]
    }

    /// Whether an element says in any way that it is a frame.
    pub(super) fn frames(&self, id: Id) -> bool {
        self.frame(id) != Frame::No
    }
}

/// Whether a class or an id names the comments below an article.
fn is_discussion(value: &str) -> bool {
    const NAMES: [&str; 8] = [
        "comments",
        "comment-list",
        "commentlist",
        "comments-area",
        "respond",
        "disqus_thread",
        "comment-respond",
        "comments-section",
    ];
    value.split_ascii_whitespace().any(|it| NAMES.iter().any(|name| it.eq_ignore_ascii_case(name)))
}

fn frame(doc: &Doc<'_>, id: Id) -> Frame {
    let node = doc.node(id);
    match node.tag {
        Tag::Text | Tag::Body | Tag::Html | Tag::Main | Tag::Article => return Frame::No,
        Tag::Aside | Tag::Footer | Tag::Menu | Tag::Nav => return Frame::Sure,
        Tag::Header => {
            let inside = |it: Id| matches!(doc.tag(it), Tag::Article | Tag::Main);
            return if doc.around(id).any(inside) { Frame::No } else { Frame::Maybe };
        }
        // What holds no text and no image frames nothing.
        _ if node.hidden => return Frame::No,
        _ => {}
    }
    let mut found = Frame::No;
    for (name, value) in doc.attrs(id) {
        match name {
            "role" => {
                let frames = ["navigation", "banner", "contentinfo", "complementary", "dialog"];
                if frames.contains(&value) {
                    return Frame::Sure;
                }
            }
            "class" | "id" => {
                if is_discussion(value) {
                    return Frame::Discussion;
                }
                let lower = value.to_ascii_lowercase();
                if PARTS.iter().any(|it| lower.contains(it)) {
                    found = Frame::Maybe;
                }
                let mut words = value.split(|it: char| !it.is_ascii_alphanumeric());
                if words.any(|it| FRAME_WORDS.iter().any(|word| it.eq_ignore_ascii_case(word))) {
                    found = Frame::Maybe;
                }
            }
            _ => {}
        }
    }
    found
}
