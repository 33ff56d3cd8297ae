//! Reads code that a page shows: its lines without line numbers, and its language.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::vocabulary::{HIGHLIGHTER_CLASSES, HIGHLIGHTER_MARKERS, LINE_NUMBER_CLASSES};

/// Elements around a block of code whose classes may name its language.
const AROUND: usize = 3;
/// Bytes of the name of a language.
const NAME: usize = 20;
/// Bytes of a line number.
const NUMBER: usize = 8;
/// Nodes that are read beside a block.
const NEAR: usize = 64;

/// Returns the text of a block of code. A line ends at each line end, at a `br`, and at the edge of a
/// line that is an element of its own.
pub(crate) fn text(doc: &Doc<'_>, id: Id) -> String {
    let mut out = String::new();
    let mut ends: Vec<Id> = Vec::new();
    let mut edge = false;
    let mut at = id + 1;
    while at < doc.end(id) {
        while ends.last().is_some_and(|it| *it <= at) {
            ends.pop();
            edge = true;
        }
        let tag = doc.tag(at);
        if let Some(text) = doc.text(at) {
            let breaks = text.trim_start_matches(' ').starts_with('\n');
            if std::mem::take(&mut edge) && !breaks && !is_blank_line(&out) {
                out.push('\n');
            }
            out.push_str(text);
        } else if counts_a_line(doc, at) {
            at = doc.end(at);
            continue;
        } else if tag == Tag::Br {
            out.push('\n');
        } else if tag.is_block() && !matches!(tag, Tag::Td | Tag::Th) {
            edge = true;
            ends.push(doc.end(at));
        }
        at += 1;
    }
    out
}

/// Returns `true` if the last line of a text has only blanks.
fn is_blank_line(text: &str) -> bool {
    let bare = text.trim_end_matches([' ', '\t']);
    bare.is_empty() || bare.ends_with('\n')
}

/// Returns `true` if an element holds only the number of the line beside it.
fn counts_a_line(doc: &Doc<'_>, id: Id) -> bool {
    let named = |it: &str| LINE_NUMBER_CLASSES.iter().any(|name| it.eq_ignore_ascii_case(name));
    doc.node(id).text <= NUMBER
        && doc.attr(id, "class").is_some_and(|it| it.split_whitespace().any(named))
        && doc.source_text(id).bytes().all(|it| it.is_ascii_digit() || it.is_ascii_whitespace())
}

/// Returns `true` if a block holds the line numbers of the block in the next cell.
pub(crate) fn counts_lines(doc: &Doc<'_>, id: Id) -> bool {
    let cell = doc.around(id).find(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th));
    let Some(cell) = cell else { return false };
    let row = doc.node(cell).parent;
    let beside = (doc.end(cell)..doc.end(row)).take(NEAR).any(|it| doc.tag(it) == Tag::Pre);
    let text = text(doc, id);
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let Some(Ok(first)) = numbers.next() else { return false };
    beside && numbers.zip(first.saturating_add(1)..).all(|(it, next)| it == Ok(next))
}

/// Returns the language that the classes and attributes of a block name, or those of the elements around
/// it.
pub(crate) fn language<'a>(doc: &Doc<'a>, id: Id) -> Option<&'a str> {
    let inside = (id..doc.end(id)).filter(|it| *it == id || doc.tag(*it) == Tag::Code);
    let around = doc.around(id).skip(1).take(AROUND).take_while(|it| {
        matches!(doc.tag(*it), Tag::Div | Tag::Figure | Tag::Code | Tag::Td)
            && holds_only(doc, *it, id)
    });
    let places: Vec<Id> = inside.chain(around).collect();
    places.iter().find_map(|it| named_language(doc, *it)).filter(|it| is_name(it))
}

/// Returns `true` if an element holds a block of code and hardly anything else.
fn holds_only(doc: &Doc<'_>, part: Id, id: Id) -> bool {
    let (before, behind) = (part..id, doc.end(id)..doc.end(part));
    before.len() <= NEAR
        && behind.len() <= NEAR
        && before.chain(behind).all(|it| doc.tag(it) != Tag::Pre)
}

fn is_name(it: &str) -> bool {
    let mut symbols = it.chars();
    (1..=NAME).contains(&it.len())
        && symbols.all(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '#' | '-' | '_' | '.'))
}

fn named_language<'a>(doc: &Doc<'a>, id: Id) -> Option<&'a str> {
    let class = doc.attr(id, "class").unwrap_or_default();
    let words = || class.split_whitespace();
    let prefixed = words().find_map(|it| {
        ["language-", "lang-", "highlight-source-", "highlight-text-"]
            .iter()
            .find_map(|prefix| it.strip_prefix(prefix))
    });
    let attribute = || ["data-language", "data-lang"].iter().find_map(|it| doc.attr(id, it));
    let brush = || {
        let rest = class.split_once("brush:")?.1.trim_start();
        rest.split([';', ' ']).next()
    };
    let alone = || {
        let marked = words().any(|it| HIGHLIGHTER_MARKERS.contains(&it));
        words().find(|it| marked && !HIGHLIGHTER_CLASSES.contains(it))
    };
    // Sphinx names the language in a class of the element around the block.
    let sphinx = || {
        let named = words().find_map(|it| it.strip_prefix("highlight-"));
        named.filter(|_| words().any(|it| it == "notranslate"))
    };
    prefixed.or_else(attribute).or_else(brush).or_else(alone).or_else(sphinx)
}
