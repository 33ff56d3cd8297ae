//! Limits of reading images.

use std::time::Duration;

/// Number of processes if the number of processors is unknown.
const FALLBACK_PROCESSES: usize = 2;

/// Limits of reading an image.
///
/// A job's own limits, such as its timeout, apply in addition.
///
/// # Example
///
/// ```
/// use rungs::fetch::ocr::OcrLimits;
///
/// let limits = OcrLimits::default().with_max_processes(2).with_max_pages(10);
/// assert_eq!(limits.max_pages, 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OcrLimits {
    /// Maximum size of an image in bytes. Defaults to 20 MiB.
    pub max_image_bytes: usize,
    /// Maximum number of pixels of an image, all its pages together. Defaults to 40 million.
    pub max_pixels: u64,
    /// Maximum number of pages of a TIFF. Defaults to 50.
    pub max_pages: usize,
    /// Maximum address space of one process in bytes, set with `ulimit -v`. Enforced on Linux; on a
    /// system whose shell cannot set it, there is no limit. Defaults to 1 GiB.
    pub max_memory_bytes: u64,
    /// Maximum number of processes at the same time. More images wait, which counts against their
    /// deadline. 0 is treated as 1. Defaults to the number of processors.
    pub max_processes: usize,
    /// Time one reading has in total, even if the job's deadline is later. Defaults to 300 seconds.
    pub total_timeout: Duration,
    /// Maximum number of bytes that the program may print. Defaults to 16 MiB.
    pub max_output_bytes: u64,
}

impl Default for OcrLimits {
    fn default() -> Self {
        Self {
            max_image_bytes: 20 << 20,
            max_pixels: 40_000_000,
            max_pages: 50,
            max_memory_bytes: 1 << 30,
            max_processes: std::thread::available_parallelism()
                .map_or(FALLBACK_PROCESSES, usize::from),
            total_timeout: Duration::from_mins(5),
            max_output_bytes: 16 << 20,
        }
    }
}

impl OcrLimits {
    /// Returns these limits with another [`max_image_bytes`](Self::max_image_bytes).
    pub fn with_max_image_bytes(mut self, bytes: usize) -> Self {
        self.max_image_bytes = bytes;
        self
    }

    /// Returns these limits with another [`max_pixels`](Self::max_pixels).
    pub fn with_max_pixels(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
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
