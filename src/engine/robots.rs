//! robots.txt: fetches, caches and obeys it if the policy is [`RobotsPolicy::Respect`].

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::request::{Item, Limits};
use crate::core::robots::Robots;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::url::PageUrl;
use crate::engine::keyed_locks::KeyedLocks;
use crate::engine::ladder::pause_too_long;
use crate::engine::shared::Shared;
use crate::ports::fetch::{FetchError, FetchErrorKind, FetchRequest, HttpFetcher, RedirectCheck};

/// The lifetime of a file that was read: RFC 9309 (2.4) allows 24 hours at most.
const LIFETIME: Duration = Duration::from_hours(24);
/// The time after which a file that could not be read is requested again.
const UNREACHABLE_LIFETIME: Duration = Duration::from_mins(1);
/// The time limit of fetching the file.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a file that are fetched; the parser reads the first 500 KiB of them.
const MAX_BYTES: u64 = 5 * 1024 * 1024;
/// The longest crawl delay; a longer one is shortened to it.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// The treatment of a site's robots.txt.
///
/// ```
/// use rungs::prelude::*;
///
/// let policy = RobotsPolicy::Respect { agent: "rungs".to_owned() };
/// let builder = Engine::builder().robots(policy);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RobotsPolicy {
    /// The file is not fetched: the application is responsible for what it submits.
    #[default]
    Ignore,
    /// The file is fetched once a day per origin, on tier 1. A page that it disallows fails with
    /// `ROBOTS_DISALLOWED`, and its `Crawl-delay` is kept up to a minute. Redirects are followed to any host.
    Respect {
        /// The crawler's product token, such as `rungs`.
        agent: String,
    },
}

/// A parsed file and its expiry.
#[derive(Debug)]
struct CachedRobots {
    file: RobotsFile,
    expires_at: Timestamp,
}

/// The rules of an origin.
#[derive(Clone, Debug)]
pub(super) struct RobotsFile {
    pub(super) robots: Arc<Robots>,
    pub(super) origin: RulesOrigin,
}

/// The origin of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RulesOrigin {
    /// The site's file.
    File,
    /// The site has no file: everything is allowed.
    Missing,
    /// The file could not be fetched: nothing is allowed.
    Unreachable,
}

/// The product token by which a crawl obeys robots.txt, if the policy names none.
const CRAWL_AGENT: &str = "rungs";

/// The files of each origin. An origin's lock is held while its file is fetched, so that it is fetched
/// once. Files that are dropped from memory are fetched again when needed.
#[derive(Debug, Default)]
pub(super) struct RobotsCache {
    origins: KeyedLocks<String, Option<CachedRobots>>,
}

/// Checks that the policy and the site's robots.txt allow `page`, and adopts the site's crawl delay.
///
/// # Errors
///
/// The job's error if they do not.
pub(super) async fn check(
    shared: &Shared,
    page: &PageUrl,
    patience: Duration,
) -> Result<(), JobError> {
    check_with(shared, page, SitePermit::Acquired { patience }).await
}

/// Returns the check of the targets of redirects, if the policy is to respect the file.
pub(super) fn redirect_check(shared: &Arc<Shared>) -> Option<RedirectCheck> {
    let RobotsPolicy::Respect { .. } = &shared.config.robots else { return None };
    let shared = Arc::clone(shared);
    Some(RedirectCheck::new(move |target| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            // A target that is no page's URL is the fetcher's to refuse.
            let Ok(page) = PageUrl::parse(&target) else { return Ok(()) };
            let checked = check_with(&shared, &page, SitePermit::Held).await;
            checked.map_err(|error| FetchError::new(FetchErrorKind::Disallowed, error.message))
        })
    }))
}

/// The permit under which the file is fetched.
#[derive(Clone, Copy, Debug)]
enum SitePermit {
    Acquired {
        patience: Duration,
    },
    /// The attempt that asks has a permit, perhaps of the same site, and would wait for itself.
    Held,
}

async fn check_with(
    shared: &Shared,
    page: &PageUrl,
    site_permit: SitePermit,
) -> Result<(), JobError> {
    let RobotsPolicy::Respect { agent } = &shared.config.robots else { return Ok(()) };
    let Some(file) = file(shared, page, site_permit).await? else { return Ok(()) };
    adopt_delay(shared, &file.robots, page);
    if allows(&file.robots, agent, page) {
        return Ok(());
    }
    let origin = origin_of(page);
    let message =
        format!("{origin}/robots.txt disallows this page for `{agent}`, or could not be fetched");
    Err(JobError::new(ErrorCode::RobotsDisallowed, message))
}

/// Returns the product token by which crawls obey robots.txt.
pub(super) fn crawl_agent(shared: &Shared) -> &str {
    match &shared.config.robots {
        RobotsPolicy::Respect { agent } => agent,
        RobotsPolicy::Ignore => CRAWL_AGENT,
    }
}

/// Returns the rules of a page's origin within `patience`, whatever the policy is; `None` without an HTTP fetcher.
///
/// # Errors
///
/// The error of a pause that is longer than `patience`, or of a file that takes longer.
pub(super) async fn rules(
    shared: &Shared,
    page: &PageUrl,
    patience: Duration,
) -> Result<Option<RobotsFile>, JobError> {
    tokio::select! {
        biased;
        found = file(shared, page, SitePermit::Acquired { patience }) => found,
        () = shared.sleep(patience) => {
            let message = "it was not received in time".to_owned();
            Err(JobError::new(ErrorCode::RobotsDisallowed, message))
        }
    }
}

/// Adopts the crawl delay of a page's site.
pub(super) fn adopt_delay(shared: &Shared, robots: &Robots, page: &PageUrl) {
    let delay = robots.delay(crawl_agent(shared)).map_or(Duration::ZERO, |it| it.min(MAX_DELAY));
    shared.scheduling.permits.set_delay(&page.site(), delay);
}

/// Returns `true` if the rules allow a page.
pub(super) fn allows(robots: &Robots, agent: &str, page: &PageUrl) -> bool {
    // The rules are compared with what is requested, which need not be what the application wrote.
    let requested =
        Url::parse(page.as_str()).map_or_else(|_| page.as_str().to_owned(), String::from);
    robots.allows(agent, &requested)
}

fn origin_of(page: &PageUrl) -> String {
    let scheme = if page.is_https() { "https" } else { "http" };
    format!("{scheme}://{}", page.site())
}

/// Returns the file of a page's origin, from the cache or from the site.
async fn file(
    shared: &Shared,
    page: &PageUrl,
    site_permit: SitePermit,
) -> Result<Option<RobotsFile>, JobError> {
    let Some(fetcher) = shared.adapters.fetchers.lowest_http() else { return Ok(None) };
    let (site, origin) = (page.site(), origin_of(page));
    let entry = shared.scheduling.robots.origins.of(&origin);
    let mut cached = entry.lock().await;
    let now = shared.now();
    if let Some(it) = cached.as_ref().filter(|it| it.expires_at > now) {
        return Ok(Some(it.file.clone()));
    }
    let _permit = match site_permit {
        SitePermit::Acquired { patience } => {
            let permit = shared.scheduling.permits.request(&site, patience).await;
            Some(permit.map_err(pause_too_long)?)
        }
        SitePermit::Held => None,
    };
    let (found, lifetime) = fetch(shared, fetcher, &origin).await;
    let (robots, origin) = match found {
        Found::File(robots) => (robots, RulesOrigin::File),
        Found::Missing => (Robots::everything(), RulesOrigin::Missing),
        Found::Unreachable => (Robots::nothing(), RulesOrigin::Unreachable),
    };
    let file = RobotsFile { robots: Arc::new(robots), origin };
    *cached = Some(CachedRobots { file: file.clone(), expires_at: now.after(lifetime) });
    Ok(Some(file))
}

/// The result of fetching a file.
enum Found {
    File(Robots),
    Missing,
    Unreachable,
}

/// Fetches an origin's file. Returns its rules and their lifetime (RFC 9309, 2.3.1).
async fn fetch(shared: &Shared, fetcher: &dyn HttpFetcher, origin: &str) -> (Found, Duration) {
    let item = Item::get(format!("{origin}/robots.txt")).timeout(TIMEOUT);
    let Ok(options) = item.check(&Limits::default()) else {
        // The URL of the file would be too long, so there is none.
        return (Found::Missing, LIFETIME);
    };
    let request =
        FetchRequest { max_bytes: MAX_BYTES, ..FetchRequest::new(Arc::new(options), Tier::Curl) };
    let deadline = request.deadline;
    let response = tokio::select! {
        biased;
        response = fetcher.fetch(request) => response.map_err(|it| it.kind()),
        () = shared.sleep(deadline) => Err(FetchErrorKind::Timeout),
    };
    match response {
        Ok(page) if page.status < 300 => (Found::File(Robots::parse(&page.body)), LIFETIME),
        Ok(page) if page.status < 500 => (Found::Missing, LIFETIME),
        // A redirect that leads nowhere counts as a missing file. An address that the guard refuses is
        // refused again, with its own error, when the page itself is fetched.
        Err(FetchErrorKind::Redirect | FetchErrorKind::PrivateAddress) => {
            (Found::Missing, UNREACHABLE_LIFETIME)
        }
        Ok(_) | Err(_) => (Found::Unreachable, UNREACHABLE_LIFETIME),
    }
}
