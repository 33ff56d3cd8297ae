//! Delivery of completion notifications.

use std::fmt;

use crate::core::completion::Completion;
use crate::core::id::{AccountId, NotificationId};
use crate::ports::BoxFuture;

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The time of this attempt in seconds since 1970, which Standard Webhooks signs.
    pub sent_at: u64,
    /// The number of this attempt, from 1.
    pub attempt: u32,
}

/// The outcome of a delivery attempt.
///
/// An `answer` is the beginning of what the receiver said, for whoever looks for what is wrong with it:
/// the engine keeps [`MAX_RESPONSE_BODY_CHARS`] of it, without what could disturb a terminal.
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
    },
    /// The receiver is gone (410) or may not be reached; no attempt can succeed.
    Refused {
        /// The status of the response, if there was one.
        status: Option<u16>,
        /// The reason.
        reason: String,
        /// The beginning of the response body, if there is one.
        response_body: Option<String>,
    },
}

/// Characters of a receiver's answer that are kept.
pub const MAX_RESPONSE_BODY_CHARS: usize = 1_024;

/// Delivers notifications. An implementation makes **one** attempt; the engine retries.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Makes one attempt, within 10 seconds.
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome>;

    /// Checks at submission that notifications may be delivered to `url`.
    ///
    /// # Errors
    ///
    /// Returns the reason and the remedy.
    fn accepts(&self, url: &str) -> Result<(), String>;
}

/// Writes the bodies of completion notifications.
///
/// # Contract
///
/// * **Pure.** The same completion always gives the same body: no clock, no randomness, no I/O. The
///   engine
///   commits the body together with the end of the batch, so that all delivery attempts send the same
///   bytes.
pub trait NotificationFormat: fmt::Debug + Send + Sync {
    /// Returns the body of the notification.
    fn body(&self, completion: &Completion) -> String;
}

// Compile-time check: the engine holds both as `Arc<dyn ...>`.
const _: (Option<&dyn Notifier>, Option<&dyn NotificationFormat>) = (None, None);
