//! Estimates: what the plan would do with an item, and what that costs.
//!
//! The tier of the first attempt is chosen by [`plan`], with the profile of the site, exactly as for a job. Only the
//! occasional exploration of the cheapest tier is left out, because it is drawn when the job runs.

use crate::core::credits::Credits;
use crate::core::id::AccountId;
use crate::core::ladder::{PageKind, Plan, PlanInput, Reach, SiteProfile, estimate as hold, plan};
use crate::core::price::AddOns;
use crate::core::request::{Item, JobRequest, ValidationError};
use crate::core::tier::Tier;
use crate::engine::Engine;
use crate::engine::error::SubmitError;
use crate::engine::shared::Shared;
use crate::engine::submit::Batch;

/// The expected and the highest price of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// The tier of the first attempt; `None` if no fetcher serves a tier that the item allows.
    pub tier: Option<Tier>,
    /// The price on that tier, add-ons included.
    pub credits: Credits,
    /// The price on the most expensive tier that the item allows: the amount held at submission.
    pub hold: Credits,
    /// `true` if `tier` is not the cheapest possible one because cheaper tiers have failed on such pages of the site.
    pub learned: bool,
}

impl Shared {
    fn estimated(
        &self,
        account: &AccountId,
        request: &JobRequest,
        profile: Option<&SiteProfile>,
    ) -> Estimate {
        let (capabilities, prices) = (&self.config.capabilities, &self.config.prices);
        let reach = Reach::of(request, capabilities, prices);
        let (kind, now) = (PageKind::of(account, request), self.now());
        let first = |start: Option<Tier>| {
            let facts =
                PlanInput { start, ..PlanInput::first(request, reach, self.config.settings.retry) };
            match plan(&facts) {
                Plan::Try { tier, .. } => Some(tier),
                Plan::Accept | Plan::OutOfTime(_) | Plan::Stop(_) => None,
            }
        };
        let start = profile.and_then(|it| it.expected_start(kind, request, reach.usable, now));
        let (tier, without_profile) = (first(start), first(None));
        let credits = tier.map(|it| prices.quote(request, it, AddOns::asked(request)));
        Estimate {
            tier,
            credits: credits.unwrap_or_default(),
            hold: hold(request, capabilities, prices),
            learned: tier != without_profile,
        }
    }
}

impl Engine {
    /// Returns the expected and the highest price of an item of the default account, without submitting it.
    ///
    /// # Errors
    ///
    /// The [`ValidationError`] with which a submission would be refused.
    pub async fn estimate(&self, item: impl Into<Item>) -> Result<Estimate, ValidationError> {
        let account = AccountId::default();
        let request = self.shared.checked(item.into(), &account)?;
        let profile = self.shared.site_profile(&request.page().site()).await;
        Ok(self.shared.estimated(&account, &request, profile.as_deref()))
    }

    /// Returns the expected and the highest price of each item of a batch, in order, without submitting it.
    ///
    /// # Errors
    ///
    /// The [`SubmitError`] with which a submission would be refused, except for missing credits, budgets and the
    /// idempotency key, which are not checked.
    pub async fn estimate_batch(&self, batch: &Batch) -> Result<Vec<Estimate>, SubmitError> {
        let shared = &self.shared;
        let requests = shared.requests(batch)?;
        let sites = requests.iter().map(|it| it.page().site()).collect();
        let profiles = shared.site_profiles(sites).await;
        let profile = |it: &JobRequest| profiles.get(&it.page().site()).map(AsRef::as_ref);
        let estimated = |it| shared.estimated(batch.payer(), it, profile(it));
        Ok(requests.iter().map(estimated).collect())
    }
}
