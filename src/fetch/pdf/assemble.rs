//! Assembles the result from the pages that were read, with warnings for what is missing.

use super::Scans;
use super::markdown::{self, FontSizes};
use super::process::PartialDocument;
use super::protocol::PageContent;
use crate::ports::fetch::{FetchError, PdfScan, PdfText};

/// Maximum number of page numbers in one warning; the rest are counted.
const MAX_NAMED_PAGES: usize = 8;

/// Builds the result. `interruption` is the error that stopped the reading before the last page.
pub(super) fn assemble(
    partial: PartialDocument,
    interruption: Option<FetchError>,
    scans: Scans,
) -> PdfText {
    let PartialDocument { info, pages, images } = partial;
    let info = info.unwrap_or_default();
    let mut warnings = Vec::new();
    warnings.extend(info.announced_pages.map(|announced| cut_off(info.pages, announced)));
    warnings.extend(missing_pages(pages.len(), info.pages, interruption));
    warnings.extend(page_warnings(&pages, scans));
    let sizes = FontSizes::of(pages.iter().flat_map(|page| page.blocks.iter()));
    let mut links: Vec<String> = Vec::new();
    for link in pages.iter().flat_map(|page| &page.links) {
        if !links.contains(link) {
            links.push(link.clone());
        }
    }
    PdfText {
        pages: pages.iter().map(|page| markdown::text(&page.blocks)).collect(),
        markdown: pages.iter().map(|page| markdown::markdown(&page.blocks, &sizes)).collect(),
        title: info.title,
        author: info.author,
        created: info.created,
        modified: info.modified,
        page_count: info.pages.max(info.announced_pages.unwrap_or(0)),
        links,
        scans: images.into_iter().map(|(page, image)| PdfScan { page, image }).collect(),
        warnings,
    }
}

fn cut_off(found: usize, announced: usize) -> String {
    if announced > found {
        return format!("the file is cut off: {found} of its {announced} pages were found");
    }
    "the file is cut off: its last pages may be missing or incomplete".to_owned()
}

fn missing_pages(read: usize, total: usize, interruption: Option<FetchError>) -> Option<String> {
    match interruption {
        Some(error) => Some(format!("{read} of {total} pages were read: {error}")),
        None if read < total => {
            Some(format!("{read} of {total} pages were read, which is the limit"))
        }
        None => None,
    }
}

fn page_warnings(pages: &[PageContent], scans: Scans) -> Vec<String> {
    type Condition = fn(&PageContent) -> bool;
    let mut conditions: Vec<(Condition, &str)> = vec![
        (|page| page.is_broken, "could not be read"),
        (
            |page| page.is_guessed,
            "contains guessed characters, because its fonts do not map them to Unicode",
        ),
        (|page| page.is_truncated, "has more text than the limit, and was cut"),
    ];
    if scans == Scans::Ignored {
        conditions.push((
            |page| page.has_images && page.blocks.is_empty(),
            "has images and no text; `advanced.ocr` or mode `ocr` reads them",
        ));
    }
    let warning = |(condition, text): (Condition, &str)| {
        let numbered = (1..).zip(pages).filter(|(_, page)| condition(page));
        let numbers: Vec<usize> = numbered.map(|(number, _)| number).collect();
        name_pages(&numbers).map(|names| format!("{names} {text}"))
    };
    conditions.into_iter().filter_map(warning).collect()
}

/// Names the first pages of a list, and counts the rest. Returns `None` for an empty list.
fn name_pages(numbers: &[usize]) -> Option<String> {
    let (first, rest) = numbers.split_first()?;
    if rest.is_empty() {
        return Some(format!("page {first}"));
    }
    let named: Vec<String> = numbers.iter().take(MAX_NAMED_PAGES).map(usize::to_string).collect();
    let more = match numbers.len().saturating_sub(MAX_NAMED_PAGES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("each of pages {}{more}", named.join(", ")))
}
