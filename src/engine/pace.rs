//! Pacing: how many requests a site gets at once, how many per second, and how long it is left alone
//! after it asked for a pause.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::core::time::Timestamp;
use crate::ports::clock::Clock;

/// Sites that are kept in memory; beyond this number, idle ones are dropped.
const MAX_SITES: usize = 4_096;

/// Limits on the requests to each site.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pacing {
    /// Requests to one site at the same time. Defaults to 8.
    pub per_host: usize,
    /// Requests to one site per second, evenly spaced. `None`, the default, sets no rate.
    pub per_second: Option<f64>,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { per_host: 8, per_second: None }
    }
}

impl Pacing {
    /// Sets the number of requests to one site at the same time. Defaults to 8.
    pub fn with_per_host(mut self, requests: usize) -> Self {
        self.per_host = requests;
        self
    }

    /// Sets the number of requests to one site in a second. Defaults to no limit.
    pub fn with_per_second(mut self, requests: f64) -> Self {
        self.per_second = Some(requests);
        self
    }
}

/// The engine's clock in the form that governor reads.
#[derive(Clone, Debug)]
struct GovernorTime(Arc<dyn Clock>);

impl GovernorClock for GovernorTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(Duration::from_millis(self.0.now().as_millis()))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, GovernorTime, NoOpMiddleware<Nanos>>;

#[derive(Debug)]
struct Site {
    permits: Arc<Semaphore>,
    limiter: Option<Limiter>,
    paused_until: Mutex<Timestamp>,
    spacing: Mutex<Spacing>,
}

/// The permit to send one request to a site.
#[derive(Debug)]
pub(super) struct SitePermit {
    _permit: Option<OwnedSemaphorePermit>,
    /// The time that was spent in pauses that the site asked for.
    pub(super) paused: Duration,
}

/// The crawl delay of a site: the time between the starts of two requests.
#[derive(Clone, Copy, Debug, Default)]
struct Spacing {
    delay: Duration,
    /// The earliest start of the next request.
    next: Timestamp,
}

impl Spacing {
    /// Reserves the next start and returns the time until then.
    fn reserve(&mut self, now: Timestamp) -> Duration {
        if self.delay.is_zero() {
            return Duration::ZERO;
        }
        let at = self.next.max(now);
        self.next = at.after(self.delay);
        at.since(now)
    }
}

/// The limits of every site, and what each has used of them.
#[derive(Debug)]
pub(super) struct SitePacer {
    clock: Arc<dyn Clock>,
    pacing: Pacing,
    sites: DashMap<String, Arc<Site>>,
}

impl SitePacer {
    pub(super) fn new(clock: Arc<dyn Clock>, pacing: Pacing) -> Self {
        Self { clock, pacing, sites: DashMap::new() }
    }

    fn site(&self, name: &str) -> Arc<Site> {
        if let Some(site) = self.sites.get(name) {
            return Arc::clone(&site);
        }
        if self.sites.len() >= MAX_SITES {
            let now = self.clock.now();
            self.sites.retain(|_, it| Arc::strong_count(it) > 1 || it.paused_until() > now);
        }
        let site = self.sites.entry(name.to_owned()).or_insert_with(|| {
            let limiter = self.pacing.per_second.and_then(quota).map(|quota| {
                RateLimiter::direct_with_clock(quota, GovernorTime(Arc::clone(&self.clock)))
            });
            Arc::new(Site {
                permits: Arc::new(Semaphore::new(self.pacing.per_host.max(1))),
                limiter,
                paused_until: Mutex::default(),
                spacing: Mutex::default(),
            })
        });
        Arc::clone(&site)
    }

    /// Waits until the site may get another request. The permit counts against its limit until it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The rest of a pause that the site asked for, at once, if the pauses add up to more than `patience`.
    pub(super) async fn acquire(
        &self,
        name: &str,
        patience: Duration,
    ) -> Result<SitePermit, Duration> {
        let site = self.site(name);
        let permit = Arc::clone(&site.permits).acquire_owned().await.ok();
        let wait = site.spacing().reserve(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        let mut paused = Duration::ZERO;
        loop {
            let pause = site.paused_until().since(self.clock.now());
            if paused.saturating_add(pause) > patience {
                return Err(pause);
            }
            if !pause.is_zero() {
                self.clock.sleep(pause).await;
                paused = paused.saturating_add(pause);
                continue;
            }
            let Some(limiter) = &site.limiter else {
                return Ok(SitePermit { _permit: permit, paused });
            };
            match limiter.check() {
                Ok(()) => return Ok(SitePermit { _permit: permit, paused }),
                Err(busy) => {
                    let now = GovernorClock::now(&GovernorTime(Arc::clone(&self.clock)));
                    let wait = busy.wait_time_from(now);
                    // At least a millisecond: the clock has no smaller step.
                    self.clock.sleep(wait.max(Duration::from_millis(1))).await;
                }
            }
        }
    }

    /// Sets the site's crawl delay.
    pub(super) fn set_delay(&self, name: &str, delay: Duration) {
        self.site(name).spacing().delay = delay;
    }

    /// Sends the site no request for `wait`; a longer pause that is running stays.
    pub(super) fn pause(&self, name: &str, wait: Duration) {
        let until = self.clock.now().after(wait);
        let site = self.site(name);
        let mut paused_until = site.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = until.max(*paused_until);
    }
}

impl Site {
    fn spacing(&self) -> MutexGuard<'_, Spacing> {
        self.spacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paused_until(&self) -> Timestamp {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a quota of one request every `1/per_second` seconds, without bursts.
fn quota(per_second: f64) -> Option<Quota> {
    let period = Duration::try_from_secs_f64(per_second.recip()).ok()?;
    Quota::with_period(period).map(|it| it.allow_burst(NonZeroU32::MIN))
}
