//! Code that a page shows: its lines, without what counts them, and its language.

use crate::extract::doc::{Doc, Id};
use crate::extract::tag::Tag;

/// Elements around a block of code that may say its language.
const AROUND: usize = 3;
/// Bytes of the name of a language.
const NAME: usize = 20;
/// Bytes of what counts one line.
const NUMBER: usize = 8;
/// Nodes that are looked at beside a block.
const NEAR: usize = 64;

/// The text of a block of code. Its line ends count, a `br` is one more, and so is the edge of a line
/// that is an element of its own, where no line ends there.
pub(super) fn text(doc: &Doc<'_>, id: Id) -> String {
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

/// Whether the last line of a text has only blanks.
fn is_blank_line(text: &str) -> bool {
    let bare = text.trim_end_matches([' ', '\t']);
    bare.is_empty() || bare.ends_with('\n')
}

/// Whether an element holds the number of the line beside it and nothing else.
fn counts_a_line(doc: &Doc<'_>, id: Id) -> bool {
    const NAMES: [&str; 12] = [
        "lineno",
        "linenos",
        "line-number",
        "line-numbers",
        "linenumber",
        "linenumbers",
        "lnt",
        "ln",
        "line-num",
        "hljs-ln-numbers",
        "blob-num",
        "gutter",
    ];
    let named = |it: &str| NAMES.iter().any(|name| it.eq_ignore_ascii_case(name));
    doc.node(id).text <= NUMBER
        && doc.attr(id, "class").is_some_and(|it| it.split_whitespace().any(named))
        && doc.source_text(id).bytes().all(|it| it.is_ascii_digit() || it.is_ascii_whitespace())
}

/// Whether a block holds the numbers of the lines of the block in the next cell.
pub(super) fn counts_lines(doc: &Doc<'_>, id: Id) -> bool {
    let cell = doc.around(id).find(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th));
    let Some(cell) = cell else { return false };
    let row = doc.node(cell).parent;
    let beside = (doc.end(cell)..doc.end(row)).take(NEAR).any(|it| doc.tag(it) == Tag::Pre);
    let text = text(doc, id);
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let Some(Ok(first)) = numbers.next() else { return false };
    beside && numbers.zip(first.saturating_add(1)..).all(|(it, next)| it == Ok(next))
}

/// The language that a block's classes and attributes name, or those of what is around it.
pub(super) fn language<'a>(doc: &Doc<'a>, id: Id) -> Option<&'a str> {
    let inside = (id..doc.end(id)).filter(|it| *it == id || doc.tag(*it) == Tag::Code);
    let around = doc.around(id).skip(1).take(AROUND).take_while(|it| {
        matches!(doc.tag(*it), Tag::Div | Tag::Figure | Tag::Code | Tag::Td)
            && holds_only(doc, *it, id)
    });
    let places: Vec<Id> = inside.chain(around).collect();
    places.iter().find_map(|it| said(doc, *it)).filter(|it| is_name(it))
}

/// Whether a part holds a block of code and next to nothing beside it.
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

fn said<'a>(doc: &Doc<'a>, id: Id) -> Option<&'a str> {
    /// Words beside which a class names the language alone.
    const BESIDE: [&str; 4] = ["hljs", "sourceCode", "prettyprint", "codehilite"];
    /// Words of highlighters that name no language.
    const OTHER: [&str; 7] = [
        "hljs",
        "sourceCode",
        "prettyprint",
        "prettyprinted",
        "codehilite",
        "linenums",
        "numberLines",
    ];
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
        let marked = words().any(|it| BESIDE.contains(&it));
        words().find(|it| marked && !OTHER.contains(it))
    };
    // Sphinx's: the block says nothing, and its place that it is highlighted as what.
    let sphinx = || {
        let named = words().find_map(|it| it.strip_prefix("highlight-"));
        named.filter(|_| words().any(|it| it == "notranslate"))
    };
    prefixed.or_else(attribute).or_else(brush).or_else(alone).or_else(sphinx)
}
