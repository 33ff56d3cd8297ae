//! Warnings of a request: what was asked for and will not happen.

use serde_json::{Value, json};

use crate::service::wire::known::KnownFields;

/// Returns `true` if the body of a submission has a webhook.
pub(crate) fn has_webhook(body: &Value) -> bool {
    ["webhook_url", "webhookUrl"].iter().any(|it| body.get(it).is_some_and(|it| !it.is_null()))
}

/// The warnings of one request, which its response lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Warnings(Vec<Value>);

impl Warnings {
    /// Collects the unknown fields of a body.
    pub(crate) fn of(known: &KnownFields, body: &Value) -> Self {
        let unknown = known.unknown(body).into_iter().map(|it| {
            json!({
                "code": "UNKNOWN_FIELD",
                "field": it.path,
                "suggestion": it.suggestion,
                "message": it.to_string(),
            })
        });
        Self(unknown.collect())
    }

    /// Adds the warning for a webhook that nothing will sign.
    pub(crate) fn add_unsigned_webhook(&mut self) {
        self.0.push(json!({
            "code": "UNSIGNED_WEBHOOK",
            "field": "webhook_url",
            "suggestion": null,
            "message": "the webhook will not be signed, so its receiver cannot verify the sender: ask the operator of \
                this service to set a webhook secret",
        }));
    }

    /// Returns the list, unless it is empty.
    pub(crate) fn list(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| json!(self.0))
    }

    /// Adds the list to a response's body, unless it is empty.
    pub(crate) fn add_to(&self, body: &mut Value) {
        if let Some(list) = self.list() {
            body["warnings"] = list;
        }
    }
}
