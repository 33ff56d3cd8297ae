//! Directories of the keys with which requests are signed.

use std::fmt;

use crate::core::time::Timestamp;

/// A directory as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryResponse {
    /// The body: a set of JSON Web Keys.
    pub body: String,
    /// Headers beside the media type, such as the signatures of the keys.
    pub headers: Vec<(&'static str, String)>,
}

impl DirectoryResponse {
    /// Returns a directory with this body.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), headers: Vec::new() }
    }
}

/// Publishes the public keys with which an application signs its requests, so that sites can verify them.
///
/// `rungs::net::WebBotAuth` implements it. The service serves it at `/.well-known/http-message-signatures-directory`.
pub trait KeyDirectory: fmt::Debug + Send + Sync {
    /// Returns the directory in response to a request for `authority` (host and port) at `now`.
    fn directory(&self, authority: &str, now: Timestamp) -> DirectoryResponse;
}

// Compile-time check: the service holds it as `Arc<dyn ...>`.
const _: Option<&dyn KeyDirectory> = None;
