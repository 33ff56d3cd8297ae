//! What a document says of itself, and where its links lead.

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, DateTime, Dict, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page;

use super::frame::About;
use super::words::text_string;

/// The most links of one page.
const MAX_LINKS: usize = 1_000;
/// The most bytes of an address or of a title.
const MAX_BYTES: usize = 4_096;

/// Title, author, dates and the number of pages.
pub(super) fn about(pdf: &Pdf) -> About {
    let given = pdf.metadata();
    let text = |it: &Option<Box<[u8]>>| {
        let text = text_string(&it.as_deref()?[..it.as_deref()?.len().min(MAX_BYTES)]);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    About {
        pages: pdf.pages().len(),
        title: text(&given.title),
        author: text(&given.author),
        created: given.creation_date.as_ref().and_then(rfc_3339),
        modified: given.modification_date.as_ref().and_then(rfc_3339),
    }
}

/// A date as RFC 3339 has it; none where it cannot be one.
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

/// The addresses that a page links to, each once, in their order.
pub(super) fn links(page: &Page<'_>) -> Vec<String> {
    let mut links = Vec::new();
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return links };
    for annotation in annotations.iter::<Dict<'_>>().take(MAX_LINKS * 4) {
        let action = annotation.get::<Dict<'_>>(b"A");
        let address = action.and_then(|it| it.get::<PdfString<'_>>(b"URI"));
        let Some(address) = address else { continue };
        let address = text_string(&address.as_bytes()[..address.as_bytes().len().min(MAX_BYTES)]);
        let address = address.trim().to_owned();
        if links.len() < MAX_LINKS && !address.is_empty() && !links.contains(&address) {
            links.push(address);
        }
    }
    links
}
