//! Asking sites what they allow, where the host wants them asked.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Mutex;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::request::{Item, Limits};
use crate::core::robots::Robots;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::core::url::PageUrl;
use crate::engine::Shared;
use crate::ports::fetch::{FetchErrorKind, FetchRequest, HttpFetcher};

/// How long an answer serves: RFC 9309 (2.4) allows 24 hours at most.
const SERVES: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a site that could not be asked is left alone before it is asked again.
const UNREACHABLE_SERVES: Duration = Duration::from_secs(60);
/// Seconds that the file may take.
const TIMEOUT: u64 = 10;
/// The most bytes of a file that are fetched; the parser reads the first 500 KiB of them.
const MAX_BYTES: u64 = 5 * 1024 * 1024;
/// A site that asks for a longer pause between requests gets this one.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Sites remembered at once; beyond that, those whose answer no longer serves are forgotten.
const MAX_SITES: usize = 4_096;

/// Whether a site's robots.txt binds the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RobotsPolicy {
    /// It is not asked for: the host answers for what it submits.
    #[default]
    Ignore,
    /// It is fetched once a day for each site, on tier 1, and what it forbids is not fetched; its
    /// `Crawl-delay` is kept. Redirects are followed wherever they lead.
    Respect {
        /// The crawler's product token, such as `rungs`.
        agent: String,
    },
}

/// What a site said, and until when that serves.
#[derive(Debug)]
struct Known {
    robots: Arc<Robots>,
    until: Timestamp,
}

/// What sites said. The lock of a site is held while it is asked, so that it is asked once.
#[derive(Debug, Default)]
pub(super) struct Manners {
    policy: RobotsPolicy,
    sites: DashMap<String, Arc<Mutex<Option<Known>>>>,
}

impl Manners {
    pub(super) fn new(policy: RobotsPolicy) -> Self {
        Self { policy, sites: DashMap::new() }
    }

    fn site(&self, origin: &str) -> Arc<Mutex<Option<Known>>> {
        if let Some(site) = self.sites.get(origin) {
            return Arc::clone(&site);
        }
        if self.sites.len() >= MAX_SITES {
            // Whoever asks one of them now holds it; the others are asked again if need be.
            self.sites.retain(|_, it| Arc::strong_count(it) > 1);
        }
        Arc::clone(&self.sites.entry(origin.to_owned()).or_default())
    }
}

/// Why a page may not be fetched, if its site does not allow it. Slows the engine down where
/// the site asks for it.
pub(super) async fn forbids(shared: &Shared, page: &PageUrl) -> Option<JobError> {
    let RobotsPolicy::Respect { agent } = &shared.manners.policy else { return None };
    let fetcher = shared.fetchers.html.as_deref()?;
    let scheme = if page.is_https() { "https" } else { "http" };
    let site = page.site();
    let origin = format!("{scheme}://{site}");
    let known = shared.manners.site(&origin);
    let mut known = known.lock().await;
    let now = shared.clock.now();
    let robots = if let Some(it) = known.as_ref().filter(|it| it.until > now) {
        Arc::clone(&it.robots)
    } else {
        let _turn = shared.pace.turn(&site).await;
        let (robots, serves) = ask(shared, fetcher, &origin).await;
        let robots = Arc::new(robots);
        *known = Some(Known { robots: Arc::clone(&robots), until: now.after(serves) });
        robots
    };
    drop(known);
    let delay = robots.delay(agent).map_or(Duration::ZERO, |it| it.min(MAX_DELAY));
    shared.pace.space(&site, delay);
    (!robots.allows(agent, page.as_str())).then(|| {
        let message = format!(
            "{origin}/robots.txt does not let `{agent}` fetch this page, or could not be read"
        );
        JobError::new(ErrorCode::RobotsDisallowed, message)
    })
}

/// Fetches a site's file and says how long the answer serves (RFC 9309, 2.3.1).
async fn ask(shared: &Shared, fetcher: &dyn HttpFetcher, origin: &str) -> (Robots, Duration) {
    let item = Item::get(format!("{origin}/robots.txt")).timeout(TIMEOUT);
    let Ok(options) = item.check(&Limits::default()) else {
        // The address is too long for a file of its own, so there is none.
        return (Robots::everything(), SERVES);
    };
    let request =
        FetchRequest { max_bytes: MAX_BYTES, ..FetchRequest::new(Arc::new(options), Tier::Curl) };
    let deadline = request.deadline;
    let answer = tokio::select! {
        biased;
        answer = fetcher.fetch(request) => answer.map_err(|it| it.kind()),
        () = shared.clock.sleep(deadline) => Err(FetchErrorKind::Timeout),
    };
    match answer {
        Ok(page) if page.status < 300 => (Robots::parse(&page.body), SERVES),
        Ok(page) if page.status < 500 => (Robots::everything(), SERVES),
        // Redirects that lead nowhere are as good as a missing file. What the address guard refuses
        // is refused again, and named, when the page itself is asked for.
        Err(FetchErrorKind::Redirect | FetchErrorKind::PrivateAddress) => {
            (Robots::everything(), UNREACHABLE_SERVES)
        }
        Ok(_) | Err(_) => (Robots::nothing(), UNREACHABLE_SERVES),
    }
}
