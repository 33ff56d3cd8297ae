//! Why a page failed, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::tier::Tier;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// The code of a failed job, as the wire writes it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl ErrorCode {
            /// The code, such as `BLOCKED_BY_ANTIBOT`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

codes! {
    /// Every tier that was allowed was blocked.
    BlockedByAntibot = "BLOCKED_BY_ANTIBOT",
    /// A challenge or captcha stands before the page.
    ChallengeDetected = "CHALLENGE_DETECTED",
    /// The page or the ladder took too long.
    Timeout = "TIMEOUT",
    /// The host ended the batch.
    Cancelled = "CANCELLED",
    /// The address cannot be fetched.
    InvalidUrl = "INVALID_URL",
    /// The mode cannot read this kind of document.
    UnsupportedContentType = "UNSUPPORTED_CONTENT_TYPE",
    /// The name has no address.
    DnsError = "DNS_ERROR",
    /// No connection, or it broke.
    ConnectionError = "CONNECTION_ERROR",
    /// The certificate or the handshake is bad.
    TlsError = "TLS_ERROR",
    /// The page answered with an error status.
    TargetHttpError = "TARGET_HTTP_ERROR",
    /// The page does not exist (404, 410).
    NotFoundTarget = "NOT_FOUND_TARGET",
    /// The page wants money (402).
    PaywallDetected = "PAYWALL_DETECTED",
    /// The page wants a login (401).
    LoginRequired = "LOGIN_REQUIRED",
    /// The page is over a limit.
    ContentTooLarge = "CONTENT_TOO_LARGE",
    /// There was nothing to read.
    EmptyContent = "EMPTY_CONTENT",
    /// The page could not be turned into the formats.
    ExtractionFailed = "EXTRACTION_FAILED",
    /// The browser could not render the page, or there is none.
    RenderFailed = "RENDER_FAILED",
    /// The PDF could not be read, or nothing here reads PDFs.
    PdfParseFailed = "PDF_PARSE_FAILED",
    /// Nothing here reads images.
    OcrUnavailable = "OCR_UNAVAILABLE",
    /// A dearer tier than the item allows would be needed.
    TierCapReached = "TIER_CAP_REACHED",
    /// The next step would cost more than `max_credits`.
    CostLimitExceeded = "COST_LIMIT_EXCEEDED",
    /// The `time_budget` ran out.
    TimeBudgetExpired = "TIME_BUDGET_EXPIRED",
    /// robots.txt says no.
    RobotsDisallowed = "ROBOTS_DISALLOWED",
    /// The name leads to an address that is not public.
    PrivateAddressBlocked = "PRIVATE_ADDRESS_BLOCKED",
    /// rungs or a part of the host's failed.
    InternalError = "INTERNAL_ERROR",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct JobError {
    /// The code to branch on.
    pub code: ErrorCode,
    /// What happened and what may help, for a person.
    pub message: String,
    /// The page's HTTP status, where there was one.
    pub status: Option<u16>,
    /// The tier that would be needed, where the cap is what stopped the ladder.
    pub required_tier: Option<Tier>,
}

impl JobError {
    /// An error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: None, required_tier: None }
    }

    /// The same with the page's HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_with_its_code_first() {
        let error = JobError::new(ErrorCode::NotFoundTarget, "there is no such page");

        assert_eq!(error.to_string(), "NOT_FOUND_TARGET: there is no such page");
        assert_eq!(error.with_status(410).status, Some(410));
    }
}
