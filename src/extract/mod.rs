//! The built-in extractor: decoding, text, markdown, HTML and structured data.
//!
//! A page is decoded once, bounded once and parsed once; every format is made from that one tree, which
//! never leaves the call.
//!
//! # Folders
//!
//! Each folder imports only what stands below it; `tests/tidy.rs` checks it.
//!
//! | folder | decides |
//! |---|---|
//! | `profile` | the fields of each kind of page |
//! | `fill` | the values of an `extraction_schema` |
//! | `format` | the text of each output format |
//! | `page_index` | which labels, values and records a page shows |
//! | `collections` | which parts of a page repeat |
//! | `main_content` | which part of a page is its content |
//! | `embedded` | which data a page ships for its scripts |
//! | `data` | what a page declares, and the facts that follow |
//! | `value` | single values: numbers, money, dates, durations |
//! | `source` | from bytes to a bounded tree |
//! | `dom` | the tree as a list of nodes |
//! | `reader` | ordinary pages in one pass |
//! | `vocabulary` | word lists |
//!
//! # Invariants
//!
//! * Nothing unbounded reaches the parser: depth, formatting elements and tags are limited before.
//! * No network, no clock.

mod collections;
mod data;
mod dom;
mod embedded;
mod fill;
mod format;
mod html;
mod main_content;
mod nesting;
mod page_index;
mod profile;
mod reader;
mod source;
mod value;
mod verbatim;
mod vocabulary;

use crate::core::request::{Format, JobRequest};
use crate::core::verdict::{DocumentKind, classify, sniff};
use crate::extract::dom::address::Base;
use crate::extract::dom::doc::Doc;
use crate::extract::dom::selection::Selection;
use crate::extract::fill::Layers;
use crate::extract::format::markdown;
use crate::extract::source::bound;
use crate::extract::source::tree::{parse, with_newlines};
use crate::ports::extract::{Document, ExtractError, Extracted, Extractor};

pub use self::data::StructuredData;
#[cfg(feature = "testkit")]
pub use self::source::comparison::{ReaderComparison, compare_readers};
pub use self::source::decode::{Decoded, decode};

/// Characters at the beginning of a document that decide whether it is text.
const SNIFFED: usize = 1_024;
/// At most one in this number of characters may be a control character in a text.
const TEXT_PER_CONTROL: usize = 10;
/// The size of a document that is extracted within a few milliseconds.
const SHORT_DOCUMENT_BYTES: usize = 65_536;

/// Converts a whole document to markdown. Only hidden parts are dropped.
///
/// Relative addresses are made absolute with `url`, the document's own; without it they stay as they
/// are.
///
/// ```
/// let markdown = rungs::extract::convert("<h2>Tea</h2><p>Green <b>or</b> black.</p>", None);
///
/// assert_eq!(markdown, "## Tea\n\nGreen **or** black.");
/// ```
pub fn convert(html: &str, url: Option<&str>) -> String {
    read_with(html, url, |doc, base| markdown::render(&Selection::whole(doc, 0), base).text)
}

/// Reads the structured data of a page as it stands there.
pub fn structured(html: &str, url: Option<&str>) -> StructuredData {
    read_with(html, url, StructuredData::of)
}

/// Reads a document by itself. A document that nests too deep gives the default.
fn read_with<T: Default>(html: &str, url: Option<&str>, read: fn(&Doc<'_>, &Base) -> T) -> T {
    let html = with_newlines(html);
    let bounded = bound::bounded(&html, &mut Vec::new());
    let tree = parse(&bounded);
    let Ok(doc) = tree.doc() else { return T::default() };
    read(&doc, &Base::of(&doc, url))
}

/// The built-in extractor: HTML pages, JSON and plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct HtmlExtractor;

impl Extractor for HtmlExtractor {
    fn extract(&self, document: Document<'_>) -> Result<Extracted, ExtractError> {
        if document.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ExtractError::Empty);
        }
        let media = media_type(document.content_type);
        let unsupported = |kind: &str| {
            let declared = media.as_deref().filter(|it| !it.starts_with("text/"));
            Err(ExtractError::Unsupported(declared.unwrap_or(kind).to_owned()))
        };
        match sniff(document.body) {
            Some(DocumentKind::Pdf) => return unsupported("application/pdf"),
            Some(DocumentKind::Image) => return unsupported("image"),
            Some(DocumentKind::Binary) => return unsupported("binary"),
            _ => {}
        }
        let text = decode(document.body, document.content_type).text;
        if is_binary(&text) {
            return unsupported("binary");
        }
        // Without a header, words alone are a fragment of a page.
        let kind = classify(document.content_type, document.body);
        let options = document.options;
        let filled = |(mut extracted, mut layers): (Extracted, Layers)| {
            fill::fill(options, &mut layers, None, &fill::LateData::NONE, &mut extracted);
            extracted
        };
        let mut extracted = match kind {
            Some(DocumentKind::Json) => filled(verbatim::json(document, &text)),
            Some(DocumentKind::Text) if media.is_some() => filled(verbatim::plain(document, &text)),
            _ => html::extract(document, &text)?,
        };
        if options.wants_raw_html() {
            extracted.raw_html = Some(text.to_string());
        }
        if options.formats().contains(&Format::Raw) {
            extracted.content.insert(Format::Raw, text.into());
        }
        extracted.warnings.extend(unused_template(options));
        nesting::flatten(&mut extracted);
        Ok(extracted)
    }

    /// 64 KiB, which take some 3 ms.
    fn short_document_bytes(&self) -> usize {
        SHORT_DOCUMENT_BYTES
    }
}

/// Returns `true` if a decoded text is binary: too many control characters stand at its beginning. A
/// stray one is left to the parser.
fn is_binary(text: &str) -> bool {
    let is_control = |it: char| it.is_control() && !it.is_whitespace() && it != '\u{1b}';
    let (mut all, mut controls) = (0_usize, 0);
    for symbol in text.chars().take(SNIFFED) {
        all += 1;
        controls += usize::from(is_control(symbol));
    }
    controls * TEXT_PER_CONTROL > all
}

fn media_type(header: Option<&str>) -> Option<String> {
    let media = header?.split(';').next()?.trim().to_ascii_lowercase();
    (!media.is_empty()).then_some(media)
}

/// A warning for an option that only another extractor reads.
fn unused_template(options: &JobRequest) -> Option<String> {
    options.template().map(|_| {
        "template was not used: no extractor with templates is configured; send extraction_schema"
            .to_owned()
    })
}
