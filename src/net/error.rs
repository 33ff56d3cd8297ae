//! Turns a failed connection or request into the error of the fetch port, with its cause in the
//! message.
//!
//! No message contains credentials or a query string: the libraries below name hosts at most.

use std::error::Error;
use std::io;

use crate::net::dial::DialError;
use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// Maximum number of characters of a cause in a message. A certificate may list any number of names.
const MAX_CAUSE_CHARS: usize = 200;

/// Text of the standard library before the system's reason for a failed lookup. The error around it names the lookup.
const LOOKUP_FAILED: &str = "failed to lookup address information: ";

/// Describes a failure of the client: connecting, sending, or reading the response's head.
pub(crate) fn request_error(error: hyper_util::client::legacy::Error) -> FetchError {
    let (kind, message) = if let Some(dial) = find::<DialError>(&error) {
        (dial_kind(dial), dial.to_string())
    } else if error.is_connect() {
        // Every failure to connect but TLS is a `DialError`.
        handshake_error(&error)
    } else if find::<hyper::Error>(&error).is_some_and(is_too_large) {
        (Kind::TooLarge, "the response's headers exceed the limit of `max_header_bytes`".to_owned())
    } else if let Some(fault) = head_fault(&error) {
        (Kind::Broken, format!("the response is not valid HTTP: {fault}"))
    } else if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        (Kind::Broken, format!("the response is not valid HTTP: {}", cause_message(&error)))
    } else {
        let message =
            format!("the connection broke before the response: {}", cause_message(&error));
        (Kind::Broken, message)
    };
    FetchError::new(kind, message).with_source(error)
}

/// Returns the contradiction in a response's head, which arrives as an I/O error of the connection.
fn head_fault(error: &(dyn Error + 'static)) -> Option<String> {
    let io = chain(error).find_map(|it| it.downcast_ref::<io::Error>())?;
    (io.kind() == io::ErrorKind::InvalidData).then(|| cause_message(error))
}

/// Describes a failed TLS handshake. A connection that broke within it may work the next time.
fn handshake_error(error: &(dyn Error + 'static)) -> (Kind, String) {
    let Some(fault) = find::<rustls::Error>(error) else {
        let cause = cause_message(error);
        if chain(error).any(<dyn std::error::Error>::is::<io::Error>) {
            return (
                Kind::Broken,
                format!("the connection broke within the TLS handshake: {cause}"),
            );
        }
        return (Kind::Tls, format!("the TLS handshake failed: {cause}"));
    };
    let cause = shortened(&fault.to_string());
    let message = match tls_reason(fault) {
        Some(reason) => format!("the TLS handshake failed: {reason} ({cause})"),
        None => format!("the TLS handshake failed: {cause}"),
    };
    (Kind::Tls, message)
}

/// Returns the reason of a failed handshake in plain words, if there are better ones than the library's.
fn tls_reason(fault: &rustls::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Fault};

    Some(match fault {
        Fault::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the certificate is for another host name"
            }
            Certificate::UnknownIssuer => {
                "the certificate is self-signed or its issuer is not trusted"
            }
            Certificate::Revoked => "the certificate was revoked",
            // webpki's error for a self-signed certificate that calls itself an authority.
            other if other.to_string().contains("CaUsedAsEndEntity") => {
                "the certificate is self-signed"
            }
            _ => return None,
        },
        Fault::InvalidMessage(_) => "the server does not speak TLS on this port",
        Fault::PeerIncompatible(_)
        | Fault::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => "the server supports no TLS version or cipher in common with us (TLS 1.2 or later)",
        Fault::AlertReceived(Alert::UnrecognisedName) => "the server does not know this host name",
        _ => return None,
    })
}

/// Returns `true` if the head of a response was over its limit. hyper has a predicate for this in
/// its server only; a test checks that its message still contains these words.
fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string().contains("too large")
}

/// Returns the port's kind of a failed connection.
pub(crate) fn dial_kind(error: &DialError) -> Kind {
    match error {
        DialError::NoHost => Kind::InvalidUrl,
        DialError::Dns(_) | DialError::NoAddress => Kind::Dns,
        DialError::Refused(_) => Kind::PrivateAddress,
        DialError::Connect(_) => Kind::Connect,
        DialError::Timeout(_) => Kind::Timeout,
        DialError::Proxy(_) => Kind::Proxy,
    }
}

/// Finds an error of type `E` in the chain of sources, `error` itself included.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|it| it.downcast_ref())
}

/// The error and its sources. An I/O error that wraps another one names that one's source as its
/// own, so the wrapped error would be skipped.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// Returns the message of the innermost cause, which names what went wrong, such as `connection
/// reset` or a TLS alert. The outer errors only name the step that failed.
pub(crate) fn cause_message(error: &(dyn Error + 'static)) -> String {
    let innermost = chain(error).last().unwrap_or(error);
    match innermost.downcast_ref::<io::Error>() {
        Some(error) => io_message(error),
        None => shortened(&innermost.to_string()),
    }
}

/// Returns the message of an I/O error without the number of the operating system's error.
pub(crate) fn io_message(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => {
            let suffix = format!(" (os error {code})");
            let text = text.strip_suffix(suffix.as_str()).unwrap_or(&text);
            shortened(&text.to_lowercase())
        }
        None => match text.strip_prefix(LOOKUP_FAILED) {
            Some(reason) => shortened(&reason.to_lowercase()),
            None => shortened(&text),
        },
    }
}

fn shortened(text: &str) -> String {
    let printable = text.chars().map(|it| if it.is_control() { ' ' } else { it });
    printable.take(MAX_CAUSE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_is_named_without_its_number() {
        let refused = io::Error::from_raw_os_error(111);

        assert_eq!(io_message(&refused), "connection refused");
        assert_eq!(io_message(&io::Error::other("no such name")), "no such name");
        let lookup = io::Error::other(format!("{LOOKUP_FAILED}Name or service not known"));
        assert_eq!(io_message(&lookup), "name or service not known");
    }

    #[test]
    fn the_innermost_cause_is_found_inside_io_errors() {
        let dial = DialError::Connect(io::Error::from(io::ErrorKind::ConnectionReset));
        let wrapped = io::Error::other(dial);

        assert!(find::<DialError>(&wrapped).is_some());
        assert_eq!(cause_message(&wrapped), "connection reset");
    }

    #[test]
    fn a_cause_is_bounded_and_printable() {
        let error = io::Error::other(format!("a\n{}", "x".repeat(1_000)));

        let message = cause_message(&error);

        assert!(message.starts_with("a x"), "{message}");
        assert_eq!(message.chars().count(), MAX_CAUSE_CHARS);
    }
}
