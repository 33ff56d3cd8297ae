//! Plans the next attempt: one pure function over the cost controls, the trail, the available tiers and
//! the profile of the site.
//!
//! The planner itself is not part of the public API: it is exported for benches and tests only, and may
//! change in any release.

mod difficulty;
mod evidence;
mod failed;
mod kind;
mod passed;
mod plan;
mod profile;
mod reach;

pub use difficulty::SiteRecord;
#[doc(hidden)]
pub use failed::{attempt_time, reason_to_climb};
pub use kind::PageKind;
#[doc(hidden)]
pub use passed::passed_over;
#[doc(hidden)]
pub use plan::{Plan, PlanInput, first_tier, plan};
pub use profile::SiteProfile;
pub use reach::{Capabilities, TierSet};
#[doc(hidden)]
pub use reach::{Reach, estimate};
