//! Requests: items, batches, retries, scrapes, extractions.

mod advanced;
mod batch;
mod crawl;
mod extract;
mod fields;
mod grant;
mod item;
mod retry;
mod scrape;
#[cfg(feature = "server")]
mod session;

pub use batch::{WireBatch, WireValidationError, read_batch};
pub use crawl::{WireCrawl, WireMap, read_crawl, read_map};
pub use extract::{WireExtract, read_extract};
pub use grant::{WireGrant, read_grant};
pub use item::{read_item, read_item_with_defaults};
pub use retry::{WireRetry, read_retry};
pub use scrape::{WireScrape, read_scrape};

pub(super) use batch::read_batch_with;
pub(super) use crawl::{read_crawl_with, read_map_with};
pub(super) use extract::read_extract_with;
pub(super) use fields::{Lookup, Lookups};
pub(super) use grant::read_grant_with;
pub(super) use item::read_item_with;
pub(super) use retry::read_retry_with;
pub(super) use scrape::read_scrape_with;

#[cfg(feature = "server")]
pub(crate) use batch::ItemList;
#[cfg(feature = "server")]
pub(in crate::service) use session::{read_session, read_session_refresh, read_session_update};
#[cfg(feature = "server")]
pub(super) use session::{read_session_refresh_with, read_session_update_with, read_session_with};

/// Returns the JSON path of an option that an error names.
///
/// The options of the cache are fields of the item in JSON, and a struct of their own in Rust.
#[cfg(feature = "server")]
pub(super) fn json_path(option: &str) -> &str {
    match option {
        "cache.enabled" => "cache",
        "cache.ttl" => "cache_ttl",
        "cache.force_refresh" => "force_refresh",
        other => other,
    }
}
