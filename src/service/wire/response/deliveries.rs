//! Webhook deliveries.

use serde_json::{Value, json};

use crate::core::batch::{Notification, NotificationKind, NotificationState};
use crate::core::id::{BatchId, CrawlId};
use crate::core::url::without_userinfo;
use crate::service::wire::response::batch::paged;

/// Serializes a notification with every delivery attempt.
pub(crate) fn delivery(notification: &Notification) -> Value {
    let attempts: Vec<Value> = notification
        .attempts
        .iter()
        .map(|it| {
            json!({
                "at": it.at.to_string(), "status_code": it.status, "error": it.error,
                "response_body": it.response_body,
            })
        })
        .collect();
    let next = (notification.state == NotificationState::Pending)
        .then(|| notification.ready_at.to_string());
    let crawl = (notification.event == NotificationKind::CrawlCompleted)
        .then(|| CrawlId::from_bytes(*notification.batch.as_bytes()).to_string());
    json!({
        "delivery_id": notification.id.to_string(),
        "batch_id": crawl.is_none().then(|| notification.batch.to_string()),
        "crawl_id": crawl,
        "event": notification.event.as_str(),
        "url": notification.url.as_deref().map(without_userinfo),
        "status": notification.state.as_str(),
        "attempts": attempts,
        "next_attempt_at": next,
        "payload": serde_json::from_str::<Value>(&notification.body).unwrap_or_default(),
    })
}

/// Serializes one page of deliveries, and the next page's cursor.
pub(crate) fn deliveries(notifications: &[Notification], next: Option<BatchId>) -> Value {
    paged("deliveries", notifications.iter().map(delivery), next)
}
