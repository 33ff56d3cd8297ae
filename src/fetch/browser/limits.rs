//! How much a browser may do at once, and for how long.

use std::time::Duration;

/// The bounds of every page, and of the browsers that show them. What a job sets for itself comes on
/// top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChromeLimits {
    /// Pages shown at the same time, each in a context of its own; 8. More wait their turn, which
    /// counts against their deadline.
    pub tabs: usize,
    /// The most of them in one browser; another is started for the rest.
    pub tabs_per_browser: usize,
    /// Pages after which a browser is replaced; 200.
    pub pages_per_browser: u32,
    /// How long a browser may take to start; 30 seconds.
    pub launch: Duration,
    /// How long one attempt may take in all, whatever its deadline; 120 seconds.
    pub total: Duration,
    /// How long a page may take until it counts as loaded; 30 seconds. Then a page that is there is
    /// taken as it is, with a warning, and one that is not there is given up.
    pub load: Duration,
    /// How long `wait_for` waits for its selector; 30 seconds.
    pub selector: Duration,
    /// How long one page action may take; 30 seconds.
    pub action: Duration,
    /// How long a browser may be silent before it is ended; 10 seconds.
    pub silence: Duration,
    /// The most elements of a document; 300,000.
    pub nodes: u32,
    /// The most bytes that a page may load in all; 200 MiB.
    pub page_bytes: u64,
    /// The most bytes of memory for one of the browser's processes that show pages; 1.5 GiB. It is
    /// looked at twice a second, on Linux alone.
    pub memory: u64,
    /// The most frames that `include_iframes` reads; 20.
    pub frames: usize,
    /// The most pixels of a screenshot; 40 million. A longer page is cut, with a warning.
    pub pixels: u64,
}

impl Default for ChromeLimits {
    fn default() -> Self {
        Self {
            tabs: 8,
            tabs_per_browser: 8,
            pages_per_browser: 200,
            launch: Duration::from_secs(30),
            total: Duration::from_secs(120),
            load: Duration::from_secs(30),
            selector: Duration::from_secs(30),
            action: Duration::from_secs(30),
            silence: Duration::from_secs(10),
            nodes: 300_000,
            page_bytes: 200 << 20,
            memory: 1_536 << 20,
            frames: 20,
            pixels: 40_000_000,
        }
    }
}
