//! Schemas of crawls and maps.

use serde_json::{Map, Value, json};

use super::WEBHOOK;
use crate::core::crawl::{CrawlRules, SitemapUse};
use crate::engine::Map as SiteMapRequest;
use crate::service::wire::openapi::schema::{
    Property, described, flag, list, or_null, properties, property, text, within, word,
};

/// Returns the schema of a crawl: the item's fields, which apply to every page, and the rules.
pub(super) fn crawl(item: Value) -> Value {
    let mut crawl =
        described(item, "A crawl: the start page, the options of every page, and the rules.");
    let mut own = rules(u64::from(CrawlRules::MAX_PAGES), u64::from(CrawlRules::MAX_DEPTH), 50);
    own.push(property(
        "max_concurrency",
        or_null(within(1, u64::from(CrawlRules::MAX_CONCURRENCY))),
        10,
        "Most pages of the crawl that are fetched at the same time. Defaults to the limits of the service.",
    ));
    own.push(property("webhook_url", or_null(text()), "https://example.com/hook", WEBHOOK));
    add(&mut crawl, properties(own));
    if let Some(fields) = crawl["properties"].as_object_mut() {
        // The response cache has no links.
        for name in ["cache", "cache_ttl", "force_refresh"] {
            fields.remove(name);
        }
    }
    crawl
}

/// Returns the schema of a map.
pub(super) fn map() -> Value {
    let mut fields = vec![property(
        "url",
        json!({ "type": "string", "format": "uri" }),
        "https://example.com/",
        "URL of the start page.",
    )];
    fields.extend(rules(
        u64::from(SiteMapRequest::MAX_PAGES),
        u64::from(SiteMapRequest::MAX_DEPTH),
        500,
    ));
    let mut search = text();
    search["maxLength"] = json!(SiteMapRequest::MAX_SEARCH_CHARS);
    fields.push(property(
        "search",
        or_null(search),
        "pricing",
        "Words to look for: only URLs that contain some of them are listed, the most relevant first.",
    ));
    fields.push(
        property(
            "include_metadata",
            or_null(flag()),
            true,
            "`true` reads up to 100 pages for their titles and descriptions.",
        )
        .default(false),
    );
    json!({
        "description": "A map: the site whose URLs are listed.",
        "type": "object",
        "required": ["url"],
        "properties": properties(fields),
    })
}

fn add(schema: &mut Value, fields: Map<String, Value>) {
    for (name, field) in fields {
        schema["properties"][name] = field;
    }
}

fn patterns() -> Value {
    let mut pattern = text();
    pattern["minLength"] = json!(1);
    pattern["maxLength"] = json!(CrawlRules::MAX_PATTERN_BYTES);
    let mut patterns = list(pattern);
    patterns["maxItems"] = json!(CrawlRules::MAX_PATTERNS);
    or_null(patterns)
}

/// The rules that crawls and maps share, with their bounds.
fn rules(max_pages: u64, max_depth: u64, pages: u64) -> Vec<Property> {
    let mut sitemap = word(SitemapUse::ALL.map(SitemapUse::as_str));
    sitemap = json!({ "anyOf": [sitemap, { "type": "boolean" }, { "type": "null" }] });
    let mut path = text();
    path["maxLength"] = json!(CrawlRules::MAX_PATTERN_BYTES);
    vec![
        property("max_pages", or_null(within(1, max_pages)), 200, "Most pages.").default(pages),
        property(
            "max_depth",
            or_null(within(0, max_depth)),
            2,
            "Most links from the start page to a page.",
        )
        .default(3),
        property(
            "include_patterns",
            patterns(),
            json!(["/docs/*"]),
            "Globs of which the path of a page must match one: `*` stands for any characters, and `?` for one.",
        ),
        property(
            "exclude_patterns",
            patterns(),
            json!(["*/archive/*"]),
            "Globs that the path of a page must not match.",
        ),
        property(
            "include_subdomains",
            or_null(flag()),
            true,
            "`true` adds the hosts below that of the start page.",
        )
        .default(false),
        property(
            "respect_robots",
            or_null(flag()),
            false,
            "`false` adds pages that robots.txt disallows.",
        )
        .default(true),
        property(
            "sitemap",
            sitemap,
            "skip",
            "Use of the site's sitemaps: `include`, `skip`, or `only`, which follows no links. `true` and `false` stand \
             for the first two.",
        )
        .default("include"),
        property(
            "sitemap_path",
            or_null(path),
            "/sitemap-products.xml",
            "Path of a sitemap to read instead of those that robots.txt names.",
        ),
    ]
}
