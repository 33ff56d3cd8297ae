//! Writes tables of values. The cells of a table that lays out a page are blocks of the page.

use crate::extract::dom::doc::Id;
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::MarkdownWriter;
use crate::extract::format::markdown::inline::close;

/// Columns of a table; further ones are dropped.
const MAX_COLUMNS: usize = 100;
/// Cells that spans may add to a table.
const MAX_SPAN: usize = 1_000;

/// The rows of a table, rendered.
#[derive(Default)]
struct Grid {
    rows: Vec<Vec<String>>,
    /// By column: the number of further rows that a cell from above fills.
    spans: Vec<usize>,
    spanned: usize,
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
                        self.flow(" ");
                        self.children(cell);
                    }
                    self.flush();
                }
                Tag::Text => self.flow(doc.text(child).unwrap_or_default()),
                _ => self.element(child),
            }
        }
        self.flush();
    }

    /// Returns `true` if a table lays out the page: a cell holds more than a line of text.
    fn is_layout(&self, id: Id) -> bool {
        let doc = self.selection.doc;
        let says_so = doc.attr(id, "role").is_some_and(|it| matches!(it, "presentation" | "none"));
        if says_so || doc.node(id).has_table {
            return true;
        }
        // A table with heads has columns, however many lines its cells have.
        let headed = self.selection.below(id).any(|it| doc.tag(it) == Tag::Th);
        self.selection.below(id).filter(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th)).any(
            |cell| {
                let mut filled = 0;
                let mut broken = false;
                for at in self.selection.below(cell).skip(1) {
                    let node = doc.node(at);
                    match node.tag {
                        Tag::Text if node.text > 0 => {
                            // A break counts only between texts.
                            if broken && filled > 0 && !headed {
                                return true;
                            }
                            filled += 1;
                            broken = false;
                        }
                        Tag::Br => broken = true,
                        Tag::Hr => return true,
                        Tag::Pre | Tag::Blockquote | Tag::Ul | Tag::Ol | Tag::Dl => {
                            return node.text > 0;
                        }
                        tag if tag.level().is_some() => return true,
                        tag if tag.is_block() => broken = true,
                        _ => {}
                    }
                }
                false
            },
        )
    }

    fn row(&mut self, id: Id, grid: &mut Grid) {
        let doc = self.selection.doc;
        let mut cells: Vec<String> = Vec::new();
        let mut heads = true;
        let mut own = 0;
        let spanned = |grid: &mut Grid, at: usize| match grid.spans.get_mut(at) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        };
        for cell in doc.children(id).filter(|it| matches!(doc.tag(*it), Tag::Td | Tag::Th)) {
            if self.selection.is_dropped(cell) {
                continue;
            }
            while cells.len() < MAX_COLUMNS && spanned(grid, cells.len()) {
                cells.push(String::new());
            }
            own += 1;
            heads &= doc.tag(cell) == Tag::Th;
            let span = |name| {
                let count = doc.attr(cell, name).and_then(|it| it.trim().parse::<usize>().ok());
                count.unwrap_or(1).clamp(1, MAX_COLUMNS)
            };
            let (wide, tall) = (span("colspan"), span("rowspan"));
            let text = self.inline_of(cell);
            let text =
                close(text.trim_matches([' ', '\n'])).replace('|', "\\|").replace('\n', "<br>");
            for at in 0..wide {
                if cells.len() >= MAX_COLUMNS || grid.spanned > MAX_SPAN {
                    break;
                }
                if tall > 1 {
                    grid.spans.resize(grid.spans.len().max(cells.len() + 1), 0);
                    if let Some(left) = grid.spans.get_mut(cells.len()) {
                        *left = tall - 1;
                    }
                }
                grid.spanned += usize::from(at > 0) + tall - 1;
                cells.push(if at == 0 { text.clone() } else { String::new() });
            }
        }
        if own == 0 {
            return;
        }
        while cells.len() < MAX_COLUMNS && spanned(grid, cells.len()) {
            cells.push(String::new());
        }
        let in_head = doc.tag(doc.node(id).parent) == Tag::Thead;
        if grid.rows.is_empty() {
            grid.headed = heads || in_head;
        }
        grid.rows.push(cells);
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
