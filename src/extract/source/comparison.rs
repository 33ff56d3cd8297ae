//! Compares the one-pass reader with html5ever, its oracle. For tests and fuzz targets.

use scraper::Html;

use crate::extract::dom::doc::{Doc, TooDeep};
use crate::extract::reader;
use crate::extract::source::bound;
use crate::extract::source::tree::{MAX_DEPTH, with_newlines};

/// The result of reading a page with both readers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReaderComparison {
    /// Both readers see the same page.
    Equal,
    /// The one-pass reader leaves the page to html5ever.
    Refused,
    /// The readers differ, which is a bug.
    Different {
        /// The first line of the outline that differs, as the one-pass reader sees it.
        read: String,
        /// The same line, as html5ever sees it.
        parsed: String,
    },
}

/// Reads a page with the one-pass reader and with html5ever.
///
/// ```
/// use rungs::extract::{ReaderComparison, compare_readers};
///
/// assert_eq!(compare_readers("<p>One<p>Two"), ReaderComparison::Equal);
/// assert_eq!(compare_readers("<table>loose text</table>"), ReaderComparison::Refused);
/// ```
pub fn compare_readers(html: &str) -> ReaderComparison {
    let html = with_newlines(html);
    let bounded = bound::bounded(&html, &mut Vec::new());
    let Some(page) = reader::read(&bounded) else { return ReaderComparison::Refused };
    let tree = Html::parse_document(&bounded);
    let read = outline(Doc::of_page(&page, MAX_DEPTH));
    let parsed = outline(Doc::of(&tree, MAX_DEPTH));
    if read == parsed {
        return ReaderComparison::Equal;
    }
    let same = read.iter().zip(&parsed).take_while(|(left, right)| left == right).count();
    let line = |lines: &[String]| lines.get(same).cloned().unwrap_or_default();
    ReaderComparison::Different { read: line(&read), parsed: line(&parsed) }
}

/// Returns a line for each node with all that a reader of it can ask.
fn outline(doc: Result<Doc<'_>, TooDeep>) -> Vec<String> {
    let Ok(doc) = doc else { return vec!["nests too deep".to_owned()] };
    let line = |id| {
        let attributes: Vec<_> = doc.attrs(id).collect();
        format!(
            "{id} {:?} {:?} {attributes:?} {:?}",
            doc.name(id),
            doc.text(id),
            doc.node(id).facts()
        )
    };
    (0..doc.len()).map(line).collect()
}
