//! Requests that belong to no job: sitemaps and the pages of a map, on the lowest tier.

use std::sync::Arc;
use std::time::Duration;

use crate::core::request::{Item, Limits};
use crate::core::tier::Tier;
use crate::core::url::PageUrl;
use crate::engine::attempt::timed_out;
use crate::engine::map::address::Address;
use crate::engine::shared::Shared;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched};

/// The longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Fetches a file within `deadline`. The request is paced like every other to its site.
pub(in crate::engine) async fn get(
    shared: &Shared,
    address: &Address,
    max_bytes: u64,
    deadline: Duration,
) -> Result<Fetched, FetchError> {
    let invalid = |reason: String| FetchError::new(FetchErrorKind::InvalidUrl, reason);
    let Some(fetcher) = shared.adapters.fetchers.lowest_http() else {
        let reason = "no fetcher serves tiers 1 to 3.5: add one with `.http(...)`";
        return Err(FetchError::new(FetchErrorKind::Unavailable, reason));
    };
    let page = PageUrl::parse(&address.url).map_err(|error| invalid(error.to_string()))?;
    let item = Item::get(address.url.clone()).timeout(TIMEOUT);
    let options = item.check(&Limits::default()).map_err(|error| invalid(error.to_string()))?;
    let began = shared.monotonic();
    let site = page.site();
    let permit = shared.scheduling.permits.request(&site, deadline);
    let _permit = tokio::select! {
        biased;
        permit = permit => permit.map_err(timed_out)?,
        () = shared.sleep(deadline) => return Err(timed_out(deadline)),
    };
    let left = deadline.saturating_sub(shared.elapsed(began)).min(TIMEOUT);
    let request = FetchRequest::new(Arc::new(options), Tier::Curl);
    let request = FetchRequest { max_bytes, deadline: left.min(request.deadline), ..request };
    tokio::select! {
        biased;
        response = fetcher.fetch(request) => response,
        () = shared.sleep(left) => Err(timed_out(left)),
    }
}
