//! The text of a PDF's pages that are images only, where an item asks for it.

use std::sync::Arc;
use std::time::Duration;

use crate::core::job::Job;
use crate::engine::Shared;
use crate::ports::fetch::{DocumentRequest, FetchErrorKind, Fetched, ImageText, PdfText};

/// Reads the images that `pdf` gave for its pages without text, one after the other, within `deadline`
/// in all, and puts their text where the pages' is missing.
///
/// An image that cannot be read is named in a warning and fails nothing.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    pdf: &mut PdfText,
    deadline: Duration,
) -> Vec<ImageText> {
    let scans = std::mem::take(&mut pdf.scans);
    let Some(reader) = &shared.fetchers.ocr else {
        if !scans.is_empty() {
            let why =
                "some pages are images, and nothing here reads images; give the engine `.ocr(...)`";
            pdf.warnings.push(why.to_owned());
        }
        return Vec::new();
    };
    let began = shared.clock.now();
    let mut seen = Vec::new();
    for scan in scans {
        let number = scan.page + 1;
        let deadline = deadline.saturating_sub(shared.clock.now().since(began));
        let document = Arc::new(Fetched::new(200, scan.image));
        let options = Arc::clone(&job.request);
        match reader.recognize(DocumentRequest { document, options, deadline }).await {
            Ok(read) => {
                for pages in [&mut pdf.pages, &mut pdf.markdown] {
                    if let Some(page) = pages.get_mut(scan.page) {
                        add(page, &read.text);
                    }
                }
                let page = job.request.page();
                seen.push(ImageText { url: format!("{page}#page={number}"), read });
            }
            Err(why) => {
                pdf.warnings.push(format!("the image on page {number} was not read: {why}"));
                // What is not installed, and what has no time left, is so for the next one too.
                if deadline.is_zero() || why.kind() == FetchErrorKind::Unavailable {
                    break;
                }
            }
        }
    }
    seen
}

fn add(page: &mut String, text: &str) {
    if !page.is_empty() {
        page.push_str("\n\n");
    }
    page.push_str(text.trim());
}
