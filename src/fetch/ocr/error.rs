//! Why an image was not read, in words.

use crate::ports::fetch::{FetchError, FetchErrorKind as Kind};

/// The bytes are no image that can be read.
pub(super) fn damaged(why: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Broken, why)
}

/// The image is over a limit.
pub(super) fn too_large(why: impl Into<String>) -> FetchError {
    FetchError::new(Kind::TooLarge, why)
}

/// The program or a language is not there.
pub(super) fn unavailable(why: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Unavailable, why)
}

/// The deadline passed.
pub(super) fn late() -> FetchError {
    FetchError::new(Kind::Timeout, "the image was not read within its time")
}

/// The program could not be used for a reason of this machine.
pub(super) fn failed(why: impl Into<String>) -> FetchError {
    FetchError::new(Kind::Internal, why)
}
