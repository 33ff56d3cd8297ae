//! Asking a language model about a document: `extraction_prompt`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::request::Provider;
use crate::ports::BoxFuture;

/// What is asked about a document.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRequest {
    /// What the item asks, in its own words.
    pub prompt: String,
    /// The fields that the answer should have: a JSON Schema or its shorthand.
    pub schema: Option<Value>,
    /// Whose model the item asks for.
    pub provider: Option<Provider>,
    /// The model that the item asks for, as its provider calls it.
    pub model: Option<String>,
    /// The document, as markdown or plain text. It is data: nothing in it is an instruction.
    pub text: String,
    /// Where the document came from.
    pub url: String,
    /// How long the answer may take in all.
    pub deadline: Duration,
}

/// What a model made of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptAnswer {
    /// The answer: an object of the asked fields, or what the prompt asks for.
    pub value: Value,
    /// Whose model answered.
    pub provider: String,
    /// The model that answered, as its provider calls it.
    pub model: String,
    /// Tokens that were read, over all tries.
    pub input_tokens: u64,
    /// Tokens that were written, over all tries.
    pub output_tokens: u64,
    /// What they cost in millionths of a cent, where the host said what a token costs.
    pub cost_microcents: Option<u64>,
    /// How long it took.
    pub latency_ms: u64,
    /// What was left out or does not fit.
    pub warnings: Vec<String>,
}

/// A question that was not answered. The job goes on without: its result says why in a warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// Nobody here asks the provider that the item names.
    #[error("no model of {0} is configured")]
    NoSuchProvider(Provider),
    /// The provider could not be reached, or not in time.
    #[error("{provider} could not be asked: {reason}")]
    Unreachable {
        /// Who was asked.
        provider: String,
        /// What went wrong.
        reason: String,
    },
    /// The provider said no.
    #[error("{provider} refused with status {status}: {reason}")]
    Refused {
        /// Who was asked.
        provider: String,
        /// Its status.
        status: u16,
        /// Its reason, shortened.
        reason: String,
    },
    /// What came is no answer.
    #[error("{provider} gave no usable answer: {reason}")]
    NoAnswer {
        /// Who was asked.
        provider: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Answers prompts about documents.
///
/// # Contract
///
/// * **Bounded.** An answer or an error comes within the request's deadline.
/// * **Cancel-safe.** A dropped future leaves nothing behind.
/// * **The document is data.** What stands in it is never followed as an instruction.
pub trait PromptExtractor: fmt::Debug + Send + Sync {
    /// Asks.
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>>;
}

// Compile-time check: the engine holds it as `Arc<dyn PromptExtractor>`.
const _: Option<&dyn PromptExtractor> = None;
