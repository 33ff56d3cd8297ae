//! Turning a document into the formats that were asked for.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::request::{Format, JobRequest};
use crate::core::tier::Tier;
use crate::ports::fetch::ImageText;
use crate::ports::prompt::PromptAnswer;

/// A document to read.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The bytes, decompressed.
    pub body: &'a [u8],
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// Where it came from in the end; relative links are made absolute with it.
    pub url: &'a str,
    /// The tier that got it: 3.5 reads the data that a page ships for its scripts.
    pub tier: Tier,
    /// What was asked for.
    pub options: &'a JobRequest,
}

/// What was made of a document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extracted {
    /// The asked formats; always objects or strings.
    pub content: BTreeMap<Format, Value>,
    /// The plain text, whatever the formats.
    pub text: String,
    /// The page's title.
    pub title: Option<String>,
    /// The page's author.
    pub author: Option<String>,
    /// When it was published, as the page says it (ISO 8601 where that could be made).
    pub published_at: Option<String>,
    /// A sentence or two about the page.
    pub description: Option<String>,
    /// The language, BCP 47.
    pub language: Option<String>,
    /// What the page says of itself, by name.
    pub metadata: BTreeMap<String, Value>,
    /// The body decoded, if it was asked for.
    pub raw_html: Option<String>,
    /// The fields of `extraction_schema`, filled.
    pub filtered_content: Option<Value>,
    /// Where each filled field was found, if that was asked for: `{field: {value, snippet, source, path}}`.
    pub evidence: Option<Value>,
    /// What a language model answered to `extraction_prompt`.
    pub prompted: Option<PromptAnswer>,
    /// What stands on the images that were read.
    pub ocr_results: Vec<ImageText>,
    /// Where the images of its content are, those that matter most first; found if `advanced.ocr` asks
    /// for their text, and not kept.
    #[serde(skip)]
    pub images: Vec<String>,
    /// What was left out or guessed.
    pub warnings: Vec<String>,
}

/// A document that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The document holds nothing to read.
    #[error("the document is empty")]
    Empty,
    /// The document is of a kind that this extractor does not read.
    #[error("a document of type `{0}` cannot be read as a page")]
    Unsupported(String),
    /// Reading it failed.
    #[error("the document could not be read: {0}")]
    Failed(String),
}

/// Reads documents. Called on a blocking thread: it may take its time, but not for ever.
///
/// # Contract
///
/// * **Total.** Any bytes give a result or an error: no panic, no loop, no stack overflow.
/// * **Pure.** No network and no clock.
/// * [`Extracted::content`] holds exactly the asked formats that this kind of document can have.
pub trait Extractor: fmt::Debug + Send + Sync {
    /// Makes what was asked for.
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError>;
}

// Compile-time check: the engine holds it as `Arc<dyn Extractor>`.
const _: Option<&dyn Extractor> = None;
