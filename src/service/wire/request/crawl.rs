//! Crawls and maps: the start page, the rules, and the options of every page.

use serde_json::Value;

use crate::core::crawl::{CrawlRules, SitemapUse};
use crate::core::request::{Item, ValidationError};
use crate::service::wire::request::fields::{Fields, Lookups, put, word};
use crate::service::wire::request::item::read_item_with;

/// The body of `POST /crawl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireCrawl {
    /// The start page, with the options of every page.
    pub item: Item,
    /// The rules. `cost_controls.max_credits` is the budget of the whole crawl.
    pub rules: CrawlRules,
    /// URL that the crawl's notification is posted to.
    pub webhook_url: Option<String>,
}

/// The body of `POST /map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireMap {
    /// The start page.
    pub url: String,
    /// The rules.
    pub rules: CrawlRules,
    /// Words to look for.
    pub search: Option<String>,
    /// `true` if titles are wanted.
    pub include_metadata: bool,
}

/// Reads the body of `POST /crawl`. Bounds are checked at submission.
///
/// # Errors
///
/// The first field that has the wrong type or an unknown word.
pub fn read_crawl(value: &Value) -> Result<WireCrawl, ValidationError> {
    read_crawl_with(value, None)
}

/// Reads a crawl, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_crawl_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireCrawl, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let mut item = read_item_with(value, lookups)?;
    let mut rules = read_rules(fields, CrawlRules::default())?;
    rules.max_credits = item.cost_controls.max_credits.take();
    rules.max_concurrency = number(fields, "max_concurrency")?;
    if let Some(inside) = fields.object("advanced")? {
        rules.max_concurrency =
            number(inside, "advanced.max_concurrency")?.or(rules.max_concurrency);
        put(&mut item.timeout, inside.seconds("advanced.timeout")?);
        item.wait_for = inside.text("advanced.wait_for")?.or(item.wait_for);
    }
    Ok(WireCrawl { item, rules, webhook_url: fields.webhook()? })
}

/// Reads the body of `POST /map`. Bounds are checked when the map is made.
///
/// # Errors
///
/// The first field that has the wrong type or an unknown word.
pub fn read_map(value: &Value) -> Result<WireMap, ValidationError> {
    read_map_with(value, None)
}

/// Reads a map, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_map_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireMap, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let Some(url) = fields.text("url")? else {
        return Err(ValidationError::new("url", "is missing; add the URL of the start page"));
    };
    let mut include_metadata = false;
    fields.flag("include_metadata", &mut include_metadata)?;
    let defaults = CrawlRules { max_pages: 500, ..CrawlRules::default() };
    let rules = read_rules(fields, defaults)?;
    Ok(WireMap { url, rules, search: fields.text("search")?, include_metadata })
}

fn read_rules(fields: Fields<'_>, mut rules: CrawlRules) -> Result<CrawlRules, ValidationError> {
    put(&mut rules.max_pages, number(fields, "max_pages")?);
    if let Some(depth) = number(fields, "max_depth")? {
        rules.max_depth = u16::try_from(depth).unwrap_or(u16::MAX);
    }
    put(&mut rules.include, fields.words("include_patterns")?);
    put(&mut rules.exclude, fields.words("exclude_patterns")?);
    fields.flag("include_subdomains", &mut rules.include_subdomains)?;
    fields.flag("respect_robots", &mut rules.respect_robots)?;
    match fields.value("sitemap") {
        None => {}
        Some(Value::Bool(true)) => rules.sitemap = SitemapUse::Include,
        Some(Value::Bool(false)) => rules.sitemap = SitemapUse::Skip,
        Some(value) => rules.sitemap = word(value, "sitemap")?,
    }
    rules.sitemap_path = fields.text("sitemap_path")?;
    Ok(rules)
}

/// Reads a number. One that is too large for the field is refused with its bounds later.
fn number(fields: Fields<'_>, path: &'static str) -> Result<Option<u32>, ValidationError> {
    Ok(fields.whole(path)?.map(|it| u32::try_from(it).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::core::credits::Credits;

    #[test]
    fn a_crawl_is_read_from_every_place_that_clients_use() {
        let read = read_crawl(&json!({
            "url": "https://example.com/", "max_pages": 9, "max_depth": 2, "include_patterns": ["/a/*"],
            "exclude_patterns": null, "sitemap": "only", "sitemap_path": "/s.xml", "respect_robots": false,
            "include_subdomains": true, "formats": ["markdown"], "webhook_url": "https://example.com/hook",
            "cost_controls": { "max_credits": 700, "max_tier": "2" },
            "advanced": { "max_concurrency": 4, "timeout": 20, "wait_for": "#a", "block_images": true },
        }));

        let read = read.expect("valid");
        let rules = &read.rules;
        assert_eq!((rules.max_pages, rules.max_depth, rules.max_concurrency), (9, 2, Some(4)));
        assert_eq!(
            (rules.sitemap, rules.sitemap_path.as_deref()),
            (SitemapUse::Only, Some("/s.xml"))
        );
        assert!(rules.include_subdomains && !rules.respect_robots);
        assert_eq!((rules.include.len(), rules.exclude.len()), (1, 0));
        assert_eq!(
            (rules.max_credits, read.item.cost_controls.max_credits),
            (Some(Credits(700)), None)
        );
        assert_eq!(read.item.timeout, Duration::from_secs(20));
        assert_eq!(read.item.wait_for.as_deref(), Some("#a"));
        assert_eq!(read.webhook_url.as_deref(), Some("https://example.com/hook"));
    }

    #[test]
    fn a_map_has_defaults_of_its_own() {
        let read =
            read_map(&json!({"url": "https://example.com/", "sitemap": false})).expect("valid");

        assert_eq!((read.rules.max_pages, read.rules.max_depth), (500, 3));
        assert_eq!((read.rules.sitemap, read.include_metadata), (SitemapUse::Skip, false));
        let field = |value: Value| read_map(&value).expect_err("refused").field();
        assert_eq!(field(json!({})), "url");
        assert_eq!(field(json!({"url": "u", "sitemap": "all"})), "sitemap");
        assert_eq!(field(json!({"url": "u", "max_pages": "9"})), "max_pages");
        assert_eq!(field(json!({"url": "u", "include_patterns": "/a"})), "include_patterns");
    }
}
