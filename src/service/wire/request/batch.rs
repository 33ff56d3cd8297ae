//! A batch: a list of items, and the URL of its webhook.

use serde_json::Value;

use crate::core::batch::{ItemEvents, NotificationKind};
use crate::core::claims::Priority;
use crate::core::request::{Item, ValidationError};
use crate::service::wire::request::fields::{Fields, Lookups, expected};
use crate::service::wire::request::item::read_item;

/// The body of `POST /batch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireBatch {
    /// The items, in the order of the request.
    pub items: Vec<Item>,
    /// URL that the batch's notification is posted to.
    pub webhook_url: Option<String>,
    /// Jobs whose ends are posted by themselves. Defaults to none.
    pub item_events: ItemEvents,
    /// Urgency among the account's own batches. Defaults to normal.
    pub priority: Priority,
}

/// An error in a batch, or in one of its items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{error}", .index.map(|it| format!("item {it}: ")).unwrap_or_default())]
pub struct WireValidationError {
    /// Index of the item, from 0; `None` if the error is in the batch itself.
    pub index: Option<usize>,
    /// The field and what is wrong with it.
    pub error: ValidationError,
}

impl From<ValidationError> for WireValidationError {
    fn from(error: ValidationError) -> Self {
        Self { index: None, error }
    }
}

/// Reads the body of `POST /batch`. The list of items is named `urls`, or `requests` by some clients. Its length is
/// checked at submission.
///
/// # Errors
///
/// The first error, with the index of the item that has it.
pub fn read_batch(value: &Value) -> Result<WireBatch, WireValidationError> {
    read_batch_with(value, None)
}

/// Reads a batch, and adds the look-ups of its own fields to `lookups`.
pub(in crate::service::wire) fn read_batch_with(
    value: &Value,
    lookups: Option<&Lookups>,
) -> Result<WireBatch, WireValidationError> {
    let fields = Fields::of(value, "body", lookups)?;
    let (urls, requests) = (fields.value("urls"), fields.value("requests"));
    let (field, list) = match (urls, requests) {
        (Some(urls), Some(requests)) if urls != requests => {
            let reason = "differs from `requests`; send one of the two".to_owned();
            return Err(ValidationError::new("urls", reason).into());
        }
        (Some(urls), _) => ("urls", urls),
        (None, Some(requests)) => ("requests", requests),
        (None, None) => {
            return Err(
                ValidationError::new("urls", "is missing; add a list of URLs or items").into()
            );
        }
    };
    let list = list.as_array().ok_or_else(|| expected(field, "a list of items", list))?;
    let mut items = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let read = read_item(item);
        items.push(read.map_err(|error| WireValidationError { index: Some(index), error })?);
    }
    let webhook_url = fields.webhook()?;
    let item_events = item_events(fields, webhook_url.is_some())?;
    let priority = fields.word("priority")?.unwrap_or_default();
    Ok(WireBatch { items, webhook_url, item_events, priority })
}

/// Reads the events that the webhook receives. That of the batch is always among them.
fn item_events(fields: Fields<'_>, has_webhook: bool) -> Result<ItemEvents, ValidationError> {
    const FIELD: &str = "webhook_events";
    let mut events = ItemEvents::default();
    for event in fields.words(FIELD)?.unwrap_or_default() {
        match event {
            NotificationKind::BatchCompleted => {}
            NotificationKind::JobCompleted => events.completed = true,
            NotificationKind::JobFailed => events.failed = true,
            NotificationKind::CrawlCompleted => {
                let reason = "has `crawl.completed`, which a batch does not emit: remove it";
                return Err(ValidationError::new(FIELD, reason));
            }
        }
    }
    if !events.is_none() && !has_webhook {
        let reason = "has no effect without a webhook: set `webhook_url`";
        return Err(ValidationError::new(FIELD, reason));
    }
    Ok(events)
}

/// The name under which a request's body lists its items, for errors that point at one of them.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemList {
    /// `urls`.
    Urls,
    /// `requests`, which some clients send instead.
    Requests,
    /// `items`, as the status of the batch that is retried lists them.
    Items,
    /// None: the body of a scrape is itself the item.
    None,
}

#[cfg(feature = "server")]
impl ItemList {
    /// Detects the name in a batch's body.
    pub(crate) fn of(value: &Value) -> Self {
        let has = |name: &str| value.get(name).is_some_and(|it| !it.is_null());
        if has("requests") && !has("urls") { Self::Requests } else { Self::Urls }
    }

    /// The name in JSON, if the items are in a list.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Urls => Some("urls"),
            Self::Requests => Some("requests"),
            Self::Items => Some("items"),
            Self::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: &Value) -> (Option<usize>, &'static str) {
        let wrong = read_batch(value).expect_err("should be refused");
        (wrong.index, wrong.error.field())
    }

    #[test]
    fn items_are_read_under_either_name() {
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
    fn the_events_of_items_are_read_by_their_names() {
        let read = |events: Value, webhook: Value| {
            read_batch(&json!({"urls": ["a"], "webhook_url": webhook, "webhook_events": events}))
        };
        let events = |events: Value| read(events, json!("https://a/")).expect("valid").item_events;

        assert_eq!(events(json!(null)), ItemEvents::default());
        assert_eq!(events(json!(["batch.completed"])), ItemEvents::default());
        assert_eq!(events(json!(["job.failed"])), ItemEvents::FAILED);
        assert_eq!(events(json!(["job.failed", "job.completed"])), ItemEvents::ALL);
        for (names, webhook) in
            [(json!(["job.started"]), json!("https://a/")), (json!(["job.failed"]), Value::Null)]
        {
            let wrong = read(names, webhook).expect_err("should be refused");
            assert_eq!(wrong.error.field(), "webhook_events");
        }
    }

    #[test]
    fn an_error_names_the_item_and_the_field() {
        let urls = json!(["https://example.com/", {"url": "https://example.com/", "timeout": "9"}]);
        assert_eq!(error(&json!({"urls": urls})), (Some(1), "timeout"));
        let wrong = read_batch(&json!({"urls": urls})).expect_err("should be refused").to_string();
        assert!(wrong.starts_with("item 1: timeout: must be"), "{wrong}");
    }

    #[test]
    fn a_batch_without_one_list_of_items_is_refused() {
        assert_eq!(error(&json!({})), (None, "urls"));
        assert_eq!(error(&json!({"urls": ["a"], "requests": ["b"]})), (None, "urls"));
        assert_eq!(error(&json!({"requests": "a"})), (None, "requests"));
        assert_eq!(error(&json!({"urls": [], "webhook_url": 1})), (None, "webhook_url"));
        assert_eq!(error(&json!([])), (None, "body"));
        assert_eq!(error(&json!(null)), (None, "body"));
    }
}
