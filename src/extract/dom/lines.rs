//! Splits a part of a page into lines as a reader sees them.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::folding::{break_words, trimmed};
use crate::extract::dom::tag::Tag;

/// Bytes of an item whose blocks are one line; a longer item is an article in a list.
const ITEM: usize = 1_500;
/// The level of a bold line that stands alone as a heading; one below `h6`.
pub(crate) const BOLD_LEVEL: usize = 7;
/// Bytes of a bold line that may be a heading.
const BOLD_TEXT: usize = 60;
/// Lines read of a page.
const MAX_LINES: usize = 5_000;

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextLine {
    /// The first node of the line.
    pub(crate) at: Id,
    pub(crate) text: String,
    /// The level of a heading; [`BOLD_LEVEL`] if it is only bold.
    pub(crate) level: Option<usize>,
    /// `true` for an item of a list or a row of a table.
    pub(crate) listed: bool,
    /// `true` if the whole line is a link.
    pub(crate) linked: bool,
}

/// Returns the lines of a range of nodes: each block, item and row, and each part before a `br`. Hidden
/// nodes have none.
pub(crate) fn lines(doc: &Doc<'_>, from: Id, to: Id) -> Vec<TextLine> {
    read(doc, from, to, Vec::new())
}

/// Returns the last lines of an element: those of its last `nodes` nodes or more. Returns `None` if they cannot be
/// told from its other lines.
pub(crate) fn last_lines(doc: &Doc<'_>, id: Id, nodes: usize) -> Option<Vec<TextLine>> {
    let end = doc.end(id);
    // Of more lines only the first ones would be read.
    if end - id >= MAX_LINES {
        return None;
    }
    let is_open = |it: Id| !doc.node(it).hidden && !matches!(doc.tag(it), Tag::Li | Tag::Tr);
    let begins = |it: &Id| doc.tag(*it).is_block() && doc.around(*it).all(is_open);
    let first = id.max(end.saturating_sub(nodes));
    let from = (id..=first).rev().find(begins)?;
    let around = doc.around(from).skip(1).take_while(|it| *it >= id);
    let mut open: Vec<OpenBlock> = around
        .filter(|it| doc.tag(*it).is_block())
        .map(|it| OpenBlock::of(doc, it, false))
        .collect();
    open.reverse();
    Some(read(doc, from, end, open))
}

fn read(doc: &Doc<'_>, from: Id, to: Id, mut open: Vec<OpenBlock>) -> Vec<TextLine> {
    let mut reader = LineReader { doc, out: Vec::new(), line: String::new(), begun: None };
    let mut at = from;
    while at < to && reader.out.len() < MAX_LINES {
        while open.last().is_some_and(|it| it.end <= at) {
            reader.close(&mut open);
        }
        let node = doc.node(at);
        if node.hidden {
            at = node.end;
            continue;
        }
        let whole = open.last().is_some_and(|it| it.whole);
        if let Some(text) = doc.flow(at) {
            if reader.begun.is_none() && text.has_words() {
                reader.begun = Some(at);
            }
            text.flow_into(&mut reader.line);
        } else if node.tag == Tag::Br && !whole {
            reader.end_line(&open);
        } else if node.tag.is_block() || node.tag == Tag::Br {
            if whole {
                break_words(&mut reader.line);
            } else {
                reader.end_line(&open);
            }
            open.push(OpenBlock::of(doc, at, whole));
        }
        at += 1;
    }
    while !open.is_empty() {
        reader.close(&mut open);
    }
    reader.end_line(&open);
    reader.out
}

/// A block that is still open.
#[derive(Debug)]
struct OpenBlock {
    end: Id,
    tag: Tag,
    /// `true` if its content is one line.
    whole: bool,
    /// `true` for a heading with several lines.
    breaks: bool,
}

impl OpenBlock {
    /// Describes a block. Inside a block that is one line, `is_in_line` is set.
    fn of(doc: &Doc<'_>, id: Id, is_in_line: bool) -> Self {
        let node = doc.node(id);
        Self {
            end: node.end,
            tag: node.tag,
            whole: is_in_line || is_whole(doc, id),
            breaks: node.tag.level().is_some()
                && node.text > BOLD_TEXT
                && (id + 1..node.end).any(|it| doc.tag(it) == Tag::Br),
        }
    }
}

struct LineReader<'d, 'a> {
    doc: &'d Doc<'a>,
    out: Vec<TextLine>,
    line: String,
    begun: Option<Id>,
}

impl LineReader<'_, '_> {
    fn close(&mut self, open: &mut Vec<OpenBlock>) {
        let outer = open.len().checked_sub(2).and_then(|it| open.get(it));
        if outer.is_some_and(|it| it.whole) {
            break_words(&mut self.line);
        } else {
            self.end_line(open);
        }
        open.pop();
    }

    fn end_line(&mut self, open: &[OpenBlock]) {
        if let Some(at) = self.begun.take() {
            let text = trimmed(&self.line);
            if !text.is_empty() {
                let line = self.line_at(at, text, open);
                self.out.push(line);
            }
        }
        self.line.clear();
    }

    /// Returns the line with this text that begins at a node.
    fn line_at(&self, at: Id, text: &str, open: &[OpenBlock]) -> TextLine {
        let (mut heavy, mut linked) = (false, false);
        for id in self.doc.around(at).take(6) {
            let tag = self.doc.tag(id);
            heavy |= matches!(tag, Tag::Strong | Tag::B);
            linked |= tag == Tag::A;
        }
        let heavy = heavy && text.len() <= BOLD_TEXT;
        // A heading of several lines is content that was made large.
        let level = open.iter().rev().find(|it| it.tag.level().is_some());
        let level = level.filter(|it| !it.breaks).and_then(|it| it.tag.level());
        TextLine {
            at,
            text: text.to_owned(),
            level: level.or((heavy && self.is_alone(at, text)).then_some(BOLD_LEVEL)),
            listed: open.iter().rev().take(3).any(|it| matches!(it.tag, Tag::Li | Tag::Tr)),
            linked: linked && self.is_link(at, text),
        }
    }

    /// Returns `true` if the bold element around a node holds the whole line.
    fn is_alone(&self, at: Id, text: &str) -> bool {
        let heavy = |it: &Id| matches!(self.doc.tag(*it), Tag::Strong | Tag::B);
        self.doc.around(at).find(heavy).is_some_and(|it| self.doc.node(it).text + 2 >= text.len())
    }

    fn is_link(&self, at: Id, text: &str) -> bool {
        let link = self.doc.around(at).find(|it| self.doc.tag(*it) == Tag::A);
        link.is_some_and(|it| self.doc.node(it).text + 2 >= text.len())
    }
}

/// Returns `true` if a block is one line: a row, or an item that holds no other.
fn is_whole(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    let parts = |it: Id| matches!(doc.tag(it), Tag::Li | Tag::Tr | Tag::Br | Tag::Table);
    matches!(node.tag, Tag::Li | Tag::Tr)
        && node.text <= ITEM
        && !(id + 1..node.end).any(|it| parts(it) || doc.tag(it).level().is_some())
}

#[cfg(test)]
mod tests {
    use scraper::Html;

    use super::*;

    fn read(html: &str) -> Vec<(String, Option<usize>, bool)> {
        let tree = Html::parse_document(html);
        let doc = Doc::of(&tree, 100).expect("a shallow page");
        let all = lines(&doc, 0, doc.len());
        all.into_iter().map(|it| (it.text, it.level, it.listed)).collect()
    }

    #[test]
    fn blocks_items_rows_and_breaks_are_lines() {
        let read = read(
            "<h2>One</h2>two <b>three</b><br>four<ul><li><div>five</div><div>six</div></ul>\
             <table><tr><td>seven<td>eight</table><p><strong>Nine</strong></p><p hidden>ten</p>",
        );

        let line = |text: &str, level, listed| (text.to_owned(), level, listed);
        assert_eq!(
            read,
            [
                line("One", Some(2), false),
                line("two three", None, false),
                line("four", None, false),
                line("five six", None, true),
                line("seven eight", None, true),
                line("Nine", Some(BOLD_LEVEL), false),
            ]
        );
    }

    #[test]
    fn the_last_lines_are_the_end_of_all_lines() {
        let tree = Html::parse_document(
            "<div><h2>One</h2>two<section><p>three</p>four</section>five<br>six <ul><li>seven</ul>\
             <p>eight <b>nine</b></p></div>ten<table><tr><td>eleven<td>twelve</table>thirteen",
        );
        let doc = Doc::of(&tree, 100).expect("a shallow page");
        let all = lines(&doc, doc.body(), doc.len());

        for nodes in 1..doc.len() {
            let last = last_lines(&doc, doc.body(), nodes).expect("a short page");
            assert!(all.ends_with(&last) && !last.is_empty(), "{nodes}: {last:?}");
        }
    }

    #[test]
    fn an_item_with_parts_is_not_one_line() {
        let texts: Vec<String> =
            read("<ul><li>a<br>b<ul><li>c</ul></ul>d").into_iter().map(|it| it.0).collect();

        assert_eq!(texts, ["a", "b", "c", "d"]);
    }
}
