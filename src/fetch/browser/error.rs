//! What went wrong with a page, in the port's words.

use std::io;

use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// A call that was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// The browser is not there any more, or does not read.
    #[error("the browser ended: {0}")]
    Gone(String),
    /// A page had it say more at once than is read.
    #[error("the page has its browser say more than {0} MiB at once")]
    Flooded(usize),
    /// It says no.
    #[error("the browser refused: {0}")]
    Refused(String),
    /// What it says is not what was expected.
    #[error("the browser's answer cannot be read: {0}")]
    Odd(String),
}

impl CallError {
    /// Whether the document that was asked has been left in the meantime: the next one can be.
    pub(super) fn left_the_page(&self) -> bool {
        let Self::Refused(said) = self else { return false };
        ["navigated", "context", "No frame", "Cannot find object"]
            .iter()
            .any(|it| said.contains(it))
    }
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::Gone(_) => Kind::Broken,
            CallError::Flooded(_) => Kind::TooLarge,
            CallError::Refused(_) | CallError::Odd(_) => Kind::Internal,
        };
        FetchError::new(kind, error.to_string())
    }
}

pub(super) fn late() -> FetchError {
    FetchError::new(Kind::Timeout, "the page was not ready within its time")
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

pub(super) fn unstarted(why: io::Error) -> FetchError {
    unavailable("the browser cannot be started").with_source(why)
}

pub(super) fn over_memory(most: u64) -> FetchError {
    too_large(format!("the page took more than {} MiB of memory", most >> 20))
}

/// A document of more elements than may be.
pub(super) fn too_many(nodes: u64, most: u32) -> FetchError {
    too_large(format!("the page has {nodes} elements, over the limit of {most}"))
}

/// The browser's word for why a navigation failed, such as `net::ERR_CERT_DATE_INVALID`.
pub(super) fn from_net(word: &str) -> FetchError {
    let is = |parts: &[&str]| parts.iter().any(|it| word.contains(it));
    let (kind, what) = if is(&["ERR_CERT", "ERR_SSL", "ERR_BAD_SSL"]) {
        (Kind::Tls, "the handshake or the certificate failed")
    } else if is(&["ERR_TOO_MANY_REDIRECTS", "ERR_UNSAFE_REDIRECT"]) {
        (Kind::Redirect, "its redirects lead nowhere")
    } else if is(&["ERR_NAME_NOT_RESOLVED", "ERR_NAME_RESOLUTION_FAILED"]) {
        (Kind::Dns, "the name has no address")
    } else if is(&["TIMED_OUT"]) {
        (Kind::Timeout, "there was no answer in time")
    } else if is(&["ERR_CONNECTION_REFUSED", "ERR_ADDRESS_UNREACHABLE", "ERR_TUNNEL"]) {
        (Kind::Connect, "there is no connection to it")
    } else if is(&["ERR_PROXY", "ERR_SOCKS"]) {
        (Kind::Proxy, "the proxy failed")
    } else if is(&[
        "ERR_INVALID_URL",
        "ERR_UNKNOWN_URL_SCHEME",
        "ERR_UNSAFE_PORT",
        "ERR_DISALLOWED",
    ]) {
        (Kind::InvalidUrl, "a browser does not open such an address")
    } else {
        (Kind::Broken, "the connection broke before the page was there")
    };
    FetchError::new(kind, format!("{what} ({word})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_the_browser_has_its_kind() {
        for (word, kind) in [
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
            assert_eq!(from_net(word).kind(), kind, "{word}");
        }
    }

    #[test]
    fn a_page_that_was_left_is_told_from_a_call_that_is_wrong() {
        let refused = |it: &str| CallError::Refused(it.to_owned());

        assert!(refused("Inspected target navigated or closed").left_the_page());
        assert!(refused("Cannot find context with specified id").left_the_page());
        assert!(!refused("Invalid parameters").left_the_page());
        assert!(!CallError::Gone("context".to_owned()).left_the_page());
    }
}
