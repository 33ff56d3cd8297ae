//! Limits of the browser tier.

use std::time::Duration;

/// Limits of browsers and of the pages they render.
///
/// A job's own limits, such as its timeout, apply in addition.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use rungs::fetch::browser::ChromeLimits;
///
/// let limits = ChromeLimits::default().with_max_tabs(4).with_load_timeout(Duration::from_secs(10));
/// assert_eq!(limits.max_tabs, 4);
/// assert_eq!(limits.max_frames, 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChromeLimits {
    /// Maximum number of pages rendered at the same time, each in a browser context of its own. More
    /// wait for a permit, and waiting counts against their deadline. 0 is treated as 1. Defaults to 8.
    pub max_tabs: usize,
    /// Maximum number of those pages in one browser; another browser is started for the rest. 0 is
    /// treated as 1. Defaults to 8.
    pub max_tabs_per_browser: usize,
    /// Number of pages after which a browser is replaced. Defaults to 200.
    pub max_pages_per_browser: u32,
    /// Time a browser has to start. Defaults to 30 seconds.
    pub launch_timeout: Duration,
    /// Time one attempt has in total, even if the job's deadline is later. Defaults to 120 seconds.
    pub total_timeout: Duration,
    /// Time a page has to meet its wait condition. After that, a page that has a document is used as it
    /// is, with a warning; a page without one fails. Defaults to 30 seconds.
    pub load_timeout: Duration,
    /// Time that `wait_for` waits for its selector. Defaults to 30 seconds.
    pub selector_timeout: Duration,
    /// Time that one page action has. Defaults to 30 seconds.
    pub action_timeout: Duration,
    /// Time a browser may leave a liveness check unanswered before it is killed. Defaults to 10 seconds.
    pub unresponsive_timeout: Duration,
    /// Maximum number of elements in a document. Defaults to 300,000.
    pub max_elements: u32,
    /// Maximum number of bytes that one page may load, subresources included. Defaults to 200 MiB.
    pub max_page_bytes: u64,
    /// Maximum private resident memory of one renderer process, in bytes. Defaults to 1.5 GiB.
    ///
    /// Checked twice a second through `/proc`, so it is enforced on Linux only. On other systems a
    /// warning is logged when the first browser starts.
    pub max_memory_bytes: u64,
    /// Maximum number of frames that `include_iframes` reads. Defaults to 20.
    pub max_frames: usize,
    /// Maximum number of pixels in a screenshot. A longer page is cut, with a warning. Defaults to
    /// 40 million.
    pub max_screenshot_pixels: u64,
}

impl Default for ChromeLimits {
    fn default() -> Self {
        Self {
            max_tabs: 8,
            max_tabs_per_browser: 8,
            max_pages_per_browser: 200,
            launch_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_mins(2),
            load_timeout: Duration::from_secs(30),
            selector_timeout: Duration::from_secs(30),
            action_timeout: Duration::from_secs(30),
            unresponsive_timeout: Duration::from_secs(10),
            max_elements: 300_000,
            max_page_bytes: 200 << 20,
            max_memory_bytes: 1_536 << 20,
            max_frames: 20,
            max_screenshot_pixels: 40_000_000,
        }
    }
}

impl ChromeLimits {
    /// Returns these limits with another [`max_tabs`](Self::max_tabs).
    pub fn with_max_tabs(mut self, max_tabs: usize) -> Self {
        self.max_tabs = max_tabs;
        self
    }

    /// Returns these limits with another [`max_tabs_per_browser`](Self::max_tabs_per_browser).
    pub fn with_max_tabs_per_browser(mut self, max_tabs: usize) -> Self {
        self.max_tabs_per_browser = max_tabs;
        self
    }

    /// Returns these limits with another [`max_pages_per_browser`](Self::max_pages_per_browser).
    pub fn with_max_pages_per_browser(mut self, max_pages: u32) -> Self {
        self.max_pages_per_browser = max_pages;
        self
    }

    /// Returns these limits with another [`launch_timeout`](Self::launch_timeout).
    pub fn with_launch_timeout(mut self, timeout: Duration) -> Self {
        self.launch_timeout = timeout;
        self
    }

    /// Returns these limits with another [`total_timeout`](Self::total_timeout).
    pub fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Returns these limits with another [`load_timeout`](Self::load_timeout).
    pub fn with_load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// Returns these limits with another [`selector_timeout`](Self::selector_timeout).
    pub fn with_selector_timeout(mut self, timeout: Duration) -> Self {
        self.selector_timeout = timeout;
        self
    }

    /// Returns these limits with another [`action_timeout`](Self::action_timeout).
    pub fn with_action_timeout(mut self, timeout: Duration) -> Self {
        self.action_timeout = timeout;
        self
    }

    /// Returns these limits with another [`unresponsive_timeout`](Self::unresponsive_timeout).
    pub fn with_unresponsive_timeout(mut self, timeout: Duration) -> Self {
        self.unresponsive_timeout = timeout;
        self
    }

    /// Returns these limits with another [`max_elements`](Self::max_elements).
    pub fn with_max_elements(mut self, elements: u32) -> Self {
        self.max_elements = elements;
        self
    }

    /// Returns these limits with another [`max_page_bytes`](Self::max_page_bytes).
    pub fn with_max_page_bytes(mut self, bytes: u64) -> Self {
        self.max_page_bytes = bytes;
        self
    }

    /// Returns these limits with another [`max_memory_bytes`](Self::max_memory_bytes).
    pub fn with_max_memory_bytes(mut self, bytes: u64) -> Self {
        self.max_memory_bytes = bytes;
        self
    }

    /// Returns these limits with another [`max_frames`](Self::max_frames).
    pub fn with_max_frames(mut self, frames: usize) -> Self {
        self.max_frames = frames;
        self
    }

    /// Returns these limits with another [`max_screenshot_pixels`](Self::max_screenshot_pixels).
    pub fn with_max_screenshot_pixels(mut self, pixels: u64) -> Self {
        self.max_screenshot_pixels = pixels;
        self
    }
}
