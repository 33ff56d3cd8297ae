//! Plain text laid out for a given width, by html2text.
//!
//! The input is the page's readable HTML, which the extractor made from its one parse of the document. That HTML is small and
//! bounded, so html2text's own parse of it does not read the page a second time. The built-in format `text` stays the default:
//! it needs no parse and has no width.

use crate::core::request::Format;
use crate::engine::Page;

/// Narrower layouts would break most words; a smaller width is laid out at this one.
const MIN_WIDTH: usize = 20;
/// Wider layouts only pad tables; a larger width is laid out at this one.
const MAX_WIDTH: usize = 1_000;

impl Page {
    /// Returns the main content as plain text wrapped to `width` columns, with lists, quotations and tables laid out.
    ///
    /// The width is in terminal columns and is clamped to 20 to 1,000. A word or an address that is longer than a line is
    /// broken. Links are text only, without their addresses.
    ///
    /// Returns `None` if the page has no readable HTML: the job has to request [`Format::Html`].
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
