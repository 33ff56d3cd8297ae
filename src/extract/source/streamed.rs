//! Puts the parts of a streamed page where a script would put them.
//!
//! A server that renders with React sends a page before all of it is ready. An empty `template` and a
//! placeholder mark a missing part; the part follows at the end of the page, hidden, under the same
//! number. Read in that order, the content of such a page would stand behind its footer.

use std::collections::HashMap;

use ego_tree::{NodeId, NodeRef};
use scraper::{Html, Node};

/// Prefixes of the id of a part, of the place that it completes, and of the place that it is only a piece
/// of.
const PART: &str = "S:";
const BOUNDARY: &str = "B:";
const PIECE: &str = "P:";

/// Ancestors of a place. A part is no deeper than a page may be, but parts inside parts would be.
const MAX_DEPTH: usize = 200;
/// Parts of a page that are moved.
const MAX_PARTS: usize = 1_000;

/// Moves every part to its place. A page without parts stays untouched.
pub(crate) fn put_in_place(tree: &mut Html) {
    let mut places: HashMap<String, NodeId> = HashMap::new();
    let mut parts: Vec<(String, NodeId)> = Vec::new();
    for node in tree.tree.root().descendants() {
        let Some(element) = node.value().as_element() else { continue };
        let Some(id) = element.id() else { continue };
        if let Some(number) = id.strip_prefix(PART) {
            if parts.len() < MAX_PARTS && element.attr("hidden").is_some() {
                parts.push((number.to_owned(), node.id()));
            }
        } else if element.name() == "template"
            && let Some(number) = id.strip_prefix(BOUNDARY).or(id.strip_prefix(PIECE))
        {
            places.entry(number.to_owned()).or_insert(node.id());
        }
    }
    for (number, part) in parts {
        if let Some(place) = places.get(&number) {
            put(tree, part, *place);
        }
    }
}

fn put(tree: &mut Html, part: NodeId, place: NodeId) {
    let (Some(from), Some(to)) = (tree.tree.get(part), tree.tree.get(place)) else { return };
    let around: Vec<NodeId> = to.ancestors().take(MAX_DEPTH + 1).map(|it| it.id()).collect();
    if around.is_empty() || around.len() > MAX_DEPTH || around.contains(&part) {
        return;
    }
    let children: Vec<NodeId> = from.children().map(|it| it.id()).collect();
    for stale in for_the_time_being(to) {
        if let Some(mut stale) = tree.tree.get_mut(stale) {
            stale.detach();
        }
    }
    for child in children {
        if let Some(mut place) = tree.tree.get_mut(place) {
            place.insert_id_before(child);
        }
    }
}

/// Returns the nodes that are shown until a part comes: those between its place and the comment that ends
/// it. Without that comment there are none.
fn for_the_time_being(place: NodeRef<'_, Node>) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut open = 0_usize;
    for next in place.next_siblings() {
        if let Some(comment) = next.value().as_comment() {
            match comment.trim() {
                "/$" if open == 0 => return found,
                "/$" => open -= 1,
                it if it.starts_with('$') => open += 1,
                _ => {}
            }
        }
        found.push(next.id());
    }
    Vec::new()
}
