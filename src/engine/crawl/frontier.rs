//! The URLs that crawls have seen, and the selection of new ones.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::core::crawl::{CrawlRecord, CrawlUrl, UnreadPage};
use crate::core::id::CrawlId;
use crate::core::record::{Key, Record};
use crate::core::robots::Robots;
use crate::core::url::PageUrl;
use crate::engine::crawl::CHUNKS_AT_ONCE;
use crate::engine::error::EngineError;
use crate::engine::map::address::Address;
use crate::engine::robots::{self, RulesOrigin};
use crate::engine::shared::Shared;
use crate::engine::subrequest;

/// The most crawls whose URLs are kept in memory.
const MAX_CRAWLS: usize = 16;
/// The most crawls of which this process knows since when they wait.
const MAX_WAITING: usize = 1_024;
/// The time for which a crawl waits for something that cannot be read for now: robots.txt of a paused site, or the result
/// of a page. Then it continues without it, with a warning.
const PATIENCE: Duration = Duration::from_mins(10);

/// The beginning of a URL's SHA-256 digest. Two URLs of a crawl with the same one are practically impossible.
type UrlDigest = [u8; 16];

fn digest(url: &str) -> UrlDigest {
    let whole: [u8; 32] = Sha256::digest(url).into();
    let mut half = UrlDigest::default();
    half.copy_from_slice(&whole[..16]);
    half
}

/// The URLs of one crawl that were read from its first `chunks` chunks. Chunks are never emptied, so what was read stays
/// valid.
#[derive(Clone, Debug, Default)]
struct Seen {
    chunks: u32,
    urls: HashSet<UrlDigest>,
}

/// The crawls that wait for something that cannot be read for now, and the time on the monotonic clock at which each began
/// to. A process that takes a crawl over begins again.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<HashMap<CrawlId, Duration>>);

impl Waiting {
    /// Notes that a crawl waits, and returns `true` if it has done so for as long as it may.
    fn is_over(&self, crawl: CrawlId, now: Duration) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_WAITING
            && !all.contains_key(&crawl)
            && let Some(oldest) = all.iter().min_by_key(|(_, since)| **since).map(|(id, _)| *id)
        {
            // Most likely another process advances it by now.
            all.remove(&oldest);
        }
        let since = *all.entry(crawl).or_insert(now);
        now.saturating_sub(since) >= PATIENCE
    }

    /// Forgets a crawl that does not wait.
    pub(super) fn end(&self, crawl: CrawlId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&crawl);
    }
}

/// The URLs of the crawls that this process advances.
#[derive(Debug, Default)]
pub(super) struct SeenUrls(Mutex<HashMap<CrawlId, Seen>>);

impl SeenUrls {
    fn take(&self, crawl: CrawlId) -> Seen {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&crawl).unwrap_or_default()
    }

    fn put(&self, crawl: CrawlId, seen: Seen) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_CRAWLS
            && !all.contains_key(&crawl)
            && let Some(other) = all.keys().next().copied()
        {
            // It is read again when needed.
            all.remove(&other);
        }
        all.insert(crawl, seen);
    }

    /// Forgets a crawl that has ended.
    pub(super) fn forget(&self, crawl: CrawlId) {
        drop(self.take(crawl));
    }
}

/// The links of a stored page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredLinks {
    links: Vec<String>,
}

/// Selects the URLs of a crawl.
pub(super) struct Selector<'a> {
    shared: &'a Shared,
    crawl: &'a CrawlRecord,
    start: String,
    seen: Seen,
    /// The rules of origins, `None` if they allow every page.
    robots: HashMap<String, Option<Arc<Robots>>>,
    /// The time, on the monotonic clock, after which no more files are read.
    ends: Duration,
    /// Messages about files and results that could not be read.
    pub(super) warnings: Vec<String>,
    /// The message about something that cannot be read for now. The caller has to try again.
    trouble: Option<String>,
}

impl<'a> Selector<'a> {
    /// Returns the selector of a crawl, which has read the chunks that the record counts.
    pub(super) async fn new(
        shared: &'a Shared,
        crawl: &'a CrawlRecord,
        patience: Duration,
    ) -> Result<Selector<'a>, EngineError> {
        let mut seen = shared.scheduling.crawls.seen.take(crawl.id);
        while seen.chunks < crawl.chunks {
            let end = seen.chunks.saturating_add(CHUNKS_AT_ONCE).min(crawl.chunks);
            let keys = (seen.chunks..end).map(|it| Key::CrawlChunk(crawl.id, it)).collect();
            for found in shared.adapters.store.load(keys).await?.into_iter().flatten() {
                if let Record::CrawlChunk(chunk) = found.record {
                    seen.urls.extend(chunk.urls.iter().map(|it| digest(&it.url)));
                }
            }
            seen.chunks = end;
        }
        let start = Address::parse(crawl.template.page().as_str());
        let start = start.map(|it| it.bare_host().to_owned()).unwrap_or_default();
        let ends = shared.monotonic().saturating_add(patience);
        let (robots, warnings) = (HashMap::new(), Vec::new());
        Ok(Self { shared, crawl, start, seen, robots, ends, warnings, trouble: None })
    }

    /// Notes that something cannot be read for now. Once the crawl has waited long enough, it is a warning.
    fn wait_for(&mut self, message: String) {
        let (now, waiting) = (self.shared.monotonic(), &self.shared.scheduling.crawls.waiting);
        if waiting.is_over(self.crawl.id, now) {
            self.warnings.push(message);
        } else {
            self.trouble.get_or_insert(message);
        }
    }

    /// Returns what could not be read for now since the last call.
    pub(super) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Returns the time that is left for reading files.
    pub(super) fn time_left(&self) -> Duration {
        self.ends.saturating_sub(self.shared.monotonic())
    }

    /// Keeps what was read of the crawl's chunks for the next time.
    pub(super) fn keep(self) {
        // URLs that were selected and not committed must not count as seen, so only chunks are kept.
        let Self { shared, crawl, seen, .. } = self;
        shared.scheduling.crawls.seen.put(crawl.id, seen);
    }

    /// Returns `true` if the rules of the crawl allow a page, whatever robots.txt says.
    pub(super) fn is_in_scope(&self, address: &Address) -> bool {
        let rules = &self.crawl.rules;
        rules.allow_host(&self.start, address.bare_host())
            && rules.allow_path(&address.path)
            && !address.is_asset()
    }

    /// Returns `true` if robots.txt allows a page, or if the crawl does not obey it.
    pub(super) async fn is_allowed(&mut self, address: &Address) -> bool {
        if !self.crawl.rules.respect_robots {
            return true;
        }
        let Ok(page) = PageUrl::parse(&address.url) else { return false };
        let origin = address.origin();
        if !self.robots.contains_key(&origin) {
            match robots::rules(self.shared, &page, self.time_left()).await {
                Ok(found) => {
                    if found.as_ref().is_some_and(|it| it.origin == RulesOrigin::Unreachable) {
                        self.warnings.push(format!("{origin}/robots.txt could not be fetched"));
                    }
                    self.adopt(&origin, found.map(|it| it.robots), &page);
                }
                Err(error) => {
                    self.wait_for(format!("{origin}/robots.txt was not read: {}", error.message));
                    if self.trouble.is_some() {
                        return false;
                    }
                    self.adopt(&origin, Some(Arc::new(Robots::nothing())), &page);
                }
            }
        }
        let Some(Some(robots)) = self.robots.get(&origin) else { return true };
        robots::allows(robots, robots::crawl_agent(self.shared), &page)
    }

    /// Adopts the rules of an origin.
    fn adopt(&mut self, origin: &str, robots: Option<Arc<Robots>>, page: &PageUrl) {
        if let Some(robots) = &robots {
            robots::adopt_delay(self.shared, robots, page);
        }
        self.robots.insert(origin.to_owned(), robots);
    }

    /// Adds those of the addresses that are new, in scope and allowed, each once. If the rules of an origin cannot be read for
    /// now, none of the others is added: see [`Selector::take_trouble`].
    pub(super) async fn select(
        &mut self,
        addresses: impl IntoIterator<Item = (Address, u16)>,
        new: &mut NewUrls,
    ) {
        for (address, depth) in addresses {
            if new.urls.len() >= self.crawl.room() as usize {
                return;
            }
            let digest = digest(&address.url);
            if self.seen.urls.contains(&digest) || new.digests.contains(&digest) {
                continue;
            }
            if !self.is_in_scope(&address) {
                continue;
            }
            if !self.is_allowed(&address).await {
                if self.trouble.is_some() {
                    return;
                }
                continue;
            }
            if subrequest::for_crawl(&self.crawl.template, &address.url).is_ok() {
                new.digests.insert(digest);
                new.urls.push(CrawlUrl { url: address.url, depth });
            }
        }
    }

    /// Reads the links of a page. Without its result there are none, and [`Selector::take_trouble`] may know why.
    pub(super) async fn links(&mut self, page: &UnreadPage) -> Vec<(Address, u16)> {
        let bytes = match self.shared.adapters.bodies.get(page.body.clone()).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.warnings
                    .push(format!("the links of job {} are lost: it has no result", page.job));
                return Vec::new();
            }
            Err(error) => {
                tracing::warn!(%error, job = %page.job, "reading the links of a page failed");
                self.wait_for(format!("the links of job {} were not read: {error}", page.job));
                return Vec::new();
            }
        };
        let stored: StoredLinks = serde_json::from_slice(&bytes).unwrap_or_default();
        let depth = page.depth.saturating_add(1);
        stored.links.iter().filter_map(|it| Address::parse(it)).map(|it| (it, depth)).collect()
    }
}

impl NewUrls {
    /// Adds the start page, which the patterns need not match.
    pub(super) fn start(&mut self, address: &Address) {
        self.digests.insert(digest(&address.url));
        self.urls.push(CrawlUrl { url: address.url.clone(), depth: 0 });
    }
}

/// URLs that were selected, each once.
#[derive(Debug, Default)]
pub(super) struct NewUrls {
    pub(super) urls: Vec<CrawlUrl>,
    digests: HashSet<UrlDigest>,
}
