//! Parts that several modules test with.

pub(crate) mod checks;
pub(crate) mod delegate;
pub(crate) mod failing;
pub(crate) mod fetchers;
pub(crate) mod paused;
#[cfg(all(unix, feature = "postgres"))]
pub(crate) mod postgres;
#[cfg(feature = "objects")]
pub(crate) mod s3;

use std::time::Duration;

/// The time after which a wait counts as hanging, far longer than any step takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
