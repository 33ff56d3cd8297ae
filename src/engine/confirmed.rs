//! Ends a job with a page that the site declared unchanged: a response 304 to a conditional request.

use crate::core::job::{Attempt, BodyRef};
use crate::core::price::AddOns;
use crate::core::record::CacheEntry;
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::engine::attempt::Observed;
use crate::engine::cache::{self, Confirmed, Found};
use crate::engine::ladder::{Ended, Ladder};
use crate::engine::page_labels::OwnProxyDiscount;
use crate::engine::report::Page;
use crate::engine::result::{discount, store_page};
use crate::ports::fetch::Fetched;
use crate::ports::store::StoreError;

/// A response 304, with the entry of the page that it confirms.
#[derive(Clone, Copy)]
struct Reconfirmed<'a> {
    attempt: &'a Attempt,
    response: &'a Fetched,
    entry: &'a CacheEntry,
}

impl Ladder {
    /// Returns the entry of the page if a request on `tier` can confirm it.
    pub(super) fn known_on(&self, tier: Tier) -> Option<&CacheEntry> {
        self.known.as_deref().filter(|it| it.tier == tier)
    }

    /// Returns the page of the entry, which the site has just declared unchanged. `None` if its result is gone.
    pub(super) async fn confirmed_page(&self) -> Option<Confirmed> {
        let entry = self.known.as_deref()?;
        if cache::is_known(&self.job.request, entry.content_hash.as_deref()) {
            return Some(Confirmed::Known);
        }
        let bytes = self.shared.adapters.bodies.get(entry.body.clone()?).await.ok().flatten()?;
        Some(Confirmed::Stored(bytes))
    }

    /// Ends the job with a page that the site declared unchanged, at the price of one.
    pub(super) async fn finish_confirmed(mut self, observed: Observed, page: Confirmed) -> Ended {
        let (attempt, response) = (observed.attempt, observed.page.response);
        let Some(entry) = self.known.take() else { return self.accepted_nothing().into() };
        let cached_until = cache::expiry(&self.job, attempt.started_at);
        let is_copy = matches!(page, Confirmed::Stored(_));
        let delivered = AddOns { proxy: response.proxied, ..AddOns::default() };
        let add_ons = AddOns::asked(&self.job.request).and(delivered);
        let prices = &self.shared.config.prices;
        let charge =
            prices.charge_not_modified(attempt.tier, add_ons, response.cost, self.job.hold);
        let fetched = Reconfirmed { attempt: &attempt, response: &response, entry: &entry };
        let discount = discount(prices, add_ons, charge);
        let body = match self.store_confirmed(fetched, discount, page).await {
            Ok(body) => body,
            Err(error) => return self.unstored(&error).into(),
        };
        metrics::counter!("rungs_not_modified").increment(1);
        // A copy lives longer than the earlier result, which is removed with its batch.
        let stored = if is_copy { Some(body.clone()) } else { entry.body };
        let entry = cache::new_entry(
            &self.shared,
            &self.job,
            Found {
                tier: attempt.tier,
                body: stored,
                fetched_at: entry.fetched_at,
                cached_until,
                content_hash: entry.content_hash,
                validators: entry.validators,
            },
        );
        let attempts = self.take_attempts();
        let (tier, charged) = (attempt.tier, charge.charged);
        let input = StepInput::Succeed { tier, charged, body, cached: true, attempts };
        Ended { input, entry }
    }

    /// Stores the result: a copy of the earlier one, or one without content.
    async fn store_confirmed(
        &self,
        fetched: Reconfirmed<'_>,
        own_proxy_discount: Option<OwnProxyDiscount>,
        page: Confirmed,
    ) -> Result<BodyRef, StoreError> {
        let (shared, job) = (&self.shared, &self.job);
        let Reconfirmed { attempt, response, entry } = fetched;
        let cached_until = cache::expiry(job, attempt.started_at);
        match page {
            Confirmed::Stored(bytes) => {
                let changes = cache::CopyChanges { cached_until, own_proxy_discount };
                cache::store_copy(shared, job, bytes, changes).await
            }
            Confirmed::Known => {
                let page = Page {
                    fetched_at: entry.fetched_at,
                    cached_until,
                    content_hash: entry.content_hash.clone(),
                    unchanged: true,
                    own_proxy_discount,
                    ..self.response_page(attempt, response)
                };
                store_page(shared, job, page).await
            }
        }
    }
}
