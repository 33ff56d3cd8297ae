//! Renders the content as plain text.

use crate::extract::dom::anchor::{is_edit_link, is_heading_anchor};
use crate::extract::dom::code;
use crate::extract::dom::doc::{Doc, Id, are_apart, is_reading};
use crate::extract::dom::folding::{break_words, trimmed};
use crate::extract::dom::formula::{self, Piece};
use crate::extract::dom::numbering::NumberedList;
use crate::extract::dom::selection::Selection;
use crate::extract::dom::spans::{Spans, cells};
use crate::extract::dom::superscript::{LONGEST, Shift};
use crate::extract::dom::tag::Tag;
use crate::extract::dom::task::task_box;
use crate::extract::main_content::is_sentence;

/// Renders a selection with a blank line between blocks.
pub(crate) fn render(selection: &Selection<'_, '_>) -> String {
    let mut out = TextWriter {
        selection,
        out: String::with_capacity(selection.doc.node(selection.root).text),
        line: String::new(),
        mark: None,
        lists: Vec::new(),
        spans: Spans::default(),
    };
    out.children(selection.root);
    out.flush();
    out.out
}

struct TextWriter<'v> {
    selection: &'v Selection<'v, 'v>,
    out: String,
    line: String,
    /// The marker before the next block: that of an item, wherever in the item its text begins.
    mark: Option<String>,
    /// The lists that are open.
    lists: Vec<NumberedList>,
    /// The cells of the open table that reach into further rows.
    spans: Spans,
}

impl TextWriter<'_> {
    fn flush(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let begin = self.out.len();
        for part in line.split('\n').map(trimmed).filter(|it| !it.is_empty()) {
            if self.out.len() == begin {
                self.begin();
            } else {
                self.out.push('\n');
            }
            self.out.push_str(part);
        }
        self.line = line;
        self.line.clear();
    }

    /// Separates the next block from the one before it.
    fn begin(&mut self) {
        if !self.out.is_empty() {
            self.out.push_str("\n\n");
        }
        if let Some(mark) = self.mark.take() {
            self.out.push_str(&mark);
        }
    }

    /// Returns a dash or the item's number.
    fn next_mark(&mut self, item: Id) -> String {
        let doc = self.selection.doc;
        match self.lists.last_mut().and_then(|it| it.next(doc, item)) {
            Some(number) => format!("{number}. "),
            None => "- ".to_owned(),
        }
    }

    fn children(&mut self, id: Id) {
        let selection = self.selection;
        let mut last = None;
        for child in selection.doc.children(id) {
            match selection.doc.flow(child) {
                Some(text) => text.flow_into(&mut self.line),
                None if selection.is_dropped(child) => continue,
                None => {
                    if last.is_some_and(|it| are_apart(selection.doc, it, child)) {
                        break_words(&mut self.line);
                    }
                    self.element(child);
                }
            }
            last = Some(child);
        }
    }

    fn block(&mut self, id: Id) {
        self.flush();
        self.children(id);
        self.flush();
    }

    fn element(&mut self, id: Id) {
        let doc = self.selection.doc;
        if is_caption(doc, id) || is_image_box(doc, id) || is_caption_line(doc, id) {
            return;
        }
        match doc.tag(id) {
            Tag::Br => self.line.push('\n'),
            Tag::Sup => self.shifted(id, Shift::Superscript),
            Tag::Sub => self.shifted(id, Shift::Subscript),
            // A text has no images, so their captions are dropped.
            Tag::Figcaption if captions_an_image(doc, id) => {}
            Tag::Figure if captions_an_image(doc, id) && doc.node(id).text < CAPTION => {}
            Tag::Figure if only_captions(doc, id) => {}
            Tag::Pre if code::counts_lines(doc, id) => {}
            Tag::Pre => {
                self.flush();
                let text = code::text(doc, id);
                let text = text.trim_matches('\n').trim_end();
                if !text.is_empty() {
                    self.begin();
                    self.out.push_str(text);
                }
            }
            Tag::Table => {
                let outer = std::mem::take(&mut self.spans);
                self.block(id);
                self.spans = outer;
            }
            Tag::Tr if !doc.node(id).has_parts && !holds_code(doc, id) => {
                self.flush();
                self.row(id);
            }
            Tag::Ol | Tag::Ul | Tag::Menu => {
                self.flush();
                self.lists.push(NumberedList::of(doc, id));
                self.block(id);
                self.lists.pop();
            }
            Tag::Li => {
                self.flush();
                self.mark = Some(self.next_mark(id) + task_box(doc, id).unwrap_or_default());
                self.block(id);
                self.mark = None;
            }
            Tag::Q => self.enclosed(id, "\"", "\""),
            Tag::Other if is_reading(doc, id) => self.enclosed(id, "(", ")"),
            _ if formula::is_drawing(doc, id)
                || is_heading_anchor(doc, id)
                || is_edit_link(doc, id) => {}
            tag if tag.is_block() => self.block(id),
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
        self.line.push_str(open);
        self.children(id);
        self.line.push_str(close);
    }

    /// Writes a part of a formula in reading order.
    fn pieces(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            match *piece {
                Piece::Part(id) => self.element(id),
                Piece::Beside(id, shift) => self.shifted(id, shift),
                Piece::Sign(sign) => self.line.push_str(sign),
            }
        }
    }

    /// Writes a shifted text in symbols.
    fn shifted(&mut self, id: Id, shift: Shift) {
        let node = self.selection.doc.node(id);
        if node.has_block || node.text > LONGEST {
            return self.children(id);
        }
        let begin = self.line.len();
        self.children(id);
        let inner = self.line.split_off(begin.min(self.line.len()));
        let text = inner.trim();
        let is_formula = || shift.is_formula(&self.line, text);
        let written = shift.written(self.selection.doc, id, &self.line, text);
        let written = written.or_else(|| is_formula().then(|| shift.in_plain(text)));
        match written {
            Some(written) => self.line.push_str(&inner.replacen(text, &written, 1)),
            None => self.line.push_str(&inner),
        }
    }

    /// Writes the cells of a row on one line, with empty ones for those that reach down from above.
    fn row(&mut self, id: Id) {
        let selection = self.selection;
        let doc = selection.doc;
        self.spans.begin_row(doc, id);
        let mut texts: Vec<String> = Vec::new();
        for cell in cells(doc, id).filter(|it| !selection.is_dropped(*it)) {
            while self.spans.fills(texts.len()) {
                texts.push(String::new());
            }
            let wide = self.spans.add(doc, cell, texts.len());
            self.inline(cell);
            texts.push(std::mem::take(&mut self.line).trim().to_owned());
            texts.extend(std::iter::repeat_n(String::new(), wide.saturating_sub(1)));
        }
        if texts.iter().all(String::is_empty) {
            return;
        }
        self.begin();
        let row = texts.join(" | ");
        self.out.push_str(row.trim_end());
    }

    /// Writes the content of a node on one line; blocks only keep their words apart.
    fn inline(&mut self, id: Id) {
        let selection = self.selection;
        for child in selection.doc.children(id) {
            if let Some(text) = selection.doc.flow(child) {
                text.flow_into(&mut self.line);
                continue;
            }
            if selection.is_dropped(child) {
                continue;
            }
            let node = selection.doc.node(child);
            let apart = node.tag == Tag::Br || node.tag.is_block();
            if apart {
                break_words(&mut self.line);
            }
            match node.tag {
                Tag::Sup | Tag::Sub if !node.has_block => self.element(child),
                _ => self.inline(child),
            }
            if apart {
                break_words(&mut self.line);
            }
        }
    }
}

/// Returns `true` if a row lays out code, whose lines must stay.
fn holds_code(doc: &Doc<'_>, id: Id) -> bool {
    (id..doc.end(id)).any(|it| doc.tag(it) == Tag::Pre)
}

/// Returns `true` if a class names the caption or the credit of an image that stands beside it.
fn is_caption(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    // The text of a card may be called its caption too.
    let is_named = (1..CAPTION).contains(&node.text)
        && node.linked == 0
        && !node.has_block
        && !matches!(node.tag, Tag::Caption | Tag::Table | Tag::Td | Tag::Th | Tag::Tr)
        && doc.attr(id, "class").is_some_and(|it| {
            let it = it.to_ascii_lowercase();
            it.contains("caption") || it.contains("credit")
        });
    let has_image = |it: &Id| (*it..doc.end(*it)).any(|it| doc.tag(it) == Tag::Img);
    let small = |it: &Id| doc.node(*it).text < CAPTION;
    is_named && doc.around(id).skip(1).take(BESIDE).take_while(small).any(|it| has_image(&it))
}

/// Returns `true` if a figure holds nothing but its caption: a script adds the image.
fn only_captions(doc: &Doc<'_>, figure: Id) -> bool {
    let node = doc.node(figure);
    let is_caption = |it: &Id| doc.tag(*it) == Tag::Figcaption;
    let captions: usize = (figure..node.end).filter(is_caption).map(|it| doc.node(it).text).sum();
    let is_text = |it: Id| {
        matches!(
            doc.tag(it),
            Tag::Blockquote | Tag::Code | Tag::Formula | Tag::Li | Tag::Pre | Tag::Table
        )
    };
    captions > 0
        && node.text < CAPTION
        && node.text - captions.min(node.text) <= CREDIT
        && !(figure..node.end).any(is_text)
}

/// Returns `true` if a box among paragraphs shows an image and a short text in an element of its own, without
/// links and no sentence: its caption.
fn is_image_box(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    let fits = matches!(node.tag, Tag::Div | Tag::Span | Tag::Other)
        && (1..CAPTION / 2).contains(&node.text)
        && node.linked == 0
        && (3..MAX_NODES).contains(&(node.end - id));
    if !fits {
        return false;
    }
    let mut has_image = false;
    for at in id + 1..node.end {
        let node = doc.node(at);
        has_image |= node.tag == Tag::Img;
        let is_text = matches!(
            node.tag,
            Tag::Blockquote | Tag::Code | Tag::Formula | Tag::Li | Tag::Pre | Tag::Table | Tag::Dd
        );
        // What stands directly beside an image may be an icon's note.
        let is_beside = node.tag == Tag::Text && node.text > 0 && node.parent == id;
        if is_text && node.text > 0 || is_beside || node.tag.level().is_some() {
            return false;
        }
    }
    let is_paragraph = |it: &Id| {
        let node = doc.node(*it);
        node.tag == Tag::P && node.text - node.linked >= PARAGRAPH
    };
    has_image
        && doc.children(node.parent).filter(is_paragraph).take(2).count() == 2
        && !is_sentence(&doc.folded_text(id))
}

/// Returns `true` for a paragraph in one inline element that holds an image, or stands below one: a caption.
fn is_caption_line(doc: &Doc<'_>, id: Id) -> bool {
    let node = doc.node(id);
    if node.tag != Tag::P || node.has_block || !(1..CAPTION / 2).contains(&node.text) {
        return false;
    }
    let has_image = |it: Id| (it..doc.end(it)).take(MAX_NODES).any(|it| doc.tag(it) == Tag::Img);
    let holds_all =
        |it: Id, tags: &[Tag]| tags.contains(&doc.tag(it)) && doc.node(it).text + 2 >= node.text;
    let inline = [Tag::Em, Tag::I, Tag::Small, Tag::Span];
    if has_image(id) {
        let last = doc.children(id).filter(|it| doc.node(*it).text > 0).last();
        return last.is_some_and(|it| holds_all(it, &inline) && !has_image(it));
    }
    let is_italic = (id + 1..node.end).any(|it| holds_all(it, &inline[..3]));
    let before = || {
        let is_blank = |it: Id| doc.text(it).is_some_and(|it| it.trim().is_empty());
        let nodes = (node.parent + 1..id).rev().take(MAX_NODES);
        nodes.into_iter().find(|it| doc.node(*it).parent == node.parent && !is_blank(*it))
    };
    is_italic && before().is_some_and(|it| doc.node(it).text == 0 && has_image(it))
}

/// Elements around a caption among which its image is.
const BESIDE: usize = 2;
/// Bytes of the texts around an image in a figure.
const CAPTION: usize = 400;
/// Bytes of the credit beside the caption of a figure.
const CREDIT: usize = 60;
/// Nodes of a box with an image, and bytes of a paragraph beside it.
const MAX_NODES: usize = 60;
const PARAGRAPH: usize = 80;

/// Returns `true` if a caption's figure shows an image and nothing to read.
fn captions_an_image(doc: &Doc<'_>, id: Id) -> bool {
    let is_figure = doc.tag(id) == Tag::Figure;
    let figure = if is_figure { id } else { doc.node(id).parent };
    let mut tags = (figure..doc.end(figure)).map(|it| doc.tag(it));
    tags.clone().any(|it| it == Tag::Img)
        && !tags.any(|it| matches!(it, Tag::Blockquote | Tag::Pre | Tag::Table))
}
