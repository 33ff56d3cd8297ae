//! What went wrong, in the port's words.

use std::error::Error;
use std::io;

use crate::fetch::http::dial::DialError;
use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// Names a failure of the client: connecting, sending, or reading the head.
pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> FetchError {
    let (kind, message) = if let Some(dial) = find::<DialError>(&error) {
        (dial_kind(dial), dial.to_string())
    } else if error.is_connect() {
        // Everything but TLS fails with a `DialError`.
        (Kind::Tls, "the TLS handshake failed".to_owned())
    } else if find::<hyper::Error>(&error).is_some_and(is_too_large) {
        (Kind::TooLarge, "the response's headers are over their limit".to_owned())
    } else if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        (Kind::Broken, "what came is no HTTP".to_owned())
    } else {
        (Kind::Broken, "the connection broke before the response".to_owned())
    };
    FetchError::new(kind, message).with_source(error)
}

/// hyper has a predicate for this in its server alone; a test holds the words that it uses.
fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string().contains("too large")
}

/// Names a failure while reading or decoding the body.
pub(crate) fn from_body(error: io::Error) -> FetchError {
    FetchError::new(Kind::Broken, "the body broke off or cannot be decoded").with_source(error)
}

pub(crate) fn dial_kind(error: &DialError) -> Kind {
    match error {
        DialError::NoHost => Kind::InvalidUrl,
        DialError::Dns(_) => Kind::Dns,
        DialError::Refused(_) => Kind::PrivateAddress,
        DialError::Connect(_) => Kind::Connect,
        DialError::Timeout => Kind::Timeout,
        DialError::Proxy(_) => Kind::Proxy,
    }
}

pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(it) = next {
        if let Some(found) = it.downcast_ref() {
            return Some(found);
        }
        next = it.source();
    }
    None
}
