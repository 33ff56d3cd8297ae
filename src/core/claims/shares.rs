//! The shares of accounts and sites.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::core::id::AccountId;

/// The urgency of a job among the jobs of its account. It changes nothing for other accounts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Claimed before all others.
    High,
    /// The default.
    #[default]
    Normal,
    /// Claimed when nothing else of the account is due.
    Low,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Returns the name in requests: `high`, `normal` or `low`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
    pub(in crate::core) fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

/// The error for a text that is not a priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is unknown; use one of: high, normal, low")]
pub struct ParsePriorityError;

impl FromStr for Priority {
    type Err = ParsePriorityError;

    fn from_str(text: &str) -> Result<Self, ParsePriorityError> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(ParsePriorityError)
    }
}

/// The share of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteShare {
    /// The jobs that the worker has in hand.
    pub in_hand: usize,
    /// The most jobs that it may have in hand.
    pub most: usize,
}

/// The share of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountShare {
    /// The jobs that the worker has in hand.
    pub in_hand: usize,
    /// The most jobs that it may have in hand.
    pub most: usize,
    /// The weight: an account with weight 2 gets twice the turns of one with weight 1. Zero counts as 1.
    pub weight: u32,
}

/// The jobs that a worker has in hand and the most that it may have, by account and site.
///
/// The default sets no bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The most jobs in hand of a site that is not in `sites`.
    pub per_site: usize,
    /// The most jobs in hand of an account that is not in `accounts`.
    pub per_account: usize,
    /// The sites that have jobs in hand or a share of their own.
    pub sites: BTreeMap<String, SiteShare>,
    /// The accounts that have jobs in hand or a share of their own.
    pub accounts: BTreeMap<AccountId, AccountShare>,
    /// The account that was served last. Of accounts with equal claims, the one behind it is next.
    pub after: Option<AccountId>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            per_site: usize::MAX,
            per_account: usize::MAX,
            sites: BTreeMap::new(),
            accounts: BTreeMap::new(),
            after: None,
        }
    }
}

impl Shares {
    /// Returns the share of a site.
    pub fn of_site(&self, site: &str) -> SiteShare {
        let unlisted = SiteShare { in_hand: 0, most: self.per_site };
        self.sites.get(site).copied().unwrap_or(unlisted)
    }

    /// Returns the share of an account.
    pub fn of_account(&self, account: &AccountId) -> AccountShare {
        let unlisted = AccountShare { in_hand: 0, most: self.per_account, weight: 1 };
        self.accounts.get(account).copied().unwrap_or(unlisted)
    }
}

impl AccountShare {
    /// Returns what `jobs` weigh for this account; the account with the least is next.
    pub fn load(&self, jobs: usize) -> u64 {
        // The fraction keeps weights apart that divide the same number of jobs.
        const FRACTION: u64 = 1 << 20;
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        jobs.saturating_mul(FRACTION) / u64::from(self.weight.max(1))
    }
}
