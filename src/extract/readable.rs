//! The content as HTML that is safe to show: only tags and attributes that are listed here.

use ego_tree::NodeRef;
use scraper::{ElementRef, Node};
use url::Url;

use crate::extract::dom::{self, Frames};
use crate::extract::markdown::absolute;

const TAGS: [&str; 48] = [
    "a",
    "abbr",
    "article",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "section",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
];
const MORE_TAGS: [&str; 4] = ["samp", "tfoot", "time", "ul"];
const ATTRIBUTES: [&str; 7] = ["alt", "colspan", "datetime", "lang", "rowspan", "start", "title"];

/// The HTML of everything below `root`.
pub(super) fn render(root: ElementRef<'_>, base: Option<&Url>, frames: &Frames) -> String {
    let mut out = String::new();
    children(&mut out, *root, base, frames);
    out.trim().to_owned()
}

fn children(out: &mut String, node: NodeRef<'_, Node>, base: Option<&Url>, frames: &Frames) {
    for child in node.children() {
        match child.value() {
            Node::Text(text) => out.push_str(&escaped(text)),
            Node::Element(_) => {
                if let Some(element) = ElementRef::wrap(child) {
                    write(out, element, base, frames);
                }
            }
            _ => {}
        }
    }
}

fn write(out: &mut String, element: ElementRef<'_>, base: Option<&Url>, frames: &Frames) {
    if dom::is_hidden(element) || frames.holds(element) {
        return;
    }
    let value = element.value();
    let name = value.name();
    if !TAGS.contains(&name) && !MORE_TAGS.contains(&name) {
        return children(out, *element, base, frames);
    }
    out.push('<');
    out.push_str(name);
    for (key, text) in value.attrs() {
        let kept = match key {
            "href" | "src" => absolute(base, text),
            _ if ATTRIBUTES.contains(&key) => Some(text.to_owned()),
            _ => None,
        };
        if let Some(text) = kept {
            out.push_str(&format!(" {key}=\"{}\"", escaped(&text).replace('"', "&quot;")));
        }
    }
    out.push('>');
    if !matches!(name, "br" | "hr" | "img") {
        children(out, *element, base, frames);
        out.push_str(&format!("</{name}>"));
    }
}

/// Text as it may stand between tags.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
