//! Errors of jobs, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::tier::Tier;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// The code of a failed job.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the code as the REST API spells it, such as `BLOCKED_BY_ANTIBOT`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

codes! {
    /// Every allowed tier was blocked.
    BlockedByAntibot = "BLOCKED_BY_ANTIBOT",
    /// The site responds with a challenge or a CAPTCHA instead of the page.
    ChallengeDetected = "CHALLENGE_DETECTED",
    /// The job's timeout or its deadline passed.
    Timeout = "TIMEOUT",
    /// Your application canceled the batch.
    Cancelled = "CANCELLED",
    /// The URL cannot be fetched.
    InvalidUrl = "INVALID_URL",
    /// The mode cannot read this kind of document.
    UnsupportedContentType = "UNSUPPORTED_CONTENT_TYPE",
    /// The host name has no address.
    DnsError = "DNS_ERROR",
    /// The connection was not made, or broke.
    ConnectionError = "CONNECTION_ERROR",
    /// The TLS handshake or the certificate check failed.
    TlsError = "TLS_ERROR",
    /// The site responded with an error status.
    TargetHttpError = "TARGET_HTTP_ERROR",
    /// The page does not exist (404, 410).
    NotFoundTarget = "NOT_FOUND_TARGET",
    /// The page requires a payment (402).
    PaywallDetected = "PAYWALL_DETECTED",
    /// The page requires a login (401).
    LoginRequired = "LOGIN_REQUIRED",
    /// The page exceeds a size limit.
    ContentTooLarge = "CONTENT_TOO_LARGE",
    /// The page has no content.
    EmptyContent = "EMPTY_CONTENT",
    /// The formats could not be extracted from the page.
    ExtractionFailed = "EXTRACTION_FAILED",
    /// The browser could not render the page, or no browser is configured.
    RenderFailed = "RENDER_FAILED",
    /// The PDF could not be read, or no PDF reader is configured.
    PdfParseFailed = "PDF_PARSE_FAILED",
    /// No OCR engine is configured.
    OcrUnavailable = "OCR_UNAVAILABLE",
    /// The page needs a more expensive tier than the item allows.
    TierCapReached = "TIER_CAP_REACHED",
    /// The next attempt would cost more than `max_credits`.
    CostLimitExceeded = "COST_LIMIT_EXCEEDED",
    /// The `time_budget` ran out.
    TimeBudgetExpired = "TIME_BUDGET_EXPIRED",
    /// The site's robots.txt disallows the URL.
    RobotsDisallowed = "ROBOTS_DISALLOWED",
    /// The host name resolves to an address that is not public.
    PrivateAddressBlocked = "PRIVATE_ADDRESS_BLOCKED",
    /// rungs failed, or a component of your application did.
    InternalError = "INTERNAL_ERROR",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of a failed job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct JobError {
    /// The code, to branch on.
    pub code: ErrorCode,
    /// The reason and the remedy, in words.
    pub message: String,
    /// The HTTP status of the page; `None` if there was no response.
    pub status: Option<u16>,
    /// The tier that the page needs, if the cost controls excluded it.
    pub required_tier: Option<Tier>,
}

impl JobError {
    /// Returns an error with this code and message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: None, required_tier: None }
    }

    /// Sets the HTTP status of the page.
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
