//! Telling a host's own service that a batch has ended.

use std::fmt;

use crate::core::id::{AccountId, NotificationId};
use crate::ports::BoxFuture;

/// One attempt to deliver one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRequest {
    /// The event's id, the same over all attempts.
    pub id: NotificationId,
    /// Whose event it is.
    pub account: AccountId,
    /// The event's name, such as `batch.completed`.
    pub event: &'static str,
    /// Where it goes.
    pub url: String,
    /// The JSON body, the same bytes over all attempts.
    pub body: String,
    /// Seconds since 1970 at which this attempt is made, which Standard Webhooks signs.
    pub sent_at: u64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What became of an attempt.
///
/// An `answer` is the beginning of what the receiver said, for whoever looks for what is wrong with it:
/// the engine keeps [`MAX_RESPONSE_BODY_CHARS`] of it, without what could disturb a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver answered 2xx.
    Accepted {
        /// Its status.
        status: u16,
        /// What it said, if anything.
        answer: Option<String>,
    },
    /// The receiver answered otherwise, or not at all; another attempt may help.
    Failed {
        /// Its status, where there was one.
        status: Option<u16>,
        /// What happened.
        reason: String,
        /// What it said, if anything.
        answer: Option<String>,
    },
    /// The receiver is gone (410) or may not be reached; no attempt will help.
    Refused {
        /// Its status, where there was one.
        status: Option<u16>,
        /// What happened.
        reason: String,
        /// What it said, if anything.
        answer: Option<String>,
    },
}

/// Characters of a receiver's answer that are kept.
pub const MAX_RESPONSE_BODY_CHARS: usize = 1_024;

/// Delivers events. It makes **one** attempt; retries are the engine's.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Makes one attempt, within 10 seconds.
    fn deliver(&self, delivery: DeliveryRequest) -> BoxFuture<'_, DeliveryOutcome>;

    /// Whether `url` may be delivered to at all; asked at submission.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what would be right.
    fn accepts(&self, url: &str) -> Result<(), String>;
}

// Compile-time check: the engine holds it as `Arc<dyn Notifier>`.
const _: Option<&dyn Notifier> = None;
