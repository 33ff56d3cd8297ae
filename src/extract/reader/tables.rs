//! The rules of tables. What stands loose in a table would be moved out of it, so such a page is refused.

use crate::extract::reader::formatting::Entry;
use crate::extract::reader::names::Name;
use crate::extract::reader::page::Span;
use crate::extract::reader::{Mode, Reader, Refused, StartTag, Step};

impl Reader<'_> {
    pub(super) fn start_in_table(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Caption => {
                self.pop_to(Name::ends_table_scope);
                self.formatting.push(Entry::Marker);
                self.insert(tag);
                self.mode = Mode::InCaption;
            }
            Name::Colgroup => {
                self.pop_to(Name::ends_table_scope);
                self.insert(tag);
                self.mode = Mode::InColumnGroup;
            }
            Name::Col => {
                self.pop_to(Name::ends_table_scope);
                self.insert_implied(Name::Colgroup);
                self.mode = Mode::InColumnGroup;
                return self.start(tag);
            }
            Name::Tbody | Name::Tfoot | Name::Thead => {
                self.pop_to(Name::ends_table_scope);
                self.insert(tag);
                self.mode = Mode::InTableBody;
            }
            Name::Td | Name::Th | Name::Tr => {
                self.pop_to(Name::ends_table_scope);
                self.insert_implied(Name::Tbody);
                self.mode = Mode::InTableBody;
                return self.start(tag);
            }
            Name::Table => {
                if self.is_in_scope(Name::Table, Name::ends_table_scope) {
                    self.pop_until(Name::Table);
                    self.mode = self.mode_of_stack();
                    return self.start(tag);
                }
            }
            Name::Style | Name::Script | Name::Template => return self.start_head_content(tag),
            Name::Input if self.is_hidden_input(tag) => {
                self.insert_void(tag);
            }
            Name::Form => {
                if !self.is_in_template() && self.form.is_none() {
                    self.form = Some(self.insert_void(tag));
                }
            }
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn is_hidden_input(&self, tag: StartTag) -> bool {
        let attributes = self.page.list(tag.attributes);
        let kind = attributes.iter().find(|it| self.page.text(it.0) == "type");
        kind.is_some_and(|it| self.page.text(it.1).eq_ignore_ascii_case("hidden"))
    }

    pub(super) fn end_in_table(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Table => {
                if self.is_in_scope(Name::Table, Name::ends_table_scope) {
                    self.pop_until(Name::Table);
                    self.mode = self.mode_of_stack();
                }
                Ok(())
            }
            Name::Body | Name::Html => Ok(()),
            _ if name.is_table_structure() => Ok(()),
            Name::Template => {
                self.end_template();
                Ok(())
            }
            // These would insert an element in front of the table.
            Name::P | Name::Br => Err(Refused),
            _ => self.end_in_body(name, text),
        }
    }

    pub(super) fn start_in_caption(&mut self, tag: StartTag) -> Step {
        if !tag.name.is_table_structure() {
            return self.start_in_body(tag);
        }
        if self.close_caption() { self.start(tag) } else { Ok(()) }
    }

    pub(super) fn end_in_caption(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Caption => {
                self.close_caption();
                Ok(())
            }
            Name::Table => {
                if self.close_caption() {
                    self.end(name, text)
                } else {
                    Ok(())
                }
            }
            Name::Body | Name::Html => Ok(()),
            _ if name.is_table_structure() => Ok(()),
            _ => self.end_in_body(name, text),
        }
    }

    /// Closes the caption. Returns `false` if none is open.
    fn close_caption(&mut self) -> bool {
        if !self.is_in_scope(Name::Caption, Name::ends_table_scope) {
            return false;
        }
        self.close_implied(None);
        self.pop_until(Name::Caption);
        self.clear_to_marker();
        self.mode = Mode::InTable;
        true
    }

    pub(super) fn start_in_column_group(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Html => self.start_in_body(tag),
            Name::Col => {
                self.insert_void(tag);
                Ok(())
            }
            Name::Template => self.start_head_content(tag),
            _ if self.current() == Name::Colgroup => {
                self.stack.pop();
                self.mode = Mode::InTable;
                self.start(tag)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn end_in_column_group(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Col => Ok(()),
            Name::Template => {
                self.end_template();
                Ok(())
            }
            _ if self.current() != Name::Colgroup => Ok(()),
            _ => {
                self.stack.pop();
                self.mode = Mode::InTable;
                if name == Name::Colgroup { Ok(()) } else { self.end(name, text) }
            }
        }
    }

    pub(super) fn start_in_table_body(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Tr => {
                self.pop_to(Name::is_row_context);
                self.insert(tag);
                self.mode = Mode::InRow;
                Ok(())
            }
            Name::Td | Name::Th => {
                self.pop_to(Name::is_row_context);
                self.insert_implied(Name::Tr);
                self.mode = Mode::InRow;
                self.start(tag)
            }
            _ if tag.name.is_table_structure() => {
                if self.close_row_group() {
                    self.start(tag)
                } else {
                    Ok(())
                }
            }
            _ => self.start_in_table(tag),
        }
    }

    pub(super) fn end_in_table_body(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Tbody | Name::Tfoot | Name::Thead => {
                if self.is_in_scope(name, Name::ends_table_scope) {
                    self.pop_to(Name::is_row_context);
                    self.stack.pop();
                    self.mode = Mode::InTable;
                }
                Ok(())
            }
            Name::Table => {
                if self.close_row_group() {
                    self.end(name, text)
                } else {
                    Ok(())
                }
            }
            _ => self.end_in_table(name, text),
        }
    }

    /// Closes the group of rows. Returns `false` if none is open.
    fn close_row_group(&mut self) -> bool {
        // html5ever asks for these three, and leaves `thead` out.
        let is_group = |it: Name| matches!(it, Name::Table | Name::Tbody | Name::Tfoot);
        if !self.is_any_in_scope(|it| is_group(it.name), Name::ends_table_scope) {
            return false;
        }
        self.pop_to(Name::is_row_context);
        self.stack.pop();
        self.mode = Mode::InTable;
        true
    }

    pub(super) fn start_in_row(&mut self, tag: StartTag) -> Step {
        match tag.name {
            Name::Td | Name::Th => {
                self.pop_to(Name::is_cell_context);
                self.insert(tag);
                self.mode = Mode::InCell;
                self.formatting.push(Entry::Marker);
                Ok(())
            }
            _ if tag.name.is_table_structure() => {
                if self.close_row() {
                    self.start(tag)
                } else {
                    Ok(())
                }
            }
            _ => self.start_in_table(tag),
        }
    }

    pub(super) fn end_in_row(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Tr => {
                self.close_row();
                Ok(())
            }
            Name::Table => {
                if self.close_row() {
                    self.end(name, text)
                } else {
                    Ok(())
                }
            }
            Name::Tbody | Name::Tfoot | Name::Thead => {
                if self.is_in_scope(name, Name::ends_table_scope) && self.close_row() {
                    self.end(name, text)
                } else {
                    Ok(())
                }
            }
            _ => self.end_in_table(name, text),
        }
    }

    /// Closes the row. Returns `false` if none is open.
    fn close_row(&mut self) -> bool {
        if !self.is_in_scope(Name::Tr, Name::ends_table_scope) {
            return false;
        }
        self.pop_to(Name::is_cell_context);
        self.stack.pop();
        self.mode = Mode::InTableBody;
        true
    }

    pub(super) fn start_in_cell(&mut self, tag: StartTag) -> Step {
        if !tag.name.is_table_structure() {
            return self.start_in_body(tag);
        }
        if !self.is_any_in_scope(|it| it.name.is_cell(), Name::ends_table_scope) {
            return Ok(());
        }
        self.close_cell();
        self.start(tag)
    }

    pub(super) fn end_in_cell(&mut self, name: Name, text: Span) -> Step {
        match name {
            Name::Td | Name::Th => {
                if self.is_in_scope(name, Name::ends_table_scope) {
                    self.close_implied(None);
                    self.pop_until(name);
                    self.clear_to_marker();
                    self.mode = Mode::InRow;
                }
                Ok(())
            }
            Name::Body | Name::Html | Name::Caption | Name::Col | Name::Colgroup => Ok(()),
            Name::Table | Name::Tbody | Name::Tfoot | Name::Thead | Name::Tr => {
                if self.is_in_scope(name, Name::ends_table_scope) {
                    self.close_cell();
                    self.end(name, text)
                } else {
                    Ok(())
                }
            }
            _ => self.end_in_body(name, text),
        }
    }

    fn close_cell(&mut self) {
        self.close_implied(None);
        self.pop_until_any(Name::is_cell);
        self.clear_to_marker();
        self.mode = Mode::InRow;
    }
}
