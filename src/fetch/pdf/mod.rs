//! Reads PDFs as text and Markdown, in a process of their own.
//!
//! A PDF can nest without end, decompress without end or contain itself, and no library handles all such documents
//! safely. Each document is therefore read by a process of its own: your application's executable, started
//! again, which becomes a reader before `main` (see `start`). It limits its memory and CPU time before it reads
//! the first byte, and the parent kills it at the deadline. Pages arrive one by one, so the pages read before a
//! process died are still returned, with a warning.
//!
//! # Platforms
//!
//! The feature needs Unix. The memory limit is enforced on Linux; other systems may ignore it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::core::request::{JobRequest, Mode};
use crate::ports::BoxFuture;
use crate::ports::fetch::{
    DocumentRequest, FetchError, FetchErrorKind as Kind, PdfReader, PdfText,
};

mod assemble;
mod document;
mod glyphs;
mod layout;
mod limits;
mod markdown;
mod metadata;
mod process;
mod protocol;
mod reader;
mod repair;
mod scans;
mod start;
mod words;

pub use limits::PdfLimits;

use process::{PartialDocument, ReadOutcome};
use protocol::{ReadTask, Unreadable};

/// Part of a deadline that is kept for returning the pages read until then.
const REPORT_RESERVE: Duration = Duration::from_millis(200);
/// Time that [`Pdf::check`] gives a process that has nothing to read.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes within which `%PDF-` must appear. Readers accept other bytes before it, such as those of a mail;
/// 1,024 is Acrobat's limit.
const MARKER_WITHIN: usize = 1_024;

/// Reads PDFs: text by page in reading order, Markdown, title, author, dates and links.
///
/// Clones share the limit of processes.
///
/// # Example
///
/// ```
/// use rungs::fetch::pdf::{Pdf, PdfLimits};
///
/// let limits = PdfLimits::default().with_max_memory_bytes(512 << 20);
/// let reader = Pdf::new().limits(limits);
/// ```
#[derive(Clone, Debug)]
pub struct Pdf {
    limits: PdfLimits,
    permits: Arc<Semaphore>,
}

impl Default for Pdf {
    fn default() -> Self {
        Self::new()
    }
}

impl Pdf {
    /// Creates a reader with the default limits.
    pub fn new() -> Self {
        let limits = PdfLimits::default();
        Self { permits: Arc::new(Semaphore::new(limits.max_processes)), limits }
    }

    /// Replaces the limits. Defaults to [`PdfLimits::default`].
    pub fn limits(mut self, limits: PdfLimits) -> Self {
        let processes = limits.max_processes.clamp(1, Semaphore::MAX_PERMITS);
        self.permits = Arc::new(Semaphore::new(processes));
        self.limits = limits;
        self
    }

    /// Starts a reading process once, to check that it works.
    ///
    /// # Errors
    ///
    /// Returns an error of kind `Unavailable` with the reason if it does not.
    pub async fn check(&self) -> Result<(), FetchError> {
        let task = self.task(CHECK_TIMEOUT, Scans::Ignored)?;
        let deadline = Instant::now() + CHECK_TIMEOUT;
        let mut partial = PartialDocument::default();
        let max_output_bytes = self.limits.max_output_bytes;
        match process::read(&task, b"", deadline, max_output_bytes, &mut partial).await {
            ReadOutcome::Unreadable(Unreadable::NoPages) => Ok(()),
            ReadOutcome::NoReader(reason) => Err(unavailable(reason)),
            outcome => Err(unavailable(format!("the reading process failed: {outcome:?}"))),
        }
    }

    fn task(&self, allowed: Duration, scans: Scans) -> Result<ReadTask, FetchError> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|error| {
            let message = "the system provides no random numbers";
            FetchError::new(Kind::Internal, message).with_source(error.to_string())
        })?;
        Ok(ReadTask {
            token: format!("{:032x}", u128::from_le_bytes(token)),
            memory_bytes: self.limits.max_memory_bytes,
            millis: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX),
            max_pages: self.limits.max_pages,
            wants_scans: scans == Scans::Extracted,
        })
    }

    async fn read_document(&self, request: &DocumentRequest) -> Result<PdfText, FetchError> {
        let allowed = request.deadline.min(self.limits.total_timeout);
        if allowed.is_zero() {
            return Err(timed_out());
        }
        let deadline = Instant::now() + allowed;
        let document = &request.document.body;
        check_document(document, self.limits.max_document_bytes)?;
        let permit = timeout_at(deadline, self.permits.acquire()).await;
        let permit = permit.map_err(|_| timed_out())?;
        let remaining = deadline.saturating_duration_since(Instant::now());
        let scans = Scans::of(&request.options);
        let task = self.task(remaining.saturating_sub(REPORT_RESERVE), scans)?;
        let mut partial = PartialDocument::default();
        let max_output_bytes = self.limits.max_output_bytes;
        let outcome =
            process::read(&task, document, deadline, max_output_bytes, &mut partial).await;
        drop(permit);
        self.finish(partial, outcome, scans)
    }

    /// Returns the pages that were read, or the error if there are none.
    fn finish(
        &self,
        partial: PartialDocument,
        outcome: ReadOutcome,
        scans: Scans,
    ) -> Result<PdfText, FetchError> {
        let interruption = match outcome {
            ReadOutcome::NoReader(reason) => return Err(unavailable(reason)),
            ReadOutcome::Unreadable(reason) => return Err(unreadable(reason)),
            ReadOutcome::Complete => None,
            ReadOutcome::TimedOut => Some(timed_out()),
            ReadOutcome::TooLarge => {
                let limit = self.limits.max_output_bytes;
                let message =
                    format!("the PDF yields more than {limit} bytes: raise `max_output_bytes`");
                Some(FetchError::new(Kind::TooLarge, message))
            }
            // Pages that were read before are no reason to do without the rest.
            ReadOutcome::Interrupted(how) => {
                let message =
                    format!("the process that read the PDF was ended from outside ({how})");
                return Err(FetchError::new(Kind::Interrupted, message));
            }
            ReadOutcome::Died(how) => {
                let memory = self.limits.max_memory_bytes >> 20;
                let message = format!(
                    "the process that read the PDF died ({how}): raise `max_memory_bytes` above {memory} MiB"
                );
                // The document is the cause: it needs more memory than the limit.
                Some(FetchError::new(Kind::Broken, message))
            }
        };
        let has_pages = partial.pages.iter().any(|page| !page.is_broken);
        if partial.info.is_none() || (!has_pages && !partial.pages.is_empty()) {
            return Err(interruption.unwrap_or_else(|| unreadable(Unreadable::Panic)));
        }
        match interruption {
            Some(error) if partial.pages.is_empty() => Err(error),
            interruption => Ok(assemble::assemble(partial, interruption, scans)),
        }
    }
}

/// Treatment of the images of pages without text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scans {
    Ignored,
    /// Extracted for OCR.
    Extracted,
}

impl Scans {
    fn of(options: &JobRequest) -> Self {
        let wants_ocr = options.advanced().ocr || options.mode() == Mode::Ocr;
        if wants_ocr { Self::Extracted } else { Self::Ignored }
    }
}

/// Refuses documents for which no process is needed.
fn check_document(document: &[u8], max_bytes: usize) -> Result<(), FetchError> {
    let size = document.len();
    if size > max_bytes {
        let message = format!(
            "a PDF of {size} bytes is over the limit of {max_bytes}: raise `max_document_bytes`"
        );
        return Err(FetchError::new(Kind::TooLarge, message));
    }
    let head = &document[..size.min(MARKER_WITHIN)];
    if !head.windows(5).any(|window| window == b"%PDF-") {
        let message = "the document is not a PDF: use mode `auto`";
        return Err(FetchError::new(Kind::Broken, message));
    }
    Ok(())
}

fn timed_out() -> FetchError {
    FetchError::new(Kind::Timeout, "the PDF was not read before the deadline: raise `timeout`")
}

fn unavailable(reason: String) -> FetchError {
    FetchError::new(Kind::Unavailable, reason)
}

fn unreadable(reason: Unreadable) -> FetchError {
    let message = match reason {
        Unreadable::Password => "the PDF needs a password: remove it from the document",
        Unreadable::Encryption => {
            "the PDF uses an unsupported kind of encryption: save it without encryption"
        }
        Unreadable::NoPages => "the PDF has no readable pages: check that other programs open it",
        Unreadable::CutOff => {
            "the PDF has no readable pages, because its end is missing: check that the site sends all of it"
        }
        Unreadable::Panic => "the PDF is damaged: check that other programs open it",
    };
    FetchError::new(Kind::Broken, message)
}

impl PdfReader for Pdf {
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>> {
        Box::pin(async move { self.read_document(&request).await })
    }
}
