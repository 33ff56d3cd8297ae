//! The umbrella error, for a host's `?`.

use crate::engine::{BuildError, EngineError, SubmitError};
use crate::ports::store::StoreError;

/// Anything that a call of rungs can fail with. A failed page is none of these: it is data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine could not be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A submission was refused.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A call could not be carried out.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}
