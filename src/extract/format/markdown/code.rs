//! Writes code, in a line and in blocks of its own.

use crate::extract::dom::code;
use crate::extract::dom::doc::{Id, folded};
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::{MarkdownWriter, escape};

impl MarkdownWriter<'_> {
    pub(crate) fn code(&mut self, id: Id) {
        let doc = self.selection.doc;
        if (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Pre) {
            return self.children(id);
        }
        let source = doc.source_text(id);
        let mut text = folded(&source);
        if text.is_empty() {
            // Blank code is visible, and empty code is not.
            if source.is_empty() || doc.tag(id) != Tag::Code {
                return self.flow(&source);
            }
            text.push(' ');
        }
        let fence = "`".repeat(escape::longest_run(&text, '`') + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        if self.emphasis.closed == Some(("`", self.line.len())) && fence == "`" {
            // Two spans that touch are read as one.
            self.line.truncate(self.line.len() - 1);
            self.line.push_str(&format!("{text}`"));
        } else {
            if self.line.ends_with('`') {
                self.line.push(' ');
            }
            self.line.push_str(&format!("{fence}{pad}{text}{pad}{fence}"));
        }
        self.emphasis.closed = (fence == "`").then_some(("`", self.line.len()));
    }

    /// Writes a block of code with all its lines.
    pub(crate) fn fenced(&mut self, id: Id) {
        let doc = self.selection.doc;
        if code::counts_lines(doc, id) {
            return self.flush();
        }
        let text = code::text(doc, id);
        let text = text.strip_suffix('\n').unwrap_or(&text);
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
