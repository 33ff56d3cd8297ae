//! The maps under way in this process, whose price is booked at their end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::id::AccountId;

/// The maps under way, in the order of their start.
#[derive(Debug, Default)]
pub(in crate::engine) struct MapsUnderWay(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Increases whenever a map ends.
    ended: u64,
    maps: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    account: AccountId,
    label: Option<String>,
}

/// The maps that must be covered when one more starts: that one, and those of its account that started before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Together {
    /// All maps of the account.
    pub(super) of_account: u64,
    /// Those with the same label, or all if it has none.
    pub(super) of_label: u64,
    /// Changes whenever a map ends.
    pub(super) ended: u64,
}

impl Together {
    /// One map alone.
    pub(super) const ONE: Self = Self { of_account: 1, of_label: 1, ended: 0 };
}

impl MapsUnderWay {
    /// Counts a map as under way until the guard is dropped.
    pub(super) fn start(&self, account: &AccountId, label: Option<&str>) -> MapUnderWay<'_> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let (account, label) = (account.clone(), label.map(str::to_owned));
        state.maps.push(Entry { number, account, label });
        MapUnderWay { all: self, number }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves every entry complete.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One map under way.
#[derive(Debug)]
#[must_use]
pub(super) struct MapUnderWay<'a> {
    all: &'a MapsUnderWay,
    number: u64,
}

impl MapUnderWay<'_> {
    /// Counts the maps that must be covered together with this one.
    pub(super) fn together(&self) -> Together {
        let state = self.all.lock();
        let mut together = Together { of_account: 0, of_label: 0, ended: state.ended };
        let Some(own) = state.maps.iter().find(|it| it.number == self.number) else {
            return together;
        };
        let up_to_own = state.maps.iter().take_while(|it| it.number <= self.number);
        for map in up_to_own.filter(|it| it.account == own.account) {
            together.of_account += 1;
            together.of_label += u64::from(own.label.is_none() || map.label == own.label);
        }
        together
    }
}

impl Drop for MapUnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.all.lock();
        state.maps.retain(|it| it.number != self.number);
        state.ended += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(map: &MapUnderWay<'_>) -> (u64, u64) {
        let together = map.together();
        (together.of_account, together.of_label)
    }

    #[test]
    fn a_map_counts_those_of_its_account_that_started_before_it() {
        let (all, one) = (MapsUnderWay::default(), AccountId::default());
        let other = AccountId::new("other").expect("an account");
        let first = all.start(&one, Some("a"));
        let _foreign = all.start(&other, Some("a"));
        let second = all.start(&one, Some("b"));
        let third = all.start(&one, Some("a"));
        let fourth = all.start(&one, None);

        assert_eq!(counts(&first), (1, 1));
        assert_eq!(counts(&second), (2, 1));
        assert_eq!(counts(&third), (3, 2));
        assert_eq!(counts(&fourth), (4, 4), "a map without a label counts all");
    }

    #[test]
    fn a_map_that_ended_does_not_count() {
        let (all, account) = (MapsUnderWay::default(), AccountId::default());
        let first = all.start(&account, None);
        let second = all.start(&account, None);
        let before = second.together();

        drop(first);

        assert_eq!(counts(&second), (1, 1));
        assert_ne!(second.together().ended, before.ended);
    }
}
