//! Permits: how many pages are fetched at once, in all, per account and per site.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::core::id::AccountId;
use crate::engine::pace::SitePermit;
use crate::engine::shared::Shared;

/// Accounts with a semaphore of their own; beyond this number, idle ones are dropped.
const MAX_ACCOUNTS: usize = 4_096;

/// The permits of each account, if accounts are bounded.
#[derive(Debug)]
pub(super) struct AccountPermits {
    per_account: Option<usize>,
    accounts: DashMap<AccountId, Arc<Semaphore>>,
}

impl AccountPermits {
    pub(super) fn new(per_account: Option<usize>) -> Self {
        Self { per_account, accounts: DashMap::new() }
    }

    /// Waits for one of the account's permits; `None` at once if accounts are not bounded.
    async fn acquire(&self, account: &AccountId) -> Option<OwnedSemaphorePermit> {
        let permits = self.semaphore(account, self.per_account?);
        permits.acquire_owned().await.ok()
    }

    fn semaphore(&self, account: &AccountId, permits: usize) -> Arc<Semaphore> {
        if let Some(semaphore) = self.accounts.get(account) {
            return Arc::clone(&semaphore);
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            // A permit and a waiter both hold the semaphore.
            self.accounts.retain(|_, it| Arc::strong_count(it) > 1);
        }
        let new = || Arc::new(Semaphore::new(permits));
        Arc::clone(&self.accounts.entry(account.clone()).or_insert_with(new))
    }
}

/// The right to send one request for an account to a site. Dropping it gives all of it back.
#[derive(Debug)]
pub(super) struct FetchPermit<'a> {
    _page: Option<SemaphorePermit<'a>>,
    site: SitePermit,
    _account: Option<OwnedSemaphorePermit>,
}

impl FetchPermit<'_> {
    /// Returns the time that was spent in pauses that the site asked for.
    pub(super) fn paused(&self) -> Duration {
        self.site.paused
    }
}

impl Shared {
    /// Waits until `account` may send a request to `site`.
    ///
    /// The permit that the fewest others compete for comes first, and the page permit, which every job
    /// needs, last. So a job that waits for its account holds nothing, and one that waits for its site
    /// holds back its own account only.
    ///
    /// # Errors
    ///
    /// The rest of a pause that the site asked for (`Retry-After`), at once, if it is longer than `patience`.
    pub(super) async fn fetch_permit(
        &self,
        account: &AccountId,
        site: &str,
        patience: Duration,
    ) -> Result<FetchPermit<'_>, Duration> {
        let account = self.scheduling.accounts.acquire(account).await;
        let site = self.scheduling.sites.acquire(site, patience).await?;
        let page = self.scheduling.page_permits.acquire().await.ok();
        Ok(FetchPermit { _page: page, site, _account: account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::new(name).expect("a valid name")
    }

    #[tokio::test]
    async fn an_account_without_a_bound_needs_no_permit() {
        let permits = AccountPermits::new(None);

        assert!(permits.acquire(&account("a")).await.is_none());
        assert!(permits.accounts.is_empty());
    }

    #[tokio::test]
    async fn idle_accounts_are_forgotten_before_the_map_outgrows_its_limit() {
        let permits = AccountPermits::new(Some(1));
        let kept = permits.acquire(&account("kept")).await;
        for number in 0..MAX_ACCOUNTS + 10 {
            drop(permits.acquire(&account(&format!("account-{number}"))).await);
        }

        assert!(permits.accounts.len() <= MAX_ACCOUNTS);
        assert!(permits.accounts.contains_key(&account("kept")));
        drop(kept);
    }
}
