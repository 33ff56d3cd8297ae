//! Maps: the URLs of a site, from its sitemaps and its links.
//!
//! A map reads robots.txt, the sitemaps and some pages within one call. It makes no jobs and keeps no pages; its price is
//! booked when it succeeds.

pub(super) mod address;
mod charge;
mod explore;
pub(super) mod fetch;
mod relevance;
pub(super) mod sitemap;
pub(super) mod under_way;

use std::sync::Arc;
use std::time::Duration;

use crate::core::crawl::{CrawlRules, SitemapUse, check_patterns};
use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId};
use crate::core::request::{Item, ValidationError};
use crate::core::robots::Robots;
use crate::core::url::{PageUrl, without_userinfo};
use crate::core::usage::Budget;
use crate::engine::Engine;
use crate::engine::error::{EngineError, SubmitError};
use crate::engine::map::address::Address;
use crate::engine::map::explore::Explorer;
use crate::engine::robots::{self, RobotsFile, RulesOrigin};
use crate::engine::shared::Shared;

/// The time limit of a map.
const DEADLINE: Duration = Duration::from_mins(1);
/// The part of it that sitemaps may take.
const SITEMAPS_DEADLINE: Duration = Duration::from_secs(30);
/// The warning about a robots.txt that is not known.
const NO_ROBOTS: &str = "robots.txt could not be fetched";

/// A map to make: the start page and the rules.
///
/// ```
/// use rungs::prelude::*;
///
/// let map = Map::of("https://example.com/").max_pages(1_000).search("pricing");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Map {
    url: String,
    rules: CrawlRules,
    search: Option<String>,
    metadata: Metadata,
    account: AccountId,
    label: Option<String>,
    budget: Option<Budget>,
}

/// The pages of a map that are read for their titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metadata {
    /// Those whose links are followed.
    OfReadPages,
    /// As many as a map may read.
    OfAll,
}

impl Map {
    /// The price of a map.
    pub const PRICE: Credits = Credits(1_000);
    /// The most URLs of a map.
    pub const MAX_PAGES: u32 = 50_000;
    /// The greatest depth of a map.
    pub const MAX_DEPTH: u16 = 10;
    /// The longest search, in characters.
    pub const MAX_SEARCH_CHARS: usize = 500;
    /// The most pages that a map reads for their links and titles.
    pub const MAX_READ: usize = 100;

    /// Returns a map of the site of this page.
    pub fn of(url: impl Into<String>) -> Self {
        let rules = CrawlRules { max_pages: 500, ..CrawlRules::default() };
        Self {
            url: url.into(),
            rules,
            search: None,
            metadata: Metadata::OfReadPages,
            account: AccountId::default(),
            label: None,
            budget: None,
        }
    }

    /// Sets the most URLs, 1 to 50,000. Defaults to 500.
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.rules.max_pages = pages;
        self
    }

    /// Sets the most links from the start page to a URL, 0 to 10. Defaults to 3.
    pub fn max_depth(mut self, depth: u16) -> Self {
        self.rules.max_depth = depth;
        self
    }

    /// Lists only URLs whose path matches one of these globs.
    pub fn include<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.rules.include = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Lists no URL whose path matches one of these globs.
    pub fn exclude<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.rules.exclude = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Lists only URLs that have something to do with these words, the most relevant first.
    pub fn search(mut self, words: impl Into<String>) -> Self {
        self.search = Some(words.into());
        self
    }

    /// Sets the use of the site's sitemaps. Defaults to [`SitemapUse::Include`].
    pub fn sitemap(mut self, sitemap: SitemapUse) -> Self {
        self.rules.sitemap = sitemap;
        self
    }

    /// Lists hosts below that of the start page, too.
    pub fn include_subdomains(mut self) -> Self {
        self.rules.include_subdomains = true;
        self
    }

    /// Lists URLs that robots.txt disallows.
    pub fn ignore_robots(mut self) -> Self {
        self.rules.respect_robots = false;
        self
    }

    /// Reads pages for their titles and descriptions, up to [`Map::MAX_READ`].
    pub fn include_metadata(mut self) -> Self {
        self.metadata = Metadata::OfAll;
        self
    }

    /// Sets all rules. Those of budgets and of concurrency do not apply to maps.
    pub fn rules(mut self, rules: CrawlRules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets the account that is charged. Defaults to the account `default`.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the label under which usage and budgets are counted within the account.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the budget of the label, or of the account.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    fn check(&self) -> Result<(), ValidationError> {
        if self.rules.max_pages > Self::MAX_PAGES {
            let (given, most) = (self.rules.max_pages, Self::MAX_PAGES);
            let reason = format!("is {given}: use a number from 1 to {most}");
            return Err(ValidationError::new("max_pages", reason));
        }
        if self.rules.max_depth > Self::MAX_DEPTH {
            let (given, most) = (self.rules.max_depth, Self::MAX_DEPTH);
            let reason = format!("is {given}: use a number from 0 to {most}");
            return Err(ValidationError::new("max_depth", reason));
        }
        if self.search.as_ref().is_some_and(|it| it.chars().count() > Self::MAX_SEARCH_CHARS) {
            let reason = format!("is too long: use at most {} characters", Self::MAX_SEARCH_CHARS);
            return Err(ValidationError::new("search", reason));
        }
        check_patterns("include_patterns", &self.rules.include)?;
        self.rules.check()
    }
}

impl<T: Into<String>> From<T> for Map {
    fn from(url: T) -> Self {
        Self::of(url)
    }
}

/// The place where a URL was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UrlSource {
    /// A sitemap.
    Sitemap,
    /// A link, or the start page itself.
    Link,
}

impl UrlSource {
    /// Returns the source as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sitemap => "sitemap",
            Self::Link => "link",
        }
    }
}

/// A URL of a site.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MappedUrl {
    /// The canonical URL.
    pub url: String,
    /// The place where it was found first.
    pub source: UrlSource,
    /// The number of links from the start page; 1 for a URL of a sitemap.
    pub depth: u16,
    /// The title, if the page was read.
    pub title: Option<String>,
    /// The page's description of itself, if the page was read.
    pub description: Option<String>,
    /// The date of the last change, as the sitemap writes it.
    pub last_modified: Option<String>,
    /// The relevance for the search, from 0 to 1; `None` without a search.
    pub relevance: Option<f64>,
}

/// The URLs of a site.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SiteMap {
    /// The id of the ledger entry that charged the map ([`Engine::ledger`]).
    pub id: BatchId,
    /// The URLs, each once: the start page first, or the most relevant first.
    pub urls: Vec<MappedUrl>,
    /// `true` if the site has a sitemap that was read.
    pub sitemap_found: bool,
    /// `true` if the site has a robots.txt.
    pub robots_exists: bool,
    /// The paths that its robots.txt disallows.
    pub disallowed_paths: Vec<String>,
    /// The credits charged.
    pub charged: Credits,
    /// Warnings: sitemaps and pages that could not be read.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Lists the URLs of a site: from its sitemaps, and from the links of its pages.
    ///
    /// The engine reads robots.txt, the sitemaps and up to [`Map::MAX_READ`] pages on tier 1, paced like every other request,
    /// within a minute. What cannot be read is left out, with a warning.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Option`] names the invalid option. [`SubmitError::Overdrawn`] or [`SubmitError::OverBudget`] if
    /// [`Map::PRICE`] is not covered, beside that of the maps which this engine has begun before.
    /// [`SubmitError::SiteUnreadable`] if the map obeys robots.txt and it cannot be fetched, or if no page, no sitemap and no
    /// robots.txt can be read. A map that fails costs nothing.
    pub async fn map(&self, map: impl Into<Map>) -> Result<SiteMap, SubmitError> {
        let (shared, map) = (&self.shared, map.into());
        if shared.lifecycle.stopping.is_cancelled() {
            return Err(EngineError::Stopped.into());
        }
        map.check().map_err(SubmitError::Option)?;
        let item = Item::get(map.url.clone());
        let request = shared.checked(item, &map.account).map_err(SubmitError::Option)?;
        let start = Address::parse(request.page().as_str()).ok_or_else(|| {
            SubmitError::Option(ValidationError::new("url", "is not the URL of a page"))
        })?;
        shared.set_clock_once().await?;
        let _under_way = charge::begin(shared, &map).await?;
        let deadline = shared.monotonic().saturating_add(DEADLINE);
        let rules = rules(shared, &map, request.page()).await?;
        let robots = Arc::clone(&rules.robots);
        let search = Explorer::new(Arc::clone(shared), &map, start, robots, deadline);
        let mut explored = tokio::select! {
            biased;
            explored = search.run() => explored,
            () = shared.lifecycle.stopping.cancelled() => return Err(EngineError::Stopped.into()),
        };
        if rules.origin == RulesOrigin::Unreachable {
            explored.warnings.insert(0, NO_ROBOTS.to_owned());
        }
        let robots_exists = rules.origin == RulesOrigin::File;
        if let Some(reason) = explored.failure(robots_exists) {
            let url = without_userinfo(request.page().as_str());
            return Err(SubmitError::SiteUnreadable { url, reason });
        }
        let disallowed = |agent| rules.robots.disallowed(agent);
        let agent = Some(robots::crawl_agent(shared)).filter(|_| robots_exists);
        let id = charge::charge(shared, &map, request.page().site()).await?;
        Ok(SiteMap {
            id,
            urls: explored.urls,
            sitemap_found: explored.sitemap_found,
            robots_exists,
            disallowed_paths: agent.map(disallowed).unwrap_or_default(),
            charged: Map::PRICE,
            warnings: explored.warnings,
        })
    }
}

/// Returns the rules of the start page's origin. Without its file, nothing of a site can be listed, unless the map does not obey
/// robots.txt.
async fn rules(shared: &Shared, map: &Map, start: &PageUrl) -> Result<RobotsFile, SubmitError> {
    let everything = |origin| RobotsFile { robots: Arc::new(Robots::everything()), origin };
    let reason = match robots::rules(shared, start, DEADLINE).await {
        Ok(Some(found)) if found.origin != RulesOrigin::Unreachable => return Ok(found),
        Ok(None) => return Ok(everything(RulesOrigin::Missing)),
        Ok(Some(_)) => NO_ROBOTS.to_owned(),
        Err(error) => format!("robots.txt was not read: {}", error.message),
    };
    if map.rules.respect_robots {
        let url = without_userinfo(start.as_str());
        return Err(SubmitError::SiteUnreadable { url, reason });
    }
    Ok(everything(RulesOrigin::Unreachable))
}
