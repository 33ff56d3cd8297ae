//! A document's metadata and links.

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, DateTime, Dict, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page;

use super::protocol::DocumentInfo;
use super::words::text_string;

/// Maximum number of links of one page.
const MAX_LINKS: usize = 1_000;
/// Maximum number of annotations of one page that are examined; not every annotation is a link.
const MAX_ANNOTATIONS: usize = 4 * MAX_LINKS;
/// Maximum number of bytes of a URL, a title or an author.
const MAX_TEXT_BYTES: usize = 4_096;

/// Returns the title, author, dates and number of pages. `announced_pages` is what a file that is cut off says of them.
pub(super) fn document_info(pdf: &Pdf, announced_pages: Option<usize>) -> DocumentInfo {
    let metadata = pdf.metadata();
    let text = |bytes: &Option<Box<[u8]>>| {
        let text = limited_text(bytes.as_deref()?);
        (!text.is_empty()).then_some(text)
    };
    DocumentInfo {
        pages: pdf.pages().len(),
        announced_pages,
        title: text(&metadata.title),
        author: text(&metadata.author),
        created: metadata.creation_date.as_ref().and_then(rfc_3339),
        modified: metadata.modification_date.as_ref().and_then(rfc_3339),
    }
}

/// Formats a date as RFC 3339. Returns `None` if it is not a valid date.
fn rfc_3339(date: &DateTime) -> Option<String> {
    let DateTime { year, month, day, hour, minute, second, .. } = date;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u8::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if *year == 0 || !(1..=days).contains(day) {
        return None;
    }
    let (hours, minutes) = (date.utc_offset_hour, date.utc_offset_minute);
    let offset = match (hours, minutes) {
        (0, 0) => "Z".to_owned(),
        _ => format!("{}{:02}:{minutes:02}", if hours < 0 { '-' } else { '+' }, hours.abs()),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{offset}"))
}

/// Decodes a text string, cut to its limit.
fn limited_text(bytes: &[u8]) -> String {
    text_string(&bytes[..bytes.len().min(MAX_TEXT_BYTES)]).trim().to_owned()
}

/// Returns the URLs that a page links to, each once, in order.
pub(super) fn links(page: &Page<'_>) -> Vec<String> {
    let mut links = Vec::new();
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return links };
    for annotation in annotations.iter::<Dict<'_>>().take(MAX_ANNOTATIONS) {
        let action = annotation.get::<Dict<'_>>(b"A");
        let url = action.and_then(|action| action.get::<PdfString<'_>>(b"URI"));
        let Some(url) = url.map(|url| limited_text(url.as_bytes())) else { continue };
        if links.len() < MAX_LINKS && !url.is_empty() && !links.contains(&url) {
            links.push(url);
        }
    }
    links
}
