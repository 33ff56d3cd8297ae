//! A scrape: one item, and the choice to wait for the page.

use serde_json::Value;

use crate::core::claims::Priority;
use crate::core::request::{Item, ValidationError};
use crate::service::wire::request::fields::{Fields, Lookups};
use crate::service::wire::request::item::read_item_with;

/// The body of `POST /scrape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireScrape {
    /// The page and its options.
    pub item: Item,
    /// `true` if the client waits for the page. Defaults to `true`.
    pub sync: bool,
    /// URL that the job's notification is posted to.
    pub webhook_url: Option<String>,
    /// Urgency among the account's own batches. Defaults to normal.
    pub priority: Priority,
}

/// Reads the body of `POST /scrape`.
///
/// # Errors
///
/// The first error in a field.
pub fn read_scrape(value: &Value) -> Result<WireScrape, ValidationError> {
    read_scrape_with(value, None)
}

/// Reads a scrape, and adds the look-ups of its fields to `lookups`.
pub(in crate::service::wire) fn read_scrape_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireScrape, ValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let item = read_item_with(value, lookups)?;
    let mut sync = true;
    fields.flag("sync", &mut sync)?;
    let webhook_url = fields.webhook()?;
    let priority = fields.word("priority")?.unwrap_or_default();
    Ok(WireScrape { item, sync, webhook_url, priority })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_waits_for_its_scrape_unless_sync_is_false() {
        let read = |value: Value| read_scrape(&value).expect("valid");

        assert!(read(json!({"url": "u"})).sync);
        assert!(read(json!({"url": "u", "sync": null})).sync);
        assert!(!read(json!({"url": "u", "sync": false})).sync);
        let notified = read(json!({"url": "u", "webhook_url": "https://example.com/"}));
        assert_eq!(notified.webhook_url.as_deref(), Some("https://example.com/"));
    }

    #[test]
    fn a_scrape_is_an_object_with_a_url() {
        let field = |value: Value| read_scrape(&value).expect_err("refused").field();

        assert_eq!(field(json!("https://example.com/")), "body");
        assert_eq!(field(json!([])), "body");
        assert_eq!(field(json!({})), "url");
        assert_eq!(field(json!({"url": "u", "sync": "no"})), "sync");
        assert_eq!(field(json!({"url": "u", "webhook_url": 1})), "webhook_url");
    }
}
