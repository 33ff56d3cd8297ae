//! What stands high or low, and formulas.

use crate::extract::doc::{Id, folded};
use crate::extract::formula::Piece;
use crate::extract::markdown::Writer;
use crate::extract::raised::{Height, LONGEST};
use crate::extract::tag::Tag;

impl Writer<'_> {
    /// What stands higher or lower than the line: in symbols, or with HTML's mark.
    pub(super) fn beside_the_line(&mut self, id: Id, height: Height) {
        let doc = self.view.doc;
        let node = doc.node(id);
        if node.has_block || node.text > LONGEST || (id..node.end).any(|it| doc.tag(it) == Tag::A) {
            return self.children(id);
        }
        let begin = self.line.len();
        self.children(id);
        let inner = self.line.split_off(begin.min(self.line.len()));
        let text = inner.trim();
        let is_formula = || height.is_formula(&self.line, &doc.folded_text(id));
        let written = height.written(doc, id, &self.line, text);
        let written = written.or_else(|| is_formula().then(|| height.in_markdown(text)));
        match written {
            Some(written) => self.line.push_str(&inner.replacen(text, &written, 1)),
            None => self.line.push_str(&inner),
        }
    }

    /// A formula, as its source says it.
    pub(super) fn formula(&mut self, id: Id) {
        let doc = self.view.doc;
        let mark = if doc.attr(id, "display") == Some("block") { "$$" } else { "$" };
        let source = folded(&doc.source_text(id));
        self.line.push_str(&format!("{mark}{source}{mark}"));
    }

    /// A part of a formula that has no source, in the order that it is read in.
    pub(super) fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match *piece {
                Piece::Part(id) => self.element(id),
                Piece::Beside(id, height) => self.beside_the_line(id, height),
                Piece::Sign(sign) => self.line.push_str(sign),
            }
        }
    }
}
