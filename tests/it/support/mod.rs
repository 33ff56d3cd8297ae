//! Parts that several modules test with.

pub(crate) mod failing;
pub(crate) mod fetchers;
pub(crate) mod paused;

use std::time::Duration;

/// Far longer than anything takes on a busy machine: whoever waits so long hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
