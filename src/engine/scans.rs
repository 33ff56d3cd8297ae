//! Text recognition for the scanned pages of a PDF.

use std::sync::Arc;
use std::time::Duration;

use crate::core::job::Job;
use crate::engine::images::share;
use crate::engine::readers;
use crate::engine::shared::Shared;
use crate::ports::fetch::{DocumentRequest, FetchErrorKind, Fetched, ImageText, PdfText};

/// Reads the images of the pages without text, one after another and all within `deadline`, and adds their text
/// to those pages.
///
/// An image that cannot be read adds a warning and does not fail the job.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    pdf: &mut PdfText,
    deadline: Duration,
) -> Vec<ImageText> {
    let scans = std::mem::take(&mut pdf.scans);
    let Some(reader) = &shared.adapters.fetchers.ocr else {
        if !scans.is_empty() {
            let warning =
                "some pages are images and the engine has no OCR engine: build it with `.ocr(...)`";
            pdf.warnings.push(warning.to_owned());
        }
        return Vec::new();
    };
    let began = shared.monotonic();
    let mut texts = Vec::new();
    let mut others = scans.len();
    for scan in scans {
        others -= 1;
        let number = scan.page + 1;
        let deadline = share(deadline.saturating_sub(shared.elapsed(began)), others);
        let document = Arc::new(Fetched::new(200, scan.image));
        let options = Arc::clone(&job.request);
        let request = DocumentRequest { document, options, deadline };
        match readers::recognize(shared, reader.as_ref(), request).await {
            Ok(read) => {
                for pages in [&mut pdf.pages, &mut pdf.markdown] {
                    if let Some(page) = pages.get_mut(scan.page) {
                        append(page, &read.text);
                    }
                }
                let page = job.request.page();
                texts.push(ImageText { url: format!("{page}#page={number}"), read });
            }
            Err(error) => {
                pdf.warnings.push(format!("the image on page {number} was not read: {error}"));
                // Without an OCR program, or without time, the next image cannot be read either.
                if deadline.is_zero() || error.kind() == FetchErrorKind::Unavailable {
                    break;
                }
            }
        }
    }
    texts
}

fn append(page: &mut String, text: &str) {
    if !page.is_empty() {
        page.push_str("\n\n");
    }
    page.push_str(text.trim());
}
