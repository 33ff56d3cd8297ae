//! Runs one claimed job on its ladder: plans, attempts and judges until there is a page or no attempt is left.
//!
//! [`plan`] decides every step, and this module performs it. A page is passed as one value, [`Observed`], from
//! the attempt that fetched it to [`Ladder::finish`], which stores it.

use std::sync::Arc;
use std::time::Duration;

use crate::core::failure::{ErrorCode, JobError};
use crate::core::job::{Attempt, Job};
use crate::core::ladder::{
    PageKind, Plan, PlanInput, Reach, SiteProfile, TierSet, attempt_time, passed_over, plan,
    reason_to_climb,
};
use crate::core::record::CacheEntry;
use crate::core::skipped::SkippedTier;
use crate::core::step::StepInput;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::engine::attempt::Observed;
use crate::engine::cache::{self, Lookup};
use crate::engine::page_labels::SiteWarnings;
use crate::engine::robots;
use crate::engine::sessions::{ClaimSessions, JobSession, NotAttempted, NotOpened};
use crate::engine::shared::Shared;
use crate::ports::fetch::JobScratch;

/// The longest wait between two attempts that keeps the worker; a longer one puts the job back into the
/// queue.
const MAX_INLINE_WAIT: Duration = Duration::from_secs(2);

/// Returns the error of a job that has less time left than the pause that its site asked for.
pub(super) fn pause_too_long(pause: Duration) -> JobError {
    let seconds = pause.as_secs_f64().ceil();
    let message = format!(
        "the site asks to wait {seconds} s more (Retry-After), longer than the job's remaining time: raise \
         `timeout` or retry later"
    );
    JobError::new(ErrorCode::Timeout, message)
}

/// The end of a claim.
pub(super) struct Ended {
    /// The step to commit.
    pub(super) input: StepInput,
    /// The entry for the response cache, to be stored once the step is committed.
    pub(super) entry: Option<CacheEntry>,
}

impl From<StepInput> for Ended {
    fn from(input: StepInput) -> Self {
        Self { input, entry: None }
    }
}

/// The end of a claim, and the session with which it ended.
pub(super) struct LadderEnd {
    pub(super) ended: Ended,
    /// The session to count the page with and to write back, once the step is committed.
    pub(super) session: Option<Arc<JobSession>>,
}

impl From<Ended> for LadderEnd {
    fn from(ended: Ended) -> Self {
        Self { ended, session: None }
    }
}

/// A claimed job on its ladder.
pub(super) struct Ladder {
    pub(super) shared: Arc<Shared>,
    pub(super) job: Arc<Job>,
    pub(super) scratch: JobScratch,
    /// The stored session of the last attempt.
    pub(super) session: Option<Arc<JobSession>>,
    pub(super) sessions: ClaimSessions,
    reach: Reach,
    /// The tiers on which the site has recently responded with a page.
    proven: TierSet,
    /// `true` if the browser may be tried after failures that cheaper tiers met too.
    last_resort: bool,
    /// The page as the cache has it, if a conditional request can confirm it.
    pub(super) known: Option<Box<CacheEntry>>,
    /// All attempts: those of earlier claims, which the job's record contains, then those of this claim.
    trail: Vec<Attempt>,
    /// The time used in this claim by attempts and inline waits, without the waits for permits.
    used: Duration,
    /// The tiers passed over on the way to the next attempt.
    pub(super) skipped: Vec<SkippedTier>,
    /// The best page of this claim that was not accepted, if the item has a time budget.
    best: Option<Box<Observed>>,
    /// `true` if the time budget ended the ladder, whose result is the best page so far.
    pub(super) is_out_of_time: bool,
    pub(super) site_warnings: SiteWarnings,
}

impl Ladder {
    pub(super) fn new(shared: Arc<Shared>, job: Arc<Job>) -> Self {
        let reach = Reach::of(&job.request, &shared.config.capabilities, &shared.config.prices);
        let trail = job.trail.clone();
        let (scratch, proven) = (JobScratch::default(), TierSet::default());
        let used = Duration::ZERO;
        let (known, session) = (None, None);
        Self {
            shared,
            job,
            scratch,
            session,
            sessions: ClaimSessions::default(),
            reach,
            proven,
            last_resort: true,
            known,
            trail,
            used,
            skipped: Vec::new(),
            best: None,
            is_out_of_time: false,
            site_warnings: SiteWarnings::default(),
        }
    }

    /// Runs the job until it ends or has to wait, and returns the step to commit.
    pub(super) async fn run(mut self) -> LadderEnd {
        match cache::lookup(&self.shared, &self.job).await {
            Lookup::Hit(hit) => return Ended::from(hit).into(),
            Lookup::Known(entry) => self.known = Some(entry),
            Lookup::Miss => {}
        }
        let last_session = self.sessions.last();
        let ended = self.climb().await;
        LadderEnd { ended, session: last_session.take() }
    }

    /// Makes attempts until there is a page, or none is left.
    async fn climb(mut self) -> Ended {
        let profile = self.shared.site_profile(&self.job.request.page().site()).await;
        if let Some(profile) = &profile
            && profile.paused_until() > self.shared.now()
        {
            // A pause from before a restart is known only here.
            self.shared.scheduling.permits.pause(&profile.site, profile.paused_until());
        }
        if let Some(pause) = self.long_pause() {
            return self.put_back_for(pause).into();
        }
        if let Err(error) =
            robots::check(&self.shared, self.job.request.page(), self.deadline()).await
        {
            return self.fail(error).into();
        }
        let kind = PageKind::of(&self.job.account, &self.job.request);
        if let Some(profile) = &profile {
            self.learn_from(profile, kind);
        }
        let mut observed = None;
        loop {
            let (now, draw) = (self.shared.now(), self.shared.adapters.entropy.random_u64());
            let profile = profile.as_ref().filter(|_| self.trail.is_empty());
            let start = profile
                .and_then(|it| it.start(kind, &self.job.request, self.reach.usable, now, draw));
            match self.plan(start, now, draw) {
                Plan::Stop(error) => return self.fail(error).into(),
                Plan::OutOfTime(error) => {
                    return Box::pin(self.finish_early(error, observed)).await;
                }
                Plan::Accept => return self.accept(observed).await,
                Plan::Try { tier, wait } if wait > MAX_INLINE_WAIT => {
                    self.explain(tier);
                    self.use_time(wait);
                    return self.reschedule(now.after(wait)).into();
                }
                Plan::Try { tier, wait } => {
                    self.explain(tier);
                    if !wait.is_zero() {
                        self.shared.sleep(wait).await;
                        self.use_time(wait);
                    }
                    if let Some(pause) = self.long_pause() {
                        return self.put_back_for(pause).into();
                    }
                    observed = match self.attempt(tier, observed).await {
                        Ok(observed) => observed,
                        Err(reason) => return Box::pin(self.stop_unattempted(reason)).await,
                    };
                    self.keep_if_best(observed.as_ref());
                }
            }
        }
    }

    /// Takes the lessons of the site's profile that do not change during a claim.
    fn learn_from(&mut self, profile: &SiteProfile, kind: PageKind) {
        let (request, now) = (&self.job.request, self.shared.now());
        self.proven = profile.proven(kind, now);
        self.last_resort = profile.last_resort(kind, now);
        let served = self.shared.config.capabilities.tiers;
        let record = profile.record(kind, request, served, now);
        let Reach { allowed, usable, unserved, .. } = self.reach;
        // A tier that is too expensive is excluded, too.
        let is_open = |it: &Tier| usable.contains(*it) || unserved.contains(*it);
        self.site_warnings = SiteWarnings::of(record, request, allowed.iter().rfind(is_open));
    }

    /// Plans the next step, and notes the tiers that it passes over.
    fn plan(&mut self, start: Option<Tier>, now: Timestamp, draw: u64) -> Plan {
        let facts = self.facts(start, now, draw);
        let plan = plan(&facts);
        let next = match &plan {
            Plan::Try { tier, .. } => Some(*tier),
            Plan::Accept | Plan::OutOfTime(_) | Plan::Stop(_) => None,
        };
        let skipped = passed_over(&facts, next);
        match self.last_of_claim().filter(|_| next.is_none()) {
            Some(last) => last.skipped.extend(skipped),
            None => self.skipped = skipped,
        }
        plan
    }

    /// Returns the last attempt, if this claim made it.
    fn last_of_claim(&mut self) -> Option<&mut Attempt> {
        self.trail.get_mut(self.job.trail.len()..).and_then(<[Attempt]>::last_mut)
    }

    /// Keeps a page that is not good enough to be accepted, if it shows more than the best one so far. Of equal pages the
    /// first, which is cheaper, stays.
    fn keep_if_best(&mut self, observed: Option<&Observed>) {
        let most = self.best.as_ref().map_or(0, |it| it.visible_bytes);
        if let Some(observed) = observed.filter(|it| it.visible_bytes > most) {
            self.best = Some(Box::new(observed.without_files()));
            self.keep_session_of_best();
        }
    }

    /// Ends a job for which the time budget allows no further attempt: with the best page so far, or with `error`. The page of
    /// the last attempt still has its files.
    async fn finish_early(mut self, error: JobError, last: Option<Observed>) -> Ended {
        let Some(best) = self.best.take() else { return self.fail(error).into() };
        let best = last.filter(|it| it.attempt == best.attempt).unwrap_or(*best);
        self.is_out_of_time = true;
        self.use_session_of_best();
        self.finish(best, Some(error)).await
    }

    /// Ends or puts back a job whose next attempt could not be made.
    async fn stop_unattempted(self, reason: NotAttempted) -> Ended {
        match reason {
            NotAttempted::Paused(error) => self.stop_for_pause(error).await,
            NotAttempted::WithoutSession(NotOpened::Failed(error)) => self.fail(error).into(),
            NotAttempted::WithoutSession(NotOpened::Unavailable) => {
                let wait = self.shared.config.settings.retry.longest;
                let ready_at = self.shared.now().after(wait);
                self.reschedule(ready_at).into()
            }
        }
    }

    /// Ends a job whose site asks for a longer pause than it has time for.
    async fn stop_for_pause(mut self, error: JobError) -> Ended {
        let facts = self.facts(None, self.shared.now(), 0);
        let is_budget_first = facts.is_budget_first();
        let skipped = passed_over(&facts, None);
        if let Some(last) = self.last_of_claim() {
            last.skipped.extend(skipped);
        }
        if is_budget_first {
            let message = error.message.replace("`timeout`", "`time_budget`");
            let error = JobError::new(ErrorCode::TimeBudgetExpired, message);
            return self.finish_early(error, None).await;
        }
        self.fail(error).into()
    }

    /// Returns the rest of a pause that the site asked for, if it is too long to wait for in hand and
    /// short enough for the job to outlast it.
    fn long_pause(&self) -> Option<Duration> {
        let site = self.job.request.page().site();
        let until = self.shared.scheduling.permits.paused_until(&site);
        let pause = until.since(self.shared.now());
        (pause > MAX_INLINE_WAIT && pause <= self.deadline()).then_some(pause)
    }

    /// Puts the job back until the site's pause ends. The pause counts against the timeout of a job that
    /// has made an attempt; another has only waited for its turn.
    fn put_back_for(mut self, pause: Duration) -> StepInput {
        if !self.trail.is_empty() {
            self.use_time(pause);
        }
        self.shared.scheduling.permits.put_back(&self.job.request.page().site());
        let ready_at = self.shared.now().after(pause);
        self.reschedule(ready_at)
    }

    async fn accept(self, observed: Option<Observed>) -> Ended {
        match observed {
            Some(mut observed) => match observed.page.confirmed.take() {
                Some(page) => self.finish_confirmed(observed, page).await,
                None => self.finish(observed, None).await,
            },
            None => self.accepted_nothing().into(),
        }
    }

    pub(super) fn accepted_nothing(self) -> StepInput {
        self.fail(JobError::new(
            ErrorCode::InternalError,
            "the planner accepted a page that was not fetched: report this bug",
        ))
    }

    fn facts(&self, start: Option<Tier>, now: Timestamp, draw: u64) -> PlanInput<'_> {
        let ended = self.trail.last().map(|it| it.started_at.after(it.duration));
        PlanInput {
            request: &self.job.request,
            reach: self.reach,
            trail: &self.trail,
            start,
            proven: self.proven,
            last_resort: self.last_resort,
            used: self.used_in_all(),
            since_last: ended.map_or(Duration::ZERO, |it| now.since(it)),
            backoff: self.shared.config.settings.retry,
            random: draw,
        }
    }

    /// Adds the reason for an escalation to the attempt that led to it, if this claim made it.
    fn explain(&mut self, next: Tier) {
        if let Some(last) = self.last_of_claim()
            && let Some(reason) = reason_to_climb(last, next)
        {
            last.signal.push_str(&reason);
        }
    }

    /// Returns the time that an attempt on `tier` may take.
    pub(super) fn time_for(&self, tier: Tier) -> Duration {
        attempt_time(&self.facts(None, self.shared.now(), 0), tier)
    }

    /// Returns `true` if the job may use the browser.
    pub(super) fn can_render(&self) -> bool {
        self.reach.usable.contains(Tier::Browser)
    }

    /// Adds an attempt of this claim.
    pub(super) fn record(&mut self, attempt: Attempt) {
        self.trail.push(attempt);
    }

    /// Counts `time` against the job's timeout.
    pub(super) fn use_time(&mut self, time: Duration) {
        self.used = self.used.saturating_add(time);
    }

    fn used_in_all(&self) -> Duration {
        self.used.saturating_add(self.job.used)
    }

    /// Returns the time that is left of the job's timeout and time budget.
    pub(super) fn deadline(&self) -> Duration {
        let budget = self.job.request.cost_controls().time_budget;
        let left = self.job.time_left(self.used);
        budget.map_or(left, |it| left.min(it.saturating_sub(self.used_in_all())))
    }

    pub(super) fn fail(mut self, error: JobError) -> StepInput {
        StepInput::Fail { error, attempts: self.take_attempts() }
    }

    fn reschedule(mut self, ready_at: Timestamp) -> StepInput {
        StepInput::Reschedule { ready_at, used: self.used, attempts: self.take_attempts() }
    }

    /// Returns the job to the queue because its page could not be stored, for example on a full disk. The page
    /// is fetched again later.
    ///
    /// The last attempt is dropped, because the planner would assume that its page still exists. Its time
    /// counts, so that the timeout ends the job if the store stays full.
    ///
    /// A job whose time budget is over begins anew, with half of what this claim had of it.
    pub(super) fn reschedule_unstored(mut self) -> StepInput {
        let ready_at = self.shared.now().after(self.shared.config.settings.retry.longest);
        let mut attempts = self.take_attempts();
        let mut used = self.used;
        if self.is_out_of_time {
            let budget = self.job.request.cost_controls().time_budget.unwrap_or_default();
            used = used.min(budget.saturating_sub(self.job.used) / 2);
            attempts.clear();
        }
        attempts.pop();
        StepInput::Reschedule { ready_at, used, attempts }
    }

    /// Takes this claim's attempts out of the trail.
    pub(super) fn take_attempts(&mut self) -> Vec<Attempt> {
        self.trail.split_off(self.job.trail.len().min(self.trail.len()))
    }
}
