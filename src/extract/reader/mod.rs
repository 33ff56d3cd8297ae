//! Reads an ordinary page in one pass, without a tree of nodes in between.
//!
//! The reader follows the tokenizer and the tree construction of the HTML standard, but it only appends. Where the
//! standard moves nodes that are already in the tree (text and blocks that stand loose in a table, formatting
//! elements that overlap with blocks), and where a page uses what hardly any page uses (framesets, NUL bytes,
//! attributes of a second `body`), it refuses the page, which html5ever then reads. On the pages of `docs/QUALITY.md`
//! that happens to one of 15.
//!
//! # Invariants
//!
//! * A page that is read is the same, node by node, as html5ever's tree without its comments. Tests compare them on
//!   written and on random pages.
//! * The source has no carriage returns and no drawings or formulas: `source` takes them out.

mod body;
mod formatting;
mod head;
mod names;
mod page;
mod references;
mod stack;
mod tables;
mod tags;
mod text;

pub(crate) use tags::ends_name;

use crate::extract::reader::formatting::Entry;
use crate::extract::reader::names::Name;
use crate::extract::reader::page::{Attributes, Span};
pub(crate) use crate::extract::reader::page::{Page, PageAttributes, PageElement, PageItem};
use crate::extract::reader::tags::TagName;

/// Bytes of the longest source that is read: places are kept in 32 bits.
const MAX_SOURCE_BYTES: usize = 1 << 30;

/// Marks a page that the reader leaves to html5ever.
#[derive(Debug)]
struct Refused;

type Step = Result<(), Refused>;

/// The insertion modes of the standard that the reader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Initial,
    BeforeHtml,
    BeforeHead,
    InHead,
    AfterHead,
    InBody,
    InTable,
    InCaption,
    InColumnGroup,
    InTableBody,
    InRow,
    InCell,
    InTemplate,
    AfterBody,
    AfterAfterBody,
}

/// The effect of the doctype on tables in paragraphs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quirks {
    No,
    Yes,
    /// An old doctype, whose list of exceptions is not known here.
    Unknown,
}

/// An element that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    name: Name,
    node: u32,
}

/// A start tag.
#[derive(Clone, Copy, Debug)]
struct StartTag {
    name: Name,
    text: Span,
    attributes: Attributes,
}

struct Reader<'s> {
    at: usize,
    page: Page<'s>,
    mode: Mode,
    stack: Vec<Open>,
    formatting: Vec<Entry>,
    /// The insertion modes of the open templates.
    templates: Vec<Mode>,
    head: Option<u32>,
    form: Option<u32>,
    quirks: Quirks,
    /// `true` right behind a `pre`, whose first newline is dropped.
    skips_newline: bool,
    /// The element whose last child is a comment, so that texts around it stay apart.
    commented: Option<u32>,
    /// `true` if text stands between the head and the body.
    has_text_after_head: bool,
}

/// Reads a page; `None` if it is not ordinary.
pub(crate) fn read(source: &str) -> Option<Page<'_>> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if source.len() > MAX_SOURCE_BYTES || memchr::memchr2(b'\0', b'\r', source.as_bytes()).is_some()
    {
        return None;
    }
    let mut reader = Reader {
        at: 0,
        page: Page::new(source),
        mode: Mode::Initial,
        stack: Vec::new(),
        formatting: Vec::new(),
        templates: Vec::new(),
        head: None,
        form: None,
        quirks: Quirks::No,
        skips_newline: false,
        commented: None,
        has_text_after_head: false,
    };
    reader.run().ok()?;
    Some(reader.page)
}

/// Returns the length of a comment. `-->` may begin with the dashes that open it; `--!>` may not.
pub(crate) fn comment_end(rest: &str) -> usize {
    let mut at = 2;
    while let Some(found) = rest.get(at..).and_then(|it| it.find("--")) {
        at += found;
        let after = rest.get(at + 2..).unwrap_or_default();
        if after.starts_with('>') {
            return at + 3;
        }
        if at >= 4 && after.starts_with("!>") {
            return at + 4;
        }
        at += 1;
    }
    rest.len()
}

impl Reader<'_> {
    fn run(&mut self) -> Step {
        let bytes = self.page.source.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte == b'<' {
                self.markup()?;
            } else {
                let rest = bytes.get(self.at..).unwrap_or_default();
                let length = memchr::memchr(b'<', rest).unwrap_or(rest.len());
                self.text_until(self.at + length)?;
            }
        }
        self.end_of_page()
    }

    /// Reads what begins with the `<` at the current place.
    fn markup(&mut self) -> Step {
        let rest = self.page.source.get(self.at..).unwrap_or_default();
        let bytes = rest.as_bytes();
        match bytes.get(1) {
            Some(b'!') => {
                self.declaration(rest);
                Ok(())
            }
            Some(b'?') => {
                self.bogus_comment(rest);
                Ok(())
            }
            Some(b'/') => match bytes.get(2) {
                Some(it) if it.is_ascii_alphabetic() => self.end_tag(),
                Some(b'>') => {
                    self.skips_newline = false;
                    self.at += 3;
                    Ok(())
                }
                Some(_) => {
                    self.bogus_comment(rest);
                    Ok(())
                }
                None => self.text_until(self.page.source.len()),
            },
            Some(it) if it.is_ascii_alphabetic() => self.start_tag(),
            _ => self.text_until(self.at + 1),
        }
    }

    fn declaration(&mut self, rest: &str) {
        if rest.starts_with("<!--") {
            self.at += comment_end(rest);
            return self.comment();
        }
        let is_doctype = rest.get(2..9).is_some_and(|it| it.eq_ignore_ascii_case("doctype"));
        if !is_doctype {
            return self.bogus_comment(rest);
        }
        self.skips_newline = false;
        let length = memchr::memchr(b'>', rest.as_bytes()).map_or(rest.len(), |it| it + 1);
        self.at += length;
        if self.mode == Mode::Initial {
            let named = rest.get(9..length).unwrap_or_default().trim_ascii();
            let named = named.strip_suffix('>').unwrap_or_default().trim_ascii_end();
            let is_html = named.eq_ignore_ascii_case("html");
            self.quirks = if is_html { Quirks::No } else { Quirks::Unknown };
            self.mode = Mode::BeforeHtml;
        }
    }

    fn bogus_comment(&mut self, rest: &str) {
        self.at += memchr::memchr(b'>', rest.as_bytes()).map_or(rest.len(), |it| it + 1);
        self.comment();
    }

    /// Records a comment, which keeps the texts around it apart.
    fn comment(&mut self) {
        self.skips_newline = false;
        // Behind the body, comments belong to the document or to `html`.
        if !matches!(
            self.mode,
            Mode::Initial | Mode::BeforeHtml | Mode::AfterBody | Mode::AfterAfterBody
        ) {
            self.commented = self.stack.last().map(|it| it.node);
        }
    }

    fn start_tag(&mut self) -> Step {
        self.skips_newline = false;
        let Some((tag, end)) = tags::start(&mut self.page, self.at) else {
            // The page ends inside the tag.
            self.at = self.page.source.len();
            return Ok(());
        };
        self.at = end;
        self.start(tag)
    }

    fn end_tag(&mut self) -> Step {
        self.skips_newline = false;
        let TagName { name, text, end } = tags::name(&mut self.page, self.at + 2);
        let Some(end) = tags::end(&mut self.page, end) else {
            self.at = self.page.source.len();
            return Ok(());
        };
        self.at = end;
        self.end(name, text)
    }

    /// Processes a start tag by the rules of the current mode.
    fn start(&mut self, tag: StartTag) -> Step {
        match self.mode {
            Mode::Initial
            | Mode::BeforeHtml
            | Mode::BeforeHead
            | Mode::InHead
            | Mode::AfterHead => self.start_before_body(tag),
            Mode::InBody => self.start_in_body(tag),
            Mode::InTable => self.start_in_table(tag),
            Mode::InCaption => self.start_in_caption(tag),
            Mode::InColumnGroup => self.start_in_column_group(tag),
            Mode::InTableBody => self.start_in_table_body(tag),
            Mode::InRow => self.start_in_row(tag),
            Mode::InCell => self.start_in_cell(tag),
            Mode::InTemplate => self.start_in_template(tag),
            Mode::AfterBody | Mode::AfterAfterBody => {
                if tag.name == Name::Html {
                    return self.start_in_body(tag);
                }
                self.mode = Mode::InBody;
                self.start(tag)
            }
        }
    }

    /// Processes an end tag by the rules of the current mode.
    fn end(&mut self, name: Name, text: Span) -> Step {
        match self.mode {
            Mode::Initial
            | Mode::BeforeHtml
            | Mode::BeforeHead
            | Mode::InHead
            | Mode::AfterHead => self.end_before_body(name, text),
            Mode::InBody => self.end_in_body(name, text),
            Mode::InTable => self.end_in_table(name, text),
            Mode::InCaption => self.end_in_caption(name, text),
            Mode::InColumnGroup => self.end_in_column_group(name, text),
            Mode::InTableBody => self.end_in_table_body(name, text),
            Mode::InRow => self.end_in_row(name, text),
            Mode::InCell => self.end_in_cell(name, text),
            Mode::InTemplate => {
                if name == Name::Template {
                    self.end_template();
                }
                Ok(())
            }
            Mode::AfterBody if name == Name::Html => {
                self.mode = Mode::AfterAfterBody;
                Ok(())
            }
            Mode::AfterBody | Mode::AfterAfterBody => {
                self.mode = Mode::InBody;
                self.end(name, text)
            }
        }
    }

    /// Adds the elements that every page has.
    fn end_of_page(&mut self) -> Step {
        if !self.templates.is_empty() {
            return Err(Refused);
        }
        if matches!(
            self.mode,
            Mode::Initial | Mode::BeforeHtml | Mode::BeforeHead | Mode::InHead | Mode::AfterHead
        ) {
            self.enter_body();
        }
        Ok(())
    }
}
