//! Documents that are no pages: who reads them, and what it means if nobody does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Finding, Job};
use crate::core::request::{Format, Mode, PdfFormat};
use crate::core::verdict::{Document, Verdict};
use crate::engine::Shared;
use crate::ports::extract::Extracted;
use crate::ports::fetch::{DocumentRequest, FetchErrorKind, Fetched, ImageText};

fn unsupported(job: &Job, is: &str) -> JobError {
    let mode = job.request.mode;
    let message = format!("the document is {is}, which mode {mode} does not read");
    JobError::new(ErrorCode::UnsupportedContentType, message)
}

/// Refuses a page where the mode asks for a PDF or an image.
pub(super) fn check_mode(job: &Job, finding: &Finding) -> Result<(), JobError> {
    match (job.request.mode, finding) {
        (Mode::Pdf | Mode::Ocr, _) => Err(unsupported(job, "a page")),
        (_, Finding::Judged(Verdict::Other(Document::Binary))) => Err(unsupported(job, "binary")),
        _ => Ok(()),
    }
}

/// Reads a PDF or an image; `None` for what the extractor reads.
pub(super) async fn read(
    shared: &Shared,
    job: &Job,
    page: &Arc<Fetched>,
    kind: Document,
) -> Option<Result<Extracted, JobError>> {
    let (mode, status) = (job.request.mode, page.status);
    let read = match kind {
        Document::Pdf if matches!(mode, Mode::Auto | Mode::Pdf) => pdf(shared, job, page).await,
        Document::Image if matches!(mode, Mode::Auto | Mode::Ocr) => image(shared, job, page).await,
        Document::Pdf => Err(unsupported(job, "a PDF")),
        Document::Image => Err(unsupported(job, "an image")),
        Document::Json | Document::Text | Document::Binary => return None,
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

/// The asked formats of a document that has only text and markdown.
fn formats(job: &Job, text: &str, markdown: &str, data: &Value) -> Extracted {
    let content = job.request.formats.iter().filter_map(|&format| {
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
    let Some(reader) = &shared.fetchers.pdf else {
        let message =
            "the document is a PDF, and nothing here reads PDFs; give the engine `.pdf(...)`";
        return Err(JobError::new(ErrorCode::PdfParseFailed, message));
    };
    let read = reader.read(request(job, page)).await;
    let read = read.map_err(|why| JobError::new(ErrorCode::PdfParseFailed, why.to_string()))?;
    let text = read.pages.join("\n\n");
    let data = json!({"title": read.title, "author": read.author, "pages": read.pages.len()});
    let mut made = formats(job, &text, &read.markdown, &data);
    // The mode promises the document's text, and the formats asked for may all be a page's.
    if job.request.mode == Mode::Pdf || made.content.is_empty() {
        let (format, value) = match job.request.pdf_format {
            PdfFormat::Markdown => (Format::Markdown, read.markdown),
            PdfFormat::Text => (Format::Text, text),
        };
        made.content.entry(format).or_insert_with(|| value.into());
    }
    Ok(Extracted { title: read.title, author: read.author, warnings: read.warnings, ..made })
}

async fn image(shared: &Shared, job: &Job, page: &Arc<Fetched>) -> Result<Extracted, JobError> {
    let Some(reader) = &shared.fetchers.ocr else {
        let message =
            "the document is an image, and nothing here reads images; give the engine `.ocr(...)`";
        return Err(JobError::new(ErrorCode::OcrUnavailable, message));
    };
    let read = reader.recognise(request(job, page)).await;
    let read = read.map_err(|why| JobError::new(unread(why.kind()), why.to_string()))?;
    let data = json!({"words": read.words});
    let mut made = formats(job, &read.text, &read.text, &data);
    // The formats asked for may all be a page's, and the text is what an image has.
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

/// What it means for the job that its image was not read.
fn unread(kind: FetchErrorKind) -> ErrorCode {
    match kind {
        FetchErrorKind::Unavailable => ErrorCode::OcrUnavailable,
        FetchErrorKind::Timeout => ErrorCode::Timeout,
        FetchErrorKind::TooLarge => ErrorCode::ContentTooLarge,
        FetchErrorKind::Internal => ErrorCode::InternalError,
        _ => ErrorCode::ExtractionFailed,
    }
}
