//! Writes lists.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::numbering::NumberedList;
use crate::extract::dom::tag::Tag;
use crate::extract::dom::task::task_box;
use crate::extract::format::markdown::{Gap, Margin, MarkdownWriter};

impl MarkdownWriter<'_> {
    pub(crate) fn list(&mut self, id: Id) {
        self.flush();
        let doc = self.selection.doc;
        let ordered = doc.tag(id) == Tag::Ol;
        let mut numbers = NumberedList::of(doc, id);
        let first = doc.children(id).find(|it| doc.tag(*it) == Tag::Li);
        let start = first.and_then(|it| NumberedList::of(doc, id).next(doc, it));
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
        if close && start.unwrap_or(1) <= 1 {
            self.gap = Gap::Line;
        }
        let (mut open, mut any) = (false, false);
        for child in doc.children(id).filter(|it| !self.selection.is_dropped(*it)) {
            let text = doc.flow(child);
            if text.is_some_and(|it| !it.has_words()) {
                continue;
            }
            // Anything between the items belongs to the one before it.
            if !open || doc.tag(child) == Tag::Li {
                any |= open && self.end_item();
                let margin = match self.notes.note(child) {
                    Some(note) => Margin::new(format!("[^{note}]: "), "    "),
                    None => item_margin(numbers.next(doc, child), sign, task_box(doc, child)),
                };
                self.margins.push(margin);
                open = true;
            }
            match doc.tag(child) {
                Tag::Text => text.into_iter().for_each(|it| self.flow(it)),
                Tag::Li if ordered && is_empty(doc, child) => self.empty_item(),
                Tag::Li => self.children(child),
                _ => self.element(child),
            }
        }
        any |= open && self.end_item();
        if any {
            self.ended = Some((sign, self.margins.len()));
        }
        self.gap = Gap::Blank;
    }

    /// Writes the mark of an item without content, which keeps its number.
    fn empty_item(&mut self) {
        self.flush();
        self.begin();
        self.out.truncate(self.out.trim_end_matches(' ').len());
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

/// Returns the margin of an item with this number.
fn item_margin(number: Option<i64>, sign: char, task: Option<&str>) -> Margin {
    if number.is_none() && task.is_none() {
        return Margin::new(if sign == '-' { "- " } else { "* " }, "  ");
    }
    let mut mark = match number {
        Some(number) => format!("{}{sign} ", number.max(0)),
        None => format!("{sign} "),
    };
    let rest = " ".repeat(mark.len());
    mark.push_str(task.unwrap_or_default());
    Margin::new(mark, rest)
}

/// Returns `true` if an item holds nothing at all.
fn is_empty(doc: &Doc<'_>, item: Id) -> bool {
    (item + 1..doc.end(item)).all(|it| doc.flow(it).is_some_and(|it| !it.has_words()))
}
