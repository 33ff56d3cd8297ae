//! Writes inline content: emphasis, code, links, images.

use std::borrow::Cow;

use crate::extract::dom::address::as_target;
use crate::extract::dom::anchor::is_heading_anchor;
use crate::extract::dom::doc::Id;
use crate::extract::dom::folding::{FlowText, folded};
use crate::extract::dom::formula;
use crate::extract::dom::image::image_source;
use crate::extract::dom::numbering::NumberedList;
use crate::extract::dom::tag::Tag;
use crate::extract::format::markdown::{MarkdownWriter, escape};

/// The open marks, and the mark that has just been closed.
#[derive(Default)]
pub(crate) struct Emphasis {
    strong: bool,
    slanted: bool,
    struck: bool,
    /// `true` inside emphasis that is a part of the same emphasis.
    alternate: bool,
    /// The marks around the blocks that are being read.
    pub(crate) blocks: Vec<&'static str>,
    /// The mark at the end of the line, and where the line ended then.
    pub(crate) closed: Option<(&'static str, usize)>,
    /// The length of the line at the start of the innermost element that gets marks around it.
    pub(crate) opened: Option<usize>,
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

impl MarkdownWriter<'_> {
    /// Renders the inline content of a node on lines of its own.
    pub(crate) fn inline_of(&mut self, id: Id) -> String {
        let outer = std::mem::take(&mut self.line);
        let closed = self.emphasis.closed.take();
        self.inline_children(id);
        self.emphasis.closed = closed;
        std::mem::replace(&mut self.line, outer)
    }

    pub(crate) fn break_line(&mut self) {
        self.line.truncate(self.line.trim_end_matches(' ').len());
        if !self.line.is_empty() && !self.line.ends_with('\n') {
            self.line.push('\n');
        }
    }

    /// Like `children`, but blocks inside only begin a new line.
    fn inline_children(&mut self, id: Id) {
        let selection = self.selection;
        for child in selection.doc.children(id) {
            if let Some(text) = selection.doc.flow(child) {
                self.flow(text);
                continue;
            }
            if selection.is_dropped(child) {
                continue;
            }
            let node = selection.doc.node(child);
            match node.tag {
                Tag::Pre => self.code_lines(child),
                Tag::Hr => self.break_line(),
                Tag::Ol | Tag::Ul => self.inline_list(child),
                _ if node.tag.is_block() || node.has_block => {
                    self.break_line();
                    self.inline_children(child);
                    self.break_line();
                }
                _ => self.element(child),
            }
        }
    }

    /// Writes the items of a list on lines of their own, behind their marks.
    fn inline_list(&mut self, id: Id) {
        let doc = self.selection.doc;
        let mut numbers = NumberedList::of(doc, id);
        for child in doc.children(id).filter(|it| !self.selection.is_dropped(*it)) {
            self.break_line();
            if doc.tag(child) != Tag::Li {
                continue;
            }
            match numbers.next(doc, child) {
                Some(number) => self.line.push_str(&format!("{number}. ")),
                None if doc.node(child).text > 0 => self.line.push_str("- "),
                None => {}
            }
            self.inline_children(child);
        }
        self.break_line();
    }

    /// Takes back the text from `begin` on, to put marks around it. Leading blanks stay on the line, and
    /// the flag tells whether a blank followed. Returns `None` if there are no words.
    fn taken_since(&mut self, begin: usize) -> Option<(String, bool)> {
        const BLANKS: [char; 2] = [' ', '\n'];
        let mut text = self.line.split_off(begin.min(self.line.len()));
        let length = text.len();
        let ends = text.trim_end_matches(BLANKS).len();
        if ends == 0 {
            self.line.push_str(if length == 0 { "" } else { " " });
            return None;
        }
        text.truncate(ends);
        let begins = text.len() - text.trim_start_matches(BLANKS).len();
        if begins > 0 {
            text.drain(..begins);
            if !self.line.ends_with(BLANKS) {
                self.line.push(' ');
            }
        }
        // A backslash before a blank is plain text, but one before a mark would escape it.
        let slashes = text.len() - text.trim_end_matches('\\').len();
        if slashes % 2 == 1 {
            text.push('\\');
        }
        Some((text, ends < length))
    }

    /// Writes content with a mark on both sides. The marks touch the words: blanks go outside.
    pub(crate) fn around(&mut self, id: Id, mark: &'static str) {
        if *self.emphasis.open(mark) {
            return self.nested(id, mark);
        }
        if self.selection.doc.node(id).has_block {
            return self.around_blocks(id, mark);
        }
        let begin = self.line.len();
        let before = self.emphasis.closed.take();
        let outer = self.emphasis.opened.replace(begin);
        *self.emphasis.open(mark) = true;
        self.children(id);
        *self.emphasis.open(mark) = false;
        self.emphasis.opened = outer;
        let Some((text, blank_behind)) = self.taken_since(begin) else {
            self.emphasis.closed = before;
            return;
        };
        // Two marks that touch cancel each other out, so the text joins the marked text before it.
        let touches = before == Some((mark, self.line.len()));
        if touches {
            self.line.truncate(self.line.len() - mark.len());
        } else {
            // A mark between a letter and a sign opens nothing.
            if self.line.ends_with(char::is_alphanumeric) && text.starts_with(is_sign) {
                self.line.push(' ');
            }
            self.line.push_str(mark);
        }
        self.line.push_str(&close(&text));
        self.line.push_str(mark);
        self.emphasis.closed = Some((mark, self.line.len()));
        if blank_behind {
            self.line.push(' ');
        }
    }

    /// Writes emphasis inside the same emphasis with the other mark, if it is only a part of that and stands
    /// between words.
    fn nested(&mut self, id: Id, mark: &'static str) {
        let doc = self.selection.doc;
        let other = match mark {
            "**" => "__",
            "*" => "_",
            _ => return self.children(id),
        };
        let marks = |it: Tag| match mark {
            "**" => matches!(it, Tag::B | Tag::Strong),
            _ => matches!(it, Tag::Em | Tag::I),
        };
        let outer = doc.around(id).skip(1).find(|it| marks(doc.tag(*it)));
        let is_part = outer
            .is_some_and(|it| doc.node(it).text > doc.node(id).text || doc.tag(it) == doc.tag(id));
        let apart = !self.line.ends_with(char::is_alphanumeric);
        let behind = (doc.end(id)..doc.len()).find_map(|it| doc.text(it));
        let ends = behind.is_none_or(|it| !it.starts_with(char::is_alphanumeric));
        if !is_part || !apart || !ends || doc.node(id).has_block || self.emphasis.alternate {
            return self.children(id);
        }
        let begin = self.line.len();
        let outer = self.emphasis.opened.replace(begin);
        self.emphasis.closed = None;
        self.emphasis.alternate = true;
        self.children(id);
        self.emphasis.alternate = false;
        self.emphasis.opened = outer;
        let Some((text, blank_behind)) = self.taken_since(begin) else { return };
        self.line.push_str(&format!("{other}{}{other}", close(&text)));
        if blank_behind {
            self.line.push(' ');
        }
    }

    /// Writes blocks with a mark around each paragraph.
    fn around_blocks(&mut self, id: Id, mark: &'static str) {
        self.flush();
        *self.emphasis.open(mark) = true;
        self.emphasis.blocks.push(mark);
        self.children(id);
        self.flush();
        self.emphasis.blocks.pop();
        *self.emphasis.open(mark) = false;
    }

    /// Writes text, with a blank where a closing mark would not close: between a sign and a letter.
    pub(crate) fn flow(&mut self, text: FlowText<'_>) {
        let mut text = text;
        if std::mem::take(&mut self.led_back) && self.line.trim().is_empty() {
            // The separator behind the number of a note, whose link was dropped.
            text = FlowText::new(text.source.trim_start_matches(['.', ':', ')', ']']));
        }
        if let Some((mark, at)) = self.emphasis.closed
            && mark != "`"
            && at == self.line.len()
            && text.source.starts_with(char::is_alphanumeric)
            && self.line.get(..at - mark.len()).is_some_and(|it| it.ends_with(is_sign))
        {
            self.line.push(' ');
        }
        escape::flow_into(&mut self.line, text);
    }

    pub(crate) fn link(&mut self, id: Id) {
        let doc = self.selection.doc;
        let address = doc.attr(id, "href").and_then(|it| {
            // Without the address of the page a link to it stays empty.
            let own = it.is_empty() && self.base.page().is_none();
            own.then(String::new).or_else(|| self.base.absolute(it))
        });
        let Some(address) = address else { return self.children(id) };
        if is_heading_anchor(doc, id) {
            return;
        }
        let target = with_title(as_target(&address), doc.attr(id, "title"));
        if doc.node(id).has_block {
            // The first block inside is the link, and the rest is text beside it.
            self.flush();
            let outer = self.link.replace(target.into_owned());
            self.children(id);
            self.flush();
            self.link = outer;
            return;
        }
        let begin = self.line.len();
        let before = self.emphasis.closed.take();
        let outer = self.emphasis.opened.replace(begin);
        self.children(id);
        self.emphasis.opened = outer;
        let Some((text, blank_behind)) = self.taken_since(begin) else {
            self.emphasis.closed = before;
            return;
        };
        self.emphasis.closed = None;
        if self.line.ends_with('!') {
            // With the sign before it the link would be an image.
            self.line.truncate(self.line.len() - 1);
            self.line.push_str("\\!");
        }
        self.line.push('[');
        self.line.push_str(&close(&text));
        self.line.push_str("](");
        self.line.push_str(&target);
        self.line.push(')');
        if blank_behind {
            self.line.push(' ');
        }
    }

    pub(crate) fn image(&mut self, id: Id) {
        let doc = self.selection.doc;
        let Some(source) = image_source(doc, id, self.base) else { return };
        if formula::is_picture(doc, id) {
            return;
        }
        // The lines of the text stay; a blank one would end the paragraph.
        let lines = doc.attr(id, "alt").unwrap_or_default().lines().map(str::trim);
        let mut alt = String::new();
        for line in lines.filter(|it| !it.is_empty()) {
            if !alt.is_empty() {
                alt.push('\n');
            }
            escape::escaped_into(&mut alt, line, None);
        }
        let target = with_title(as_target(&source), doc.attr(id, "title"));
        self.line.push_str(&format!("![{alt}]({target})"));
    }
}

/// Removes blank lines, which would end the surrounding element.
pub(crate) fn close(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.split('\n').map(|it| it.trim_matches(' ')).collect();
    let filled = lines.into_iter().filter(|it| !it.is_empty());
    Cow::Owned(filled.collect::<Vec<_>>().join("\n"))
}

/// Returns `true` if a character is neither a letter nor a blank.
fn is_sign(symbol: char) -> bool {
    !symbol.is_alphanumeric() && !symbol.is_whitespace()
}

fn with_title<'a>(target: Cow<'a, str>, title: Option<&str>) -> Cow<'a, str> {
    let title = title.map(folded).filter(|it| !it.is_empty());
    let Some(title) = title else { return target };
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    Cow::Owned(format!("{target} \"{title}\""))
}
