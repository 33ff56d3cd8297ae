//! What a response says about the attempt that got it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::failure::ErrorCode;

mod blocks;
#[cfg(test)]
mod boundaries;
mod document;
mod judge;
mod scan;
mod shell;
mod status;

pub use document::sniff;
pub use judge::judge;

/// A kind of document that is no HTML page.
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

/// What to make of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The page is here and has content.
    Usable,
    /// Something stands between us and the page.
    Blocked {
        /// The product that blocks, where it can be told: `cloudflare`, `datadome` and so on.
        by: Option<String>,
        /// Whether it shows a challenge, which a browser may pass by itself.
        challenge: bool,
    },
    /// The page is a shell that scripts would fill.
    NeedsRendering,
    /// The page is here but says next to nothing.
    Thin,
    /// It may work later.
    Transient {
        /// How long the site asked us to wait.
        retry_after: Option<Duration>,
    },
    /// It will not work, on any tier.
    Permanent(ErrorCode),
    /// Not a page but another document.
    Other(DocumentKind),
}

/// A verdict and the signal it rests on, for the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgment {
    /// What to make of it.
    pub verdict: Verdict,
    /// The observation that decided, such as `status 403, cf-mitigated: challenge`.
    pub signal: String,
}

/// The parts of a response that the judge reads.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The final status.
    pub status: u16,
    /// The final headers, names in any case.
    pub headers: &'a [(String, String)],
    /// The body, decompressed.
    pub body: &'a [u8],
    /// Whether scripts have run already: a rendered page needs no rendering.
    pub rendered: bool,
}

impl<'a> Response<'a> {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it.as_str())
    }
}
