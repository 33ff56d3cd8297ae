//! Accounts and their ledger.

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, JobId};
use crate::core::time::Timestamp;

/// The error for a hold that the account does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account has only {free} free of the {needed} to hold: {}grant the difference", held_for.cheaper())]
#[non_exhaustive]
pub struct Overdrawn {
    /// The credits that the submission would hold.
    pub needed: Credits,
    /// The free credits of the account.
    pub free: Credits,
    /// The work that they would be held for.
    pub held_for: HeldFor,
}

impl Overdrawn {
    /// Sets the work that the credits would be held for.
    #[must_use]
    pub const fn held_for(mut self, work: HeldFor) -> Self {
        self.held_for = work;
        self
    }
}

/// The work that credits are held for, which decides how it could cost less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeldFor {
    /// Pages: the most that each may cost is held.
    #[default]
    Pages,
    /// A map, whose price is fixed.
    Map,
    /// A document that the caller supplies, whose price depends on the prompt alone.
    Extraction,
}

impl HeldFor {
    /// Returns the remedies that make the work cheaper, each followed by a comma.
    pub(crate) const fn cheaper(self) -> &'static str {
        match self {
            Self::Pages => "submit fewer pages, lower `max_tier` or `max_credits`, or ",
            Self::Map | Self::Extraction => "",
        }
    }
}

/// The credits of an account, split into free, held and spent.
///
/// # Invariants
///
/// * `free + held + spent == granted`.
/// * `held` equals the sum of all unsettled holds.
///
/// An unlimited account keeps the same books: a hold grants the credits that are missing.
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
    /// Returns an account whose holds never fail.
    pub fn unlimited(id: AccountId) -> Self {
        let zero = Credits::ZERO;
        Self { id, granted: zero, free: zero, held: zero, spent: zero, unlimited: true }
    }

    /// Returns an account that can hold no more than was granted to it, so far nothing.
    pub fn limited(id: AccountId) -> Self {
        Self { unlimited: false, ..Self::unlimited(id) }
    }

    /// Returns the account with holds that never fail.
    #[must_use]
    pub fn without_limit(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// Returns the account with holds of no more than its free credits.
    #[must_use]
    pub fn with_limit(mut self) -> Self {
        self.unlimited = false;
        self
    }

    /// Returns the id.
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// Returns all credits that were ever granted.
    pub fn granted(&self) -> Credits {
        self.granted
    }

    /// Returns the credits that can be held.
    pub fn free(&self) -> Credits {
        self.free
    }

    /// Returns the credits held for jobs that have not ended.
    pub fn held(&self) -> Credits {
        self.held
    }

    /// Returns the credits charged for jobs.
    pub fn spent(&self) -> Credits {
        self.spent
    }

    /// Returns `true` if holds never fail.
    pub fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    /// Adds credits. Returns `false` and changes nothing if the sum would overflow.
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
        let overdrawn = Overdrawn { needed: amount, free: self.free, held_for: HeldFor::default() };
        if self.unlimited && !self.grant(amount.saturating_sub(self.free)) {
            return Err(overdrawn);
        }
        self.free = self.free.checked_sub(amount).ok_or(overdrawn)?;
        self.held = self.held.saturating_add(amount);
        self.check();
        Ok(())
    }

    /// Settles a hold: charges `spent` and returns the rest to free.
    ///
    /// # Panics
    ///
    /// Panics if `spent > held` or if `held` exceeds the holds of the account. Either is a bug in the
    /// caller; continuing would create or destroy credits.
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

/// A grant of credits to an account. It is kept for as long as the store, so that its key can never grant twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantRecord {
    /// The account.
    pub account: AccountId,
    /// The caller's key of the grant.
    pub key: String,
    /// The credits granted.
    pub amount: Credits,
    /// The time of the grant.
    pub at: Timestamp,
}

impl GrantRecord {
    /// Returns the record of a grant.
    pub fn new(account: AccountId, key: String, amount: Credits, at: Timestamp) -> Self {
        Self { account, key, amount, at }
    }
}

/// The booking of a ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Booking {
    /// The whole estimate of a batch was held.
    Hold {
        /// The credits held.
        amount: Credits,
    },
    /// The hold of a job was settled.
    Settle {
        /// The credits charged.
        charged: Credits,
        /// The credits that became free again.
        released: Credits,
    },
}

/// One line of the ledger. The lines of a batch are removed with it; the sums of the account stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The account.
    pub account: AccountId,
    /// The batch.
    pub batch: BatchId,
    /// The number within the batch, from 0.
    pub number: u32,
    /// The job whose hold was settled; `None` for the hold of the batch.
    pub job: Option<JobId>,
    /// The booking.
    pub booking: Booking,
    /// The time of the booking.
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

        let overdrawn = refused.expect_err("it is one too many");
        assert_eq!((overdrawn.needed, overdrawn.free), (Credits(11), Credits(10)));
        assert_eq!(account, before);
    }

    #[test]
    fn an_overdrawn_account_names_only_remedies_of_its_work() {
        let overdrawn = funded(10).hold(Credits(11)).expect_err("it is one too many");

        let pages = overdrawn.to_string();
        assert!(pages.contains("lower `max_tier`") && pages.contains("grant"), "{pages}");
        for work in [HeldFor::Map, HeldFor::Extraction] {
            assert_eq!(
                overdrawn.held_for(work).to_string(),
                "the account has only 10 credits free of the 11 credits to hold: grant the difference"
            );
        }
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
    fn an_unlimited_account_is_granted_the_missing_credits() {
        let mut account = Account::unlimited(AccountId::default());

        account.hold(Credits(5)).expect("unlimited");

        assert_eq!((account.granted(), account.held()), (Credits(5), Credits(5)));
    }

    #[test]
    #[should_panic(expected = "charging")]
    fn charging_above_the_hold_panics() {
        let mut account = funded(10);
        account.hold(Credits(2)).expect("covered");
        account.settle(Credits(2), Credits(3));
    }

    #[test]
    fn an_account_knows_its_owner() {
        let name = AccountId::new("acme").expect("a name");

        let (limited, unlimited) =
            (Account::limited(name.clone()), Account::unlimited(name.clone()));

        assert_eq!(limited.id(), &name);
        assert_eq!((limited.is_unlimited(), unlimited.is_unlimited()), (false, true));
    }

    #[test]
    #[should_panic(expected = "no longer adds up")]
    fn an_inconsistent_account_panics() {
        let mut account = Account { spent: Credits(1), ..Account::limited(AccountId::default()) };
        let _ = account.grant(Credits(5));
    }
}
