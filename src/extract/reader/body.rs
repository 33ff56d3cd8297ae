//! The rules of the body.

use crate::extract::reader::formatting::Entry;
use crate::extract::reader::names::Name;
use crate::extract::reader::page::{Attributes, Span};
use crate::extract::reader::text::Raw;
use crate::extract::reader::{Mode, Quirks, Reader, Refused, StartTag, Step};

impl Reader<'_> {
    pub(super) fn start_in_body(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Html | Name::Body => self.start_again(tag),
            name if name.is_head_content() => self.start_head_content(tag),
            name if name.is_plain_block() => {
                self.close_paragraph();
                self.insert(tag);
                Ok(())
            }
            name if name.is_formatting() => {
                self.reconstruct();
                self.insert_formatting(tag);
                Ok(())
            }
            name if name.is_heading() => {
                self.close_paragraph();
                if self.current().is_heading() {
                    self.stack.pop();
                }
                self.insert(tag);
                Ok(())
            }
            Name::A => {
                self.close_open_link(tag.text)?;
                self.reconstruct();
                self.insert_formatting(tag);
                Ok(())
            }
            Name::Li | Name::Dd | Name::Dt => {
                self.start_item(tag);
                Ok(())
            }
            Name::Table => self.start_table(tag),
            name if name.is_table_structure() || matches!(name, Name::Frame | Name::Head) => Ok(()),
            // What hardly any page has, and what `bound` takes out.
            Name::Frameset | Name::Plaintext | Name::Math | Name::Svg | Name::Nobr => Err(Refused),
            Name::Xmp | Name::Iframe | Name::Noembed | Name::Noscript | Name::Textarea => {
                self.start_raw(tag)
            }
            Name::Other | Name::Ruby => {
                self.reconstruct();
                self.insert(tag);
                Ok(())
            }
            _ => {
                self.start_control(tag);
                Ok(())
            }
        }
    }

    /// A second `html` or `body` adds its attributes to the first.
    fn start_again(&mut self, tag: StartTag) -> Step {
        let Attributes { start, end } = tag.attributes;
        if start == end || self.is_in_template() { Ok(()) } else { Err(Refused) }
    }

    fn start_table(&mut self, tag: StartTag) -> Step {
        if self.quirks == Quirks::Unknown && self.is_in_scope(Name::P, Name::ends_button_scope) {
            return Err(Refused);
        }
        if self.quirks != Quirks::Yes {
            self.close_paragraph();
        }
        self.insert(tag);
        self.mode = Mode::InTable;
        Ok(())
    }

    fn start_raw(&mut self, tag: StartTag) -> Step {
        if tag.name == Name::Xmp {
            self.close_paragraph();
            self.reconstruct();
        }
        let raw = if tag.name == Name::Textarea { Raw::Decoded } else { Raw::Text };
        self.raw(tag, raw)
    }

    /// Starts an item of a list, which ends the item before it.
    fn start_item(&mut self, tag: StartTag) {
        let ends = |open: Name| match tag.name {
            Name::Li => open == Name::Li,
            _ => matches!(open, Name::Dd | Name::Dt),
        };
        let mut before = None;
        for open in self.stack.iter().rev() {
            if ends(open.name) {
                before = Some(open.name);
                break;
            }
            if open.name.is_special() && !matches!(open.name, Name::Address | Name::Div | Name::P) {
                break;
            }
        }
        if let Some(before) = before {
            self.close_implied(Some(before));
            self.pop_until(before);
        }
        self.close_paragraph();
        self.insert(tag);
    }

    /// Starts a control, a void element, or another element with a rule of its own.
    fn start_control(&mut self, tag: StartTag) {
        match tag.name {
            Name::Pre | Name::Listing => {
                self.close_paragraph();
                self.insert(tag);
                self.skips_newline = true;
            }
            Name::Form => self.start_form(tag),
            Name::Button => {
                if self.is_in_scope(Name::Button, Name::ends_scope) {
                    self.close_implied(None);
                    self.pop_until(Name::Button);
                }
                self.reconstruct();
                self.insert(tag);
            }
            Name::Applet | Name::Marquee | Name::Object => {
                self.reconstruct();
                self.insert(tag);
                self.formatting.push(Entry::Marker);
            }
            Name::Area | Name::Br | Name::Embed | Name::Img | Name::Keygen | Name::Wbr => {
                self.reconstruct();
                self.insert_void(tag);
            }
            Name::Image => {
                let text = self.page.keep(|out| out.push_str("img"));
                self.reconstruct();
                self.insert_void(StartTag { name: Name::Img, text, ..tag });
            }
            Name::Input => {
                if self.is_in_scope(Name::Select, Name::ends_scope) {
                    self.pop_until(Name::Select);
                }
                self.reconstruct();
                self.insert_void(tag);
            }
            Name::Param | Name::Source | Name::Track => {
                self.insert_void(tag);
            }
            Name::Hr => {
                self.close_paragraph();
                if self.is_in_scope(Name::Select, Name::ends_scope) {
                    self.close_implied(None);
                }
                self.insert_void(tag);
            }
            Name::Select | Name::Option | Name::Optgroup => self.start_choice(tag),
            Name::Rb | Name::Rtc => self.start_reading(tag, None),
            Name::Rp | Name::Rt => self.start_reading(tag, Some(Name::Rtc)),
            _ => {
                self.reconstruct();
                self.insert(tag);
            }
        }
    }

    fn start_form(&mut self, tag: StartTag) {
        let is_in_template = self.is_in_template();
        if self.form.is_some() && !is_in_template {
            return;
        }
        self.close_paragraph();
        let node = self.insert(tag);
        if !is_in_template {
            self.form = Some(node);
        }
    }

    fn start_choice(&mut self, tag: StartTag) {
        let is_in_select = self.is_in_scope(Name::Select, Name::ends_scope);
        if tag.name == Name::Select {
            if is_in_select {
                self.pop_until(Name::Select);
                return;
            }
        } else if is_in_select {
            self.close_implied((tag.name == Name::Option).then_some(Name::Optgroup));
        } else if self.current() == Name::Option {
            self.stack.pop();
        }
        self.reconstruct();
        self.insert(tag);
    }

    fn start_reading(&mut self, tag: StartTag, except: Option<Name>) {
        if self.is_in_scope(Name::Ruby, Name::ends_scope) {
            self.close_implied(except);
        }
        self.insert(tag);
    }

    pub(super) fn end_in_body(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Body | Name::Html => {
                if self.is_in_scope(Name::Body, Name::ends_scope) {
                    self.mode =
                        if name == Name::Body { Mode::AfterBody } else { Mode::AfterAfterBody };
                }
            }
            Name::Template => self.end_template(),
            Name::P => {
                if !self.is_in_scope(Name::P, Name::ends_button_scope) {
                    self.insert_implied(Name::P);
                }
                self.close_implied(Some(Name::P));
                self.pop_until(Name::P);
            }
            Name::Li | Name::Dd | Name::Dt => {
                let ends = if name == Name::Li { Name::ends_list_scope } else { Name::ends_scope };
                if self.is_in_scope(name, ends) {
                    self.close_implied(Some(name));
                    self.pop_until(name);
                }
            }
            Name::Form => self.end_form(),
            Name::Button | Name::Listing | Name::Pre | Name::Select => self.end_block(name),
            _ if name.is_plain_block() => self.end_block(name),
            _ if name.is_heading() => {
                if self.is_any_in_scope(|it| it.name.is_heading(), Name::ends_scope) {
                    self.close_implied(None);
                    self.pop_until_any(Name::is_heading);
                }
            }
            Name::A | Name::Nobr => return self.close_formatting(name, text),
            _ if name.is_formatting() => return self.close_formatting(name, text),
            Name::Applet | Name::Marquee | Name::Object => {
                if self.is_in_scope(name, Name::ends_scope) {
                    self.close_implied(None);
                    self.pop_until(name);
                    self.clear_to_marker();
                }
            }
            Name::Br => {
                let text = self.page.keep(|out| out.push_str("br"));
                let attributes = Attributes::default();
                return self.start_in_body(StartTag { name, text, attributes });
            }
            _ => self.close_other(name, text),
        }
        Ok(())
    }

    fn end_block(&mut self, name: Name) {
        if self.is_in_scope(name, Name::ends_scope) {
            self.close_implied(None);
            self.pop_until(name);
        }
    }

    fn end_form(&mut self) {
        if self.is_in_template() {
            return self.end_block(Name::Form);
        }
        let Some(node) = self.form.take() else { return };
        if self.is_any_in_scope(|it| it.node == node, Name::ends_scope) {
            self.close_implied(None);
            self.remove(node);
        }
    }
}
