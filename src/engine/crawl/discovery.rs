//! The discovery of a crawl: robots.txt and the sitemaps, over as many claims as it takes.
//!
//! A claim reads for a short time, so that no site keeps others waiting: a `Crawl-delay` of 30 seconds makes ten files take
//! five minutes. Between claims, the state is in memory only. A process that takes the crawl over begins again, and drops the
//! pages that were admitted before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::core::crawl::{CrawlRecord, CrawlRules, SitemapUse};
use crate::core::id::CrawlId;
use crate::engine::crawl::frontier::{Added, NewUrls, Selector, Verdict};
use crate::engine::map::address::Address;
use crate::engine::map::sitemap::{Collector, Offer, Progress, Search, SearchEnd, SitemapPage};
use crate::engine::robots;
use crate::engine::shared::Shared;
use crate::engine::turns::Turns;

/// The time limit of reading in one claim.
pub(super) const PER_CLAIM: Duration = Duration::from_secs(20);
/// The time for the robots.txt of other hosts after the sitemaps were read.
const FOR_ROBOTS: Duration = Duration::from_secs(10);
/// The time limit of a whole discovery.
const IN_ALL: Duration = Duration::from_mins(10);
/// The lead of a claim over its request, so that other requests to the site do not take its turn each time.
const AHEAD: Duration = Duration::from_secs(10);
/// The wait before the rules of a site are read again.
const BEFORE_RETRY: Duration = Duration::from_secs(1);
/// The most discoveries that are kept in memory.
const MAX_DISCOVERIES: usize = 256;
/// The most bytes of the URLs that wait for the rules of their origin.
const MAX_HELD_BYTES: usize = 1024 * 1024;

/// The discoveries that continue with a later claim.
#[derive(Debug, Default)]
pub(super) struct Discoveries(Mutex<HashMap<CrawlId, Discovery>>);

impl Discoveries {
    /// Takes the state of a crawl.
    pub(super) fn take(&self, crawl: CrawlId) -> Option<Discovery> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&crawl)
    }

    /// Keeps the state of a crawl for its next claim.
    pub(super) fn put(&self, crawl: CrawlId, discovery: Discovery) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_DISCOVERIES
            && let Some(oldest) = all.iter().min_by_key(|(_, it)| it.ends).map(|(id, _)| *id)
        {
            // It begins again.
            all.remove(&oldest);
        }
        all.insert(crawl, discovery);
    }
}

/// The state of a discovery.
#[derive(Debug)]
pub(super) struct Discovery {
    /// The time limit, on the monotonic clock.
    ends: Duration,
    sitemaps: Progress,
    held: Held,
}

/// The pages whose origin's rules are not known yet.
#[derive(Debug, Default)]
struct Held {
    pages: Vec<Address>,
    bytes: usize,
}

impl Held {
    fn is_full(&self) -> bool {
        self.bytes > MAX_HELD_BYTES
    }

    fn push(&mut self, page: Address) {
        self.bytes += page.url.len();
        self.pages.push(page);
    }
}

/// The result of one claim.
pub(super) enum Discovered {
    /// robots.txt disallows the start page.
    Disallowed,
    /// The robots.txt of the start page cannot be read for now.
    Unknown(String),
    /// Everything was read.
    All,
    /// There is more to read after this wait.
    Some(Duration),
}

impl Discovery {
    /// Returns a discovery that begins now. If the crawl is so old that an earlier one was lost, it gets the time of one claim,
    /// so that it ends even if its state is lost again and again.
    pub(super) fn new(shared: &Shared, crawl: &CrawlRecord) -> Self {
        let is_late = crawl.claims > 1 && shared.now().since(crawl.created_at) > IN_ALL * 3;
        let time = if is_late { PER_CLAIM } else { IN_ALL };
        let ends = shared.monotonic().saturating_add(time);
        Self { ends, sitemaps: Progress::default(), held: Held::default() }
    }

    /// Reads for the time of one claim, and adds pages to `new`.
    pub(super) async fn advance(
        &mut self,
        shared: &Shared,
        crawl: &CrawlRecord,
        selector: &mut Selector<'_>,
        new: &mut NewUrls,
    ) -> Discovered {
        let Some(start) = Address::parse(crawl.template.page().as_str()) else {
            return Discovered::All;
        };
        let is_only = crawl.rules.sitemap == SitemapUse::Only;
        let adds_start = !is_only && crawl.admitted == 0;
        match selector.verdict(&start).await {
            // The pages that were found before continue.
            Verdict::Unknown if crawl.admitted > 0 => {
                drop(selector.take_trouble());
                return Discovered::Some(BEFORE_RETRY);
            }
            Verdict::Unknown => {
                return Discovered::Unknown(selector.take_trouble().unwrap_or_default());
            }
            Verdict::Disallowed if adds_start => return Discovered::Disallowed,
            Verdict::Allowed | Verdict::Disallowed if adds_start => new.start(&start),
            Verdict::Allowed | Verdict::Disallowed => {}
        }
        let is_near = page_depth(&crawl.rules) <= crawl.rules.max_depth;
        if crawl.rules.sitemap == SitemapUse::Skip || !is_near || selector.is_full(new) {
            return Discovered::All;
        }
        let wait = self.read_sitemaps(shared, crawl, &start, selector, new).await;
        self.retry_held(selector, new, page_depth(&crawl.rules)).await;
        // The messages were noted, and are warnings once the patience is over.
        drop(selector.take_trouble());
        match wait {
            _ if selector.is_full(new) => Discovered::All,
            _ if !self.held.pages.is_empty() => Discovered::Some(BEFORE_RETRY),
            Some(wait) => Discovered::Some(wait),
            None => Discovered::All,
        }
    }

    /// Reads sitemaps. Returns the wait before the next one, unless that was all.
    async fn read_sitemaps(
        &mut self,
        shared: &Shared,
        crawl: &CrawlRecord,
        start: &Address,
        selector: &mut Selector<'_>,
        new: &mut NewUrls,
    ) -> Option<Duration> {
        // A file that the selector knows is in the cache.
        let robots = robots::rules(shared, crawl.template.page(), selector.time_left()).await;
        let robots = robots.ok().flatten().map(|it| it.robots).unwrap_or_default();
        let in_all = self.ends.saturating_sub(shared.monotonic());
        let search = Search {
            start,
            robots: &robots,
            path: crawl.rules.sitemap_path.as_deref(),
            deadline: selector.time_left().min(in_all),
        };
        let (held, depth) = (&mut self.held, page_depth(&crawl.rules));
        let mut warnings = Vec::new();
        let reading = RobotsReading::OfStart(start.bare_host().to_owned());
        let mut seeds = Seeds { selector, new, held, depth, reading };
        let end = search.run(shared, &mut self.sitemaps, &mut seeds, &mut warnings).await;
        let left = self.ends.saturating_sub(shared.monotonic());
        let wait = match end {
            SearchEnd::Complete => None,
            SearchEnd::OutOfTime(_) if left.is_zero() => {
                warnings
                    .push("the sitemaps were not read to the end: the time was over".to_owned());
                None
            }
            SearchEnd::OutOfTime(wait) => Some(wait.saturating_sub(AHEAD).min(left)),
        };
        selector.warn(warnings);
        wait
    }

    /// Offers the pages again whose origin's rules were not known, with time of their own.
    async fn retry_held(&mut self, selector: &mut Selector<'_>, new: &mut NewUrls, depth: u16) {
        let Held { pages, .. } = std::mem::take(&mut self.held);
        if pages.is_empty() {
            return;
        }
        selector.renew(FOR_ROBOTS);
        let (held, reading) = (&mut self.held, RobotsReading::OfAll);
        let mut seeds = Seeds { selector, new, held, depth, reading };
        let mut turns = Turns::default();
        for address in pages {
            turns.step().await;
            if seeds.offer(SitemapPage { address, last_modified: None }).await == Offer::Full {
                return;
            }
        }
    }
}

/// Returns the depth of the pages of sitemaps: each is as near as a link of the start page, unless no link is followed.
fn page_depth(rules: &CrawlRules) -> u16 {
    u16::from(rules.sitemap != SitemapUse::Only)
}

/// Adds the pages of sitemaps to those of a crawl.
struct Seeds<'a, 'b> {
    selector: &'a mut Selector<'b>,
    new: &'a mut NewUrls,
    held: &'a mut Held,
    depth: u16,
    reading: RobotsReading,
}

/// The origins whose robots.txt is read at once. The pages of others are held.
enum RobotsReading {
    OfAll,
    /// Those with the host of the start page, with or without `www.`: one slow host among the others would take the time of all
    /// pages behind its own.
    OfStart(String),
}

impl Seeds<'_, '_> {
    async fn add(&mut self, address: &Address) -> Added {
        let is_read = match &self.reading {
            RobotsReading::OfAll => true,
            // Beyond the limit, none would be held.
            RobotsReading::OfStart(host) => address.bare_host() == host || self.held.is_full(),
        };
        if is_read || self.selector.knows_rules(address) {
            return self.selector.add(address, self.depth, self.new).await;
        }
        if self.selector.is_full(self.new) {
            return Added::Full;
        }
        if self.selector.may_add(address, self.new) { Added::Unknown } else { Added::Dropped }
    }
}

impl Collector for Seeds<'_, '_> {
    async fn offer(&mut self, page: SitemapPage) -> Offer {
        match self.add(&page.address).await {
            Added::Taken => Offer::Taken,
            Added::Dropped => Offer::Dropped,
            Added::Full => Offer::Full,
            Added::Unknown if self.held.is_full() => {
                let warning = "some pages of sitemaps were left out: too many wait for robots.txt";
                self.selector.warn([warning.to_owned()]);
                Offer::Dropped
            }
            Added::Unknown => {
                self.held.push(page.address);
                Offer::Taken
            }
        }
    }
}
