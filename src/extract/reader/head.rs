//! The rules up to the body: the document, its head, and templates.

use crate::extract::reader::formatting::Entry;
use crate::extract::reader::names::Name;
use crate::extract::reader::page::Span;
use crate::extract::reader::text::Raw;
use crate::extract::reader::{Mode, Open, Quirks, Reader, Refused, StartTag, Step};

impl Reader<'_> {
    pub(super) fn start_before_body(&mut self, tag: StartTag) -> Step {
        if self.mode == Mode::Initial {
            self.quirks = Quirks::Yes;
            self.mode = Mode::BeforeHtml;
        }
        if self.mode == Mode::BeforeHtml {
            if tag.name == Name::Html {
                self.insert(tag);
                self.mode = Mode::BeforeHead;
                return Ok(());
            }
            self.insert_implied(Name::Html);
            self.mode = Mode::BeforeHead;
        }
        if tag.name == Name::Html {
            return self.start_in_body(tag);
        }
        if self.mode == Mode::BeforeHead {
            if tag.name == Name::Head {
                self.head = Some(self.insert(tag));
                self.mode = Mode::InHead;
                return Ok(());
            }
            self.head = Some(self.insert_implied(Name::Head));
            self.mode = Mode::InHead;
        }
        if self.mode == Mode::InHead {
            if tag.name.is_head_content() || tag.name == Name::Noscript {
                return self.start_head_content(tag);
            }
            if tag.name == Name::Head {
                return Ok(());
            }
            self.stack.pop();
            self.mode = Mode::AfterHead;
        }
        self.start_after_head(tag)
    }

    fn start_after_head(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Body => {
                self.insert(tag);
                self.mode = Mode::InBody;
                Ok(())
            }
            Name::Frameset => Err(Refused),
            Name::Head => Ok(()),
            name if name.is_head_content() => {
                let node = self.head.filter(|_| !self.has_text_after_head).ok_or(Refused)?;
                self.stack.push(Open { name: Name::Head, node });
                let done = self.start_head_content(tag);
                self.remove(node);
                done
            }
            _ => {
                self.enter_body();
                self.start(tag)
            }
        }
    }

    pub(super) fn end_before_body(&mut self, name: Name, text: Span) -> Step {
        if name == Name::Template && matches!(self.mode, Mode::InHead | Mode::AfterHead) {
            self.end_template();
            return Ok(());
        }
        if name == Name::Head && self.mode == Mode::InHead {
            self.stack.pop();
            self.mode = Mode::AfterHead;
            return Ok(());
        }
        let is_before = matches!(self.mode, Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead);
        if self.mode == Mode::Initial {
            self.quirks = Quirks::Yes;
            self.mode = Mode::BeforeHtml;
        }
        if name == Name::Head && is_before {
            self.enter_head();
            self.stack.pop();
            self.mode = Mode::AfterHead;
            return Ok(());
        }
        if !matches!(name, Name::Body | Name::Html | Name::Br) {
            return Ok(());
        }
        self.enter_body();
        self.end(name, text)
    }

    /// Opens the head of a page that has not begun.
    fn enter_head(&mut self) {
        if matches!(self.mode, Mode::Initial | Mode::BeforeHtml) {
            self.insert_implied(Name::Html);
        }
        self.head = Some(self.insert_implied(Name::Head));
        self.mode = Mode::InHead;
    }

    /// Opens the body of a page whose tag was left out.
    pub(super) fn enter_body(&mut self) {
        if matches!(self.mode, Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead) {
            self.enter_head();
        }
        if self.mode == Mode::InHead {
            self.stack.pop();
        }
        self.insert_implied(Name::Body);
        self.mode = Mode::InBody;
    }

    /// Processes an element of the head, wherever it stands.
    pub(super) fn start_head_content(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Title => self.raw(tag, Raw::Decoded),
            Name::Noframes | Name::Style | Name::Noscript => self.raw(tag, Raw::Text),
            Name::Script => self.raw(tag, Raw::Script),
            Name::Template => {
                self.formatting.push(Entry::Marker);
                self.templates.push(Mode::InTemplate);
                self.mode = Mode::InTemplate;
                self.insert(tag);
                Ok(())
            }
            _ => {
                self.insert_void(tag);
                Ok(())
            }
        }
    }

    /// Processes the end tag of a template, wherever it stands.
    pub(super) fn end_template(&mut self) {
        if !self.is_in_template() {
            return;
        }
        while self.current().has_implied_end_in_template() {
            self.stack.pop();
        }
        self.pop_until(Name::Template);
        self.clear_to_marker();
        self.templates.pop();
        self.mode = self.mode_of_stack();
    }

    pub(super) fn start_in_template(&mut self, tag: StartTag) -> Step {
        if tag.name.is_head_content() {
            return self.start_head_content(tag);
        }
        let mode = match tag.name {
            Name::Caption | Name::Colgroup | Name::Tbody | Name::Tfoot | Name::Thead => {
                Mode::InTable
            }
            Name::Col => Mode::InColumnGroup,
            Name::Tr => Mode::InTableBody,
            Name::Td | Name::Th => Mode::InRow,
            _ => Mode::InBody,
        };
        self.templates.pop();
        self.templates.push(mode);
        self.mode = mode;
        self.start(tag)
    }

    /// Returns the mode that the open elements ask for.
    pub(super) fn mode_of_stack(&self) -> Mode {
        for open in self.stack.iter().skip(1).rev() {
            return match open.name {
                Name::Td | Name::Th => Mode::InCell,
                Name::Tr => Mode::InRow,
                Name::Tbody | Name::Thead | Name::Tfoot => Mode::InTableBody,
                Name::Caption => Mode::InCaption,
                Name::Colgroup => Mode::InColumnGroup,
                Name::Table => Mode::InTable,
                Name::Template => self.templates.last().copied().unwrap_or(Mode::InTemplate),
                Name::Head => Mode::InHead,
                Name::Body => Mode::InBody,
                _ => continue,
            };
        }
        if self.head.is_none() { Mode::BeforeHead } else { Mode::AfterHead }
    }
}
