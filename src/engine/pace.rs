//! Pacing: how many requests a site gets at once, how many per second, and how long it is left alone
//! after it asked for a pause.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Notify;

use crate::core::time::Timestamp;
use crate::core::window::Window;
use crate::ports::clock::Clock;
use crate::ports::fetch::FetchErrorKind;

/// The longest attempt at a site that counts as prompt.
const PROMPT: Duration = Duration::from_millis(500);
/// Jobs in hand of a site that responds promptly, per request that it gets at once.
const JOBS_PER_PROMPT_REQUEST: usize = 4;
/// The time for which requests to a site with a rate are claimed ahead.
const AHEAD: Duration = Duration::from_secs(2);

/// Jobs that are claimed during one pause of their site to see if they can outlast it. The rest stay in the
/// queue: each would be claimed and put back for nothing.
const JOBS_PER_PAUSE: usize = 100;

/// Limits on the requests to each site.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pacing {
    /// The most requests to one site at the same time. Defaults to 8. A site that is overloaded (429, 503,
    /// timeouts) gets fewer until it responds well again.
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
    /// Sets the most requests to one site at the same time. Defaults to 8.
    pub fn with_per_host(mut self, requests: usize) -> Self {
        self.per_host = requests;
        self
    }

    /// Sets the number of requests to one site in a second. Defaults to no limit.
    pub fn with_per_second(mut self, requests: f64) -> Self {
        self.per_second = Some(requests);
        self
    }

    /// Returns the time between two requests to a site, if there is a rate.
    fn interval(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.per_second?.recip()).ok()
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

/// The health of a site as one attempt shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// There was a response, and the site is well.
    Well,
    /// The site is overloaded: 429, 503 or a timeout.
    Overloaded,
    /// The attempt says nothing about the site's load.
    Unknown,
}

impl Health {
    /// Returns what a response with this status, or its absence, shows.
    pub(super) fn of(status: Result<u16, FetchErrorKind>) -> Self {
        match status {
            Ok(429 | 503) | Err(FetchErrorKind::Timeout) => Self::Overloaded,
            Ok(_) => Self::Well,
            Err(_) => Self::Unknown,
        }
    }
}

/// The limits of one site, and what has been used of them.
#[derive(Debug)]
pub(super) struct Site {
    window: Window,
    in_use: usize,
    limiter: Option<(Limiter, GovernorTime)>,
    interval: Option<Duration>,
    /// The earliest start of the next request by the rate.
    rate_opens: Timestamp,
    /// The crawl delay, and the earliest start of the next request by it.
    delay: Duration,
    delay_ends: Timestamp,
    paused_until: Timestamp,
    /// The jobs that were put back during this pause.
    put_back: usize,
    is_prompt: bool,
    /// The opening that waiters have been told.
    announced: Timestamp,
    changed: Arc<Notify>,
}

impl Site {
    pub(super) fn new(pacing: Pacing, clock: &Arc<dyn Clock>) -> Self {
        let interval = pacing.interval();
        let limiter = interval.and_then(quota).map(|quota| {
            let time = GovernorTime(Arc::clone(clock));
            (RateLimiter::direct_with_clock(quota, time.clone()), time)
        });
        Self {
            window: Window::new(pacing.per_host),
            in_use: 0,
            limiter,
            interval,
            rate_opens: Timestamp::default(),
            delay: Duration::ZERO,
            delay_ends: Timestamp::default(),
            paused_until: Timestamp::default(),
            put_back: 0,
            is_prompt: false,
            announced: Timestamp::default(),
            changed: Arc::default(),
        }
    }

    /// Returns the time from which the site may get another request.
    pub(super) fn opens_at(&self) -> Timestamp {
        self.paused_until.max(self.delay_ends).max(self.rate_opens)
    }

    /// Returns `true` if a request may start now, as far as the limits of the site go.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        self.in_use < self.window.limit() && self.opens_at() <= now
    }

    /// Counts the start of a request. Returns `false` if the rate does not allow it yet.
    pub(super) fn start(&mut self, now: Timestamp) -> bool {
        if let Some((limiter, time)) = &self.limiter
            && let Err(busy) = limiter.check()
        {
            // At least a millisecond: the clock has no smaller step.
            let wait = busy.wait_time_from(GovernorClock::now(time));
            self.rate_opens = now.after(wait.max(Duration::from_millis(1)));
            return false;
        }
        self.in_use += 1;
        if !self.delay.is_zero() {
            self.delay_ends = now.after(self.delay);
        }
        true
    }

    /// Counts the end of a request.
    pub(super) fn end(&mut self) {
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// Sets the crawl delay.
    pub(super) fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
        if delay.is_zero() {
            self.delay_ends = Timestamp::default();
        }
    }

    /// Sends no request before `until`; a longer pause that is running stays.
    pub(super) fn pause(&mut self, until: Timestamp) {
        if until > self.paused_until {
            self.paused_until = until;
            self.put_back = 0;
        }
    }

    /// Counts a job that was put back because the site is paused.
    pub(super) fn put_back(&mut self) {
        self.put_back = self.put_back.saturating_add(1);
    }

    pub(super) fn paused_until(&self) -> Timestamp {
        self.paused_until
    }

    /// Learns from an attempt that began at `started_at`.
    pub(super) fn observe(&mut self, health: Health, started_at: Timestamp, now: Timestamp) {
        self.is_prompt = health == Health::Well && now.since(started_at) <= PROMPT;
        match health {
            Health::Well => self.window.grow(),
            Health::Overloaded => self.window.shrink(started_at, now),
            Health::Unknown => {}
        }
    }

    /// Returns `true` if nothing is lost by forgetting the site.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.in_use == 0 && self.opens_at() <= now
    }

    /// Returns `true` if the site gets fewer requests than one that is not known.
    pub(super) fn is_restricted(&self, now: Timestamp) -> bool {
        !self.window.is_open() || self.opens_at() > now
    }

    /// Returns the most jobs of the site that a worker should have in hand.
    ///
    /// That is as many as it gets requests at once. More are claimed ahead only while it responds promptly:
    /// what waits behind a slow site is better left in the queue.
    pub(super) fn share(&self, now: Timestamp) -> usize {
        let requests = self.window.limit();
        if self.paused_until > now {
            return if self.put_back < JOBS_PER_PAUSE { requests } else { 0 };
        }
        let interval = if self.delay.is_zero() { self.interval } else { Some(self.delay) };
        if let Some(interval) = interval {
            let ahead = AHEAD.as_millis() / interval.as_millis().max(1);
            return usize::try_from(ahead).unwrap_or(usize::MAX).saturating_add(1).min(requests);
        }
        let ahead = if self.is_prompt { JOBS_PER_PROMPT_REQUEST } else { 1 };
        requests.saturating_mul(ahead)
    }

    /// Returns `true` if more jobs of the site should be claimed while `left` are in hand.
    ///
    /// Of a site that responds promptly they are claimed by the half, so that some always wait for its permits and a
    /// claim brings many. Of any other site each end makes room for one.
    pub(super) fn wants_jobs(&self, left: usize, now: Timestamp) -> bool {
        let share = self.share(now);
        let has_rate = self.interval.is_some() || !self.delay.is_zero();
        if self.is_prompt && !has_rate { left <= share / 2 } else { left < share }
    }

    /// Returns the signal that the site's opening has changed.
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Tells those who wait for the site when it opens, if that has changed.
    pub(super) fn announce(&mut self) {
        let opens_at = self.opens_at();
        if opens_at != self.announced {
            self.announced = opens_at;
            self.changed.notify_waiters();
        }
    }
}

/// Returns a quota of one request every `interval`, without bursts.
fn quota(interval: Duration) -> Option<Quota> {
    Quota::with_period(interval).map(|it| it.allow_burst(NonZeroU32::MIN))
}
