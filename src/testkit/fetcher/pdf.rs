//! Checks of every [`PdfReader`].

use std::sync::Arc;

use super::document::{self, text};
use super::samples::{PDF_LINES, PDF_TITLE, deep_pdf, pdf};
use crate::ports::fetch::PdfReader;
use crate::testkit::kit::{must, must_eq};

/// A fetcher as the engine holds it.
pub type AnyPdfReader = Arc<dyn PdfReader>;

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_pdf_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            pages_come_in_order_with_their_text
            the_title_is_that_of_the_metadata
            an_empty_document_is_an_error
            a_document_that_is_not_a_pdf_is_an_error
            damage_does_not_panic
            deep_nesting_does_not_overflow_the_stack
            the_same_document_reads_the_same
            a_zero_deadline_is_a_timeout
            concurrent_readings_do_not_mix
            a_dropped_attempt_does_not_affect_the_next
        ] }
    };
}

crate::each_pdf_check!(super::table, PdfReader);

/// Each page has one text and one Markdown, and the page count matches.
pub async fn pages_come_in_order_with_their_text(fetcher: AnyPdfReader) {
    let read = text(&fetcher, pdf()).await;

    must_eq!(read.pages.len(), PDF_LINES.len(), "the number of pages read");
    must_eq!(
        (read.page_count, read.markdown.len()),
        (PDF_LINES.len(), PDF_LINES.len()),
        "the page count and the number of Markdown pages"
    );
    for ((page, markdown), line) in read.pages.iter().zip(&read.markdown).zip(PDF_LINES) {
        must_eq!(page.trim(), line, "the text of a page");
        must!(
            markdown.contains(line),
            "the Markdown of a page was `{markdown}`",
            "contain its text"
        );
    }
}

/// The title is that of the metadata, not a guess.
pub async fn the_title_is_that_of_the_metadata(fetcher: AnyPdfReader) {
    let read = text(&fetcher, pdf()).await;

    must_eq!(
        (read.title.as_deref(), read.author),
        (Some(PDF_TITLE), None),
        "the title and the author"
    );
}

/// An empty document is an error.
pub async fn an_empty_document_is_an_error(fetcher: AnyPdfReader) {
    document::nothing_is_refused(&fetcher).await;
}

/// Other kinds of documents, noise and truncated headers are errors.
pub async fn a_document_that_is_not_a_pdf_is_an_error(fetcher: AnyPdfReader) {
    document::other_documents_are_refused(&fetcher, &[b"%PDF-", b"%PDF-1.7\n%%EOF\n"]).await;
}

/// A truncated or corrupted document gives text or an error, within the deadline.
pub async fn damage_does_not_panic(fetcher: AnyPdfReader) {
    document::damage_ends_with_text_or_an_error(&fetcher, &pdf()).await;
}

/// Arrays nested 50,000 deep must not overflow the stack, which would end the process.
pub async fn deep_nesting_does_not_overflow_the_stack(fetcher: AnyPdfReader) {
    document::read(&fetcher, deep_pdf()).await.ok();
}

/// Reading is deterministic.
pub async fn the_same_document_reads_the_same(fetcher: AnyPdfReader) {
    document::reading_is_deterministic(&fetcher, &pdf()).await;
}

/// A zero deadline is a timeout: the job's time may be used up.
pub async fn a_zero_deadline_is_a_timeout(fetcher: AnyPdfReader) {
    document::a_deadline_of_zero_is_a_timeout(&fetcher, &pdf()).await;
}

/// Documents and garbage can be read concurrently.
pub async fn concurrent_readings_do_not_mix(fetcher: AnyPdfReader) {
    document::readings_are_kept_apart(fetcher, &pdf()).await;
}

/// Dropping an attempt at any point does not affect the next.
pub async fn a_dropped_attempt_does_not_affect_the_next(fetcher: AnyPdfReader) {
    document::dropped_attempts_do_not_affect_the_next(&fetcher, &pdf()).await;
}
