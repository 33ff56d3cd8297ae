//! Classifies responses: usable, blocked, needs rendering, thin, transient, permanent or another
//! document.
//!
//! The judge is exported for evaluations. Its rules follow the web and may change in any release.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::failure::ErrorCode;

mod blocks;
#[cfg(test)]
mod boundaries;
mod document;
mod frames;
mod judge;
mod refresh;
mod scan;
pub(crate) mod shell;
pub(crate) mod status;

pub use document::{classify, content_type, opens_as_json, sniff};
pub use frames::{Frames, frames, visible_bytes};
pub use judge::{is_stub, judge};
pub use refresh::{Refresh, refresh};

/// The kind of a document other than an HTML page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentKind {
    /// A PDF.
    Pdf,
    /// A raster image.
    Image,
    /// JSON, which is structured data already.
    Json,
    /// Plain text, CSV, XML and the like.
    Text,
    /// Anything else: audio, archives, programs.
    Binary,
}

/// The classification of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The page has content.
    Usable,
    /// A bot protection withheld the page.
    Blocked {
        /// The product that blocks, such as `cloudflare` or `datadome`; `None` if unknown.
        by: Option<String>,
        /// `true` if it shows a challenge, which a browser may pass by itself.
        challenge: bool,
    },
    /// The page is empty until its scripts run.
    NeedsRendering,
    /// The page has almost no visible text.
    Thin,
    /// The request may succeed later.
    Transient {
        /// The wait that the site asks for in `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The request cannot succeed on any tier.
    Permanent(ErrorCode),
    /// A document other than an HTML page.
    Other(DocumentKind),
}

/// A verdict with the observation behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgment {
    /// The classification.
    pub verdict: Verdict,
    /// The observation that decided, such as `status 403, cf-mitigated: challenge`.
    pub signal: String,
}

/// The parts of a response that the judge reads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Response<'a> {
    /// The final status.
    pub status: u16,
    /// The final headers, names in any case.
    pub headers: &'a [(String, String)],
    /// The body, decompressed.
    pub body: &'a [u8],
    /// `true` if scripts have run already: a rendered page is never judged to need rendering.
    pub rendered: bool,
}

impl<'a> Response<'a> {
    /// Returns a response as it was received, before any script has run.
    pub fn new(status: u16, headers: &'a [(String, String)], body: &'a [u8]) -> Self {
        Self { status, headers, body, rendered: false }
    }

    /// Marks the page as rendered: its scripts have run.
    #[must_use]
    pub fn rendered(mut self) -> Self {
        self.rendered = true;
        self
    }

    /// Returns the first value of a header, whose name is compared without case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it.as_str())
    }
}
