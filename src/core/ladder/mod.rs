//! Which rung next: one pure function over the cost controls, the trail, the tools and what the
//! site has taught.

mod plan;
mod profile;
mod reach;

pub use plan::{Facts, Plan, plan};
pub use profile::SiteProfile;
pub use reach::{Reach, TierSet, Tools, estimate};
