//! Permits: which page is fetched next.
//!
//! A fetch needs three things at once: room at its site, room for its account, and one of the engine's
//! page permits. It gets all of them or waits for all of them, so that a page that waits for its site
//! holds nothing that another could use.
//!
//! # Invariants
//!
//! * Of the pages that could be fetched, one of the account with the fewest running pages for its weight is next.
//! * One account alone never takes the reserve: however long its pages hang, another account's next page
//!   starts at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::core::claims::{AccountShare, Priority};
use crate::core::id::AccountId;
use crate::core::job::Job;
use crate::core::tier::Tier;
use crate::core::time::Timestamp;
use crate::engine::builder::Settings;
use crate::engine::pace::{Health, Pacing, Site};
use crate::ports::clock::Clock;

/// Sites that are kept in memory; beyond this number, idle ones are dropped.
const MAX_SITES: usize = 4_096;
/// The part of the page permits that is added as a reserve for accounts with few running pages: a quarter.
const RESERVE_PART: usize = 4;

/// The number of pages in the browser from which one is left for accounts that have none.
const SHARED_FROM: usize = 4;

/// The permits of an engine. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    pacing: Pacing,
    per_account: usize,
    pages: usize,
    /// The pages that the browser renders at the same time.
    browser_pages: usize,
    weights: BTreeMap<AccountId, u32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sites: HashMap<String, Site>,
    /// The sites that get fewer requests than unknown ones, or did so lately.
    restricted: BTreeSet<String>,
    /// The accounts that have pages.
    accounts: BTreeMap<Owner, Pages>,
    /// The pages that are being fetched, and those of them in the browser.
    running: usize,
    rendering: usize,
    /// The number of waiters so far, by which each is known.
    waiters: u64,
    /// The number of requests started so far.
    started: u64,
}

/// The account of a page, or `None` for requests that belong to no page, such as those for robots.txt. They
/// need no page permit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owner(Option<AccountId>);

/// The pages of one account.
#[derive(Debug, Default)]
struct Pages {
    running: usize,
    rendering: usize,
    /// The number of requests that had been started when one of this account was started last.
    served_at: u64,
    waiting: BTreeMap<(Priority, u64), Waiter>,
}

#[derive(Debug)]
struct Waiter {
    site: String,
    tier: Tier,
    granted: oneshot::Sender<FetchPermit>,
}

/// The right to send one request to a site. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct FetchPermit {
    permits: Permits,
    owner: Owner,
    site: String,
    tier: Tier,
    paused: Duration,
}

impl FetchPermit {
    /// Returns the time that was spent in pauses that the site asked for.
    pub(super) fn paused(&self) -> Duration {
        self.paused
    }
}

impl Drop for FetchPermit {
    fn drop(&mut self) {
        self.permits.lock().end(&self.owner, &self.site, self.tier);
        self.permits.grant();
    }
}

/// The thing that a request waits for, and the longest pause of its site that it waits out.
#[derive(Clone, Copy)]
struct Waits<'a> {
    site: &'a str,
    tier: Tier,
    patience: Duration,
}

/// A place in the queue, until it is dropped.
struct Place<'a> {
    permits: &'a Permits,
    owner: &'a Owner,
    key: (Priority, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.permits.lock().leave(self.owner, self.key);
    }
}

impl State {
    fn end(&mut self, owner: &Owner, site: &str, tier: Tier) {
        let rendered = usize::from(tier == Tier::Browser);
        self.rendering = self.rendering.saturating_sub(rendered);
        if let Some(site) = self.sites.get_mut(site) {
            site.end();
        }
        if owner.0.is_some() {
            self.running = self.running.saturating_sub(1);
        }
        if let Some(pages) = self.accounts.get_mut(owner) {
            pages.running = pages.running.saturating_sub(1);
            pages.rendering = pages.rendering.saturating_sub(rendered);
        }
        self.forget(owner);
    }

    fn leave(&mut self, owner: &Owner, key: (Priority, u64)) {
        if let Some(pages) = self.accounts.get_mut(owner) {
            pages.waiting.remove(&key);
        }
        self.forget(owner);
    }

    /// Forgets an account without pages.
    fn forget(&mut self, owner: &Owner) {
        if self.accounts.get(owner).is_some_and(|it| it.running == 0 && it.waiting.is_empty()) {
            self.accounts.remove(owner);
        }
    }
}

impl Permits {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        settings: &Settings,
        browser_pages: Option<usize>,
        weights: BTreeMap<AccountId, u32>,
    ) -> Self {
        Self(Arc::new(Inner {
            clock,
            pacing: settings.pacing,
            per_account: settings.per_account.unwrap_or(usize::MAX),
            pages: settings.concurrency.max(1),
            browser_pages: browser_pages.map_or(usize::MAX, |it| it.max(1)),
            weights,
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the state of a site.
    fn with_site<T>(&self, name: &str, work: impl FnOnce(&mut Site, Timestamp) -> T) -> T {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let State { sites, accounts, restricted, .. } = &mut *state;
        if !sites.contains_key(name) {
            if sites.len() >= MAX_SITES {
                let waited_for = |site: &String| {
                    accounts.values().flat_map(|it| it.waiting.values()).any(|it| it.site == *site)
                };
                sites.retain(|name, site| !site.is_idle(now) || waited_for(name));
                restricted.retain(|it| sites.contains_key(it));
            }
            sites.insert(name.to_owned(), Site::new(self.0.pacing, &self.0.clock));
        }
        let site = sites.get_mut(name).expect("it was inserted above");
        let out = work(site, now);
        if site.is_restricted(now) {
            restricted.insert(name.to_owned());
        }
        out
    }

    /// Waits until a page of `job`, or what belongs to it, may be fetched from `site` on `tier`.
    ///
    /// # Errors
    ///
    /// The rest of a pause that the site asked for (`Retry-After`), at once, if the pauses add up to more
    /// than `patience`.
    pub(super) async fn page(
        &self,
        job: &Job,
        site: &str,
        tier: Tier,
        patience: Duration,
    ) -> Result<FetchPermit, Duration> {
        let owner = Owner(Some(job.account.clone()));
        self.acquire(owner, job.priority, Waits { site, tier, patience }).await
    }

    /// Waits until a request that belongs to no page may be sent to `site`.
    ///
    /// # Errors
    ///
    /// As [`Permits::page`].
    pub(super) async fn request(
        &self,
        site: &str,
        patience: Duration,
    ) -> Result<FetchPermit, Duration> {
        let waits = Waits { site, tier: Tier::Curl, patience };
        self.acquire(Owner(None), Priority::Normal, waits).await
    }

    async fn acquire(
        &self,
        owner: Owner,
        priority: Priority,
        waits: Waits<'_>,
    ) -> Result<FetchPermit, Duration> {
        let Waits { site, tier, patience } = waits;
        let changed = self.with_site(site, |it, _| it.changed());
        let (granted, mut grant) = oneshot::channel();
        let key = {
            let mut state = self.lock();
            state.waiters += 1;
            let key = (priority, state.waiters);
            let waiter = Waiter { site: site.to_owned(), tier, granted };
            state.accounts.entry(owner.clone()).or_default().waiting.insert(key, waiter);
            key
        };
        let _place = Place { permits: self, owner: &owner, key };
        self.grant();
        let mut paused = Duration::ZERO;
        loop {
            let changed = changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let begun = self.0.clock.now();
            let (opens_in, pause) = self.with_site(site, |it, _| {
                (it.opens_at().since(begun), it.paused_until().since(begun))
            });
            tokio::select! {
                biased;
                Ok(mut permit) = &mut grant => {
                    permit.paused = paused;
                    return Ok(permit);
                }
                () = std::future::ready(()), if paused.saturating_add(pause) > patience => {
                    return Err(pause);
                }
                () = &mut changed => {}
                () = self.0.clock.sleep(opens_in), if !opens_in.is_zero() => self.grant(),
            }
            paused = paused.saturating_add(pause.min(self.0.clock.now().since(begun)));
        }
    }

    /// Starts every page that can be started.
    fn grant(&self) {
        loop {
            let granted = {
                let mut state = self.lock();
                self.next(&mut state, self.0.clock.now())
            };
            let Some((waiter, permit)) = granted else { return };
            // A waiter that is gone drops the permit, which gives it back.
            drop(waiter.granted.send(permit));
        }
    }

    /// Takes the next page that can be fetched out of the queue.
    fn next(&self, state: &mut State, now: Timestamp) -> Option<(Waiter, FetchPermit)> {
        let State { sites, accounts, running, rendering, .. } = state;
        let mut turns: Vec<_> = accounts
            .iter()
            .filter(|(owner, pages)| {
                !pages.waiting.is_empty()
                    && (owner.0.is_none() || self.has_page_permit(*running, pages.running))
            })
            .map(|(owner, pages)| (self.load(owner, pages.running), pages.served_at, owner))
            .collect();
        turns.sort_unstable();
        let next = turns.into_iter().find_map(|(_, _, owner)| {
            let pages = accounts.get(owner)?;
            let has_tab = self.has_browser_page(*rendering, pages.rendering);
            // Of a site that is not open, hundreds may wait in a row.
            let mut closed = "";
            let key = pages.waiting.iter().find(|&(_, it)| {
                if it.site == closed || it.tier == Tier::Browser && !has_tab {
                    return false;
                }
                let Some(site) = sites.get_mut(&it.site) else { return false };
                let is_started = site.is_open(now) && site.start(now);
                if !is_started {
                    site.announce();
                    closed = &it.site;
                }
                is_started
            });
            let key = *key?.0;
            Some((owner.clone(), key))
        });
        let (owner, key) = next?;
        state.started += 1;
        let pages = state.accounts.get_mut(&owner)?;
        let waiter = pages.waiting.remove(&key)?;
        let rendered = usize::from(waiter.tier == Tier::Browser);
        state.rendering += rendered;
        pages.rendering += rendered;
        pages.running += 1;
        pages.served_at = state.started;
        if owner.0.is_some() {
            state.running += 1;
        }
        let (site, tier, paused) = (waiter.site.clone(), waiter.tier, Duration::ZERO);
        Some((waiter, FetchPermit { permits: self.clone(), owner, site, tier, paused }))
    }

    fn load(&self, owner: &Owner, running: usize) -> u64 {
        let weight = owner.0.as_ref().and_then(|it| self.0.weights.get(it));
        AccountShare { in_hand: running, most: 0, weight: weight.copied().unwrap_or(1) }
            .load(running)
    }

    /// Returns `true` if an account with `own` running pages may start one more, of `running` in all.
    ///
    /// Beyond the page permits is the reserve. An account gets from it only while it has fewer pages than
    /// are left, so the first to come gets half of the reserve, the next a quarter, and something is left
    /// for those who come after them.
    fn has_page_permit(&self, running: usize, own: usize) -> bool {
        let Inner { pages, per_account, .. } = *self.0;
        let reserve = pages.div_ceil(RESERVE_PART);
        let left = pages.saturating_add(reserve).saturating_sub(running);
        own < per_account && (running < pages || own < left)
    }

    /// Returns `true` if an account with `own` pages in the browser may have one more, of `rendering` in all.
    ///
    /// The last of [`SHARED_FROM`] or more is for an account that has none.
    fn has_browser_page(&self, rendering: usize, own: usize) -> bool {
        let most = self.0.browser_pages;
        let is_last = most >= SHARED_FROM && rendering.saturating_add(1) >= most;
        rendering < most && (own == 0 || !is_last)
    }

    /// Sets the site's crawl delay.
    pub(super) fn set_delay(&self, site: &str, delay: Duration) {
        self.with_site(site, |it, _| it.set_delay(delay));
        self.grant();
    }

    /// Sends the site no request before `until`; a longer pause that is running stays.
    pub(super) fn pause(&self, site: &str, until: Timestamp) {
        self.with_site(site, |it, _| it.pause(until));
        self.grant();
    }

    /// Counts a job that was put back because its site is paused.
    pub(super) fn put_back(&self, site: &str) {
        self.with_site(site, |it, _| it.put_back());
    }

    /// Returns the time after which the site may get another request.
    pub(super) fn opens_in(&self, site: &str) -> Duration {
        self.with_site(site, |it, now| it.opens_at().since(now))
    }

    /// Returns the time until which the site asked to be left alone.
    pub(super) fn paused_until(&self, site: &str) -> Timestamp {
        self.lock().sites.get(site).map(Site::paused_until).unwrap_or_default()
    }

    /// Learns from an attempt at the site.
    pub(super) fn observe(&self, site: &str, health: Health, started_at: Timestamp) {
        self.with_site(site, |it, now| it.observe(health, started_at, now));
    }

    /// Returns the most jobs in hand of a site that is not known.
    pub(super) fn per_site(&self) -> usize {
        Site::new(self.0.pacing, &self.0.clock).share(self.0.clock.now())
    }

    /// Returns `true` if more jobs of a site should be claimed while `left` are in hand.
    pub(super) fn wants_jobs(&self, site: &str, left: usize) -> bool {
        let now = self.0.clock.now();
        self.lock().sites.get(site).is_none_or(|it| it.wants_jobs(left, now))
    }

    /// Returns the most jobs in hand of each of these sites and of those that get less than others.
    pub(super) fn site_shares<'a>(
        &self,
        in_hand: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, usize> {
        let now = self.0.clock.now();
        let mut state = self.lock();
        let State { sites, restricted, .. } = &mut *state;
        restricted.retain(|it| sites.get(it).is_some_and(|it| it.is_restricted(now)));
        let share = |name: &str| Some((name.to_owned(), sites.get(name)?.share(now)));
        let mut shares: BTreeMap<_, _> = in_hand.filter_map(share).collect();
        shares.extend(restricted.iter().filter_map(|it| share(it)));
        shares
    }

    /// Returns the earliest end of a pause that is running.
    pub(super) fn next_resume(&self) -> Option<Timestamp> {
        let now = self.0.clock.now();
        let state = self.lock();
        let paused = state.restricted.iter().filter_map(|it| state.sites.get(it));
        paused.map(Site::paused_until).filter(|it| *it > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::SystemClock;

    fn permits(pages: usize) -> Permits {
        let settings = Settings::default().with_concurrency(pages);
        Permits::new(Arc::new(SystemClock), &settings, Some(8), BTreeMap::new())
    }

    fn owner(name: &str) -> Owner {
        Owner(Some(AccountId::new(name).expect("a valid name")))
    }

    async fn take_on(tier: Tier, permits: &Permits, name: &str, site: &str) -> FetchPermit {
        let waits = Waits { site, tier, patience: Duration::MAX };
        let page = permits.acquire(owner(name), Priority::Normal, waits);
        page.await.expect("no pause is too long")
    }

    async fn take(permits: &Permits, name: &str, site: &str) -> FetchPermit {
        take_on(Tier::Curl, permits, name, site).await
    }

    /// Takes as many permits for pages of different sites as the account gets at once.
    async fn take_all(permits: &Permits, name: &str) -> Vec<FetchPermit> {
        take_all_on(Tier::Curl, permits, name).await
    }

    async fn take_all_on(tier: Tier, permits: &Permits, name: &str) -> Vec<FetchPermit> {
        let mut taken = Vec::new();
        loop {
            let site = format!("{name}-{}.test", taken.len());
            let page = take_on(tier, permits, name, &site);
            let Ok(permit) = tokio::time::timeout(Duration::from_millis(1), page).await else {
                return taken;
            };
            taken.push(permit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_reserve_is_for_accounts_with_few_pages() {
        let permits = permits(32);

        let mut taken = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            taken.push(take_all(&permits, name).await);
        }

        let counts: Vec<_> = taken.iter().map(Vec::len).collect();
        assert_eq!(counts, [32, 4, 2, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_page_of_the_browser_is_for_an_account_without_one() {
        let permits = permits(32);

        let mut taken = Vec::new();
        for name in ["a", "b", "c"] {
            taken.push(take_all_on(Tier::Browser, &permits, name).await);
        }

        let counts: Vec<_> = taken.iter().map(Vec::len).collect();
        assert_eq!(counts, [7, 1, 0]);
        assert_eq!(
            take_all(&permits, "a").await.len(),
            24,
            "a page that waits for the browser holds nothing"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_that_comes_back_goes_to_the_account_with_the_fewest_pages() {
        let permits = permits(4);
        let mut held = take_all(&permits, "a").await;
        held.extend(take_all(&permits, "b").await);
        assert_eq!(held.len(), 5);
        let (one, two) = (permits.clone(), permits.clone());
        let large = tokio::spawn(async move { take(&one, "a", "more.test").await });
        tokio::task::yield_now().await;
        let small = tokio::spawn(async move { take(&two, "c", "new.test").await });
        tokio::task::yield_now().await;

        held.pop();

        let permit = small.await.expect("no panic");
        assert_eq!(permit.owner, owner("c"));
        assert!(!large.is_finished());
        large.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_without_pages_are_forgotten() {
        let permits = permits(2);
        for number in 0..100 {
            drop(take(&permits, &format!("account-{number}"), "a.test").await);
        }
        let held = take_all(&permits, "a").await;
        let waiting = take(&permits, "a", "b.test");
        assert!(tokio::time::timeout(Duration::from_millis(1), waiting).await.is_err());

        assert_eq!(permits.lock().accounts.len(), 1);
        drop(held);
        assert!(permits.lock().accounts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_sites_are_forgotten_before_the_map_outgrows_its_limit() {
        let permits = permits(2);
        let kept = take(&permits, "a", "kept.test").await;
        for number in 0..MAX_SITES + 10 {
            drop(take(&permits, "a", &format!("{number}.test")).await);
        }

        let state = permits.lock();
        assert!(state.sites.len() <= MAX_SITES);
        assert!(state.sites.contains_key("kept.test"));
        drop(state);
        drop(kept);
    }
}
