//! Delivery of completion notifications.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::core::completion::Completion;
use crate::core::id::{AccountId, NotificationId};
use crate::core::time::Timestamp;
use crate::core::trace::TraceContext;
use crate::core::url::without_userinfo;
use crate::ports::BoxFuture;

/// One attempt to deliver a notification.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryRequest {
    /// The id of the notification, the same in all attempts.
    pub id: NotificationId,
    /// The account of the batch.
    pub account: AccountId,
    /// The kind of the notification, such as `batch.completed`.
    pub event: &'static str,
    /// The URL of the receiver.
    pub url: String,
    /// The JSON body, the same bytes in all attempts.
    pub body: String,
    /// The time of this attempt, which Standard Webhooks signs in seconds.
    pub sent_at: Timestamp,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The trace of the submission, if it named one.
    pub trace: Option<Arc<TraceContext>>,
}

/// Shows the webhook's URL without its credentials.
impl fmt::Debug for DeliveryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, account, event, url, body, sent_at, attempt, trace } = self;
        f.debug_struct("DeliveryRequest")
            .field("id", id)
            .field("account", account)
            .field("event", event)
            .field("url", &without_userinfo(url))
            .field("body", body)
            .field("sent_at", sent_at)
            .field("attempt", attempt)
            .field("trace", trace)
            .finish()
    }
}

impl DeliveryRequest {
    /// Returns the first attempt to deliver `body` to `url`, made at `sent_at`.
    pub fn new(
        id: NotificationId,
        event: &'static str,
        url: impl Into<String>,
        body: impl Into<String>,
        sent_at: Timestamp,
    ) -> Self {
        let (url, body) = (url.into(), body.into());
        let account = AccountId::default();
        Self { id, account, event, url, body, sent_at, attempt: 1, trace: None }
    }

    /// Sets the account of the batch.
    #[must_use]
    pub fn with_account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the number of the attempt, from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets the trace of the submission.
    #[must_use]
    pub fn with_trace(mut self, context: TraceContext) -> Self {
        self.trace = Some(Arc::new(context));
        self
    }
}

/// The outcome of a delivery attempt.
///
/// `response_body` is the beginning of the receiver's response, for debugging. The engine keeps at most
/// [`MAX_RESPONSE_BODY_CHARS`] characters of it and replaces control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver responded with a 2xx status.
    Accepted {
        /// The status of the response.
        status: u16,
        /// The beginning of the response body, if there is one.
        response_body: Option<String>,
    },
    /// The receiver responded with another status or not at all; another attempt may succeed.
    Failed {
        /// The status of the response, if there was one.
        status: Option<u16>,
        /// The reason.
        reason: String,
        /// The beginning of the response body, if there is one.
        response_body: Option<String>,
        /// The wait before the next attempt that the receiver asked for, if it did.
        retry_after: Option<Duration>,
    },
    /// The receiver is gone (410) or the network policy forbids its address. No attempt can succeed.
    Refused {
        /// The status of the response, if there was one.
        status: Option<u16>,
        /// The reason.
        reason: String,
        /// The beginning of the response body, if there is one.
        response_body: Option<String>,
    },
}

/// The number of characters of a receiver's response that are kept.
pub const MAX_RESPONSE_BODY_CHARS: usize = 1_024;

/// The error for a URL to which notifications cannot be delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WebhookUrlError {
    message: String,
}

impl WebhookUrlError {
    /// Returns an error with this message: the reason and the remedy.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Delivers notifications. An implementation makes **one** attempt; the engine retries.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Makes one attempt, within 10 seconds.
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome>;

    /// Checks at submission that notifications can be delivered to `url`, without a network request.
    ///
    /// # Errors
    ///
    /// [`WebhookUrlError`] with the reason and the remedy.
    fn accepts(&self, url: &str) -> Result<(), WebhookUrlError>;

    /// Returns `true` if receivers can verify the notifications of `account`, for example by a signature. The default
    /// implementation returns `true`.
    fn signs(&self, account: &AccountId) -> bool {
        let _ = account;
        true
    }
}

/// Writes the bodies of completion notifications.
///
/// # Contract
///
/// * **Pure.** The same completion always gives the same body: no clock, no randomness, no I/O. The
///   engine commits the body together with the end of the batch, so that all delivery attempts send
///   the same bytes.
pub trait NotificationFormat: fmt::Debug + Send + Sync {
    /// Returns the body of the notification.
    fn body(&self, completion: &Completion) -> String;
}

// Compile-time check: the engine holds both as `Arc<dyn ...>`.
const _: (Option<&dyn Notifier>, Option<&dyn NotificationFormat>) = (None, None);
