//! Plain text laid out for a given width, by html2text.
//!
//! The input is the page's readable HTML, which the extractor produced from its single parse of the document. html2text
//! parses only that small HTML again, not the page. The built-in format `text` remains the default: it needs no second parse
//! and has no width.

use crate::core::request::Format;
use crate::engine::Page;

/// The smallest width. Narrower layouts would break most words.
const MIN_WIDTH: usize = 20;
/// The largest width. Wider layouts only pad tables.
const MAX_WIDTH: usize = 1_000;

impl Page {
    /// Returns the main content as plain text wrapped to `width` columns, with lists, quotations and tables laid out.
    ///
    /// The width is in terminal columns and is clamped to 20 to 1,000. A word or an address that is longer than a line is
    /// broken. Links are text only, without their addresses.
    ///
    /// Returns `None` if the page has no readable HTML. The item must request [`Format::Html`], which it does by default.
    ///
    /// # Example
    ///
    /// ```
    /// use rungs::core::request::Format;
    /// use rungs::engine::Page;
    ///
    /// let mut page = Page::default();
    /// let html = "<h1>Bread</h1><p>Flour, water, salt and time are all that a good loaf needs.</p>";
    /// page.extracted.content.insert(Format::Html, html.into());
    ///
    /// let text = page.text_wrapped(30).expect("the page has readable HTML");
    ///
    /// assert!(text.lines().all(|line| line.chars().count() <= 30));
    /// assert!(text.contains("Flour, water, salt and time"));
    /// ```
    pub fn text_wrapped(&self, width: usize) -> Option<String> {
        let html = self.extracted.content.get(&Format::Html)?.as_str()?;
        let layout = html2text::config::plain_no_decorate();
        layout.string_from_read(html.as_bytes(), width.clamp(MIN_WIDTH, MAX_WIDTH)).ok()
    }
}
