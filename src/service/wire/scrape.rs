//! A scrape: one item, and how its caller wants the answer.

use serde_json::Value;

use crate::core::request::{Item, ValidationError};
use crate::service::wire::field::Fields;
use crate::service::wire::item::read_item;

/// A scrape as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireScrape {
    /// The page and its options.
    pub item: Item,
    /// Whether the caller waits for the page.
    pub sync: bool,
    /// Where the end of the job is posted.
    pub webhook_url: Option<String>,
}

/// Reads a scrape.
///
/// # Errors
///
/// The first flaw.
pub fn read_scrape(value: &Value) -> Result<WireScrape, ValidationError> {
    let fields = Fields::of(value, "body")?;
    let item = read_item(value)?;
    let mut sync = true;
    fields.flag("sync", &mut sync)?;
    let webhook_url = fields.webhook()?;
    Ok(WireScrape { item, sync, webhook_url })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scrape_is_waited_for_unless_it_says_otherwise() {
        let read = |value: Value| read_scrape(&value).expect("valid");

        assert!(read(json!({"url": "u"})).sync);
        assert!(read(json!({"url": "u", "sync": null})).sync);
        assert!(!read(json!({"url": "u", "sync": false})).sync);
        let told = read(json!({"url": "u", "webhook_url": "https://example.com/"}));
        assert_eq!(told.webhook_url.as_deref(), Some("https://example.com/"));
    }

    #[test]
    fn a_scrape_is_an_object_with_a_url() {
        let flaw = |value: Value| read_scrape(&value).expect_err("refused").field;

        assert_eq!(flaw(json!("https://example.com/")), "body");
        assert_eq!(flaw(json!([])), "body");
        assert_eq!(flaw(json!({})), "url");
        assert_eq!(flaw(json!({"url": "u", "sync": "no"})), "sync");
        assert_eq!(flaw(json!({"url": "u", "webhook_url": 1})), "webhook_url");
    }
}
