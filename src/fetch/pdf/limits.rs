//! Limits of reading PDFs.

use std::time::Duration;

/// Number of reading processes if the number of processors is unknown.
const FALLBACK_PROCESSES: usize = 2;

/// Limits of reading a PDF.
///
/// A job's own limits, such as its timeout, apply in addition.
///
/// # Example
///
/// ```
/// use rungs::fetch::pdf::PdfLimits;
///
/// let limits = PdfLimits::default().with_max_pages(100).with_max_memory_bytes(512 << 20);
/// assert_eq!(limits.max_pages, 100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PdfLimits {
    /// Maximum size of a document in bytes. Defaults to 100 MiB.
    pub max_document_bytes: usize,
    /// Maximum number of pages that are read; a warning reports the rest. Defaults to 5,000.
    pub max_pages: usize,
    /// Maximum address space of one reading process in bytes, including the executable. Enforced on
    /// Linux; other systems may ignore it. Defaults to 1 GiB.
    pub max_memory_bytes: u64,
    /// Maximum number of reading processes at the same time. More documents wait, which counts against
    /// their deadline. 0 is treated as 1. Defaults to the number of processors.
    pub max_processes: usize,
    /// Time one reading has in total, even if the job's deadline is later. Defaults to 300 seconds.
    pub total_timeout: Duration,
    /// Maximum number of bytes of text, links and images that one document may yield. Defaults to
    /// 256 MiB.
    pub max_output_bytes: u64,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            max_document_bytes: 100 << 20,
            max_pages: 5_000,
            max_memory_bytes: 1 << 30,
            max_processes: std::thread::available_parallelism()
                .map_or(FALLBACK_PROCESSES, usize::from),
            total_timeout: Duration::from_mins(5),
            max_output_bytes: 256 << 20,
        }
    }
}

impl PdfLimits {
    /// Returns these limits with another [`max_document_bytes`](Self::max_document_bytes).
    pub fn with_max_document_bytes(mut self, bytes: usize) -> Self {
        self.max_document_bytes = bytes;
        self
    }

    /// Returns these limits with another [`max_pages`](Self::max_pages).
    pub fn with_max_pages(mut self, pages: usize) -> Self {
        self.max_pages = pages;
        self
    }

    /// Returns these limits with another [`max_memory_bytes`](Self::max_memory_bytes).
    pub fn with_max_memory_bytes(mut self, bytes: u64) -> Self {
        self.max_memory_bytes = bytes;
        self
    }

    /// Returns these limits with another [`max_processes`](Self::max_processes).
    pub fn with_max_processes(mut self, processes: usize) -> Self {
        self.max_processes = processes;
        self
    }

    /// Returns these limits with another [`total_timeout`](Self::total_timeout).
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Returns these limits with another [`max_output_bytes`](Self::max_output_bytes).
    pub fn with_max_output_bytes(mut self, bytes: u64) -> Self {
        self.max_output_bytes = bytes;
        self
    }
}
