//! Renders the content as markdown, as a person would have written it.
//!
//! One walk writes straight into the result. The prefixes of each line of a block (quotes, the indent of
//! items) are kept in a stack of margins, so no block is copied again for each block around it.

mod code;
mod escape;
mod formulas;
mod inline;
mod lists;
mod notes;
mod table;

use std::borrow::Cow;

use crate::extract::dom::address::Base;
use crate::extract::dom::anchor::is_edit_link;
use crate::extract::dom::doc::{Doc, Id, are_apart, is_reading};
use crate::extract::dom::folding::{FlowText, without_blanks};
use crate::extract::dom::formula;
use crate::extract::dom::selection::Selection;
use crate::extract::dom::superscript::Shift;
use crate::extract::dom::tag::Tag;

/// Blocks inside blocks. Each indents its content once more, so deeper ones are flattened.
const MAX_MARGINS: usize = 24;

/// Markdown, and where its blocks begin.
#[derive(Debug)]
pub(crate) struct Markdown {
    pub(crate) text: String,
    pub(crate) marks: Vec<BlockStart>,
}

/// The beginning of a top-level block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockStart {
    pub(crate) at: usize,
    /// The level of a heading; 0 for any other block.
    pub(crate) level: usize,
}

/// Renders a selection.
pub(crate) fn render(selection: &Selection<'_, '_>, base: &Base) -> Markdown {
    let mut out = MarkdownWriter::new(selection, base);
    out.out.reserve(selection.doc.node(selection.root).text);
    out.children(selection.root);
    out.flush();
    Markdown { text: out.out, marks: out.marks }
}

/// The prefixes of the lines of a block.
struct Margin {
    /// Before its first line: the mark of an item.
    first: Cow<'static, str>,
    /// Before all others.
    rest: Cow<'static, str>,
    /// `true` once the first line is written.
    begun: bool,
}

impl Margin {
    fn new(first: impl Into<Cow<'static, str>>, rest: impl Into<Cow<'static, str>>) -> Self {
        Self { first: first.into(), rest: rest.into(), begun: false }
    }
}

/// The gap between the last block and the next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    Line,
    Blank,
}

struct MarkdownWriter<'v> {
    selection: &'v Selection<'v, 'v>,
    base: &'v Base,
    out: String,
    /// The inline content of the block that is being read; a line end is a break.
    line: String,
    marks: Vec<BlockStart>,
    margins: Vec<Margin>,
    gap: Gap,
    /// The mark of the list that has just ended, and how many margins it stood in.
    ended: Option<(char, usize)>,
    /// The address that the next block is a link to.
    link: Option<String>,
    emphasis: inline::Emphasis,
    notes: notes::Notes,
    /// `true` right after a link that led back from a note was dropped.
    led_back: bool,
}

impl<'v> MarkdownWriter<'v> {
    fn new(selection: &'v Selection<'v, 'v>, base: &'v Base) -> Self {
        Self {
            selection,
            base,
            out: String::new(),
            line: String::new(),
            marks: Vec::new(),
            margins: Vec::new(),
            gap: Gap::Blank,
            ended: None,
            link: None,
            emphasis: inline::Emphasis::default(),
            notes: notes::Notes::of(selection),
            led_back: false,
        }
    }

    /// Ends the block that is being read.
    fn flush(&mut self) {
        self.emphasis.closed = None;
        if self.line.is_empty() {
            return;
        }
        let read = std::mem::take(&mut self.line);
        let text = without_blanks(&read);
        if !text.is_empty() {
            let target = self.link.take();
            self.begin();
            match target {
                Some(target) => {
                    self.out.push('[');
                    self.out.push_str(&on_one_line(text));
                    self.out.push_str("](");
                    self.out.push_str(&target);
                    self.out.push(')');
                }
                None if self.emphasis.blocks.is_empty() => self.lines(text),
                None => {
                    let mut marked = inline::close(text).into_owned();
                    for mark in self.emphasis.blocks.iter().rev() {
                        marked = format!("{mark}{marked}{mark}");
                    }
                    self.lines(&marked);
                }
            }
        }
        self.line = read;
        self.line.clear();
    }

    /// Writes the lines of a paragraph and escapes markup at the start of each.
    fn lines(&mut self, text: &str) {
        if memchr::memchr(b'\n', text.as_bytes()).is_none() {
            return escape::line_start(&mut self.out, text);
        }
        let mut begun = false;
        let mut skipped = false;
        for line in text.split('\n').map(|it| it.trim_matches(' ')) {
            if line.is_empty() {
                // Two breaks look like the end of a paragraph.
                skipped = true;
                continue;
            }
            if begun && skipped {
                self.begin();
            } else if begun {
                self.out.push_str("  ");
                self.new_line();
            }
            (begun, skipped) = (true, false);
            escape::line_start(&mut self.out, line);
        }
    }

    /// Begins a block: the gap to the one before it, then the margin.
    fn begin(&mut self) {
        self.ended = None;
        if !self.out.is_empty() {
            if self.gap == Gap::Blank {
                self.out.push('\n');
                let begun = self.margins.iter().take_while(|it| it.begun);
                let at = self.out.len();
                for margin in begun {
                    self.out.push_str(&margin.rest);
                }
                let kept = self.out.get(at..).map_or(0, |it| it.trim_end().len());
                self.out.truncate(at + kept);
            }
            self.out.push('\n');
        }
        self.gap = Gap::Blank;
        if self.margins.first().is_none_or(|it| !it.begun) {
            self.marks.push(BlockStart { at: self.out.len(), level: 0 });
        }
        for margin in &mut self.margins {
            let text = if margin.begun { &margin.rest } else { &margin.first };
            self.out.push_str(text);
            margin.begun = true;
        }
    }

    /// Begins the next line of a block.
    fn new_line(&mut self) {
        self.out.push('\n');
        for margin in &self.margins {
            self.out.push_str(&margin.rest);
        }
    }

    /// Writes a block without escaping its text.
    fn block(&mut self, text: &str) {
        self.flush();
        self.begin();
        for (at, line) in text.lines().enumerate() {
            if at > 0 {
                self.new_line();
            }
            self.out.push_str(line);
            if line.is_empty() {
                let kept = self.out.trim_end_matches(' ').len();
                self.out.truncate(kept);
            }
        }
    }

    fn children(&mut self, id: Id) {
        let selection = self.selection;
        let mut last = None;
        for child in selection.doc.children(id) {
            match selection.doc.flow(child) {
                Some(text) => self.flow(text),
                None if selection.is_dropped(child) => continue,
                None => {
                    if last.is_some_and(|it| are_apart(selection.doc, it, child)) {
                        self.flow(FlowText::new(" "));
                    }
                    self.element(child);
                }
            }
            last = Some(child);
        }
    }

    /// Writes the content of a node as blocks of its own.
    fn inside(&mut self, id: Id) {
        self.flush();
        self.children(id);
        self.flush();
    }

    /// Writes the content of a node as blocks with a margin.
    fn with_margin(&mut self, id: Id, first: impl Into<Cow<'static, str>>, rest: &'static str) {
        self.flush();
        self.margins.push(Margin::new(first, rest));
        self.inside(id);
        self.margins.pop();
        self.gap = Gap::Blank;
    }

    fn element(&mut self, id: Id) {
        let doc = self.selection.doc;
        let tag = doc.tag(id);
        if self.notes.leads_back(doc, id) {
            self.led_back = true;
            return;
        }
        if let Some(number) = self.notes.note(id) {
            return self.with_margin(id, format!("[^{number}]: "), "    ");
        }
        if let Some(number) = self.notes.reference(id) {
            return self.line.push_str(&format!("[^{number}]"));
        }
        match tag {
            Tag::Ul | Tag::Ol | Tag::Dd | Tag::Blockquote | Tag::Table
                if self.margins.len() > MAX_MARGINS =>
            {
                self.inside(id);
            }
            Tag::Br => {
                let kept = self.line.trim_end_matches(' ').len();
                self.line.truncate(kept);
                self.line.push('\n');
            }
            Tag::Hr => self.block("---"),
            Tag::B | Tag::Strong if has_plain_weight(doc, id) => self.children(id),
            Tag::B | Tag::Strong => self.around(id, "**"),
            Tag::I | Tag::Em => self.around(id, "*"),
            Tag::Del | Tag::S | Tag::Strike => self.around(id, "~~"),
            Tag::Code | Tag::Kbd | Tag::Samp | Tag::Tt | Tag::Var => self.code(id),
            Tag::Pre => self.fenced(id),
            Tag::A => self.link(id),
            Tag::Img | Tag::AmpImg => self.image(id),
            Tag::Sup => self.shifted(id, Shift::Superscript),
            Tag::Sub => self.shifted(id, Shift::Subscript),
            Tag::Formula => self.formula(id),
            Tag::Ul | Tag::Ol | Tag::Dir | Tag::Menu => self.list(id),
            Tag::Q => self.enclosed(id, "\"", "\""),
            Tag::Other if is_reading(doc, id) => self.enclosed(id, "(", ")"),
            Tag::Dt => self.term(id),
            Tag::Dd => self.with_margin(id, ": ", "  "),
            Tag::Blockquote => self.with_margin(id, "> ", "> "),
            Tag::Table => self.table(id),
            _ if tag.level().is_some() => self.heading(id, tag.level().unwrap_or(1)),
            _ if formula::is_drawing(doc, id) || is_edit_link(doc, id) => {}
            _ if tag.is_block() => self.inside(id),
            _ => match formula::pieces(doc, id) {
                Some(pieces) => self.pieces(&pieces),
                None => self.children(id),
            },
        }
    }

    /// Writes the content of a node between two signs.
    fn enclosed(&mut self, id: Id, open: &str, close: &str) {
        if self.selection.doc.node(id).has_block {
            return self.children(id);
        }
        self.flow(FlowText::new(open));
        self.children(id);
        self.flow(FlowText::new(close));
    }

    fn heading(&mut self, id: Id, level: usize) {
        self.flush();
        let text = self.inline_of(id);
        let text = on_one_line(&text);
        let mut text = Cow::Borrowed(text.trim());
        if text.is_empty() {
            return;
        }
        if let Some(address) = self.link.take() {
            text = Cow::Owned(format!("[{text}]({address})"));
        }
        self.begin();
        if let Some(mark) = self.marks.last_mut().filter(|_| self.margins.is_empty()) {
            mark.level = level;
        }
        self.out.extend(std::iter::repeat_n('#', level));
        self.out.push(' ');
        // A closing row of `#` would be read as part of the mark.
        let bare = text.trim_end_matches('#').len();
        self.out.push_str(text.get(..bare).unwrap_or_default());
        if bare < text.len() {
            self.out.push('\\');
            self.out.push_str(text.get(bare..).unwrap_or_default());
        }
    }

    fn term(&mut self, id: Id) {
        self.flush();
        let text = self.inline_of(id);
        let text = on_one_line(&text);
        let text = text.trim();
        if !text.is_empty() {
            self.begin();
            let text = if text.contains("**") { text.to_owned() } else { format!("**{text}**") };
            self.out.push_str(&text);
        }
    }
}

/// Replaces line ends by blanks.
fn on_one_line(text: &str) -> Cow<'_, str> {
    if text.contains('\n') { Cow::Owned(text.replace('\n', " ")) } else { Cow::Borrowed(text) }
}

/// Returns `true` if a style takes the weight from a bold element, as in what Google Docs copies.
fn has_plain_weight(doc: &Doc<'_>, id: Id) -> bool {
    doc.attr(id, "style").is_some_and(|it| {
        let style: String = it.chars().filter(|it| !it.is_whitespace()).collect();
        ["font-weight:normal", "font-weight:400"].iter().any(|it| style.contains(it))
    })
}
