//! Writes superscripts, subscripts and formulas.

use crate::extract::dom::doc::Id;
use crate::extract::dom::folding::folded;
use crate::extract::dom::formula::Piece;
use crate::extract::dom::superscript::{LONGEST, Shift};
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::MarkdownWriter;

impl MarkdownWriter<'_> {
    /// Writes a shifted text in symbols or with the tag of HTML.
    pub(crate) fn shifted(&mut self, id: Id, shift: Shift) {
        let doc = self.selection.doc;
        let node = doc.node(id);
        if node.has_block || node.text > LONGEST || (id..node.end).any(|it| doc.tag(it) == Tag::A) {
            return self.children(id);
        }
        let begin = self.line.len();
        self.children(id);
        let inner = self.line.split_off(begin.min(self.line.len()));
        let text = inner.trim();
        let is_formula = || shift.is_formula(&self.line, &doc.folded_text(id));
        let written = shift.written(doc, id, &self.line, text);
        let written = written.or_else(|| is_formula().then(|| shift.in_markdown(text)));
        match written {
            Some(written) => self.line.push_str(&inner.replacen(text, &written, 1)),
            None => self.line.push_str(&inner),
        }
    }

    /// Writes the TeX of a formula.
    pub(crate) fn formula(&mut self, id: Id) {
        let doc = self.selection.doc;
        let mark = if doc.attr(id, "display") == Some("block") { "$$" } else { "$" };
        let source = folded(&doc.source_text(id));
        self.line.push_str(&format!("{mark}{source}{mark}"));
    }

    /// Writes a part of a formula without source, in reading order.
    pub(crate) fn pieces(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            match *piece {
                Piece::Part(id) => self.element(id),
                Piece::Beside(id, shift) => self.shifted(id, shift),
                Piece::Sign(sign) => self.line.push_str(sign),
            }
        }
    }
}
