//! The lines of a page: each block without blocks inside, and each part before a `br`.

use std::ops::Range;

use crate::extract::dom::doc::{Doc, Id, are_apart};
use crate::extract::dom::folding::{FlowText, break_words};
use crate::extract::dom::tag::Tag;

/// Lines kept of a page.
const MAX_LINES: usize = 20_000;
/// Bytes of a line that is kept whole; a longer one is prose and is cut.
const LONGEST: usize = 2_000;

/// A line of text and the nodes that show it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) range: Range<Id>,
    pub(crate) text: String,
    /// The texts that the line consists of: where each begins in it, and its node.
    parts: Vec<(usize, Id)>,
}

impl Line {
    /// Returns the nodes that show a part of the line, given by its bytes.
    pub(crate) fn nodes(&self, bytes: Range<usize>) -> Range<Id> {
        let place = |offset: usize| {
            let behind = self.parts.partition_point(|it| it.0 <= offset);
            self.parts.get(behind.saturating_sub(1)).map(|it| it.1)
        };
        let start = place(bytes.start).unwrap_or(self.range.start);
        let end = place(bytes.end.saturating_sub(1)).map_or(self.range.end, |it| it + 1);
        start..end.max(start + 1)
    }
}

/// Returns the lines of the nodes that are content.
pub(crate) fn lines(doc: &Doc<'_>, masked: &[bool]) -> Vec<Line> {
    let mut reader =
        LineReader { doc, out: Vec::new(), text: String::new(), range: 0..0, parts: Vec::new() };
    let mut ends: Vec<Id> = Vec::new();
    let mut at = doc.body();
    while at < doc.end(doc.body()) && reader.out.len() < MAX_LINES {
        while ends.last().is_some_and(|it| *it <= at) {
            ends.pop();
            reader.flush();
        }
        let node = doc.node(at);
        if masked.get(at).copied().unwrap_or(true) {
            at = node.end;
            continue;
        }
        if let Some(text) = doc.flow(at) {
            reader.push(at, text);
        } else if node.tag == Tag::Br {
            reader.flush();
        } else if node.tag.is_block() {
            reader.flush();
            ends.push(node.end);
        }
        at += 1;
    }
    reader.flush();
    reader.out
}

/// Returns the text of a range on one line, with words of neighboring elements set apart.
pub(super) fn text(doc: &Doc<'_>, range: &Range<Id>, left_out: impl Fn(Id) -> bool) -> String {
    let mut reader =
        LineReader { doc, out: Vec::new(), text: String::new(), range: 0..0, parts: Vec::new() };
    let mut ends: Vec<Id> = Vec::new();
    let mut at = range.start;
    while at < range.end && reader.text.len() < LONGEST * 4 {
        while ends.last().is_some_and(|it| *it <= at) {
            ends.pop();
            break_words(&mut reader.text);
        }
        let node = doc.node(at);
        if left_out(at) {
            at = node.end;
            continue;
        }
        if let Some(text) = doc.flow(at) {
            reader.push(at, text);
        } else if node.tag == Tag::Br || node.tag.is_block() {
            break_words(&mut reader.text);
            ends.push(node.end);
        }
        at += 1;
    }
    let mut text = reader.text;
    text.truncate(text.trim_end().len());
    text
}

struct LineReader<'d, 'a> {
    doc: &'d Doc<'a>,
    out: Vec<Line>,
    text: String,
    range: Range<Id>,
    parts: Vec<(usize, Id)>,
}

impl LineReader<'_, '_> {
    fn push(&mut self, at: Id, text: FlowText<'_>) {
        if self.text.len() > LONGEST && self.range.end > 0 {
            self.range.end = at + 1;
            return;
        }
        if text.has_words() {
            if self.text.is_empty() {
                self.range.start = at;
            } else if self.is_apart(at) {
                break_words(&mut self.text);
            }
            self.range.end = at + 1;
            self.parts.push((self.text.len(), at));
        }
        text.flow_into(&mut self.text);
    }

    /// Returns `true` if a text begins an element beside that of the text before it.
    fn is_apart(&self, at: Id) -> bool {
        let (left, right) = (self.doc.node(self.range.end - 1).parent, self.doc.node(at).parent);
        left != right && are_apart(self.doc, left, right)
    }

    fn flush(&mut self) {
        let text = self.text.trim_end();
        if !text.is_empty() {
            let parts = std::mem::take(&mut self.parts);
            self.out.push(Line { range: self.range.clone(), text: text.to_owned(), parts });
        }
        self.parts.clear();
        self.text.clear();
        self.range = 0..0;
    }
}
