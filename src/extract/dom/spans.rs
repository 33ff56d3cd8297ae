//! The cells that rows of a table inherit from the rows above them.

use crate::extract::dom::doc::{Doc, Id};
use crate::extract::dom::tag::Tag;

/// Columns of a table; further ones are dropped.
pub(crate) const MAX_COLUMNS: usize = 100;
/// Empty cells that spans may add to a table.
const MAX_SPAN: usize = 10_000;

/// The columns of a table that cells from above fill, while its rows are read in order.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// By column: the number of further rows that a cell fills.
    rows: Vec<usize>,
    /// The row group, at whose end every cell ends.
    group: Option<Id>,
    added: usize,
}

impl Spans {
    /// Begins a row.
    pub(crate) fn begin_row(&mut self, doc: &Doc<'_>, row: Id) {
        let group = doc.node(row).parent;
        if self.group.replace(group).is_some_and(|it| it != group) {
            self.rows.clear();
        }
    }

    /// Returns `true` if a cell from above fills a column of this row.
    pub(crate) fn fills(&mut self, column: usize) -> bool {
        match self.rows.get_mut(column) {
            Some(left) if *left > 0 && self.added < MAX_SPAN => {
                *left -= 1;
                self.added += 1;
                true
            }
            _ => false,
        }
    }

    /// Records the rows that a cell fills, and returns the number of its columns.
    pub(crate) fn add(&mut self, doc: &Doc<'_>, cell: Id, column: usize) -> usize {
        let span = |name| doc.attr(cell, name)?.trim().parse::<usize>().ok();
        let wide = span("colspan").unwrap_or(1).max(1).min(MAX_COLUMNS.saturating_sub(column));
        // A span of 0 reaches to the end of the row group.
        let further = match span("rowspan") {
            Some(0) => usize::MAX,
            Some(tall) => tall - 1,
            None => 0,
        };
        if further > 0 {
            self.rows.resize(self.rows.len().max(column + wide), 0);
            for left in self.rows.iter_mut().skip(column).take(wide) {
                *left = further;
            }
        }
        self.added += wide.saturating_sub(1);
        if self.added < MAX_SPAN { wide } else { 1 }
    }
}

/// Returns the cells of a row.
pub(crate) fn cells<'d>(doc: &'d Doc<'_>, row: Id) -> impl Iterator<Item = Id> + 'd {
    doc.children(row).filter(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th))
}
