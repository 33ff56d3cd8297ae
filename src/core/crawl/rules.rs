//! The rules of a crawl: which URLs belong to it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::request::ValidationError;
use crate::core::wildcard::{self, Extent};

/// The use of a site's sitemaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SitemapUse {
    /// URLs come from sitemaps and from links.
    #[default]
    Include,
    /// No sitemap is read.
    Skip,
    /// URLs come from sitemaps only.
    Only,
}

impl SitemapUse {
    /// All uses.
    pub const ALL: [Self; 3] = [Self::Include, Self::Skip, Self::Only];

    /// Returns the use as the REST API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Include => "include",
            Self::Skip => "skip",
            Self::Only => "only",
        }
    }
}

display_as_str!(SitemapUse);

impl FromStr for SitemapUse {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| "is not a use of sitemaps: use include, skip or only".to_owned())
    }
}

/// The rules and limits of a crawl.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CrawlRules {
    /// The most pages, 1 to [`CrawlRules::MAX_PAGES`]. Defaults to 50.
    pub max_pages: u32,
    /// The most links from the start page to a page, up to [`CrawlRules::MAX_DEPTH`]. Defaults to 3.
    pub max_depth: u16,
    /// Globs for paths. A path must match at least one; an empty list allows every path.
    pub include: Vec<String>,
    /// Globs for paths that are left out.
    pub exclude: Vec<String>,
    /// `true` adds the hosts below that of the start page.
    pub include_subdomains: bool,
    /// `true`, the default, leaves out pages that robots.txt disallows.
    pub respect_robots: bool,
    /// The use of sitemaps.
    pub sitemap: SitemapUse,
    /// The path or URL of a sitemap that is read instead of those that robots.txt names.
    pub sitemap_path: Option<String>,
    /// The most credits of the whole crawl. Defaults to no limit.
    pub max_credits: Option<Credits>,
    /// The most jobs of the crawl that have not ended, 1 to [`CrawlRules::MAX_CONCURRENCY`]. Defaults to `None`, for
    /// [`CrawlRules::MAX_OPEN`]; the engine's own concurrency applies as well.
    pub max_concurrency: Option<u32>,
}

impl Default for CrawlRules {
    fn default() -> Self {
        Self {
            max_pages: 50,
            max_depth: 3,
            include: Vec::new(),
            exclude: Vec::new(),
            include_subdomains: false,
            respect_robots: true,
            sitemap: SitemapUse::Include,
            sitemap_path: None,
            max_credits: None,
            max_concurrency: None,
        }
    }
}

impl CrawlRules {
    /// The most pages of a crawl.
    pub const MAX_PAGES: u32 = 100_000;
    /// The greatest depth.
    pub const MAX_DEPTH: u16 = 50;
    /// The greatest value of [`CrawlRules::max_concurrency`].
    pub const MAX_CONCURRENCY: u32 = 50;
    /// The most jobs of a crawl that have not ended.
    pub const MAX_OPEN: u32 = 200;
    /// The most patterns of each list.
    pub const MAX_PATTERNS: usize = 100;
    /// The longest pattern and sitemap path, in bytes.
    pub const MAX_PATTERN_BYTES: usize = 1_000;

    /// Checks the limits.
    ///
    /// # Errors
    ///
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ValidationError> {
        let within = |field: &'static str, given: u64, least: u64, most: u64| {
            let error = || {
                ValidationError::new(
                    field,
                    format!("is {given}: use a number from {least} to {most}"),
                )
            };
            if (least..=most).contains(&given) { Ok(()) } else { Err(error()) }
        };
        within("max_pages", self.max_pages.into(), 1, Self::MAX_PAGES.into())?;
        within("max_depth", self.max_depth.into(), 0, Self::MAX_DEPTH.into())?;
        if let Some(given) = self.max_concurrency {
            within("max_concurrency", given.into(), 1, Self::MAX_CONCURRENCY.into())?;
        }
        for (field, patterns) in
            [("include_patterns", &self.include), ("exclude_patterns", &self.exclude)]
        {
            check_patterns(field, patterns)?;
        }
        if self.sitemap_path.as_ref().is_some_and(|it| it.len() > Self::MAX_PATTERN_BYTES) {
            let reason = format!("is too long: use at most {} bytes", Self::MAX_PATTERN_BYTES);
            return Err(ValidationError::new("sitemap_path", reason));
        }
        Ok(())
    }

    /// Returns `true` if the patterns allow a page with this path.
    pub fn allow_path(&self, path: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|it| matches(it, path));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// Returns `true` if a page of `host` belongs to the site that starts at `start`. Both are hosts in lower case, without a
    /// leading `www.` that does not count, and with a port that is not the default of its scheme.
    pub fn allow_host(&self, start: &str, host: &str) -> bool {
        let is_below = || host.strip_suffix(start).is_some_and(|it| it.ends_with('.'));
        host == start || (self.include_subdomains && is_below())
    }

    /// Returns the most jobs that may be open.
    pub fn window(&self) -> u32 {
        self.max_concurrency.unwrap_or(Self::MAX_OPEN).clamp(1, Self::MAX_OPEN)
    }

    /// Returns the most pages of one batch: half of the window, so that a slow page delays at most half of the others.
    pub fn batch_size(&self) -> u32 {
        self.window().div_ceil(2)
    }
}

/// Checks a list of patterns.
///
/// # Errors
///
/// [`ValidationError`] if there are too many, or if one is empty or too long.
pub fn check_patterns(field: &'static str, patterns: &[String]) -> Result<(), ValidationError> {
    if patterns.len() > CrawlRules::MAX_PATTERNS {
        let reason =
            format!("has {} patterns: use at most {}", patterns.len(), CrawlRules::MAX_PATTERNS);
        return Err(ValidationError::new(field, reason));
    }
    let is_invalid = |it: &&String| it.is_empty() || it.len() > CrawlRules::MAX_PATTERN_BYTES;
    if let Some(pattern) = patterns.iter().find(is_invalid) {
        let (given, most) = (pattern.len(), CrawlRules::MAX_PATTERN_BYTES);
        let reason = format!("has a pattern of {given} bytes: use 1 to {most}");
        return Err(ValidationError::new(field, reason));
    }
    Ok(())
}

/// Returns `true` if a glob matches the whole path. `*` stands for any characters, `/` included, and `?` for one. A
/// pattern that begins with neither `/` nor `*` is matched from behind the first `/` of the path.
pub fn matches(pattern: &str, path: &str) -> bool {
    let path = match pattern.chars().next() {
        Some('/' | '*') => path,
        _ => path.strip_prefix('/').unwrap_or(path),
    };
    wildcard::matches(pattern.as_bytes(), path.as_bytes(), Some(b'?'), Extent::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_path() {
        let all = [
            ("/blog/*", "/blog/2024/a", true),
            ("/blog/*", "/blog", false),
            ("/blog/*", "/news/blog/a", false),
            ("blog/*", "/blog/a", true),
            ("*/a", "/x/y/a", true),
            ("*/a", "/x/y/ab", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("**", "/", true),
            ("/*.pdf", "/x/a.pdf", true),
            ("/*a*b*c", "/xxaxxbxxbxxc", true),
            ("/", "/", true),
            ("", "/", true),
        ];
        for (pattern, path, expected) in all {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn an_exclusion_wins_over_an_inclusion() {
        let rules = CrawlRules {
            include: vec!["/docs/*".to_owned()],
            exclude: vec!["*/old/*".to_owned()],
            ..CrawlRules::default()
        };

        assert!(rules.allow_path("/docs/new/a"));
        assert!(!rules.allow_path("/docs/old/a"));
        assert!(!rules.allow_path("/blog/"));
    }

    #[test]
    fn a_site_is_its_host_and_on_request_those_below() {
        let same = CrawlRules::default();
        let wide = CrawlRules { include_subdomains: true, ..CrawlRules::default() };

        for (host, alone, with_subdomains) in [
            ("example.com", true, true),
            ("docs.example.com", false, true),
            ("badexample.com", false, false),
            ("example.com:8080", false, false),
            ("example.org", false, false),
        ] {
            assert_eq!(same.allow_host("example.com", host), alone, "{host}");
            assert_eq!(wide.allow_host("example.com", host), with_subdomains, "{host}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let field = |change: fn(&mut CrawlRules)| {
            let mut rules = CrawlRules::default();
            change(&mut rules);
            rules.check().map_err(|it| it.to_string()).expect_err("refused")
        };

        assert!(CrawlRules::default().check().is_ok());
        assert!(field(|it| it.max_pages = 0).contains("max_pages"));
        assert!(field(|it| it.max_pages = 100_001).contains("max_pages"));
        assert!(field(|it| it.max_depth = 51).contains("max_depth"));
        assert!(field(|it| it.max_concurrency = Some(51)).contains("max_concurrency"));
        assert!(field(|it| it.include = vec![String::new()]).contains("include_patterns"));
        assert!(field(|it| it.exclude = vec!["a".to_owned(); 101]).contains("exclude_patterns"));
        assert!(field(|it| it.sitemap_path = Some("/".repeat(1_001))).contains("sitemap_path"));
    }
}
