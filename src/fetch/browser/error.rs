//! Failures of the browser, as errors of the port.

use std::io;

use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// The failure of a `DevTools` call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// The browser ended, or no longer reads its pipe.
    #[error("the browser ended: {0}")]
    Disconnected(String),
    /// The browser sent a message over the limit, in MiB.
    #[error("a message from the browser is over the limit of {0} MiB")]
    MessageTooLarge(usize),
    /// The browser responded with an error.
    #[error("the browser rejected the call: {0}")]
    Rejected(String),
    /// The browser's response has another shape than expected, or a script failed.
    #[error("unexpected response from the browser: {0}")]
    Unexpected(String),
}

impl CallError {
    /// Returns `true` if the page navigated away from the document during the call, so that the call can be
    /// repeated on the next one.
    pub(super) fn is_navigation(&self) -> bool {
        /// Parts of Chromium's messages that report a navigation.
        const MESSAGES: [&str; 4] = ["navigated", "context", "No frame", "Cannot find object"];
        let Self::Rejected(message) = self else { return false };
        MESSAGES.iter().any(|part| message.contains(part))
    }
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::Disconnected(_) => Kind::Broken,
            CallError::MessageTooLarge(_) => Kind::TooLarge,
            CallError::Rejected(_) | CallError::Unexpected(_) => Kind::Internal,
        };
        FetchError::new(kind, error.to_string())
    }
}

pub(super) fn timed_out() -> FetchError {
    FetchError::new(
        Kind::Timeout,
        "the page was not rendered before the deadline: raise `timeout` or choose an earlier wait condition",
    )
}

pub(super) fn unavailable(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Unavailable, message)
}

pub(super) fn too_large(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::TooLarge, message)
}

pub(super) fn broken(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Broken, message)
}

pub(super) fn not_started(error: io::Error) -> FetchError {
    unavailable("the browser cannot be started").with_source(error)
}

/// A renderer process was killed for using more than `limit` bytes of memory.
pub(super) fn over_memory(limit: u64) -> FetchError {
    too_large(format!(
        "the page used more than {} MiB of memory: set `block_images` or raise `max_memory_bytes`",
        limit >> 20
    ))
}

/// A document has more elements than the limit.
pub(super) fn too_many_elements(elements: u64, limit: u32) -> FetchError {
    too_large(format!(
        "the page has {elements} elements, over the limit of {limit}: raise `max_elements`"
    ))
}

/// The address is served as a download, which has no page to render.
pub(super) fn is_download() -> FetchError {
    FetchError::new(
        Kind::Unsupported,
        "the URL is a download, which a browser does not render: use mode `auto`, `html` or `pdf`",
    )
}

/// Classes of Chromium's network errors: parts of their names, and the kind and message of each. The first
/// match counts.
const NET_ERRORS: [(&[&str], Kind, &str); 12] = [
    (
        &["ERR_CERT_AUTHORITY_INVALID"],
        Kind::Tls,
        "the TLS handshake failed: the certificate is self-signed or its issuer is not trusted",
    ),
    (
        &["ERR_CERT_DATE_INVALID"],
        Kind::Tls,
        "the TLS handshake failed: the certificate has expired or is not valid yet",
    ),
    (
        &["ERR_CERT_COMMON_NAME_INVALID"],
        Kind::Tls,
        "the TLS handshake failed: the certificate is for another host name",
    ),
    (
        &["ERR_SSL_PROTOCOL_ERROR"],
        Kind::Tls,
        "the TLS handshake failed: the server does not speak TLS on this port",
    ),
    (
        &["ERR_SSL_VERSION_OR_CIPHER_MISMATCH", "ERR_SSL_OBSOLETE_VERSION"],
        Kind::Tls,
        "the TLS handshake failed: the server supports no TLS version or cipher of the browser",
    ),
    (
        &["ERR_CERT", "ERR_SSL", "ERR_BAD_SSL"],
        Kind::Tls,
        "the TLS handshake or certificate check failed",
    ),
    (
        &["ERR_TOO_MANY_REDIRECTS", "ERR_UNSAFE_REDIRECT"],
        Kind::Redirect,
        "the redirects cannot be followed",
    ),
    (
        &["ERR_NAME_NOT_RESOLVED", "ERR_NAME_RESOLUTION_FAILED"],
        Kind::Dns,
        "the host name does not resolve",
    ),
    (&["TIMED_OUT"], Kind::Timeout, "the site did not respond in time"),
    (
        &["ERR_CONNECTION_REFUSED", "ERR_ADDRESS_UNREACHABLE", "ERR_TUNNEL"],
        Kind::Connect,
        "the connection failed",
    ),
    (&["ERR_PROXY", "ERR_SOCKS"], Kind::Proxy, "the proxy failed"),
    (
        &["ERR_INVALID_URL", "ERR_UNKNOWN_URL_SCHEME", "ERR_UNSAFE_PORT", "ERR_DISALLOWED"],
        Kind::InvalidUrl,
        "a browser does not open this URL",
    ),
];

/// Converts Chromium's name of a failed navigation, such as `net::ERR_CERT_DATE_INVALID`.
pub(super) fn from_net_error(net_error: &str) -> FetchError {
    let class = NET_ERRORS.iter().find(|class| class.0.iter().any(|part| net_error.contains(part)));
    let (kind, what) = class.map_or(
        (Kind::Broken, "the connection broke before the page was received"),
        |&(_, kind, what)| (kind, what),
    );
    FetchError::new(kind, format!("{what} ({net_error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_net_error_maps_to_its_kind() {
        for (net_error, kind) in [
            ("net::ERR_CERT_AUTHORITY_INVALID", Kind::Tls),
            ("net::ERR_SSL_PROTOCOL_ERROR", Kind::Tls),
            ("net::ERR_TOO_MANY_REDIRECTS", Kind::Redirect),
            ("net::ERR_NAME_NOT_RESOLVED", Kind::Dns),
            ("net::ERR_CONNECTION_TIMED_OUT", Kind::Timeout),
            ("net::ERR_CONNECTION_REFUSED", Kind::Connect),
            ("net::ERR_TUNNEL_CONNECTION_FAILED", Kind::Connect),
            ("net::ERR_PROXY_CONNECTION_FAILED", Kind::Proxy),
            ("net::ERR_UNSAFE_PORT", Kind::InvalidUrl),
            ("net::ERR_EMPTY_RESPONSE", Kind::Broken),
        ] {
            assert_eq!(from_net_error(net_error).kind(), kind, "{net_error}");
        }
    }

    #[test]
    fn a_call_to_a_document_that_was_left_is_a_navigation() {
        let rejected = |message: &str| CallError::Rejected(message.to_owned());

        assert!(rejected("Inspected target navigated or closed").is_navigation());
        assert!(rejected("Cannot find context with specified id").is_navigation());
        assert!(!rejected("Invalid parameters").is_navigation());
        assert!(!CallError::Disconnected("context".to_owned()).is_navigation());
    }
}
