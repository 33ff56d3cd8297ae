//! The check of a budget against the usage of its period.

use crate::core::id::AccountId;
use crate::core::record::{Key, Record};
use crate::core::time::Day;
use crate::core::usage::{Budget, OverBudget, UsageTotals};
use crate::engine::writer::Draft;

/// Returns the days of an account that a budget covers, up to and including today. Without a budget, today alone.
pub(super) fn days(
    account: &AccountId,
    budget: Option<Budget>,
    today: Day,
) -> impl Iterator<Item = Key> {
    let first = budget.map_or(today, |it| it.period.first(today));
    let days = std::iter::successors(Some(first), |it| Some(it.next()));
    let account = account.clone();
    days.take_while(move |it| *it <= today).map(move |it| Key::Usage(account.clone(), it))
}

/// Checks that the budget of `label`, or of the whole account, covers `more`.
pub(super) fn check(
    draft: &Draft,
    account: &AccountId,
    label: Option<&str>,
    budget: Option<Budget>,
    (more, today): (UsageTotals, Day),
) -> Result<(), OverBudget> {
    let Some(budget) = budget else { return Ok(()) };
    let so_far = days(account, Some(budget), today).fold(UsageTotals::default(), |sums, key| {
        match draft.get(&key) {
            Some(Record::Usage(usage)) => sums.and(usage.of(label)),
            _ => sums,
        }
    });
    budget.covers(so_far, more, today)
}
