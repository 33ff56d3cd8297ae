//! Accounts and what is booked on them.

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId};
use crate::core::time::Timestamp;

/// A hold that the balance does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the submission would hold {needed}, but only {free} are free; grant the difference or lower max_tier"
)]
pub struct Overdrawn {
    /// What would be held.
    pub needed: Credits,
    /// What is free.
    pub free: Credits,
}

/// An account's credits, split into what is free, held and spent.
///
/// # Invariants
///
/// * `free + held + spent == granted`, always.
/// * `held` is exactly the sum of the holds not yet settled.
///
/// An unlimited account is booked the same way: what a hold lacks is granted with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    id: AccountId,
    granted: Credits,
    free: Credits,
    held: Credits,
    spent: Credits,
    unlimited: bool,
}

impl Account {
    /// An account whose holds never fail.
    pub fn unlimited(id: AccountId) -> Self {
        let zero = Credits::ZERO;
        Self { id, granted: zero, free: zero, held: zero, spent: zero, unlimited: true }
    }

    /// An account that can hold what was granted to it, so far nothing.
    pub fn limited(id: AccountId) -> Self {
        Self { unlimited: false, ..Self::unlimited(id) }
    }

    /// Whose it is.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// All that was ever granted.
    pub fn granted(&self) -> Credits {
        self.granted
    }

    /// What can be held.
    pub fn free(&self) -> Credits {
        self.free
    }

    /// What is held for jobs that have not ended.
    pub fn held(&self) -> Credits {
        self.held
    }

    /// What jobs have cost.
    pub fn spent(&self) -> Credits {
        self.spent
    }

    /// Whether holds never fail.
    pub fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    /// Adds credits. Says `false`, changing nothing, if the sum would not fit.
    #[must_use]
    pub fn grant(&mut self, amount: Credits) -> bool {
        let Some(granted) = self.granted.checked_add(amount) else { return false };
        self.granted = granted;
        self.free = self.free.saturating_add(amount);
        self.check();
        true
    }

    /// Moves credits from free to held.
    pub fn hold(&mut self, amount: Credits) -> Result<(), Overdrawn> {
        let overdrawn = Overdrawn { needed: amount, free: self.free };
        if self.unlimited && !self.grant(amount.saturating_sub(self.free)) {
            return Err(overdrawn);
        }
        self.free = self.free.checked_sub(amount).ok_or(overdrawn)?;
        self.held = self.held.saturating_add(amount);
        self.check();
        Ok(())
    }

    /// Ends a hold: `spent` of it is charged and the rest becomes free again.
    ///
    /// # Panics
    ///
    /// If `spent` exceeds `held`, or `held` what the account holds. Going on would make or lose a
    /// credit; both are bugs in the caller, not conditions to handle.
    pub fn settle(&mut self, held: Credits, spent: Credits) {
        assert!(spent <= held, "charging {spent} against a hold of {held}");
        assert!(held <= self.held, "settling {held} but only {} are held", self.held);
        self.held = self.held.saturating_sub(held);
        self.spent = self.spent.saturating_add(spent);
        self.free = self.free.saturating_add(held.saturating_sub(spent));
        self.check();
    }

    fn check(&self) {
        let sum = u128::from(self.free.0) + u128::from(self.held.0) + u128::from(self.spent.0);
        assert!(sum == u128::from(self.granted.0), "an account no longer adds up: {self:?}");
    }
}

/// What an entry books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Booking {
    /// A batch's whole estimate was held.
    Hold {
        /// How much.
        amount: Credits,
    },
    /// A job's hold ended.
    Settle {
        /// What it cost.
        charged: Credits,
        /// What became free again.
        released: Credits,
    },
}

/// One line of the ledger; a batch's lines are removed with it, the account's sums stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The account it is booked on.
    pub account: AccountId,
    /// The batch it is for.
    pub batch: BatchId,
    /// Its number within the batch, from 0.
    pub number: u32,
    /// The job whose hold ended.
    pub job: Option<JobId>,
    /// What is booked.
    pub booking: Booking,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn funded(amount: u64) -> Account {
        let mut account = Account::limited(AccountId::default());
        assert!(account.grant(Credits(amount)));
        account
    }

    #[test]
    fn a_refused_hold_changes_nothing() {
        let mut account = funded(10);
        let before = account.clone();

        let refused = account.hold(Credits(11));

        assert_eq!(refused, Err(Overdrawn { needed: Credits(11), free: Credits(10) }));
        assert_eq!(account, before);
    }

    #[test]
    fn settling_charges_a_part_and_frees_the_rest() {
        let mut account = funded(10);
        account.hold(Credits(8)).expect("covered");

        account.settle(Credits(8), Credits(3));

        assert_eq!(
            (account.free(), account.held(), account.spent()),
            (Credits(7), Credits(0), Credits(3))
        );
    }

    #[test]
    fn an_unlimited_account_is_granted_what_it_lacks() {
        let mut account = Account::unlimited(AccountId::default());

        account.hold(Credits(5)).expect("unlimited");

        assert_eq!((account.granted(), account.held()), (Credits(5), Credits(5)));
    }

    #[test]
    #[should_panic(expected = "charging")]
    fn charging_more_than_was_held_stops_at_once() {
        let mut account = funded(10);
        account.hold(Credits(2)).expect("covered");
        account.settle(Credits(2), Credits(3));
    }

    #[test]
    fn an_account_knows_whose_it_is_and_whether_it_ends() {
        let name = AccountId::new("acme").expect("a name");

        let (limited, unlimited) =
            (Account::limited(name.clone()), Account::unlimited(name.clone()));

        assert_eq!(limited.id(), &name);
        assert_eq!((limited.is_unlimited(), unlimited.is_unlimited()), (false, true));
    }

    #[test]
    #[should_panic(expected = "no longer adds up")]
    fn an_account_that_does_not_add_up_stops_at_once() {
        let mut account = Account { spent: Credits(1), ..Account::limited(AccountId::default()) };
        let _ = account.grant(Credits(5));
    }
}
