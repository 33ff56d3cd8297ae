//! The unit of money.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

/// An amount of credits: whole numbers, of which 1,000,000 are one US dollar.
///
/// There are no operators, because an amount that overflows or goes below zero is a bug in a ledger. Choose
/// between `checked_*` and `saturating_*` instead.
///
/// ```
/// use rungs::core::credits::Credits;
///
/// let page = Credits(2_000);
///
/// assert_eq!(page.dollars(), 0.002);
/// assert_eq!(page.checked_sub(Credits(3_000)), None);
/// assert_eq!(page.scaled(1_500), Credits(3_000));
/// assert_eq!([page, Credits(500)].into_iter().sum::<Credits>(), Credits(2_500));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Credits(pub u64);

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The greatest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// Returns the sum, or `None` if it overflows.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Returns the difference, or `None` if it is negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Returns the sum, [`Credits::MAX`] at most.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference, zero at least.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the amount in US dollars, for display only: above nine billion dollars it is rounded.
    #[allow(clippy::cast_precision_loss)] // below nine billion dollars it is exact
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1_000_000.0
    }

    /// Returns `per_mille` thousandths of the amount, rounded up.
    #[must_use]
    pub fn scaled(self, per_mille: u32) -> Self {
        let scaled = (u128::from(self.0) * u128::from(per_mille)).div_ceil(1_000);
        Self(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} credits", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_with_its_unit_and_a_share_of_it_is_rounded_up() {
        assert_eq!(Credits(7).to_string(), "7 credits");
        assert_eq!(Credits(7).scaled(500), Credits(4));
        assert_eq!(Credits::MAX.scaled(2_000), Credits::MAX);
    }
}
