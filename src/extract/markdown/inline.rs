//! What stands inside a line: emphasis, code, links, images.

use crate::extract::address::as_target;
use crate::extract::doc::{Id, folded};
use crate::extract::markdown::{Writer, escape};
use crate::extract::tag::Tag;

/// The marks that are open, and the one that has just been closed.
#[derive(Default)]
pub(super) struct Emphasis {
    strong: bool,
    slanted: bool,
    struck: bool,
    /// The mark at the end of the line, and where the line ended then.
    pub(super) closed: Option<(&'static str, usize)>,
}

impl Emphasis {
    fn open(&mut self, mark: &str) -> &mut bool {
        match mark {
            "**" => &mut self.strong,
            "*" => &mut self.slanted,
            _ => &mut self.struck,
        }
    }
}

impl Writer<'_> {
    /// The inline content of a node, on lines of its own.
    pub(super) fn inline_of(&mut self, id: Id) -> String {
        let outer = std::mem::take(&mut self.line);
        let closed = self.emphasis.closed.take();
        self.inline_children(id);
        self.emphasis.closed = closed;
        std::mem::replace(&mut self.line, outer)
    }

    /// Like `children`, but blocks inside only keep their words apart.
    fn inline_children(&mut self, id: Id) {
        let view = self.view;
        for child in view.doc.children(id) {
            if let Some(text) = view.doc.text(child) {
                self.flow(text);
                continue;
            }
            if view.skips(child) {
                continue;
            }
            let node = view.doc.node(child);
            if node.tag.is_block() || node.has_block {
                escape::flow_into(&mut self.line, " ");
                self.inline_children(child);
                escape::flow_into(&mut self.line, " ");
            } else {
                self.element(child);
            }
        }
    }

    /// Content with a mark on both sides. The marks touch the words: blanks go outside.
    pub(super) fn around(&mut self, id: Id, mark: &'static str) {
        if self.view.doc.node(id).has_block || *self.emphasis.open(mark) {
            return self.children(id);
        }
        let begin = self.line.len();
        *self.emphasis.open(mark) = true;
        self.children(id);
        *self.emphasis.open(mark) = false;
        let inner = self.line.split_off(begin.min(self.line.len()));
        let text = inner.trim_matches([' ', '\n']);
        if text.is_empty() {
            return self.line.push_str(if inner.is_empty() { "" } else { " " });
        }
        if inner.starts_with([' ', '\n']) && !self.line.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
        // Two marks that touch cancel each other out, so what follows joins what was marked.
        let touches = self.emphasis.closed == Some((mark, self.line.len()));
        if touches {
            self.line.truncate(self.line.len() - mark.len());
        } else {
            // Between a letter and a sign a mark opens nothing.
            if self.line.ends_with(char::is_alphanumeric) && text.starts_with(is_sign) {
                self.line.push(' ');
            }
            self.line.push_str(mark);
        }
        for (at, part) in text.split('\n').enumerate() {
            if at > 0 {
                self.line.push('\n');
            }
            self.line.push_str(part);
        }
        self.line.push_str(mark);
        self.emphasis.closed = Some((mark, self.line.len()));
        if inner.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
    }

    /// Text that follows what was marked: a closing mark between a sign and a letter closes nothing.
    pub(super) fn flow(&mut self, text: &str) {
        if let Some((mark, at)) = self.emphasis.closed
            && mark != "`"
            && at == self.line.len()
            && text.starts_with(char::is_alphanumeric)
            && self.line.get(..at - mark.len()).is_some_and(|it| it.ends_with(is_sign))
        {
            self.line.push(' ');
        }
        escape::flow_into(&mut self.line, text);
    }

    pub(super) fn code(&mut self, id: Id) {
        let doc = self.view.doc;
        if (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Pre) {
            return self.children(id);
        }
        let text = folded(&doc.source_text(id));
        if text.is_empty() {
            return;
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

    /// A formula, as its source says it.
    pub(super) fn formula(&mut self, id: Id) {
        let doc = self.view.doc;
        let mark = if doc.attr(id, "display") == Some("block") { "$$" } else { "$" };
        let source = folded(&doc.source_text(id));
        self.line.push_str(&format!("{mark}{source}{mark}"));
    }

    pub(super) fn link(&mut self, id: Id) {
        let doc = self.view.doc;
        let address = doc.attr(id, "href").and_then(|it| self.base.absolute(it));
        let Some(address) = address else { return self.children(id) };
        if self.notes.leads_back(self.view, id) {
            return;
        }
        let target = with_title(&as_target(&address), doc.attr(id, "title"));
        if doc.node(id).has_block {
            // The first block in it is the link, and the rest is text beside it.
            self.flush();
            let outer = self.link.replace(target);
            self.children(id);
            self.flush();
            self.link = outer;
            return;
        }
        let begin = self.line.len();
        self.children(id);
        let inner = self.line.split_off(begin.min(self.line.len()));
        let text = inner.trim_matches([' ', '\n']);
        if text.is_empty() {
            return self.line.push_str(if inner.is_empty() { "" } else { " " });
        }
        if inner.starts_with([' ', '\n']) && !self.line.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
        self.line.push_str(&format!("[{text}]({target})"));
        if inner.ends_with([' ', '\n']) {
            self.line.push(' ');
        }
    }

    pub(super) fn image(&mut self, id: Id) {
        let doc = self.view.doc;
        let Some(source) = image_source(doc, id, self.base) else { return };
        // Its lines are kept as they are written; a blank one would end the paragraph.
        let lines = doc.attr(id, "alt").unwrap_or_default().lines().map(str::trim);
        let mut alt = String::new();
        for line in lines.filter(|it| !it.is_empty()) {
            if !alt.is_empty() {
                alt.push('\n');
            }
            escape::escaped_into(&mut alt, line);
        }
        let target = with_title(&as_target(&source), doc.attr(id, "title"));
        self.line.push_str(&format!("![{alt}]({target})"));
    }
}

/// Where an image comes from: pages that load images late keep the address elsewhere.
pub(in crate::extract) fn image_source(
    doc: &crate::extract::doc::Doc<'_>,
    id: Id,
    base: &crate::extract::address::Base,
) -> Option<String> {
    if doc.tag(id) != Tag::Img {
        return None;
    }
    let first = |it: &str| it.split([',', ' ']).next().unwrap_or_default().to_owned();
    ["src", "data-src", "data-original", "data-lazy-src"]
        .iter()
        .find_map(|it| base.absolute(doc.attr(id, it)?))
        .or_else(|| base.absolute(&first(doc.attr(id, "srcset")?.trim())))
}

/// Whether a symbol is neither a letter nor a blank.
fn is_sign(symbol: char) -> bool {
    !symbol.is_alphanumeric() && !symbol.is_whitespace()
}

fn with_title(target: &str, title: Option<&str>) -> String {
    let title = title.map(folded).filter(|it| !it.is_empty());
    match title {
        Some(title) => format!("{target} \"{}\"", title.replace('\\', "\\\\").replace('"', "\\\"")),
        None => target.to_owned(),
    }
}
