//! Extractions: documents that the caller supplied, and what was charged for reading them.
//!
//! An extraction has no job, because nothing is fetched. Its record is what a batch and its ledger are for pages: the hold,
//! its settlement, and the reference to the result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::{AccountId, BatchId, ExtractionId};
use crate::core::job::BodyRef;
use crate::core::request::Profile;
use crate::core::time::{Timestamp, as_millis};

/// The record of an extraction.
///
/// # Invariants
///
/// * `held` is part of the account's holds while the extraction is running, and of nothing afterwards.
/// * An extraction that is running when it expires was lost by its process, and its hold is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExtractionRecord {
    /// The id.
    pub id: ExtractionId,
    /// The account that pays.
    pub account: AccountId,
    /// The label under which usage and budgets are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The site of the document's URL, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The length of the document in characters.
    pub content_chars: u64,
    /// The profile.
    pub profile: Profile,
    /// The credits held at the start.
    pub held: Credits,
    /// The state.
    pub state: ExtractionState,
    /// The time of the start.
    pub created_at: Timestamp,
    /// The time of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The time at which the record and the result are removed.
    pub expires_at: Timestamp,
}

/// The state of an extraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExtractionState {
    /// The document is being read, and the credits are held.
    Running,
    /// The result is stored.
    Succeeded {
        /// The credits charged.
        charged: Credits,
        /// The reference to the result.
        body: BodyRef,
        /// `true` if the result came from the cache.
        cached: bool,
        /// The language model that answered the prompt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<ModelUse>,
    },
    /// The document could not be read, and nothing was charged.
    Failed,
}

/// The use of a language model by an extraction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelUse {
    /// The provider.
    pub provider: String,
    /// The model, by its name at the provider.
    pub model: String,
    /// The input tokens of all attempts.
    pub input_tokens: u64,
    /// The output tokens of all attempts.
    pub output_tokens: u64,
    /// The cost in millionths of a cent, if the price of a token is configured.
    pub cost_microcents: Option<u64>,
    /// The duration of the call, stored in whole milliseconds.
    #[serde(rename = "latency_ms", with = "as_millis")]
    pub latency: Duration,
}

impl ExtractionRecord {
    /// Returns the record of an extraction that starts at `now`, whose hold is released at `lost_at` if it has not ended.
    pub fn new(
        id: ExtractionId,
        account: AccountId,
        held: Credits,
        now: Timestamp,
        lost_at: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            label: None,
            idempotency_key: None,
            site: None,
            content_chars: 0,
            profile: Profile::Auto,
            held,
            state: ExtractionState::Running,
            created_at: now,
            ended_at: None,
            expires_at: lost_at,
        }
    }

    /// Returns `true` if the extraction has not ended.
    pub fn is_running(&self) -> bool {
        self.state == ExtractionState::Running
    }

    /// Returns the credits charged, none before the end.
    pub fn charged(&self) -> Credits {
        match self.state {
            ExtractionState::Succeeded { charged, .. } => charged,
            ExtractionState::Running | ExtractionState::Failed => Credits::ZERO,
        }
    }

    /// Returns the record after the end of a running extraction, or `None` if it has ended.
    #[must_use]
    pub fn ended(&self, state: ExtractionState, now: Timestamp, kept: Duration) -> Option<Self> {
        self.is_running().then(|| Self {
            state,
            ended_at: Some(now),
            expires_at: now.after(kept),
            ..self.clone()
        })
    }
}

impl ModelUse {
    /// Returns the use of a model, without tokens.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            input_tokens: 0,
            output_tokens: 0,
            cost_microcents: None,
            latency: Duration::ZERO,
        }
    }
}

impl ExtractionId {
    /// Returns the batch under whose id a store keeps the result. No record of such a batch exists.
    pub fn bodies(self) -> BatchId {
        BatchId::from_bytes(*self.as_bytes())
    }
}
