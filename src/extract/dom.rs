//! Small questions to the tree.

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

/// Whether an element frames the content: navigation, footers, sharing, consent.
pub(super) fn is_frame(element: ElementRef<'_>) -> bool {
    let value = element.value();
    if matches!(value.name(), "body" | "html" | "main" | "article") {
        return false;
    }
    let role = value.attr("role").is_some_and(|it| {
        matches!(it, "navigation" | "banner" | "contentinfo" | "complementary" | "dialog")
    });
    let words = [value.attr("class"), value.attr("id")].into_iter().flatten();
    let named = words.flat_map(|it| it.split(|it: char| !it.is_ascii_alphanumeric()));
    FRAME.contains(&value.name())
        || role
        || named.into_iter().any(|it| FRAME_WORDS.contains(&it.to_ascii_lowercase().as_str()))
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
