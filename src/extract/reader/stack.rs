//! The stack of open elements.

use crate::extract::reader::names::{Name, Set};
use crate::extract::reader::page::{Attributes, Content, PageNode, Span};
use crate::extract::reader::{Open, Reader, StartTag};

impl Reader<'_> {
    /// Returns the name of the current element.
    pub(super) fn current(&self) -> Name {
        self.stack.last().map_or(Name::Html, |it| it.name)
    }

    /// Appends an element to the current one and opens it. Returns its node.
    pub(super) fn insert(&mut self, tag: StartTag) -> u32 {
        let node = self.insert_void(tag);
        self.stack.push(Open { name: tag.name, node });
        node
    }

    /// Appends an element without content to the current one.
    pub(super) fn insert_void(&mut self, tag: StartTag) -> u32 {
        let parent = self.stack.last().map_or(0, |it| it.node);
        let content = Content::Element { name: tag.text, attributes: tag.attributes };
        self.push(PageNode { parent, content })
    }

    /// Opens an element for which there is no tag.
    pub(super) fn insert_implied(&mut self, name: Name) -> u32 {
        let text = self.page.keep(|out| out.push_str(&String::from_utf8_lossy(name.text())));
        self.insert(StartTag { name, text, attributes: Attributes::default() })
    }

    /// Closes elements up to the first of a set, which stays open.
    pub(super) fn pop_to(&mut self, set: Set) {
        while self.stack.len() > 1 && !set(self.current()) {
            self.stack.pop();
        }
    }

    /// Closes elements up to and with the first of a name.
    pub(super) fn pop_until(&mut self, name: Name) {
        self.pop_until_any(|it| it == name);
    }

    /// Closes elements up to and with the first that is wanted.
    pub(super) fn pop_until_any(&mut self, is_wanted: impl Fn(Name) -> bool) {
        while let Some(closed) = self.stack.pop() {
            if is_wanted(closed.name) {
                break;
            }
        }
    }

    /// Closes the elements whose end tags may be left out, except for one.
    pub(super) fn close_implied(&mut self, except: Option<Name>) {
        while self.current().has_implied_end() && Some(self.current()) != except {
            self.stack.pop();
        }
    }

    /// Returns `true` if an element is open in a scope.
    pub(super) fn is_in_scope(&self, name: Name, ends: Set) -> bool {
        self.is_any_in_scope(|it| it.name == name, ends)
    }

    /// Returns `true` if an element that is wanted is open in a scope.
    pub(super) fn is_any_in_scope(&self, is_wanted: impl Fn(&Open) -> bool, ends: Set) -> bool {
        for open in self.stack.iter().rev() {
            if is_wanted(open) {
                return true;
            }
            if ends(open.name) {
                return false;
            }
        }
        false
    }

    /// Closes the paragraph, if one is open.
    pub(super) fn close_paragraph(&mut self) {
        if self.is_in_scope(Name::P, Name::ends_button_scope) {
            self.close_implied(Some(Name::P));
            self.pop_until(Name::P);
        }
    }

    /// Closes an element in the middle of the stack; what is open in it stays so.
    pub(super) fn remove(&mut self, node: u32) {
        if let Some(at) = self.stack.iter().rposition(|it| it.node == node) {
            self.stack.remove(at);
        }
    }

    /// Returns `true` if a template is open.
    pub(super) fn is_in_template(&self) -> bool {
        !self.templates.is_empty()
    }

    /// Closes the element that an end tag without a rule of its own names, unless a special one is in the way.
    pub(super) fn close_other(&mut self, name: Name, text: Span) {
        let is_named = |reader: &Self, open: &Open| {
            open.name == name
                && (name != Name::Other
                    || reader.page.text(reader.page.tag(open.node).0) == reader.page.text(text))
        };
        for at in (0..self.stack.len()).rev() {
            let Some(open) = self.stack.get(at) else { return };
            if is_named(self, open) {
                self.close_implied(Some(name));
                self.stack.truncate(at);
                return;
            }
            if open.name.is_special() {
                return;
            }
        }
    }
}
