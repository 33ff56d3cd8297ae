//! The place of a node in a page, as a CSS path.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Steps of a path, from the inside out.
const MAX_STEPS: usize = 6;
/// Bytes of an id or a class that a path repeats.
const LONGEST_NAME: usize = 40;

/// Returns a selector that a reader can look up: the elements from the nearest one with an id inwards.
pub(crate) fn css_path(doc: &Doc<'_>, id: Id) -> String {
    let elements = doc.around(id).filter(|it| doc.tag(*it) != Tag::Text);
    let mut steps: Vec<String> = Vec::new();
    for at in elements.take(MAX_STEPS) {
        if matches!(doc.tag(at), Tag::Body | Tag::Html) && !steps.is_empty() {
            break;
        }
        let named = doc.attr(at, "id").filter(|it| is_plain(it));
        if let Some(name) = named {
            steps.push(format!("#{name}"));
            break;
        }
        steps.push(step(doc, at));
    }
    steps.reverse();
    steps.join(" > ")
}

/// Returns the name of an element with its first class, or with its place among its siblings.
fn step(doc: &Doc<'_>, id: Id) -> String {
    let name = doc.name(id);
    let class = doc.attr(id, "class").unwrap_or_default();
    if let Some(class) = class.split_ascii_whitespace().find(|it| is_plain(it)) {
        return format!("{name}.{class}");
    }
    let parent = doc.node(id).parent;
    let mut alike = 0;
    let mut place = 0;
    // Enough siblings for any path that a reader would follow.
    for sibling in doc.children(parent).take(500).filter(|it| doc.name(*it) == name) {
        alike += 1;
        if sibling == id {
            place = alike;
        }
    }
    if alike > 1 && place > 0 { format!("{name}:nth-of-type({place})") } else { name.to_owned() }
}

fn is_plain(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
}
