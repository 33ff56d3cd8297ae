//! Follows what a response leads to within one attempt: a refresh, and a document that a browser does not show.

use std::sync::Arc;
use std::time::Duration;

use crate::core::credits::Credits;
use crate::core::request::{JobRequest, MAX_RESPONSE_BYTES};
use crate::core::tier::Tier;
use crate::core::verdict::{Response, refresh};
use crate::engine::attempt::{FetchedPage, timed_out};
use crate::engine::cache::NOT_MODIFIED;
use crate::engine::ladder::Ladder;
use crate::engine::{robots, subrequest};
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, Fetched, Redirect};

/// The most refreshes that one attempt follows. Browsers stop at 20 redirects; chains of stubs are shorter.
const MAX_REFRESHES: usize = 10;

impl Ladder {
    /// Fetches the page, following refreshes and documents within one deadline.
    pub(super) async fn fetch(&self, tier: Tier) -> Result<FetchedPage, FetchError> {
        let (began, time) = (self.shared.now(), self.time_for(tier));
        let left = || time.saturating_sub(self.shared.now().since(began));
        if tier != Tier::Browser {
            let page = self.fetch_changed(tier, time, &left).await?;
            if page.confirmed.is_some() {
                return Ok(page);
            }
            let first = Arc::downgrade(&page.response);
            let page = self.follow_refreshes(tier, page, &left).await?;
            let page = self.follow_frames(tier, page, &left).await;
            let is_whole = first.ptr_eq(&Arc::downgrade(&page.response));
            return Ok(FetchedPage { is_whole, ..page });
        }
        let fetched = self.fetch_once(tier, self.request(tier, time)).await;
        let document = match &fetched {
            Ok(page) => is_unshown(&page.response).then(|| page.response.final_url.clone()),
            Err(error) => (error.kind() == FetchErrorKind::Unsupported)
                .then(|| self.job.request.page().as_str().to_owned()),
        };
        match document {
            Some(url) => self.fetch_document(&url, left()).await.unwrap_or(fetched),
            None => fetched,
        }
    }

    /// Makes the first request of an attempt over HTTP: a conditional one if the page is known.
    ///
    /// The page is requested again, in full, if the response 304 contradicts itself or if the page that it confirms is
    /// gone.
    async fn fetch_changed(
        &self,
        tier: Tier,
        time: Duration,
        left: &impl Fn() -> Duration,
    ) -> Result<FetchedPage, FetchError> {
        let validators = self.known_on(tier).and_then(|it| it.validators.clone());
        let request = self.request(tier, time).with_validators(validators.clone());
        let mut page = self.fetch_once(tier, request).await?;
        let Some(sent) = validators else { return Ok(page) };
        if page.response.status != NOT_MODIFIED || self.address(&page.response) != sent.url {
            return Ok(page);
        }
        if sent.is_confirmed_by(&page.response.headers) {
            page.confirmed = self.confirmed_page().await;
        }
        if page.confirmed.is_none() {
            let first = Arc::clone(&page.response);
            page = self.fetch_once(tier, self.request(tier, left())).await?;
            let cost = total_cost(first.cost, page.response.cost);
            let proxied = first.proxied || page.response.proxied;
            let again = Arc::unwrap_or_clone(page.response);
            page.response = Arc::new(Fetched { proxied, cost, ..again });
        }
        Ok(page)
    }

    fn request(&self, tier: Tier, deadline: Duration) -> FetchRequest {
        self.request_with(Arc::clone(&self.job.request), tier, deadline)
    }

    /// Returns a request with other options than those of the job.
    fn request_with(
        &self,
        options: Arc<JobRequest>,
        tier: Tier,
        deadline: Duration,
    ) -> FetchRequest {
        FetchRequest {
            deadline,
            scratch: self.scratch.clone(),
            max_cut_bytes: Some(MAX_RESPONSE_BYTES),
            ..FetchRequest::new(options, tier)
        }
    }

    /// Follows `Refresh` headers and meta refreshes like redirects. Each target passes the checks of a page.
    async fn follow_refreshes(
        &self,
        tier: Tier,
        mut page: FetchedPage,
        left: &impl Fn() -> Duration,
    ) -> Result<FetchedPage, FetchError> {
        let mut seen = Vec::new();
        while let Some(url) = self.refresh_target(&page.response) {
            if seen.contains(&url) || seen.len() == MAX_REFRESHES {
                let message = "the page's refreshes lead in a circle";
                return Err(FetchError::new(FetchErrorKind::Redirect, message));
            }
            let next = self.fetch_subrequest(tier, &url, left()).await?;
            seen.push(url);
            page.response = Arc::new(joined(&page.response, next));
        }
        Ok(page)
    }

    /// Returns the URL to which a response leads by a refresh.
    fn refresh_target(&self, page: &Fetched) -> Option<String> {
        let refresh = refresh(&Response::new(page.status, &page.headers, &page.body))?;
        subrequest::resolve(&self.address(page), &refresh.target)
    }

    /// Returns the URL of a response.
    pub(super) fn address(&self, page: &Fetched) -> String {
        match page.final_url.as_str() {
            "" => self.job.request.page().as_str().to_owned(),
            url => url.to_owned(),
        }
    }

    /// Fetches a document at `url`, which the browser reached, over HTTP. Returns `None` if no fetcher can.
    async fn fetch_document(
        &self,
        url: &str,
        time: Duration,
    ) -> Option<Result<FetchedPage, FetchError>> {
        let fetchers = &self.shared.adapters.fetchers;
        let tier = [Tier::Http, Tier::Curl].into_iter().find(|&it| fetchers.http(it).is_some())?;
        let fetched = self.fetch_subrequest(tier, url, time).await;
        Some(fetched.map(|response| FetchedPage {
            response: Arc::new(response),
            rendered: true,
            ..FetchedPage::default()
        }))
    }

    pub(super) async fn fetch_subrequest(
        &self,
        tier: Tier,
        url: &str,
        time: Duration,
    ) -> Result<Fetched, FetchError> {
        let limits = &self.shared.config.limits;
        let options = Arc::new(subrequest::options(&self.job.request, url, limits)?);
        if let Err(error) = robots::check(&self.shared, options.page(), time).await {
            return Err(FetchError::new(FetchErrorKind::Redirect, error.message));
        }
        if time.is_zero() {
            return Err(timed_out(time));
        }
        let page = self.fetch_once(tier, self.request_with(options, tier, time)).await?;
        Ok(Arc::unwrap_or_clone(page.response))
    }
}

/// Returns `true` if a browser reached a document that it does not show, such as a PDF.
fn is_unshown(page: &Fetched) -> bool {
    let content_type = page.headers.iter().find(|(name, _)| name == "content-type");
    page.body.is_empty()
        && (200..300).contains(&page.status)
        && content_type.is_some_and(|(_, value)| !value.starts_with("text/html"))
}

/// Returns the cost of two requests together.
fn total_cost(first: Option<Credits>, second: Option<Credits>) -> Option<Credits> {
    match (first, second) {
        (Some(first), Some(second)) => Some(first.saturating_add(second)),
        (first, second) => first.or(second),
    }
}

/// Returns the response to which `stub` led, with the redirects of both.
pub(super) fn joined(stub: &Fetched, next: Fetched) -> Fetched {
    let mut redirects = stub.redirects.clone();
    redirects.push(Redirect::new(stub.final_url.clone(), stub.status));
    redirects.extend(next.redirects);
    let mut warnings = stub.warnings.clone();
    warnings.extend(next.warnings.into_iter().filter(|it| !stub.warnings.contains(it)));
    let cost = total_cost(stub.cost, next.cost);
    let (own_proxy, proxied) = (stub.own_proxy && next.own_proxy, stub.proxied || next.proxied);
    Fetched { redirects, own_proxy, proxied, warnings, cost, ..next }
}
