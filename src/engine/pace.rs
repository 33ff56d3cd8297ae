//! Taking turns: how many requests a site sees at once, how many a second, and when it asked for
//! quiet.

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

/// Sites remembered at once; beyond that, idle ones are forgotten.
const MAX_SITES: usize = 4_096;

/// How a site is treated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pacing {
    /// Requests to one site at the same time.
    pub per_host: usize,
    /// Requests to one site in a second; `None` for no bound of this kind.
    pub per_second: Option<f64>,
}

impl Default for Pacing {
    /// Eight at once, as many a second as that gives.
    fn default() -> Self {
        Self { per_host: 8, per_second: None }
    }
}

/// The engine's clock as governor reads it.
#[derive(Clone, Debug)]
struct Ticks(Arc<dyn Clock>);

impl GovernorClock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(Duration::from_millis(self.0.now().as_millis()))
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Nanos>>;

#[derive(Debug)]
struct Site {
    places: Arc<Semaphore>,
    limiter: Option<Limiter>,
    quiet_until: Mutex<Timestamp>,
    spacing: Mutex<Spacing>,
}

/// The pause that a site wants between the beginnings of two requests.
#[derive(Clone, Copy, Debug, Default)]
struct Spacing {
    pause: Duration,
    /// When the next request may begin.
    next: Timestamp,
}

impl Spacing {
    /// Takes the next place in line and says how long it is until then.
    fn take(&mut self, now: Timestamp) -> Duration {
        if self.pause.is_zero() {
            return Duration::ZERO;
        }
        let at = self.next.max(now);
        self.next = at.after(self.pause);
        at.since(now)
    }
}

/// Every site's turn.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    pacing: Pacing,
    sites: DashMap<String, Arc<Site>>,
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock>, pacing: Pacing) -> Self {
        Self { clock, pacing, sites: DashMap::new() }
    }

    fn site(&self, name: &str) -> Arc<Site> {
        if let Some(site) = self.sites.get(name) {
            return Arc::clone(&site);
        }
        if self.sites.len() >= MAX_SITES {
            let now = self.clock.now();
            self.sites.retain(|_, it| Arc::strong_count(it) > 1 || it.quiet_until() > now);
        }
        let site = self.sites.entry(name.to_owned()).or_insert_with(|| {
            let limiter =
                self.pacing.per_second.and_then(quota).map(|quota| {
                    RateLimiter::direct_with_clock(quota, Ticks(Arc::clone(&self.clock)))
                });
            Arc::new(Site {
                places: Arc::new(Semaphore::new(self.pacing.per_host.max(1))),
                limiter,
                quiet_until: Mutex::default(),
                spacing: Mutex::default(),
            })
        });
        Arc::clone(&site)
    }

    /// Waits for the site's turn; it is taken until the permit is dropped.
    pub(super) async fn turn(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        let site = self.site(name);
        let place = Arc::clone(&site.places).acquire_owned().await.ok();
        let wait = site.spacing().take(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        loop {
            let quiet = site.quiet_until().since(self.clock.now());
            if !quiet.is_zero() {
                self.clock.sleep(quiet).await;
                continue;
            }
            let Some(limiter) = &site.limiter else { return place };
            match limiter.check() {
                Ok(()) => return place,
                Err(busy) => {
                    let now = GovernorClock::now(&Ticks(Arc::clone(&self.clock)));
                    let wait = busy.wait_time_from(now);
                    // A millisecond at least: the clock counts no smaller step.
                    self.clock.sleep(wait.max(Duration::from_millis(1))).await;
                }
            }
        }
    }

    /// The site wants this pause between the beginnings of two requests.
    pub(super) fn space(&self, name: &str, pause: Duration) {
        self.site(name).spacing().pause = pause;
    }

    /// The site asked for quiet.
    pub(super) fn quiet(&self, name: &str, wait: Duration) {
        let until = self.clock.now().after(wait);
        let site = self.site(name);
        let mut quiet = site.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = until.max(*quiet);
    }
}

impl Site {
    fn spacing(&self) -> MutexGuard<'_, Spacing> {
        self.spacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quiet_until(&self) -> Timestamp {
        *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request every `1/per_second` seconds, without bursts.
fn quota(per_second: f64) -> Option<Quota> {
    let period = Duration::try_from_secs_f64(per_second.recip()).ok()?;
    Quota::with_period(period).map(|it| it.allow_burst(NonZeroU32::MIN))
}
