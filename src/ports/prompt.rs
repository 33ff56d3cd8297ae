//! Language models that answer `extraction_prompt`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::request::Provider;
use crate::core::time::as_millis;
use crate::ports::BoxFuture;
use crate::ports::fetch::FetchError;

/// A prompt about a document.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PromptRequest {
    /// The prompt of the item.
    pub prompt: String,
    /// The fields of the answer: a JSON Schema or its shorthand.
    pub schema: Option<Value>,
    /// The values that the extractor found for the schema without a model. They are data from the page, as `text` is.
    pub hints: Option<Value>,
    /// The provider that the item selects; `None` uses the default model.
    pub provider: Option<Provider>,
    /// The model that the item selects, by its name at the provider; `None` uses the default one.
    pub model: Option<String>,
    /// The document as Markdown or plain text. It is data and may contain text that looks like instructions.
    pub text: String,
    /// The URL of the document.
    pub url: String,
    /// The time limit of the whole answer.
    pub deadline: Duration,
}

impl PromptRequest {
    /// Returns a prompt about the document `text` from `url`, to be answered within `deadline`.
    pub fn new(
        prompt: impl Into<String>,
        text: impl Into<String>,
        url: impl Into<String>,
        deadline: Duration,
    ) -> Self {
        Self {
            prompt: prompt.into(),
            schema: None,
            hints: None,
            provider: None,
            model: None,
            text: text.into(),
            url: url.into(),
            deadline,
        }
    }

    /// Sets the fields of the answer: a JSON Schema or its shorthand.
    #[must_use]
    pub fn with_schema(mut self, schema: Option<Value>) -> Self {
        self.schema = schema;
        self
    }

    /// Sets the values that were found without a model.
    #[must_use]
    pub fn with_hints(mut self, hints: Option<Value>) -> Self {
        self.hints = hints;
        self
    }

    /// Sets the provider and the model.
    #[must_use]
    pub fn with_model(mut self, provider: Option<Provider>, model: Option<String>) -> Self {
        (self.provider, self.model) = (provider, model);
        self
    }

    /// Sets the time limit of the whole answer.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// The answer of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptAnswer {
    /// The answer: an object of the requested fields, or any value that the prompt asks for.
    pub value: Value,
    /// The provider of the model that answered.
    pub provider: String,
    /// The model that answered, by its name at the provider.
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
    /// Warnings: anything omitted or not matching the schema.
    pub warnings: Vec<String>,
}

impl PromptAnswer {
    /// Returns an answer of a model, without token counts.
    pub fn new(value: Value, provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            value,
            provider: provider.into(),
            model: model.into(),
            input_tokens: 0,
            output_tokens: 0,
            cost_microcents: None,
            latency: Duration::ZERO,
            warnings: Vec::new(),
        }
    }

    /// Sets the tokens of all attempts.
    #[must_use]
    pub fn with_tokens(mut self, input: u64, output: u64) -> Self {
        (self.input_tokens, self.output_tokens) = (input, output);
        self
    }
}

/// The error of a prompt without an answer. The job continues, and its result contains the error as a
/// warning.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// No model of the provider is configured.
    #[error(
        "no model of {0} is configured: add one with `Chat::provider`, or name another provider"
    )]
    NoSuchProvider(Provider),
    /// The provider did not respond, or not in time.
    #[error("{provider} could not be reached: {error}")]
    Unreachable {
        /// The provider.
        provider: String,
        /// The error of the last request; its kind tells a timeout from a refused connection.
        error: Arc<FetchError>,
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
        reason: NoAnswerReason,
    },
}

/// The reason why a model's response contains no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswerReason {
    /// The model declined, with these words, shortened.
    #[error("the model declined: {0}")]
    Declined(String),
    /// The answer exceeds the limit of output tokens.
    #[error("the answer was cut at the limit of output tokens: raise `ChatModel::output_tokens`")]
    Truncated,
    /// The provider's content filter removed the answer.
    #[error("the provider's content filter removed the answer")]
    Filtered,
    /// The response or the answer is not the expected JSON.
    #[error("{0}")]
    Malformed(String),
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
