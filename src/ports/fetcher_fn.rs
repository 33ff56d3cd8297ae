//! Fetchers made of closures.

use std::fmt;
use std::future::Future;

use crate::core::tier::Tier;
use crate::ports::BoxFuture;
use crate::ports::fetch::{FetchError, FetchRequest, Fetched, HttpFetcher};

/// Returns a fetcher that calls a closure, for tests.
///
/// ```
/// use rungs::core::tier::Tier;
/// use rungs::ports::fetch::{Fetched, HttpFetcher, fetcher_fn};
///
/// let fixture = fetcher_fn([Tier::Curl], |request| async move {
///     Ok(Fetched::new(200, format!("<h1>{}</h1>", request.url)))
/// });
/// assert_eq!(fixture.tiers(), [Tier::Curl]);
/// ```
pub fn fetcher_fn<F, Fut>(tiers: impl IntoIterator<Item = Tier>, fetch: F) -> FetcherFn<F>
where
    F: Fn(FetchRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    FetcherFn { tiers: tiers.into_iter().collect(), fetch }
}

/// A fetcher that calls a closure, returned by [`fetcher_fn`].
#[derive(Clone)]
pub struct FetcherFn<F> {
    tiers: Vec<Tier>,
    fetch: F,
}

impl<F> fmt::Debug for FetcherFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetcherFn").field("tiers", &self.tiers).finish_non_exhaustive()
    }
}

impl<F, Fut> HttpFetcher for FetcherFn<F>
where
    F: Fn(FetchRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    fn tiers(&self) -> Vec<Tier> {
        self.tiers.clone()
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin((self.fetch)(request))
    }
}
