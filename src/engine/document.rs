//! Documents other than HTML pages: PDFs and images, and the error if the reader that they need is missing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Finding, Job};
use crate::core::request::{Format, Mode, PdfFormat};
use crate::core::verdict::{DocumentKind, Verdict};
use crate::engine::shared::Shared;
use crate::engine::{readers, scans};
use crate::ports::extract::Extracted;
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind, Fetched, ImageText, PdfText,
};

fn unsupported(job: &Job, is: &str, remedy: &str) -> JobError {
    let mode = job.request.mode();
    let message = format!("the document is {is}, which mode {mode} does not read: {remedy}");
    JobError::new(ErrorCode::UnsupportedContentType, message)
}

/// Checks that the item's mode accepts what the page turned out to be.
pub(super) fn check_mode(job: &Job, finding: &Finding) -> Result<(), JobError> {
    match (job.request.mode(), finding) {
        (Mode::Pdf | Mode::Ocr, _) => {
            Err(unsupported(job, "an HTML page", "use mode auto or html"))
        }
        (_, Finding::Judged(Verdict::Other(DocumentKind::Binary))) => {
            Err(unsupported(job, "a binary file", "no mode reads it"))
        }
        _ => Ok(()),
    }
}

/// Reads a PDF or an image. Returns `None` for the kinds that the extractor reads.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    page: &Arc<Fetched>,
    kind: DocumentKind,
) -> Option<Result<Extracted, JobError>> {
    let (mode, status) = (job.request.mode(), page.status);
    let read = match kind {
        DocumentKind::Pdf if matches!(mode, Mode::Auto | Mode::Pdf | Mode::Ocr) => {
            pdf(shared, job, page).await
        }
        DocumentKind::Image if matches!(mode, Mode::Auto | Mode::Ocr) => {
            image(shared, job, page).await
        }
        DocumentKind::Pdf => Err(unsupported(job, "a PDF", "use mode auto or pdf")),
        DocumentKind::Image => Err(unsupported(job, "an image", "use mode auto or ocr")),
        DocumentKind::Json | DocumentKind::Text | DocumentKind::Binary => return None,
    };
    Some(read.map_err(|error| error.with_status(status)))
}

fn request(job: &Job, page: &Arc<Fetched>) -> DocumentRequest {
    DocumentRequest {
        document: Arc::clone(page),
        options: Arc::clone(&job.request),
        deadline: job.time_left(Duration::ZERO),
    }
}

/// Builds the requested formats of a document that has only text, Markdown and data.
fn formats(job: &Job, text: &str, markdown: &str, data: &Value) -> Extracted {
    let content = job.request.formats().iter().filter_map(|&format| {
        let value = match format {
            Format::Text => text.into(),
            Format::Markdown => markdown.into(),
            Format::Json => data.clone(),
            _ => return None,
        };
        Some((format, value))
    });
    Extracted { content: content.collect(), text: text.to_owned(), ..Extracted::default() }
}

async fn pdf(shared: &Shared, job: &Job, page: &Arc<Fetched>) -> Result<Extracted, JobError> {
    let Some(reader) = &shared.adapters.fetchers.pdf else {
        let message =
            "the document is a PDF and the engine has no PDF reader: build it with `.pdf(...)`";
        return Err(JobError::new(ErrorCode::PdfParseFailed, message));
    };
    let began = shared.monotonic();
    let request = request(job, page);
    let deadline = request.deadline;
    let read = readers::read_pdf(shared, reader.as_ref(), request).await;
    let damaged = ErrorCode::PdfParseFailed;
    let mut read = read.map_err(|error| unreadable(&error, damaged, damaged))?;
    let left = deadline.saturating_sub(shared.elapsed(began));
    let ocr_results = scans::read(shared, job, &mut read, left).await;
    if job.request.mode() == Mode::Ocr && ocr_results.is_empty() && is_blank(&read) {
        let reason =
            read.warnings.first().map_or("it contains neither text nor images", String::as_str);
        let code = match shared.adapters.fetchers.ocr {
            Some(_) => ErrorCode::EmptyContent,
            None => ErrorCode::OcrUnavailable,
        };
        return Err(JobError::new(code, format!("the PDF has no readable text: {reason}")));
    }
    let (text, markdown) = (read.pages.join("\n\n"), joined(&read.markdown));
    let about = json!({
        "title": read.title, "author": read.author, "created": read.created,
        "modified": read.modified, "pages": read.page_count, "links": read.links,
    });
    let mut made = formats(job, &text, &markdown, &about);
    // The mode promises the document's text, even if only pages have the requested formats.
    if job.request.mode() == Mode::Pdf || made.content.is_empty() {
        let (format, value) = match job.request.pdf_format() {
            PdfFormat::Markdown => (Format::Markdown, markdown),
            PdfFormat::Text => (Format::Text, text),
        };
        made.content.entry(format).or_insert_with(|| value.into());
    }
    let metadata = about.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    Ok(Extracted {
        title: read.title,
        author: read.author,
        published_at: read.created,
        metadata: metadata.map(|(name, value)| (name.clone(), value.clone())).collect(),
        warnings: read.warnings,
        ocr_results,
        ..made
    })
}

fn is_blank(read: &PdfText) -> bool {
    read.pages.iter().all(|it| it.trim().is_empty())
}

/// Joins pages into one document, skipping those without text.
fn joined(pages: &[String]) -> String {
    let pages: Vec<&str> = pages.iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
    pages.join("\n\n")
}

async fn image(shared: &Shared, job: &Job, page: &Arc<Fetched>) -> Result<Extracted, JobError> {
    let Some(reader) = &shared.adapters.fetchers.ocr else {
        let message =
            "the document is an image and the engine has no OCR engine: build it with `.ocr(...)`";
        return Err(JobError::new(ErrorCode::OcrUnavailable, message));
    };
    let read = readers::recognize(shared, reader.as_ref(), request(job, page)).await;
    let read = read.map_err(|error| {
        unreadable(&error, ErrorCode::OcrUnavailable, ErrorCode::ExtractionFailed)
    })?;
    let data = json!({"words": read.words});
    let mut made = formats(job, &read.text, &read.text, &data);
    // The text is returned even if only pages have the requested formats.
    if made.content.is_empty() {
        made.content.insert(Format::Text, read.text.clone().into());
    }
    let url = match page.final_url.as_str() {
        "" => job.request.page().as_str(),
        url => url,
    };
    made.ocr_results = vec![ImageText { url: url.to_owned(), read }];
    Ok(made)
}

/// Returns the job's error for a document that was not read: `missing` if the reader is not installed,
/// `damaged` if the document is at fault.
fn unreadable(error: &FetchError, missing: ErrorCode, damaged: ErrorCode) -> JobError {
    let code = match error.kind() {
        FetchErrorKind::Unavailable => missing,
        FetchErrorKind::Timeout => ErrorCode::Timeout,
        FetchErrorKind::TooLarge => ErrorCode::ContentTooLarge,
        FetchErrorKind::Internal => ErrorCode::InternalError,
        _ => damaged,
    };
    JobError::new(code, error.to_string())
}
