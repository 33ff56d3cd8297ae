//! Lines of a results file, as a later run reads them.

use serde::Deserialize;

/// The fields by which a later run recognizes the page of a line from [`result_line`](super::result_line).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ResultLine {
    /// The id of the job.
    pub job_id: Option<String>,
    /// The URL of the page, as it was requested.
    pub url: Option<String>,
    result: Option<LinePage>,
}

#[derive(Clone, Debug, Deserialize)]
struct LinePage {
    content_hash: Option<String>,
    unchanged: Option<bool>,
}

impl ResultLine {
    /// Parses a line. The content of its page is skipped.
    ///
    /// # Errors
    ///
    /// An error if the line is not a JSON object, or a field has another type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Returns the content hash of the page, if it was fetched.
    pub fn content_hash(&self) -> Option<&str> {
        self.result.as_ref()?.content_hash.as_deref()
    }

    /// Returns `true` if the page had the content hash that its item named.
    pub fn is_unchanged(&self) -> bool {
        self.result.as_ref().and_then(|it| it.unchanged).unwrap_or_default()
    }
}
