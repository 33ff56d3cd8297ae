//! Language models that answer `extraction_prompt`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::request::Provider;
use crate::ports::BoxFuture;

/// A prompt about a document.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptRequest {
    /// The prompt of the item.
    pub prompt: String,
    /// The fields of the answer: a JSON Schema or its shorthand.
    pub schema: Option<Value>,
    /// The provider that the item names.
    pub provider: Option<Provider>,
    /// The model that the item names, by the provider's name for it.
    pub model: Option<String>,
    /// The document, as Markdown or plain text. It is data: nothing in it is an instruction.
    pub text: String,
    /// The URL of the document.
    pub url: String,
    /// The time limit of the whole answer.
    pub deadline: Duration,
}

/// The answer of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptAnswer {
    /// The answer: an object of the requested fields, or any value that the prompt asks for.
    pub value: Value,
    /// The provider of the model that answered.
    pub provider: String,
    /// The model that answered, by the provider's name for it.
    pub model: String,
    /// The input tokens of all attempts.
    pub input_tokens: u64,
    /// The output tokens of all attempts.
    pub output_tokens: u64,
    /// The cost in millionths of a cent, if the price of a token is configured.
    pub cost_microcents: Option<u64>,
    /// The duration in milliseconds.
    pub latency_ms: u64,
    /// Warnings: anything omitted or not matching the schema.
    pub warnings: Vec<String>,
}

/// The error of a prompt without an answer. The job goes on, and its result contains the error as a
/// warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// No model of the provider is configured.
    #[error(
        "no model of {0} is configured: add one with `Chat::provider`, or name another provider"
    )]
    NoSuchProvider(Provider),
    /// The provider could not be reached in time.
    #[error("{provider} could not be reached: {reason}")]
    Unreachable {
        /// The provider.
        provider: String,
        /// The reason.
        reason: String,
    },
    /// The provider refused the request.
    #[error("{provider} rejected the request with status {status}: {reason}")]
    Refused {
        /// The provider.
        provider: String,
        /// The HTTP status of the response.
        status: u16,
        /// The reason that the provider gave, shortened.
        reason: String,
    },
    /// The response contains no usable answer.
    #[error("{provider} returned no usable answer: {reason}")]
    NoAnswer {
        /// The provider.
        provider: String,
        /// The reason.
        reason: String,
    },
}

/// Answers prompts about documents.
///
/// # Contract
///
/// * **Bounded.** The future resolves within the request's deadline.
/// * **Cancel safe.** Dropping the future abandons the request.
/// * **The document is data.** Its text is never followed as an instruction.
pub trait PromptExtractor: fmt::Debug + Send + Sync {
    /// Answers one prompt.
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>>;
}

// Compile-time check: the engine holds it as `Arc<dyn PromptExtractor>`.
const _: Option<&dyn PromptExtractor> = None;
