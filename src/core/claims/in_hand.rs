//! The jobs that a worker has claimed and that have neither ended nor gone back into the queue.

use std::collections::BTreeMap;

use crate::core::claims::{AccountShare, Shares, SiteShare};
use crate::core::id::AccountId;

/// The part of an account's room that a claim should find free: an eighth. A claim for each job that ends would cost as
/// much as the job.
const CLAIM_PART: usize = 8;

/// Counts the jobs in hand and divides the room for more among accounts.
///
/// # Invariants
///
/// * An account has at most half of the room that the others leave, so one account alone never takes all
///   of it: whoever comes next finds room at once.
#[derive(Clone, Debug)]
pub struct JobsInHand {
    most: usize,
    total: usize,
    accounts: BTreeMap<AccountId, usize>,
    sites: BTreeMap<String, usize>,
    last: Option<AccountId>,
    weights: BTreeMap<AccountId, u32>,
}

impl JobsInHand {
    /// Returns room for `most` jobs, at least two. The weight of an account that is not in `weights` is 1.
    pub fn new(most: usize, weights: BTreeMap<AccountId, u32>) -> Self {
        let (accounts, sites) = (BTreeMap::new(), BTreeMap::new());
        Self { most: most.max(2), total: 0, accounts, sites, last: None, weights }
    }

    /// Counts a job that was claimed.
    pub fn add(&mut self, account: &AccountId, site: &str) {
        self.total += 1;
        *self.accounts.entry(account.clone()).or_default() += 1;
        *self.sites.entry(site.to_owned()).or_default() += 1;
        self.last = Some(account.clone());
    }

    /// Uncounts a job that ended or went back into the queue. Returns the number of the site's jobs that are
    /// still in hand.
    pub fn remove(&mut self, account: &AccountId, site: &str) -> usize {
        self.total = self.total.saturating_sub(1);
        subtract(&mut self.accounts, account);
        subtract(&mut self.sites, site);
        self.sites.get(site).copied().unwrap_or_default()
    }

    /// Returns `true` if a claim after the end of one of the account's jobs would find room for several more.
    ///
    /// While there is hardly any room, each end counts, because other accounts wait for it.
    pub fn is_worth_a_claim(&self, account: &AccountId) -> bool {
        let in_hand = self.accounts.get(account).copied().unwrap_or_default();
        let most = self.most_of_account(in_hand);
        self.room() < self.most / CLAIM_PART
            || in_hand.saturating_add(most.div_ceil(CLAIM_PART)) <= most
    }

    /// Returns the most jobs of an account that has `in_hand`: half of the room that the others leave.
    fn most_of_account(&self, in_hand: usize) -> usize {
        let others = self.total.saturating_sub(in_hand);
        (self.most.saturating_sub(others) / 2).max(1)
    }

    /// Returns the room for more jobs.
    pub fn room(&self) -> usize {
        self.most.saturating_sub(self.total)
    }

    /// Returns the sites that have jobs in hand.
    pub fn sites(&self) -> impl Iterator<Item = &str> {
        self.sites.keys().map(String::as_str)
    }

    /// Returns the shares of the next claim. `per_site` is the share of a site that `sites` does not
    /// contain.
    pub fn shares(&self, per_site: usize, mut sites: BTreeMap<String, usize>) -> Shares {
        let weighted = self.weights.keys().map(|account| (account, 0));
        let in_hand = self.accounts.iter().map(|(account, &in_hand)| (account, in_hand));
        let accounts = weighted.chain(in_hand).map(|(account, in_hand)| {
            let weight = self.weights.get(account).copied().unwrap_or(1);
            (account.clone(), AccountShare { in_hand, most: self.most_of_account(in_hand), weight })
        });
        for site in self.sites.keys() {
            sites.entry(site.clone()).or_insert(per_site);
        }
        let sites = sites.into_iter().map(|(site, most)| {
            let in_hand = self.sites.get(&site).copied().unwrap_or_default();
            (site, SiteShare { in_hand, most })
        });
        Shares {
            per_site,
            per_account: self.most_of_account(0),
            sites: sites.collect(),
            accounts: accounts.collect(),
            after: self.last.clone(),
        }
    }
}

fn subtract<K: Ord + std::borrow::Borrow<Q>, Q: Ord + ?Sized>(
    counts: &mut BTreeMap<K, usize>,
    key: &Q,
) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::new(name).expect("a valid name")
    }

    /// Gives each account in turn all that it may have, and returns how much that is.
    fn filled(names: &[&str]) -> Vec<usize> {
        let mut in_hand = JobsInHand::new(256, BTreeMap::new());
        let fill = |name: &&str| {
            let account = account(name);
            let mut count = 0;
            loop {
                let share = in_hand.shares(8, BTreeMap::new()).of_account(&account);
                if share.in_hand >= share.most || in_hand.room() == 0 {
                    return count;
                }
                in_hand.add(&account, &format!("{name}-{count}.test"));
                count += 1;
            }
        };
        names.iter().map(fill).collect()
    }

    #[test]
    fn every_account_leaves_as_much_as_it_takes() {
        assert_eq!(filled(&["a", "b", "c", "d"]), [128, 64, 32, 16]);
    }

    #[test]
    fn an_account_always_finds_room_for_one_job() {
        let names: Vec<_> = (0..20).map(|it| format!("account {it}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();

        let counts = filled(&names);

        assert!(counts[..9].iter().all(|it| *it >= 1), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 256, "{counts:?}");
    }

    #[test]
    fn what_ended_is_counted_no_more() {
        let mut in_hand = JobsInHand::new(8, BTreeMap::new());
        in_hand.add(&account("a"), "a.test");
        in_hand.add(&account("a"), "b.test");

        in_hand.remove(&account("a"), "a.test");
        let shares = in_hand.shares(3, BTreeMap::from([("c.test".to_owned(), 0)]));

        assert_eq!(in_hand.room(), 7);
        assert_eq!(shares.sites.keys().collect::<Vec<_>>(), ["b.test", "c.test"]);
        assert_eq!(shares.of_site("b.test"), SiteShare { in_hand: 1, most: 3 });
        assert_eq!(shares.of_site("c.test").most, 0);
        assert_eq!(shares.of_account(&account("a")).in_hand, 1);
        assert_eq!(shares.after, Some(account("a")));
    }
}
