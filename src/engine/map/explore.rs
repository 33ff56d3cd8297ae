//! Explores a site for a map: its sitemaps, then its pages, nearest first.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::core::crawl::{CrawlRules, SitemapUse};
use crate::core::request::{Format, Item, Limits};
use crate::core::robots::Robots;
use crate::core::url::{PageUrl, without_userinfo};
use crate::core::verdict::content_type;
use crate::engine::map::address::Address;
use crate::engine::map::sitemap::{Collector, Offer, Progress, Search, SearchEnd, SitemapPage};
use crate::engine::map::{Map, MappedUrl, Metadata, SITEMAPS_DEADLINE, UrlSource};
use crate::engine::map::{fetch, relevance};
use crate::engine::robots::{self, RulesOrigin};
use crate::engine::shared::Shared;
use crate::engine::turns::Turns;
use crate::ports::extract::{Document, Extracted};

/// Pages that are read at the same time.
const PAGES_AT_ONCE: usize = 8;
/// The largest page that is read.
const MAX_PAGE_BYTES: u64 = 5 * 1024 * 1024;
/// The most warnings.
const MAX_WARNINGS: usize = 20;

/// The result of an exploration.
#[derive(Debug, Default)]
pub(super) struct Explored {
    pub(super) urls: Vec<MappedUrl>,
    pub(super) sitemap_found: bool,
    /// The number of pages that were read.
    pub(super) pages_read: usize,
    pub(super) warnings: Vec<String>,
}

impl Explored {
    /// Returns the reason if nothing of the site could be read.
    pub(super) fn failure(&self, robots_exists: bool) -> Option<String> {
        let has_read = robots_exists || self.sitemap_found || self.pages_read > 0;
        let nothing = || "no robots.txt, no sitemap and no page could be read".to_owned();
        // The start page alone may be all that is wanted.
        let reason = self.warnings.first().cloned();
        reason.or_else(|| self.urls.is_empty().then(nothing)).filter(|_| !has_read)
    }
}

/// An exploration of one site.
pub(super) struct Explorer {
    shared: Arc<Shared>,
    rules: CrawlRules,
    searched: Option<Vec<String>>,
    metadata: Metadata,
    start: Address,
    robots: HashMap<String, Option<Arc<Robots>>>,
    deadline: Duration,
    found: Vec<MappedUrl>,
    /// The places in `found`, by URL.
    places: HashMap<String, usize>,
    /// Pages to read, by their places.
    queue: VecDeque<usize>,
    pages_read: usize,
    warnings: Vec<String>,
}

impl Explorer {
    /// Returns the exploration of a site, which ends at `deadline` of the monotonic clock.
    pub(super) fn new(
        shared: Arc<Shared>,
        map: &Map,
        start: Address,
        robots: Arc<Robots>,
        deadline: Duration,
    ) -> Self {
        if map.rules.respect_robots
            && let Ok(page) = PageUrl::parse(&start.url)
        {
            robots::adopt_delay(&shared, &robots, &page);
        }
        let robots = HashMap::from([(start.origin(), Some(robots))]);
        Self {
            deadline,
            shared,
            rules: map.rules.clone(),
            searched: map.search.as_deref().map(relevance::words),
            metadata: map.metadata,
            start,
            robots,
            found: Vec::new(),
            places: HashMap::new(),
            queue: VecDeque::new(),
            pages_read: 0,
            warnings: Vec::new(),
        }
    }

    /// Returns the most URLs to look for. A search chooses from more.
    fn wanted(&self) -> usize {
        let most = if self.searched.is_some() { Map::MAX_PAGES } else { self.rules.max_pages };
        most as usize
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_sub(self.shared.monotonic())
    }

    /// Explores the site within the time limit.
    pub(super) async fn run(mut self) -> Explored {
        let is_only = self.rules.sitemap == SitemapUse::Only;
        if !is_only {
            let start = self.start.clone();
            let is_in_scope = self.is_in_scope(&start);
            let added = self.add(start, 0, UrlSource::Link, None).await;
            if is_in_scope && added == Offer::Dropped {
                self.warnings.push("robots.txt disallows the start page".to_owned());
            }
        }
        let mut sitemap_found = false;
        if self.rules.sitemap != SitemapUse::Skip {
            sitemap_found = self.read_sitemaps().await;
        }
        if !is_only || self.metadata == Metadata::OfAll {
            self.read_pages(is_only).await;
        }
        self.warnings.truncate(MAX_WARNINGS);
        let (warnings, pages_read) = (std::mem::take(&mut self.warnings), self.pages_read);
        Explored { urls: self.chosen(), sitemap_found, pages_read, warnings }
    }

    async fn read_sitemaps(&mut self) -> bool {
        let robots = self.robots.get(&self.start.origin()).cloned().flatten().unwrap_or_default();
        let (start, path) = (self.start.clone(), self.rules.sitemap_path.clone());
        let deadline = SITEMAPS_DEADLINE.min(self.time_left());
        let search = Search { start: &start, robots: &robots, path: path.as_deref(), deadline };
        let (mut progress, mut warnings) = (Progress::default(), Vec::new());
        let shared = Arc::clone(&self.shared);
        let end = search.run(&shared, &mut progress, self, &mut warnings).await;
        if end != SearchEnd::Complete {
            warnings.push("the sitemaps were not read to the end: the time was over".to_owned());
        }
        self.warnings.append(&mut warnings);
        progress.found
    }

    fn is_in_scope(&self, address: &Address) -> bool {
        let is_start = address.url == self.start.url;
        self.rules.allow_host(self.start.bare_host(), address.bare_host())
            && (is_start || self.rules.allow_path(&address.path))
            && !address.is_asset()
    }

    async fn is_allowed(&mut self, address: &Address) -> bool {
        if !self.rules.respect_robots {
            return true;
        }
        let Ok(page) = PageUrl::parse(&address.url) else { return false };
        let origin = address.origin();
        if !self.robots.contains_key(&origin) {
            let left = self.time_left();
            let found = robots::rules(&self.shared, &page, left).await;
            let is_unreachable = match &found {
                Ok(found) => found.as_ref().is_some_and(|it| it.origin == RulesOrigin::Unreachable),
                Err(_) => true,
            };
            if is_unreachable {
                self.warnings.push(format!(
                    "{origin}/robots.txt could not be fetched: its pages are left out"
                ));
            }
            let found = match found {
                Ok(found) => found.map(|it| it.robots),
                Err(_) => Some(Arc::new(Robots::nothing())),
            };
            if let Some(robots) = &found {
                robots::adopt_delay(&self.shared, robots, &page);
            }
            self.robots.insert(origin.clone(), found);
        }
        let Some(Some(robots)) = self.robots.get(&origin) else { return true };
        robots::allows(robots, robots::crawl_agent(&self.shared), &page)
    }

    /// Adds a URL that is new, in scope and allowed, and near enough.
    async fn add(
        &mut self,
        address: Address,
        depth: u16,
        source: UrlSource,
        last_modified: Option<String>,
    ) -> Offer {
        if self.found.len() >= self.wanted() {
            return Offer::Full;
        }
        if let Some(place) = self.places.get(&address.url) {
            let known = &mut self.found[*place];
            known.last_modified = known.last_modified.take().or(last_modified);
            return Offer::Taken;
        }
        let is_near = depth <= self.rules.max_depth.max(1);
        if !is_near || !self.is_in_scope(&address) || !self.is_allowed(&address).await {
            return Offer::Dropped;
        }
        let place = self.found.len();
        self.places.insert(address.url.clone(), place);
        self.queue.push_back(place);
        let (title, description, relevance) = (None, None, None);
        let url = address.url;
        self.found.push(MappedUrl {
            url,
            source,
            depth,
            title,
            description,
            last_modified,
            relevance,
        });
        Offer::Taken
    }

    /// Reads pages in the order in which they were found, and adds their links.
    async fn read_pages(&mut self, titles_only: bool) {
        let mut running = JoinSet::new();
        let mut read = 0;
        let mut seen = HashSet::new();
        loop {
            while running.len() < PAGES_AT_ONCE
                && read < Map::MAX_READ
                && !self.time_left().is_zero()
            {
                let Some(place) = self.queue.pop_front() else { break };
                if !self.is_worth_reading(place, titles_only) || !seen.insert(place) {
                    continue;
                }
                read += 1;
                let (shared, url) = (Arc::clone(&self.shared), self.found[place].url.clone());
                let left = self.time_left();
                running.spawn(async move { (place, read_page(shared, url, left).await) });
            }
            let Some(ended) = running.join_next().await else { return };
            let Ok((place, page)) = ended else { continue };
            let page = match page {
                Ok(page) => page,
                Err(reason) => {
                    let url = without_userinfo(&self.found[place].url);
                    self.warnings.push(format!("page {url} was not read: {reason}"));
                    continue;
                }
            };
            self.pages_read += 1;
            let known = &mut self.found[place];
            (known.title, known.description) = (page.title, page.description);
            let depth = known.depth.saturating_add(1);
            if titles_only || depth > self.rules.max_depth {
                continue;
            }
            self.add_links(page.links, depth).await;
        }
    }

    /// Adds the links of a page, within the time limit.
    async fn add_links(&mut self, links: Vec<String>, depth: u16) {
        let mut turns = Turns::default();
        for link in links {
            if turns.step().await && self.time_left().is_zero() {
                return;
            }
            if let Some(address) = Address::parse(&link) {
                self.add(address, depth, UrlSource::Link, None).await;
            }
        }
    }

    /// Returns `true` if the links of a page are followed, or if its title is wanted.
    fn is_worth_reading(&self, place: usize, titles_only: bool) -> bool {
        let follows = self.found[place].depth < self.rules.max_depth
            && self.found.len() < self.wanted()
            && !titles_only;
        follows || self.metadata == Metadata::OfAll
    }

    /// Returns the URLs to list: all of them, or the most relevant.
    fn chosen(self) -> Vec<MappedUrl> {
        let limit = self.rules.max_pages as usize;
        let mut urls = self.found;
        if let Some(searched) = &self.searched {
            for it in &mut urls {
                let path = Address::parse(&it.url).map(|it| it.path).unwrap_or_default();
                let (title, description) = (it.title.as_deref(), it.description.as_deref());
                it.relevance = Some(relevance::score(searched, &path, title, description));
            }
            urls.retain(|it| it.relevance.is_some_and(|score| score > 0.0));
            urls.sort_by(|a, b| {
                b.relevance.unwrap_or_default().total_cmp(&a.relevance.unwrap_or_default())
            });
        }
        urls.truncate(limit);
        urls
    }
}

impl Collector for Explorer {
    async fn offer(&mut self, page: SitemapPage) -> Offer {
        self.add(page.address, 1, UrlSource::Sitemap, page.last_modified).await
    }
}

/// Fetches a page and extracts its links and its title.
async fn read_page(
    shared: Arc<Shared>,
    url: String,
    deadline: Duration,
) -> Result<Extracted, String> {
    let address = Address::parse(&url).ok_or("it is not the URL of a page")?;
    let response = fetch::get(&shared, &address, MAX_PAGE_BYTES, deadline).await;
    let response = response.map_err(|error| error.to_string())?;
    if response.status >= 300 {
        return Err(format!("status {}", response.status));
    }
    let item = Item::get(url).formats([Format::Text]);
    let options = item.check(&Limits::default()).map_err(|error| error.to_string())?;
    let extractor = Arc::clone(&shared.adapters.extractor);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let extract = move || {
        let content_type = content_type(&response.headers);
        let url = match response.final_url.as_str() {
            "" => options.page().as_str(),
            url => url,
        };
        let document = Document::new(&response.body, url, &options);
        extractor.extract(document.with_content_type(content_type.as_deref()).with_links())
    };
    let work = Box::new(move || {
        // The receiver is gone if the map was dropped meanwhile.
        drop(sender.send(catch_unwind(AssertUnwindSafe(extract))));
    });
    let _permit = shared.scheduling.extraction_permits.acquire().await;
    shared.adapters.blocking_pool.run(work).await;
    match receiver.await {
        Ok(Ok(extracted)) => extracted.map_err(|error| error.to_string()),
        _ => Err("the extractor panicked".to_owned()),
    }
}
