//! Plans the next attempt: one pure function over the cost controls, the trail, the available tiers and
//! the profile of the site.
//!
//! The planner itself is not part of the public API: it is exported for benches and tests only, and may
//! change in any release.

mod failed;
mod plan;
mod profile;
mod reach;

#[doc(hidden)]
pub use failed::{attempt_time, reason_to_climb};
#[doc(hidden)]
pub use plan::{Plan, PlanInput, plan};
pub use profile::SiteProfile;
pub use reach::{Capabilities, TierSet};
#[doc(hidden)]
pub use reach::{Reach, estimate};
