//! The URLs that crawls have seen, and the selection of new ones.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::core::crawl::{CrawlRecord, CrawlUrl, UnreadPage, add_warnings};
use crate::core::id::CrawlId;
use crate::core::record::{Key, Record};
use crate::core::robots::Robots;
use crate::core::url::PageUrl;
use crate::engine::crawl::CHUNKS_AT_ONCE;
use crate::engine::crawl::waiting::Subject;
use crate::engine::error::EngineError;
use crate::engine::map::address::Address;
use crate::engine::robots::{self, RulesOrigin};
use crate::engine::shared::Shared;
use crate::engine::subrequest;
use crate::engine::turns::Turns;

/// The most crawls whose URLs are kept in memory.
const MAX_CRAWLS: usize = 16;
/// The shortest time for the robots.txt of an origin. What is not read within it cannot be read for now.
const ROBOTS_TIME: Duration = Duration::from_secs(10);

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

/// The rules of an origin.
enum Rules {
    /// `None` allows every page.
    Known(Option<Arc<Robots>>),
    /// The file cannot be read for now, for this reason.
    Unknown(String),
}

/// The judgment of robots.txt about a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Disallowed,
    /// The file cannot be read for now: see [`Selector::take_trouble`].
    Unknown,
}

/// The fate of an address that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Taken,
    /// The address was seen before, is out of scope, or is disallowed by robots.txt.
    Dropped,
    /// As many were taken as the crawl has room for.
    Full,
    /// The rules of its origin cannot be read for now: see [`Selector::take_trouble`].
    Unknown,
}

/// Selects the URLs of a crawl.
pub(super) struct Selector<'a> {
    shared: &'a Shared,
    crawl: &'a CrawlRecord,
    start: String,
    seen: Seen,
    /// The rules of origins.
    robots: HashMap<String, Rules>,
    /// The time, on the monotonic clock, after which no more files are read.
    ends: Duration,
    /// Messages about files and results that could not be read.
    warnings: Vec<String>,
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

    /// Notes that something cannot be read for now, and returns `true`. Once the crawl has waited for it long enough, it is a
    /// warning, and the crawl continues without it.
    fn waits_for(&mut self, subject: &Subject, message: &str) -> bool {
        let (now, waiting) = (self.shared.monotonic(), &self.shared.scheduling.crawls.waiting);
        let waits = !waiting.is_over(self.crawl.id, subject, now);
        if waits {
            self.trouble.get_or_insert_with(|| message.to_owned());
        } else {
            self.warn([message.to_owned()]);
        }
        waits
    }

    /// Ends the wait for something.
    fn end_wait(&self, subject: &Subject) {
        self.shared.scheduling.crawls.waiting.end(self.crawl.id, subject);
    }

    /// Adds warnings, as [`CrawlRecord::warn`] does.
    pub(super) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        add_warnings(&mut self.warnings, warnings);
    }

    /// Returns the warnings since the last call.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Gives this much time for reading more files, and tries those again that could not be read.
    pub(super) fn renew(&mut self, time: Duration) {
        self.ends = self.shared.monotonic().saturating_add(time);
        self.robots.retain(|_, it| matches!(it, Rules::Known(_)));
    }

    /// Returns `true` if the crawl has no room for more than `new`.
    pub(super) fn is_full(&self, new: &NewUrls) -> bool {
        new.urls.len() >= self.crawl.room() as usize
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
    fn is_in_scope(&self, address: &Address) -> bool {
        let rules = &self.crawl.rules;
        rules.allow_host(&self.start, address.bare_host())
            && rules.allow_path(&address.path)
            && !address.is_asset()
    }

    /// Judges a page by robots.txt. A crawl that does not obey it allows every page.
    pub(super) async fn verdict(&mut self, address: &Address) -> Verdict {
        if !self.crawl.rules.respect_robots {
            return Verdict::Allowed;
        }
        let Ok(page) = PageUrl::parse(&address.url) else { return Verdict::Disallowed };
        let origin = address.origin();
        if !self.robots.contains_key(&origin) {
            let rules = self.read_rules(&origin, &page).await;
            self.robots.insert(origin.clone(), rules);
        }
        let agent = robots::crawl_agent(self.shared);
        match self.robots.get(&origin) {
            Some(Rules::Known(Some(robots))) if !robots::allows(robots, agent, &page) => {
                Verdict::Disallowed
            }
            Some(Rules::Unknown(message)) => {
                self.trouble.get_or_insert_with(|| message.clone());
                Verdict::Unknown
            }
            _ => Verdict::Allowed,
        }
    }

    /// Reads the rules of an origin. The file has at least [`ROBOTS_TIME`], so that the time which others took does not
    /// count against it, and none is begun after the end.
    async fn read_rules(&mut self, origin: &str, page: &PageUrl) -> Rules {
        let subject = Subject::Robots(origin.to_owned());
        let left = self.time_left();
        let message = if left.is_zero() {
            format!("{origin}/robots.txt was not read in time")
        } else {
            match robots::rules(self.shared, page, left.max(ROBOTS_TIME)).await {
                Ok(found) => {
                    self.end_wait(&subject);
                    if found.as_ref().is_some_and(|it| it.origin == RulesOrigin::Unreachable) {
                        self.warn([format!("{origin}/robots.txt could not be fetched")]);
                    }
                    let robots = found.map(|it| it.robots);
                    if let Some(robots) = &robots {
                        robots::adopt_delay(self.shared, robots, page);
                    }
                    return Rules::Known(robots);
                }
                Err(error) => format!("{origin}/robots.txt was not read: {}", error.message),
            }
        };
        if self.waits_for(&subject, &message) {
            Rules::Unknown(message)
        } else {
            Rules::Known(Some(Arc::new(Robots::nothing())))
        }
    }

    /// Adds an address if it is new, in scope and allowed.
    pub(super) async fn add(&mut self, address: &Address, depth: u16, new: &mut NewUrls) -> Added {
        if self.is_full(new) {
            return Added::Full;
        }
        if !self.may_add(address, new) {
            return Added::Dropped;
        }
        match self.verdict(address).await {
            Verdict::Allowed => {}
            Verdict::Disallowed => return Added::Dropped,
            Verdict::Unknown => return Added::Unknown,
        }
        if subrequest::for_crawl(&self.crawl.template, &address.url).is_err() {
            return Added::Dropped;
        }
        new.digests.insert(digest(&address.url));
        new.urls.push(CrawlUrl { url: address.url.clone(), depth });
        Added::Taken
    }

    /// Returns `true` if an address is new and in scope.
    pub(super) fn may_add(&self, address: &Address, new: &NewUrls) -> bool {
        let digest = digest(&address.url);
        !self.seen.urls.contains(&digest)
            && !new.digests.contains(&digest)
            && self.is_in_scope(address)
    }

    /// Returns `true` if nothing has to be read to judge an address.
    pub(super) fn knows_rules(&self, address: &Address) -> bool {
        !self.crawl.rules.respect_robots || self.robots.contains_key(&address.origin())
    }

    /// Adds those of the addresses that are new, in scope and allowed, each once. Those whose origin's rules cannot be read for
    /// now are left out: see [`Selector::take_trouble`].
    pub(super) async fn select(&mut self, addresses: Vec<(Address, u16)>, new: &mut NewUrls) {
        let mut turns = Turns::default();
        for (address, depth) in addresses {
            turns.step().await;
            if self.add(&address, depth, new).await == Added::Full {
                return;
            }
        }
    }

    /// Reads the links of a page. Without its result there are none, and [`Selector::take_trouble`] may know why.
    pub(super) async fn links(&mut self, page: &UnreadPage) -> Vec<(Address, u16)> {
        let subject = Subject::Result(page.job);
        let bytes = match self.shared.adapters.bodies.get(page.body.clone()).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.warn([format!("the links of job {} are lost: it has no result", page.job)]);
                return Vec::new();
            }
            Err(error) => {
                tracing::warn!(%error, job = %page.job, "reading the links of a page failed");
                let message = format!("the links of job {} were not read: {error}", page.job);
                if !self.waits_for(&subject, &message) {
                    self.end_wait(&subject);
                }
                return Vec::new();
            }
        };
        self.end_wait(&subject);
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
