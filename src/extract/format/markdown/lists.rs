//! Writes lists.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;
use crate::extract::dom::task::task_box;
use crate::extract::format::markdown::{Gap, Margin, MarkdownWriter};

/// The greatest number of an item; one with more digits would be read as text.
const MAX_NUMBER: u64 = 999_999_999;

impl MarkdownWriter<'_> {
    pub(crate) fn list(&mut self, id: Id) {
        self.flush();
        let doc = self.selection.doc;
        let ordered = doc.tag(id) == Tag::Ol;
        let items = || doc.children(id).filter(|it| doc.tag(*it) == Tag::Li);
        let first_number = items().next().and_then(|it| number_in(doc, it, "value"));
        let start = first_number.or_else(|| number_in(doc, id, "start")).unwrap_or(1);
        let mut number = start;
        // Two lists with one marker would be read as one list.
        let after = self.ended.filter(|it| it.1 == self.margins.len()).map(|it| it.0);
        let sign = match (ordered, after) {
            (false, Some('-')) => '*',
            (false, _) => '-',
            (true, Some('.')) => ')',
            (true, _) => '.',
        };
        // A list inside an item follows its words directly. One that does not begin with 1 would be read
        // as more of those words.
        let close = self.margins.last().is_some_and(|it| it.begun && it.rest.trim().is_empty());
        if close && number <= 1 {
            self.gap = Gap::Line;
        }
        let mut open = false;
        for child in doc.children(id).filter(|it| !self.selection.is_dropped(*it)) {
            if doc.text(child).is_some_and(|it| it.trim().is_empty()) {
                continue;
            }
            // Anything between the items belongs to the one before it.
            if !open || doc.tag(child) == Tag::Li {
                number += u64::from(open && self.end_item());
                let (mark, rest) = if let Some(note) = self.notes.note(child) {
                    (format!("[^{note}]: "), "    ".to_owned())
                } else {
                    number = number_in(doc, child, "value").unwrap_or(number);
                    let mut mark = if ordered {
                        format!("{}{sign} ", number.min(MAX_NUMBER))
                    } else {
                        format!("{sign} ")
                    };
                    let rest = " ".repeat(mark.len());
                    mark.push_str(task_box(doc, child).unwrap_or_default());
                    (mark, rest)
                };
                self.margins.push(Margin { first: mark, rest, begun: false });
                open = true;
            }
            match doc.tag(child) {
                Tag::Text => self.flow(doc.text(child).unwrap_or_default()),
                Tag::Li => self.children(child),
                _ => self.element(child),
            }
        }
        let ends = open && self.end_item();
        if ends || number > start {
            self.ended = Some((sign, self.margins.len()));
        }
        self.gap = Gap::Blank;
    }

    /// Ends an item. Returns `true` if it had any content.
    fn end_item(&mut self) -> bool {
        self.flush();
        let begun = self.margins.pop().is_some_and(|it| it.begun);
        if begun {
            self.gap = Gap::Line;
        }
        begun
    }
}

/// Reads the number in an attribute, no higher than a marker may be.
fn number_in(doc: &Doc<'_>, id: Id, name: &str) -> Option<u64> {
    doc.attr(id, name)?.trim().parse().ok().map(|it: u64| it.min(MAX_NUMBER))
}
