//! The entries of a list of texts: items, links, elements side by side, or the parts of a line.

use std::ops::Range;

use crate::extract::dom::doc::Id;
use crate::extract::dom::tag::Tag;
use crate::extract::page_index::PageIndex;

/// Entries of a list.
const MAX_ITEMS: usize = 300;
/// Bytes of a line that is split at commas.
const LINE: usize = 600;
/// Bytes of an entry of such a line.
const ENTRY: usize = 80;

/// Returns the entries in a range, each with its nodes. `own` is the text of the range without the label that begins
/// the same line.
pub(super) fn items(
    index: &PageIndex<'_, '_>,
    range: &Range<Id>,
    own: Option<&str>,
) -> Vec<(String, Range<Id>)> {
    let doc = index.doc;
    let visible = || range.clone().filter(|it| !index.is_masked(*it) && doc.node(*it).text > 0);
    let elements = |tags: &[Tag]| -> Vec<(String, Range<Id>)> {
        let mut found: Vec<(String, Range<Id>)> = Vec::new();
        for id in visible().filter(|it| tags.contains(&doc.tag(*it))) {
            // The entries of a list inside an entry belong to it.
            if found.last().is_none_or(|it| it.1.end <= id) && found.len() < MAX_ITEMS {
                let nodes = id..doc.end(id);
                found.push((index.text(&nodes), nodes));
            }
        }
        found.retain(|it| it.0.contains(char::is_alphanumeric));
        found
    };
    let listed = elements(&[Tag::Li]);
    if !listed.is_empty() {
        return listed;
    }
    let text = own.map_or_else(|| index.text(range), str::to_owned);
    let linked = elements(&[Tag::A]);
    let letters = |it: &str| it.chars().filter(|it| it.is_alphanumeric()).count();
    let in_links: usize = linked.iter().map(|it| letters(&it.0)).sum();
    // Words between the links, such as `and`, are no entries.
    if linked.len() > 1 && in_links * 10 >= letters(&text) * 8 {
        return linked;
    }
    let lines = index.lines_in(range);
    if lines.len() > 1 {
        return lines
            .iter()
            .take(MAX_ITEMS)
            .map(|it| (it.text.clone(), it.range.clone()))
            .collect();
    }
    if text.len() > LINE {
        return Vec::new();
    }
    let children: Vec<Id> = visible()
        .filter(|it| matches!(doc.tag(*it), Tag::Span | Tag::Other | Tag::Em | Tag::B))
        .collect();
    let beside: Vec<(String, Range<Id>)> = children
        .iter()
        .filter(|it| {
            doc.node(**it).text > 0
                && children
                    .iter()
                    .filter(|one| doc.node(**one).parent == doc.node(**it).parent)
                    .count()
                    > 1
        })
        .map(|it| (index.text(&(*it..doc.end(*it))), *it..doc.end(*it)))
        .collect();
    let in_elements: usize = beside.iter().map(|it| letters(&it.0)).sum();
    if beside.len() > 1 && in_elements == letters(&text) {
        return beside;
    }
    split(&text).into_iter().map(|it| (it, range.clone())).collect()
}

/// Splits a line at its separators.
fn split(text: &str) -> Vec<String> {
    let strong = [';', '·', '|', '•', '/'];
    let has_strong = text.contains([';', '·', '|', '•']) || text.contains(" / ");
    let parts: Vec<&str> = if has_strong {
        text.split(strong).collect()
    } else {
        text.split([',', '、', '،']).collect()
    };
    let parts: Vec<String> = parts
        .iter()
        .map(|it| it.trim().trim_end_matches('.').to_owned())
        .filter(|it| !it.is_empty())
        .collect();
    let mut out: Vec<String> = Vec::new();
    let count = parts.len();
    for (at, part) in parts.into_iter().enumerate() {
        // `A, B and C` has three entries.
        let last = at + 1 == count;
        let joined = [" and ", " und ", " et ", " y ", " e "]
            .iter()
            .find_map(|it| part.split_once(it))
            .filter(|_| last);
        match joined {
            Some((one, other)) if count > 1 => {
                out.extend([one.trim().to_owned(), other.trim().to_owned()]);
            }
            _ => out.push(part),
        }
    }
    let begins = ["and ", "und ", "et ", "y "];
    for it in &mut out {
        if let Some(rest) = begins.iter().find_map(|word| it.strip_prefix(word)) {
            *it = rest.to_owned();
        }
    }
    if out.iter().any(|it| it.len() > ENTRY) { Vec::new() } else { out }
}
