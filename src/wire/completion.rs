//! The body of a completion notification.

use serde_json::json;

use crate::core::completion::{Completed, Completion};
use crate::ports::notify::NotificationFormat;

/// Writes notification bodies as the REST API documents them: `{"data", "event", "timestamp"}`.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebhookBody;

impl NotificationFormat for WebhookBody {
    fn body(&self, completion: &Completion) -> String {
        let data = match &completion.subject {
            Completed::Batch { id, status, tally } => json!({
                "batch_id": id.to_string(),
                "status": status.as_str(),
                "total": tally.total,
                "completed": tally.succeeded,
                "failed": tally.failed,
            }),
            Completed::Page { job, url, state, error, charged } => json!({
                "job_id": job.to_string(),
                "url": url.as_str(),
                "status": state.as_str(),
                "error": error.as_ref().map(|it| it.code),
                "error_message": error.as_ref().map(|it| it.message.as_str()),
                "credits_used": charged,
            }),
            Completed::Crawl { id, url, status, tally, charged } => json!({
                "crawl_id": id.to_string(),
                "url": url.as_str(),
                "status": status.as_str(),
                "total": tally.total,
                "completed": tally.succeeded,
                "failed": tally.failed,
                "credits_used": charged,
            }),
        };
        let body = json!({
            "event": completion.kind().as_str(),
            "timestamp": completion.at.to_string(),
            "data": data,
        });
        body.to_string()
    }
}
