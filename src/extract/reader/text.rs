//! Texts: where they go, and the content of elements that hold nothing but text.

use crate::extract::reader::names::Name;
use crate::extract::reader::page::{Content, PageNode, Span};
use crate::extract::reader::references::Place;
use crate::extract::reader::{Mode, Quirks, Reader, Refused, StartTag, Step, tags};

/// The way of reading the content of a raw text element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Raw {
    /// As it stands.
    Text,
    /// As it stands, but a script in a comment in a script ends later than it seems to.
    Script,
    /// With character references.
    Decoded,
}

impl Reader<'_> {
    /// Reads the text up to `end`.
    pub(super) fn text_until(&mut self, end: usize) -> Step {
        let mut begin = self.at;
        self.at = end;
        let text = self.page.source.get(begin..end).unwrap_or_default();
        if std::mem::take(&mut self.skips_newline) {
            if text.starts_with('&') {
                // The first newline may be written as a reference.
                return Err(Refused);
            }
            begin += usize::from(text.starts_with('\n'));
        }
        let span = self.page.decoded(begin, end, Place::Text);
        self.text(span)
    }

    /// Processes a text by the rules of the current mode.
    fn text(&mut self, span: Span) -> Step {
        if span.is_empty() {
            return Ok(());
        }
        match self.mode {
            Mode::InBody | Mode::InCaption | Mode::InCell | Mode::InTemplate => self.flow(span),
            Mode::InTable | Mode::InTableBody | Mode::InRow => {
                let is_in_table = self.stack.last().is_some_and(|it| it.name.is_table_part());
                if !is_in_table || self.blanks(span) < span.end - span.start {
                    return Err(Refused);
                }
                self.append_text(span)
            }
            Mode::InColumnGroup => {
                if self.blanks(span) < span.end - span.start {
                    return Err(Refused);
                }
                self.append_text(span)
            }
            Mode::AfterBody | Mode::AfterAfterBody => {
                if self.blanks(span) < span.end - span.start {
                    self.mode = Mode::InBody;
                }
                self.flow(span)
            }
            _ => self.text_before_body(span),
        }
    }

    fn text_before_body(&mut self, span: Span) -> Step {
        let blanks = self.blanks(span);
        let first = Span { start: span.start, end: span.start + blanks };
        let rest = Span { start: span.start + blanks, end: span.end };
        if !first.is_empty() && matches!(self.mode, Mode::InHead | Mode::AfterHead) {
            self.has_text_after_head |= self.mode == Mode::AfterHead;
            self.append_text(first)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        if self.mode == Mode::Initial {
            self.quirks = Quirks::Yes;
        }
        self.enter_body();
        self.flow(rest)
    }

    /// Returns the number of blanks at the start of a text.
    fn blanks(&self, span: Span) -> u32 {
        let text = self.page.text(span).as_bytes();
        let blanks = text.iter().take_while(|it| it.is_ascii_whitespace()).count();
        u32::try_from(blanks).unwrap_or(u32::MAX)
    }

    /// Appends a text in the body.
    fn flow(&mut self, span: Span) -> Step {
        self.reconstruct();
        self.append_text(span)
    }

    /// Appends a text to the current element; texts that touch are one.
    fn append_text(&mut self, span: Span) -> Step {
        let parent = self.stack.last().map(|it| it.node).ok_or(Refused)?;
        if let Some(last) = self.page.nodes.last()
            && last.parent == parent
            && let Content::Text(before) = last.content
            && self.commented != Some(parent)
        {
            let joined = self.page.joined(before, span);
            if let Some(last) = self.page.nodes.last_mut() {
                last.content = Content::Text(joined);
            }
            return Ok(());
        }
        self.push(PageNode { parent, content: Content::Text(span) });
        Ok(())
    }

    pub(super) fn push(&mut self, node: PageNode) -> u32 {
        if self.commented == Some(node.parent) {
            self.commented = None;
        }
        self.page.nodes.push(node);
        u32::try_from(self.page.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Reads an element whose content is text up to its end tag.
    pub(super) fn raw(&mut self, tag: StartTag, raw: Raw) -> Step {
        self.insert(tag);
        let begin = self.at;
        let (content, behind) = self.raw_end(tag.name, begin);
        let text = self.page.source.get(begin..content).unwrap_or_default();
        if raw == Raw::Script && text.contains("<!--") && has_script(text) {
            return Err(Refused);
        }
        let mut start = begin;
        if tag.name == Name::Textarea {
            if text.starts_with('&') {
                return Err(Refused);
            }
            start += usize::from(text.starts_with('\n'));
        }
        let span = match raw {
            Raw::Decoded => self.page.decoded(start, content, Place::Text),
            Raw::Text | Raw::Script => Span::of(start, content),
        };
        if !span.is_empty() {
            self.append_text(span)?;
        }
        self.stack.pop();
        self.at = behind;
        Ok(())
    }

    /// Returns the place of the end tag of a raw text element, and the place behind that.
    fn raw_end(&mut self, name: Name, from: usize) -> (usize, usize) {
        let bytes = self.page.source.as_bytes();
        let wanted = name.text();
        let mut at = from;
        while let Some(found) = memchr::memchr(b'<', bytes.get(at..).unwrap_or_default()) {
            at += found;
            let behind = at + 2 + wanted.len();
            let is_end = bytes.get(at + 1) == Some(&b'/')
                && bytes.get(at + 2..behind).is_some_and(|it| it.eq_ignore_ascii_case(wanted))
                && bytes.get(behind).is_some_and(|it| tags::ends_name(*it));
            if is_end {
                let end = tags::end(&mut self.page, behind);
                return (at, end.unwrap_or(self.page.source.len()));
            }
            at += 1;
        }
        (self.page.source.len(), self.page.source.len())
    }
}

fn has_script(text: &str) -> bool {
    const TAG: &[u8] = b"<script";
    memchr::memchr_iter(b'<', text.as_bytes()).any(|at| {
        let tag = text.as_bytes().get(at..at + TAG.len());
        tag.is_some_and(|it| it.eq_ignore_ascii_case(TAG))
    })
}
