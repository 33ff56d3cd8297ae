//! Usage of an account by day, and budgets.
//!
//! A batch counts on the day of its submission, and so do the charges of its jobs, whenever they end. A day
//! contains held credits until all of its jobs have ended, and only spent credits afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::AccountId;
use crate::core::ledger::HeldFor;
use crate::core::time::{Day, Timestamp};

/// The number of sites that are counted by name on one day. A new one replaces the one with the fewest jobs.
const SITES: usize = 64;
/// The time for which a day is kept: two months of any length.
const KEPT: Duration = Duration::from_hours(62 * 24);

/// The total of jobs and credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsageTotals {
    /// The jobs that were submitted. A map and an extraction from a supplied document count as one.
    pub jobs: u64,
    /// The credits held for jobs that have not ended.
    pub held: Credits,
    /// The credits charged for jobs that have ended.
    pub spent: Credits,
}

impl UsageTotals {
    /// Returns the credits that a budget counts: spent ones, and held ones, which may still be spent.
    pub fn committed(self) -> Credits {
        self.held.saturating_add(self.spent)
    }

    /// Returns the sum of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_add(other.jobs),
            held: self.held.saturating_add(other.held),
            spent: self.spent.saturating_add(other.spent),
        }
    }

    fn submit(&mut self, jobs: u64, held: Credits) {
        *self = self.and(Self { jobs, held, spent: Credits::ZERO });
    }

    fn settle(&mut self, held: Credits, spent: Credits) {
        self.held = self.held.saturating_sub(held);
        self.spent = self.spent.saturating_add(spent);
    }
}

/// The usage of an account on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DailyUsage {
    /// The account.
    pub account: AccountId,
    /// The day, in UTC.
    pub day: Day,
    /// The total.
    pub total: UsageTotals,
    /// The total of each label.
    pub labels: BTreeMap<String, UsageTotals>,
    /// The ended jobs of each site, and their cost.
    pub sites: BTreeMap<String, UsageTotals>,
}

impl DailyUsage {
    /// Returns a day without usage.
    pub fn new(account: AccountId, day: Day) -> Self {
        let (labels, sites) = (BTreeMap::new(), BTreeMap::new());
        Self { account, day, total: UsageTotals::default(), labels, sites }
    }

    /// Counts a submission.
    pub fn submit(&mut self, label: Option<&str>, jobs: u64, held: Credits) {
        self.total.submit(jobs, held);
        if let Some(label) = label {
            self.labels.entry(label.to_owned()).or_default().submit(jobs, held);
        }
    }

    /// Counts the end of a job for which `held` was held.
    pub fn settle(&mut self, label: Option<&str>, site: &str, held: Credits, spent: Credits) {
        self.settle_without_site(label, held, spent);
        self.count_site(site, spent);
    }

    /// Counts the end of work that belongs to no site, and for which `held` was held.
    pub fn settle_without_site(&mut self, label: Option<&str>, held: Credits, spent: Credits) {
        self.total.settle(held, spent);
        if let Some(sums) = label.and_then(|it| self.labels.get_mut(it)) {
            sums.settle(held, spent);
        }
    }

    fn count_site(&mut self, site: &str, spent: Credits) {
        if self.sites.len() >= SITES && !self.sites.contains_key(site) {
            let fewest = self.sites.iter().min_by_key(|(_, it)| it.jobs);
            if let Some(name) = fewest.map(|(name, _)| name.clone()) {
                self.sites.remove(&name);
            }
        }
        let sums = self.sites.entry(site.to_owned()).or_default();
        *sums = sums.and(UsageTotals { jobs: 1, held: Credits::ZERO, spent });
    }

    /// Returns the time at which the record is removed.
    pub fn expires_at(&self) -> Timestamp {
        self.day.start().after(KEPT)
    }

    /// Returns the total of a label, or of the day.
    pub fn of(&self, label: Option<&str>) -> UsageTotals {
        label.map_or(self.total, |it| self.labels.get(it).copied().unwrap_or_default())
    }
}

/// The period of a budget, which begins at midnight UTC; a week begins on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day.
    Daily,
    /// A week.
    Weekly,
    /// A calendar month.
    Monthly,
}

impl Period {
    /// Returns the period as configurations spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// Returns the first day of the period that contains `day`.
    pub fn first(self, day: Day) -> Day {
        match self {
            Self::Daily => day,
            Self::Weekly => day.week(),
            Self::Monthly => day.month(),
        }
    }

    /// Returns the time at which the next period begins.
    pub fn ends(self, day: Day) -> Timestamp {
        let mut next = day.next();
        while self.first(next) != next {
            next = next.next();
        }
        next.start()
    }
}

display_as_str!(Period);

/// The limits of an account or a label in each period.
///
/// ```
/// use rungs::core::credits::Credits;
/// use rungs::core::usage::{Budget, Period};
///
/// let budget = Budget::new(Period::Monthly).with_credits(Some(Credits(5_000_000)));
///
/// assert_eq!(budget.jobs, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Budget {
    /// The most credits, held ones included; `None` sets no limit.
    #[serde(default)]
    pub credits: Option<Credits>,
    /// The most jobs; `None` sets no limit.
    #[serde(default)]
    pub jobs: Option<u64>,
    /// The period.
    pub period: Period,
}

/// The error for a submission that exceeds its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.explanation())]
#[non_exhaustive]
pub struct OverBudget {
    /// The budget's period.
    pub period: Period,
    /// The time at which the next period begins.
    pub resets_at: Timestamp,
    /// The limit that the submission would exceed.
    pub limit: BudgetLimit,
    /// The part of the limit that the submission needs: its hold in credits, or its number of jobs.
    pub needed: u64,
    /// The part of the limit that is left in this period.
    pub left: u64,
    /// The work that the submission would hold credits for.
    pub held_for: HeldFor,
}

/// A limit of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetLimit {
    /// The most credits.
    Credits(u64),
    /// The most jobs.
    Jobs(u64),
}

impl OverBudget {
    /// Sets the work that the submission would hold credits for.
    #[must_use]
    pub const fn held_for(mut self, work: HeldFor) -> Self {
        self.held_for = work;
        self
    }

    /// Returns `true` if the same submission fits into a period without other usage, so that waiting for the next
    /// one helps.
    pub const fn fits_later(&self) -> bool {
        let (BudgetLimit::Credits(most) | BudgetLimit::Jobs(most)) = self.limit;
        self.needed <= most
    }

    fn explanation(&self) -> String {
        let Self { period, needed, left, resets_at, .. } = self;
        let (most, unit, cheaper) = match self.limit {
            BudgetLimit::Credits(most) => (most, "credits", self.held_for.cheaper()),
            BudgetLimit::Jobs(most) => (
                most,
                "jobs",
                match self.held_for {
                    HeldFor::Pages => "submit fewer pages, or ",
                    HeldFor::Map | HeldFor::Extraction => "",
                },
            ),
        };
        if self.fits_later() {
            return format!(
                "the submission needs {needed} {unit}, but only {left} of the {period} budget of {most} are left: \
                 {cheaper}wait until it resets at {resets_at}"
            );
        }
        format!(
            "the submission needs {needed} {unit}, more than the whole {period} budget of {most}: {cheaper}have the \
             budget raised"
        )
    }
}

impl Budget {
    /// Returns a budget of this period without limits.
    pub const fn new(period: Period) -> Self {
        Self { credits: None, jobs: None, period }
    }

    /// Sets the most credits; `None` sets no limit.
    #[must_use]
    pub const fn with_credits(mut self, credits: Option<Credits>) -> Self {
        self.credits = credits;
        self
    }

    /// Sets the most jobs; `None` sets no limit.
    #[must_use]
    pub const fn with_jobs(mut self, jobs: Option<u64>) -> Self {
        self.jobs = jobs;
        self
    }

    /// Checks that `more` fits on `day` after the usage of the period so far.
    pub fn covers(
        &self,
        so_far: UsageTotals,
        more: UsageTotals,
        day: Day,
    ) -> Result<(), OverBudget> {
        let credits = self
            .credits
            .map(|it| (BudgetLimit::Credits(it.0), it.0, so_far.committed().0, more.committed().0));
        let jobs = self.jobs.map(|it| (BudgetLimit::Jobs(it), it, so_far.jobs, more.jobs));
        let exceeded = credits
            .into_iter()
            .chain(jobs)
            .filter(|(_, most, used, needed)| used.saturating_add(*needed) > *most);
        // The limit that no wait helps with explains more than one that resets.
        let Some((limit, most, used, needed)) =
            exceeded.max_by_key(|(_, most, _, needed)| needed > most)
        else {
            return Ok(());
        };
        Err(OverBudget {
            period: self.period,
            resets_at: self.period.ends(day),
            limit,
            needed,
            left: most.saturating_sub(used),
            held_for: HeldFor::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: u64) -> Day {
        Timestamp::from_millis(text * 86_400_000).day()
    }

    fn usage() -> DailyUsage {
        DailyUsage::new(AccountId::default(), day(20_000))
    }

    #[test]
    fn a_settled_job_replaces_its_hold_with_its_cost() {
        let mut usage = usage();
        usage.submit(Some("a"), 2, Credits(20));
        usage.submit(None, 1, Credits(10));

        usage.settle(Some("a"), "example.com", Credits(10), Credits(4));

        assert_eq!(usage.total, UsageTotals { jobs: 3, held: Credits(20), spent: Credits(4) });
        assert_eq!(
            usage.of(Some("a")),
            UsageTotals { jobs: 2, held: Credits(10), spent: Credits(4) }
        );
        assert_eq!(usage.of(Some("b")), UsageTotals::default());
        assert_eq!(usage.total.committed(), Credits(24));
        assert_eq!(usage.sites["example.com"].spent, Credits(4));
    }

    #[test]
    fn the_busiest_sites_are_kept() {
        let mut usage = usage();
        for _ in 0..3 {
            usage.settle(None, "often.example", Credits(1), Credits(1));
        }

        for number in 0..1_000 {
            usage.settle(None, &format!("{number}.example"), Credits(1), Credits(1));
        }

        assert_eq!(usage.sites.len(), SITES);
        assert_eq!(usage.sites["often.example"].jobs, 3);
    }

    #[test]
    fn held_credits_count_against_a_budget() {
        let budget = Budget { credits: Some(Credits(10)), jobs: None, period: Period::Daily };
        let so_far = UsageTotals { jobs: 1, held: Credits(3), spent: Credits(2) };
        let more = |held| UsageTotals { jobs: 1, held: Credits(held), spent: Credits::ZERO };

        assert_eq!(budget.covers(so_far, more(5), day(1)), Ok(()));
        let over = budget.covers(so_far, more(6), day(1)).expect_err("it is one too many");
        assert_eq!(over.resets_at, day(2).start());
        assert_eq!(
            over.to_string(),
            "the submission needs 6 credits, but only 5 of the daily budget of 10 are left: submit fewer pages, lower \
             `max_tier` or `max_credits`, or wait until it resets at 1970-01-03T00:00:00.000Z"
        );
        let two = Budget { credits: None, jobs: Some(2), period: Period::Daily };
        assert_eq!(two.covers(so_far, more(99), day(1)), Ok(()));
        assert!(two.covers(so_far, UsageTotals { jobs: 2, ..more(0) }, day(1)).is_err());
    }

    #[test]
    fn a_submission_beyond_the_whole_budget_does_not_suggest_to_wait() {
        let budget = Budget { credits: Some(Credits(10)), jobs: Some(1), period: Period::Daily };
        let more = UsageTotals { jobs: 1, held: Credits(11), spent: Credits::ZERO };
        let used = UsageTotals { jobs: 1, ..UsageTotals::default() };

        let over = budget.covers(used, more, day(1)).expect_err("it never fits");

        assert!(!over.fits_later(), "although the jobs would fit tomorrow");
        let expected = "the submission needs 11 credits, more than the whole daily budget of 10: submit fewer pages, \
                        lower `max_tier` or `max_credits`, or have the budget raised";
        assert_eq!(over.to_string(), expected);
        let map = over.held_for(HeldFor::Map).to_string();
        assert!(map.ends_with("budget of 10: have the budget raised"), "{map}");
    }

    #[test]
    fn periods_begin_at_midnight_on_monday_and_on_the_first() {
        // 2024-02-29 was a Thursday, and day 19,782.
        let leap = day(19_782);

        assert_eq!(leap.start().to_string(), "2024-02-29T00:00:00.000Z");
        assert_eq!(Period::Daily.first(leap), leap);
        assert_eq!(Period::Weekly.first(leap).start().to_string(), "2024-02-26T00:00:00.000Z");
        assert_eq!(Period::Monthly.first(leap).start().to_string(), "2024-02-01T00:00:00.000Z");
        assert_eq!(Period::Daily.ends(leap).to_string(), "2024-03-01T00:00:00.000Z");
        assert_eq!(Period::Weekly.ends(leap).to_string(), "2024-03-04T00:00:00.000Z");
        assert_eq!(Period::Monthly.ends(leap).to_string(), "2024-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_day_is_kept_for_longer_than_any_month_that_is_summed() {
        let usage = usage();

        assert!(usage.expires_at() > Period::Monthly.ends(usage.day));
    }
}
