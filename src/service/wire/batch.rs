//! A batch: a list of items and where to tell of its end.

use serde_json::Value;

use crate::core::request::{Item, ValidationError};
use crate::service::wire::field::{Fields, expected};
use crate::service::wire::item::read_item;

/// A batch as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireBatch {
    /// The items, in the order of the request.
    pub items: Vec<Item>,
    /// Where the end of the batch is posted.
    pub webhook_url: Option<String>,
}

/// What is wrong with a batch, and with which of its items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{flaw}", .index.map(|it| format!("item {it}: ")).unwrap_or_default())]
pub struct WireValidationError {
    /// The item's place, from 0; none if the batch itself is at fault.
    pub index: Option<usize>,
    /// What is wrong.
    pub flaw: ValidationError,
}

impl From<ValidationError> for WireValidationError {
    fn from(flaw: ValidationError) -> Self {
        Self { index: None, flaw }
    }
}

/// Reads a batch. The list of items is called `urls`, or `requests` as some clients have it; how
/// many there may be is checked at submission.
///
/// # Errors
///
/// The first flaw, with the index of the item that has it.
pub fn read_batch(value: &Value) -> Result<WireBatch, WireValidationError> {
    let fields = Fields::of(value, "body")?;
    let (urls, requests) = (fields.value("urls"), fields.value("requests"));
    let (field, list) = match (urls, requests) {
        (Some(urls), Some(requests)) if urls != requests => {
            let reason = "differs from `requests`; send one of them".to_owned();
            return Err(ValidationError { field: "urls", reason }.into());
        }
        (Some(urls), _) => ("urls", urls),
        (None, Some(requests)) => ("requests", requests),
        (None, None) => {
            return Err(ValidationError { field: "urls", reason: "is missing".to_owned() }.into());
        }
    };
    let list = list.as_array().ok_or_else(|| expected(field, "a list of items", list))?;
    let mut items = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        items.push(
            read_item(item).map_err(|flaw| WireValidationError { index: Some(index), flaw })?,
        );
    }
    let webhook_url = fields.webhook()?;
    Ok(WireBatch { items, webhook_url })
}

/// What the list of items is called in this body, for whoever names one of them.
pub fn list_name(value: &Value) -> &'static str {
    let named = |name: &str| value.get(name).is_some_and(|it| !it.is_null());
    if named("requests") && !named("urls") { "requests" } else { "urls" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flaw(value: &Value) -> (Option<usize>, &'static str) {
        let wrong = read_batch(value).expect_err("should be refused");
        (wrong.index, wrong.flaw.field)
    }

    #[test]
    fn items_come_under_either_name_and_in_order() {
        let list = json!(["https://example.com/a", {"url": "https://example.com/b"}]);
        let urls = read_batch(&json!({"urls": list, "webhook_url": "https://example.com/hook"}));
        let requests =
            read_batch(&json!({"requests": list, "webhookUrl": "https://example.com/hook"}));
        let both = read_batch(&json!({"urls": list, "requests": list, "webhook_url": null}));

        assert_eq!(urls, requests);
        let batch = urls.expect("valid");
        assert_eq!(batch.items[1].url, "https://example.com/b");
        assert_eq!(batch.webhook_url.as_deref(), Some("https://example.com/hook"));
        assert_eq!(both.expect("valid").webhook_url, None);
    }

    #[test]
    fn a_flaw_names_the_item_and_the_field() {
        let urls = json!(["https://example.com/", {"url": "https://example.com/", "timeout": "9"}]);
        assert_eq!(flaw(&json!({"urls": urls})), (Some(1), "timeout"));
        let wrong = read_batch(&json!({"urls": urls})).expect_err("should be refused").to_string();
        assert!(wrong.starts_with("item 1: timeout: must be"), "{wrong}");
    }

    #[test]
    fn a_batch_without_one_list_of_items_is_refused() {
        assert_eq!(flaw(&json!({})), (None, "urls"));
        assert_eq!(flaw(&json!({"urls": ["a"], "requests": ["b"]})), (None, "urls"));
        assert_eq!(flaw(&json!({"requests": "a"})), (None, "requests"));
        assert_eq!(flaw(&json!({"urls": [], "webhook_url": 1})), (None, "webhook_url"));
        assert_eq!(flaw(&json!([])), (None, "body"));
        assert_eq!(flaw(&json!(null)), (None, "body"));
    }
}
