//! Which rung next: one pure function over the cost controls, the trail, the tools and what the
//! site has taught.

mod plan;
mod profile;
mod reach;

pub use plan::{Plan, PlanInput, plan};
pub use profile::SiteProfile;
pub use reach::{Capabilities, Reach, TierSet, estimate};
