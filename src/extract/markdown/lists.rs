//! Lists, and the boxes that stand before the items of a list of tasks.

use crate::extract::doc::{Doc, Id};
use crate::extract::markdown::{Gap, Margin, Writer};
use crate::extract::tag::Tag;

/// The greatest number of an item: one with more digits is read as text.
const MAX_NUMBER: u64 = 999_999_999;
/// Nodes at the beginning of an item in which its box is.
const NEAR: usize = 8;

impl Writer<'_> {
    pub(super) fn list(&mut self, id: Id) {
        self.flush();
        let doc = self.view.doc;
        let ordered = doc.tag(id) == Tag::Ol;
        let items = || doc.children(id).filter(|it| doc.tag(*it) == Tag::Li);
        let said = items().next().and_then(|it| number_in(doc, it, "value"));
        let start = said.or_else(|| number_in(doc, id, "start")).unwrap_or(1);
        let mut number = start;
        // Two lists with one mark would be read as one list.
        let after = self.ended.filter(|it| it.1 == self.margins.len()).map(|it| it.0);
        let sign = match (ordered, after) {
            (false, Some('-')) => '*',
            (false, _) => '-',
            (true, Some('.')) => ')',
            (true, _) => '.',
        };
        // A list in an item stands close to the item's words. One that does not begin with 1 would
        // be read as more of those words.
        let close = self.margins.last().is_some_and(|it| it.begun && it.rest.trim().is_empty());
        if close && number <= 1 {
            self.gap = Gap::Line;
        }
        let mut open = false;
        for child in doc.children(id).filter(|it| !self.view.skips(*it)) {
            if doc.text(child).is_some_and(|it| it.trim().is_empty()) {
                continue;
            }
            // What stands between the items is more of the one before it.
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
                    mark.push_str(task(doc, child).unwrap_or_default());
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

    /// Ends an item; says whether there was anything in it.
    fn end_item(&mut self) -> bool {
        self.flush();
        let begun = self.margins.pop().is_some_and(|it| it.begun);
        if begun {
            self.gap = Gap::Line;
        }
        begun
    }
}

/// The number that an attribute says, no higher than a mark may be.
fn number_in(doc: &Doc<'_>, id: Id, name: &str) -> Option<u64> {
    doc.attr(id, name)?.trim().parse().ok().map(|it: u64| it.min(MAX_NUMBER))
}

/// The box before what is to be done: one that nobody can tick here, or in a list that says what it is.
pub(in crate::extract) fn task(doc: &Doc<'_>, item: Id) -> Option<&'static str> {
    let empty = |it: Id| doc.text(it).is_none_or(|it| it.trim().is_empty());
    let mut first = (item + 1..doc.end(item)).take(NEAR).skip_while(|it| {
        empty(*it) && matches!(doc.tag(*it), Tag::Text | Tag::Label | Tag::P | Tag::Span)
    });
    let ticked = first.next().filter(|it| doc.tag(*it) == Tag::Input)?;
    let called = |it: Id| doc.attr(it, "class").is_some_and(|it| it.contains("task"));
    let is_task =
        doc.attr(ticked, "disabled").is_some() || called(item) || called(doc.node(item).parent);
    (is_task && doc.attr(ticked, "type") == Some("checkbox"))
        .then(|| if doc.attr(ticked, "checked").is_some() { "[x] " } else { "[ ] " })
}
