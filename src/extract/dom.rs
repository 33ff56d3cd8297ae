//! Small questions to the tree.

use std::collections::HashSet;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::ElementRef;

/// Elements that are no content anywhere.
const NEVER: [&str; 16] = [
    "button", "canvas", "datalist", "dialog", "embed", "head", "iframe", "input", "noscript",
    "object", "script", "select", "style", "svg", "template", "textarea",
];
/// Elements that frame the content.
const FRAME: [&str; 4] = ["aside", "footer", "menu", "nav"];
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

/// The first element of a name, in the order of the page.
pub(super) fn first<'a>(root: ElementRef<'a>, name: &str) -> Option<ElementRef<'a>> {
    all(root).find(|it| it.value().name() == name)
}

/// Every element below and with `root`.
pub(super) fn all(root: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    root.descendants().filter_map(ElementRef::wrap)
}

/// The text below an element with white space folded, without scripts and styles.
pub(super) fn text(root: ElementRef<'_>) -> String {
    let mut words = String::new();
    let mut hidden = 0_usize;
    for edge in root.traverse() {
        match edge {
            Edge::Open(node) => {
                if node.value().as_element().is_some_and(|it| NEVER.contains(&it.name())) {
                    hidden += 1;
                }
                if let Some(text) = node.value().as_text().filter(|_| hidden == 0) {
                    words.push_str(text);
                    words.push(' ');
                }
            }
            Edge::Close(node) => {
                if node.value().as_element().is_some_and(|it| NEVER.contains(&it.name())) {
                    hidden = hidden.saturating_sub(1);
                }
            }
        }
    }
    folded(&words)
}

/// White space folded to single blanks.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Whether an element is no content: scripts, controls, and what is hidden.
pub(super) fn is_hidden(element: ElementRef<'_>) -> bool {
    let value = element.value();
    let style =
        || value.attr("style").is_some_and(|it| it.replace(' ', "").contains("display:none"));
    NEVER.contains(&value.name())
        || value.attr("hidden").is_some()
        || value.attr("aria-hidden") == Some("true")
        || style()
}

/// The elements below a root that frame its content: navigation, footers, sharing, consent.
#[derive(Debug, Default)]
pub(super) struct Frames(HashSet<NodeId>);

impl Frames {
    /// Finds them by name, role, and the words of `class` and `id`.
    ///
    /// Words are only a hint: what holds most of the text is the content, whatever it is called. And
    /// where next to nothing would be left, nothing is a frame.
    pub(super) fn of(root: ElementRef<'_>) -> Self {
        let mut found: Vec<(NodeId, usize, bool)> = Vec::new();
        let (mut open, mut hidden, mut total) = (Vec::new(), 0_usize, 0_usize);
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) => {
                    if let Some(text) = node.value().as_text().filter(|_| hidden == 0) {
                        total += text.split_whitespace().map(|it| it.len() + 1).sum::<usize>();
                    } else if let Some(element) = ElementRef::wrap(node) {
                        hidden += usize::from(is_hidden(element));
                        open.push(total);
                    }
                }
                Edge::Close(node) => {
                    let Some(element) = ElementRef::wrap(node) else { continue };
                    hidden = hidden.saturating_sub(usize::from(is_hidden(element)));
                    let length = total - open.pop().unwrap_or(total);
                    if let Some(sure) = frame_of(element).filter(|_| node.id() != root.id()) {
                        found.push((node.id(), length, sure));
                    }
                }
            }
        }
        let is_part = |(_, length, sure): &(NodeId, usize, bool)| *sure || length * 5 < total * 2;
        let frames = Self(found.into_iter().filter(is_part).map(|it| it.0).collect());
        if frames.left(root) * 10 < total { Self::default() } else { frames }
    }

    /// Whether an element is one of them.
    pub(super) fn holds(&self, element: ElementRef<'_>) -> bool {
        self.0.contains(&element.id())
    }

    /// The bytes of text that are in none of them.
    fn left(&self, root: ElementRef<'_>) -> usize {
        let (mut left, mut outside) = (0, 0_usize);
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) => {
                    if let Some(text) = node.value().as_text().filter(|_| outside == 0) {
                        left += text.split_whitespace().map(|it| it.len() + 1).sum::<usize>();
                    } else if let Some(element) = ElementRef::wrap(node) {
                        outside += usize::from(is_hidden(element) || self.holds(element));
                    }
                }
                Edge::Close(node) => {
                    let Some(element) = ElementRef::wrap(node) else { continue };
                    let was = is_hidden(element) || self.holds(element);
                    outside = outside.saturating_sub(usize::from(was));
                }
            }
        }
        left
    }
}

/// Whether an element calls itself a frame, and whether that is sure: by its name or role it is, by
/// a word of its class it may be.
fn frame_of(element: ElementRef<'_>) -> Option<bool> {
    let value = element.value();
    if matches!(value.name(), "body" | "html" | "main" | "article") {
        return None;
    }
    let role = value.attr("role").is_some_and(|it| {
        matches!(it, "navigation" | "banner" | "contentinfo" | "complementary" | "dialog")
    });
    if FRAME.contains(&value.name()) || role {
        return Some(true);
    }
    let words = [value.attr("class"), value.attr("id")].into_iter().flatten();
    let mut words = words.flat_map(|it| it.split(|it: char| !it.is_ascii_alphanumeric()));
    words.any(|it| FRAME_WORDS.iter().any(|word| it.eq_ignore_ascii_case(word))).then_some(false)
}

/// Whether an element stands on lines of its own.
pub(super) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "dd"
            | "details"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "tfoot"
            | "th"
            | "thead"
            | "tr"
            | "ul"
    )
}
