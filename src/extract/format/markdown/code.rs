//! Writes code, in a line and in blocks of its own.

use crate::extract::dom::code;
use crate::extract::dom::doc::Id;
use crate::extract::dom::folding::{FlowText, folded};
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::{MarkdownWriter, escape};

impl MarkdownWriter<'_> {
    pub(crate) fn code(&mut self, id: Id) {
        let doc = self.selection.doc;
        if (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Pre) {
            return self.children(id);
        }
        if doc.node(id).has_block {
            return self.fenced(id);
        }
        let source = code::text(doc, id);
        let text = folded(&source);
        if text.is_empty() {
            // Blank code is visible, and empty code is not.
            if source.is_empty() || doc.tag(id) != Tag::Code {
                return self.flow(FlowText::new(&source));
            }
            return self.line.push_str("` `");
        }
        // Blanks at the edges separate words, so they go outside.
        let padded = text.starts_with('`') || text.ends_with('`');
        if source.starts_with(char::is_whitespace) && !self.line.is_empty() && !padded {
            self.flow(FlowText::new(" "));
        }
        let touches = self.emphasis.closed == Some(("`", self.line.len()));
        if touches && !text.contains('`') {
            // Two spans that touch are read as one.
            self.line.truncate(self.line.len() - 1);
            self.line.push_str(&format!("{text}`"));
        } else {
            // A mark of an element that begins here will come between.
            if self.line.ends_with('`') && self.emphasis.opened != Some(self.line.len()) {
                self.line.push(' ');
            }
            escape::code_into(&mut self.line, &text);
        }
        self.emphasis.closed = (!text.contains('`')).then_some(("`", self.line.len()));
        if source.ends_with(char::is_whitespace) && !padded {
            self.line.push(' ');
        }
    }

    /// Writes a block of code with all its lines.
    pub(crate) fn fenced(&mut self, id: Id) {
        let doc = self.selection.doc;
        if code::counts_lines(doc, id) {
            return self.flush();
        }
        let source = code::text(doc, id);
        let text = source.strip_suffix('\n').unwrap_or(&source);
        // An element for code has a visible frame even if it is empty.
        let is_code = (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Code);
        if text.trim().is_empty() && !is_code {
            return self.flush();
        }
        let fence = "`".repeat(escape::longest_run(text, '`').max(2) + 1);
        let language = code::language(doc, id).unwrap_or_default();
        self.block(&format!("{fence}{language}\n{text}\n{fence}"));
    }
}
