//! What on a page frames its content: navigation, footers, sharing, consent.

use std::collections::HashMap;

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Words of `class` and `id` that name what frames the content.
const FRAME_WORDS: [&str; 23] = [
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
    "gdpr",
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

/// Words that name what stands beside the content on its own page: who wrote it and when, a dialog, what
/// narrows a list down, what the law asks for.
const BESIDE_WORDS: [&str; 23] = [
    "author",
    "authorbio",
    "authorbox",
    "authors",
    "byline",
    "cart",
    "copyright",
    "dateline",
    "disclaimer",
    "facet",
    "facets",
    "filter",
    "filters",
    "legal",
    "login",
    "modal",
    "modals",
    "signature",
    "signin",
    "timestamp",
    "user",
    "userinfo",
    "users",
];

/// Words that name what a reader presses or is told about it.
const CONTROL_WORDS: [&str; 17] = [
    "actions",
    "btn",
    "button",
    "buttons",
    "controls",
    "print",
    "quickview",
    "refinement",
    "refinements",
    "search",
    "swatch",
    "swatches",
    "toast",
    "toolbar",
    "tools",
    "tooltip",
    "wishlist",
];

/// More words than this are no name of an element but the heading that it was made of.
const WORDS_OF_A_NAME: usize = 4;

/// What follows the word `user` where it names what users wrote or how a style treats them.
const USERS_OWN: [&str; 4] = ["content", "generated", "select", "text"];

/// Whether an element frames the content. What is said more surely stands further down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Frame {
    /// Nothing says so.
    No,
    /// It is there to be pressed.
    Control,
    /// A word of it names what stands beside the content, as its author does.
    Beside,
    /// It is what else is sold, in a row that slides or a banner.
    Offers,
    /// It is what buyers said of what is sold.
    Reviews,
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
        let mut known = HashMap::new();
        Self((0..doc.len()).map(|it| frame(doc, it, &mut known)).collect())
    }

    /// What an element says of itself.
    pub(super) fn frame(&self, id: Id) -> Frame {
        self.0[id]
    }

    /// Whether an element says that it leads elsewhere, as navigation does.
    pub(super) fn frames(&self, id: Id) -> bool {
        matches!(self.frame(id), Frame::Maybe | Frame::Discussion | Frame::Sure)
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

/// Whether an id is a name and not a heading with hyphens in it.
fn is_name(id: &str) -> bool {
    id.split(|it: char| !it.is_ascii_alphanumeric()).count() <= WORDS_OF_A_NAME
}

/// Whether the words of a class or an id name what stands beside the content.
fn is_beside(words: &[&str]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).copied().unwrap_or_default();
        BESIDE_WORDS.contains(word) && !(*word == "user" && USERS_OWN.contains(&next))
    })
}

fn frame<'a>(doc: &Doc<'a>, id: Id, known: &mut HashMap<&'a str, Frame>) -> Frame {
    let node = doc.node(id);
    match node.tag {
        Tag::Text | Tag::Body | Tag::Html | Tag::Main | Tag::Article => return Frame::No,
        Tag::Aside | Tag::Footer | Tag::Menu | Tag::Nav => return Frame::Sure,
        Tag::Header => {
            let inside = |it: Id| matches!(doc.tag(it), Tag::Article | Tag::Main);
            return match () {
                () if doc.around(id).any(inside) => Frame::No,
                // A menu that holds most of the page's text is a menu all the same.
                () if node.linked * 2 > node.text => Frame::Sure,
                () => Frame::Maybe,
            };
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
            // The elements of a list share their classes.
            "class" => found = found.max(*known.entry(value).or_insert_with(|| said_by(value))),
            "id" if is_name(value) => found = found.max(said_by(value)),
            _ => {}
        }
    }
    found
}

/// What the words of a class or an id say.
fn said_by(value: &str) -> Frame {
    if is_discussion(value) {
        return Frame::Discussion;
    }
    let lower = value.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|it: char| !it.is_ascii_alphanumeric()).collect();
    let begins =
        |stems: &[&str]| words.iter().any(|word| stems.iter().any(|it| word.starts_with(it)));
    match () {
        () if words.iter().any(|it| FRAME_WORDS.contains(it)) => Frame::Maybe,
        () if PARTS.iter().any(|it| lower.contains(it)) => Frame::Maybe,
        () if begins(&["rating", "review"]) => Frame::Reviews,
        () if begins(&["banner", "carousel", "promo"]) => Frame::Offers,
        () if is_beside(&words) => Frame::Beside,
        () if words.iter().any(|it| CONTROL_WORDS.contains(it)) => Frame::Control,
        () => Frame::No,
    }
}
