//! Writes tables of values. The cells of a table that lays out a page are blocks of the page.

use crate::extract::dom::code;
use crate::extract::dom::doc::Id;
use crate::extract::dom::folding::FlowText;
use crate::extract::dom::spans::{MAX_COLUMNS, Spans, cells};
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::inline::close;
use crate::extract::format::markdown::{MarkdownWriter, escape};

/// Bytes of a cell with several blocks that is a part of the page and no value.
const PAGE_PART: usize = 400;
/// The same in a table with heads.
const HEADED_PAGE_PART: usize = 4_000;

/// The rows of a table, rendered.
#[derive(Default)]
struct Grid {
    rows: Vec<Vec<String>>,
    spans: Spans,
    /// `true` if the first row is a heading.
    headed: bool,
}

impl MarkdownWriter<'_> {
    pub(crate) fn table(&mut self, id: Id) {
        // Checked before any cell is read: reading the cells of tables in tables first doubles the work
        // at every level.
        if self.is_layout(id) {
            return self.laid_out(id);
        }
        self.flush();
        let doc = self.selection.doc;
        let mut grid = Grid::default();
        let mut caption = None;
        for at in self.selection.below(id) {
            match doc.tag(at) {
                Tag::Caption => caption = Some(at),
                Tag::Tr => self.row(at, &mut grid),
                _ => {}
            }
        }
        let width = grid.rows.iter().map(Vec::len).max().unwrap_or_default();
        if width > 0 {
            self.begin();
            self.grid(&grid, width);
        }
        if let Some(caption) = caption {
            self.inside(caption);
        }
    }

    /// Writes the cells of a table that lays out the page. Cells that have a line each share one.
    fn laid_out(&mut self, id: Id) {
        let doc = self.selection.doc;
        self.flush();
        for child in doc.children(id).filter(|it| !self.selection.is_dropped(*it)) {
            match doc.tag(child) {
                Tag::Thead | Tag::Tbody | Tag::Tfoot => self.laid_out(child),
                Tag::Tr if doc.children(child).all(|it| !doc.node(it).has_block) => {
                    for cell in doc.children(child).filter(|it| !self.selection.is_dropped(*it)) {
                        self.flow(FlowText::new(" "));
                        self.children(cell);
                    }
                    self.flush();
                }
                Tag::Text => doc.flow(child).into_iter().for_each(|it| self.flow(it)),
                _ => self.element(child),
            }
        }
        self.flush();
    }

    /// Returns `true` if a table lays out the page: it has a single column, or a cell holds a part of a
    /// page.
    fn is_layout(&self, id: Id) -> bool {
        let doc = self.selection.doc;
        let says_so = doc.attr(id, "role").is_some_and(|it| matches!(it, "presentation" | "none"));
        if says_so || doc.node(id).has_table {
            return true;
        }
        let rows = || self.selection.below(id).filter(|it| doc.tag(*it) == Tag::Tr);
        let headed = self.selection.below(id).any(|it| doc.tag(it) == Tag::Th);
        let is_column = !headed && rows().all(|it| cells(doc, it).nth(1).is_none());
        let longest = if headed { HEADED_PAGE_PART } else { PAGE_PART };
        let is_part = |cell: Id| {
            let node = doc.node(cell);
            let has_title = || self.selection.below(cell).any(|it| doc.tag(it) == Tag::H1);
            // A table of numbered lines of code is a block of code.
            let is_listing = || self.selection.below(cell).any(|it| code::counts_lines(doc, it));
            node.has_block && (node.text >= longest || has_title() || is_listing())
        };
        let any_cell = |holds: &dyn Fn(Id) -> bool| rows().any(|row| cells(doc, row).any(holds));
        (is_column && any_cell(&|it| self.holds_lines(it))) || any_cell(&is_part)
    }

    /// Returns `true` if a cell holds more than a line of text.
    fn holds_lines(&self, cell: Id) -> bool {
        let doc = self.selection.doc;
        let (mut filled, mut broken) = (false, false);
        for at in self.selection.below(cell).skip(1) {
            let node = doc.node(at);
            match node.tag {
                // A break counts only between texts.
                Tag::Text if node.text > 0 && broken && filled => return true,
                Tag::Text => filled |= node.text > 0,
                Tag::Br => broken = true,
                Tag::Hr => return true,
                Tag::Pre | Tag::Blockquote | Tag::Ul | Tag::Ol | Tag::Dl => return node.text > 0,
                tag if tag.level().is_some() => return true,
                tag if tag.is_block() => broken = true,
                _ => {}
            }
        }
        false
    }

    fn row(&mut self, id: Id, grid: &mut Grid) {
        let doc = self.selection.doc;
        let mut row: Vec<String> = Vec::new();
        let (mut heads, mut names, mut own) = (true, false, 0);
        grid.spans.begin_row(doc, id);
        for cell in cells(doc, id).filter(|it| !self.selection.is_dropped(*it)) {
            while row.len() < MAX_COLUMNS && grid.spans.fills(row.len()) {
                row.push(String::new());
            }
            if row.len() >= MAX_COLUMNS {
                break;
            }
            own += 1;
            // The corner above the names of the rows may be an empty cell of values.
            let is_head = doc.tag(cell) == Tag::Th;
            heads &= is_head || doc.node(cell).text == 0;
            names |= is_head;
            let wide = grid.spans.add(doc, cell, row.len());
            row.push(self.cell(cell));
            row.extend(std::iter::repeat_n(String::new(), wide - 1));
        }
        if own == 0 {
            return;
        }
        while row.len() < MAX_COLUMNS && grid.spans.fills(row.len()) {
            row.push(String::new());
        }
        let in_head = doc.tag(doc.node(id).parent) == Tag::Thead;
        if grid.rows.is_empty() {
            grid.headed = (heads && names) || in_head;
        }
        grid.rows.push(row);
    }

    /// Renders a cell on one line, with `<br>` between its blocks.
    fn cell(&mut self, id: Id) -> String {
        let text = self.inline_of(id);
        close(text.trim_matches([' ', '\n'])).replace('|', "\\|").replace('\n', "<br>")
    }

    /// Writes a block of code on the current line, each of its lines as a span.
    pub(crate) fn code_lines(&mut self, id: Id) {
        let doc = self.selection.doc;
        if code::counts_lines(doc, id) {
            return;
        }
        for line in code::text(doc, id).lines().filter(|it| !it.trim().is_empty()) {
            self.break_line();
            escape::code_into(&mut self.line, line.trim_end());
        }
    }

    fn grid(&mut self, grid: &Grid, width: usize) {
        let rule = "| --- ".repeat(width) + "|";
        if !grid.headed {
            self.out.push_str(&("|  ".repeat(width) + "|"));
            self.new_line();
            self.out.push_str(&rule);
        }
        for (at, row) in grid.rows.iter().enumerate() {
            if at > 0 || !grid.headed {
                self.new_line();
            }
            self.out.push('|');
            for column in 0..width {
                self.out.push(' ');
                self.out.push_str(row.get(column).map_or("", String::as_str));
                self.out.push_str(" |");
            }
            if at == 0 && grid.headed {
                self.new_line();
                self.out.push_str(&rule);
            }
        }
    }
}
