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
/// Bytes of the line numbers beside a block.
const MAX_NUMBERS: usize = 65_536;
/// Lines of a block whose beginnings can be told to be numbers.
const MIN_LINES: usize = 2;
/// Nodes that are read beside a block.
const NEAR: usize = 64;

/// Returns the text of code. A line ends at each line end, at a `br`, and at the edge of a line that is an
/// element of its own. Controls, styles, hidden hints and line numbers are no code.
pub(crate) fn text(doc: &Doc<'_>, id: Id) -> String {
    let shown = Listing::read(doc, id, |it| doc.node(it).hidden);
    if !shown.out.trim().is_empty() {
        return shown.without_numbers(doc, id);
    }
    // Code below an editor that draws it again is hidden as a whole.
    Listing::read(doc, id, |it| doc.tag(it).is_never_content()).without_numbers(doc, id)
}

/// The text of code, and the elements that may hold the numbers of its lines.
struct Listing {
    out: String,
    /// Elements that hold a number at the beginning of a line.
    numbers: Vec<(Id, u64)>,
}

impl Listing {
    fn read(doc: &Doc<'_>, id: Id, left_out: impl Fn(Id) -> bool) -> Self {
        let mut listing = Self { out: String::new(), numbers: Vec::new() };
        let out = &mut listing.out;
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
                if std::mem::take(&mut edge) && !breaks && !is_blank_line(out) {
                    out.push('\n');
                }
                out.push_str(text);
            } else if left_out(at) || counts_a_line(doc, at) || counts_lines(doc, at) {
                at = doc.end(at);
                continue;
            } else if tag == Tag::Br {
                out.push('\n');
            } else if tag.is_block() && !matches!(tag, Tag::Td | Tag::Th) || is_line(doc, at) {
                edge = true;
                ends.push(doc.end(at));
            } else if (edge || is_blank_line(out))
                && let Some(number) = number_in(doc, at)
            {
                listing.numbers.push((at, number));
            }
            at += 1;
        }
        listing
    }

    /// Returns the text, without the numbers if every line begins with the next one.
    fn without_numbers(self, doc: &Doc<'_>, id: Id) -> String {
        let lines = self.out.lines().filter(|it| !it.trim().is_empty()).count();
        let first = self.numbers.first().map(|it| it.1).unwrap_or_default();
        let follow = self.numbers.iter().zip(first..).all(|(it, next)| it.1 == next);
        if lines < MIN_LINES || self.numbers.len() < lines || !follow {
            return self.out;
        }
        let left_out = |it: Id| {
            doc.node(it).hidden || self.numbers.binary_search_by_key(&it, |it| it.0).is_ok()
        };
        Self::read(doc, id, left_out).out
    }
}

/// Returns `true` if a class names an element a line of the code, which a style puts on a line of its own.
fn is_line(doc: &Doc<'_>, id: Id) -> bool {
    doc.tag(id) == Tag::Span
        && doc.attr(id, "class").is_some_and(|it| {
            it.split_ascii_whitespace().any(|it| matches!(it, "code-line" | "line" | "view-line"))
        })
}

/// Returns the number that is the whole text of an element.
fn number_in(doc: &Doc<'_>, id: Id) -> Option<u64> {
    let fits = (1..=NUMBER).contains(&doc.node(id).text) && doc.tag(id) != Tag::Code;
    if fits { doc.source_text(id).trim().parse().ok() } else { None }
}

/// Returns `true` if the last line of a text has only blanks.
fn is_blank_line(text: &str) -> bool {
    let bare = text.trim_end_matches([' ', '\t']);
    bare.is_empty() || bare.ends_with('\n')
}

/// Returns `true` if an element holds only the number of the line beside it.
fn counts_a_line(doc: &Doc<'_>, id: Id) -> bool {
    let named = |class: &str| {
        let class = class.to_ascii_lowercase();
        let whole = class.split_whitespace().any(|it| LINE_NUMBER_CLASSES.contains(&it));
        whole || class.contains("gutter") || class.contains("line-num") || class.contains("lineno")
    };
    doc.node(id).text <= NUMBER
        && doc.attr(id, "class").is_some_and(named)
        && doc.source_text(id).bytes().all(|it| it.is_ascii_digit() || it.is_ascii_whitespace())
}

/// Returns `true` if a block or a cell holds the line numbers of the code in the next cell.
pub(crate) fn counts_lines(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    if !matches!(node.tag, Tag::Pre | Tag::Td | Tag::Th) || node.text > MAX_NUMBERS {
        return false;
    }
    let cell = doc.around(id).find(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th));
    let Some(cell) = cell else { return false };
    let row = doc.node(cell).parent;
    let is_code = |it: Id| matches!(doc.tag(it), Tag::Pre | Tag::Code);
    let beside = (doc.end(cell)..doc.end(row)).take(NEAR).any(is_code);
    if !beside {
        return false;
    }
    let text = doc.source_text(id);
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let Some(Ok(first)) = numbers.next() else { return false };
    let mut further = 0_usize;
    let follow = numbers.zip(first.saturating_add(1)..).all(|(it, next)| {
        further += 1;
        it == Ok(next)
    });
    // A single number in a cell of values may be one of them.
    follow && (further > 0 || node.tag == Tag::Pre)
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
