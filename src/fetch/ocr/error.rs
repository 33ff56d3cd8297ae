//! Failures of reading an image, as errors of the port.

use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// The bytes are not an image that can be read.
pub(super) fn damaged(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Broken, message)
}

/// The image is over a limit.
pub(super) fn too_large(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::TooLarge, message)
}

/// The program or a language is not installed.
pub(super) fn unavailable(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Unavailable, message)
}

/// The deadline passed.
pub(super) fn timed_out() -> FetchError {
    FetchError::new(Kind::Timeout, "the image was not read before the deadline: raise `timeout`")
}

/// A signal from outside ended the program.
pub(super) fn interrupted(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Interrupted, message)
}

/// The program failed because of this machine, and not because of the image.
pub(super) fn internal(message: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Internal, message)
}
