//! The extractor, which turns documents into the requested formats.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::request::{Format, JobRequest};
use crate::core::tier::Tier;
use crate::ports::fetch::ImageText;
use crate::ports::prompt::PromptAnswer;

/// A document to extract from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Document<'a> {
    /// The bytes, decompressed.
    pub body: &'a [u8],
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The final URL after redirects, against which relative links are resolved.
    pub url: &'a str,
    /// The tier that fetched it. On tier 3.5 the extractor reads the page's embedded state.
    pub tier: Tier,
    /// The request.
    pub options: &'a JobRequest,
    /// `true` collects [`Extracted::links`].
    pub wants_links: bool,
}

impl<'a> Document<'a> {
    /// Returns an HTML document that tier 1 fetched from `url`.
    pub fn new(body: &'a [u8], url: &'a str, options: &'a JobRequest) -> Self {
        Self { body, content_type: None, url, tier: Tier::Curl, options, wants_links: false }
    }

    /// Collects [`Extracted::links`].
    #[must_use]
    pub fn with_links(mut self) -> Self {
        self.wants_links = true;
        self
    }

    /// Sets the `Content-Type` header.
    #[must_use]
    pub fn with_content_type(mut self, content_type: Option<&'a str>) -> Self {
        self.content_type = content_type;
        self
    }

    /// Sets the tier that fetched it.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }
}

/// The result of an extraction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Extracted {
    /// The requested formats; each value is an object or a string.
    pub content: BTreeMap<Format, Value>,
    /// The plain text, whichever formats were requested.
    pub text: String,
    /// The page's title.
    pub title: Option<String>,
    /// The page's author.
    pub author: Option<String>,
    /// The time of publication as ISO 8601, or as the page's text if it cannot be parsed.
    pub published_at: Option<String>,
    /// The page's description of itself.
    pub description: Option<String>,
    /// The language, BCP 47.
    pub language: Option<String>,
    /// The page's metadata, by name.
    pub metadata: BTreeMap<String, Value>,
    /// The decoded body, if `include_raw_html` is set.
    pub raw_html: Option<String>,
    /// The values of the fields of `extraction_schema`.
    pub filtered_content: Option<Value>,
    /// The fields of the requested profile alone, as `docs/PROFILES.md` lists them; `None` for the automatic
    /// profile and for documents without fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Value>,
    /// The origin of each value, if `evidence` is set: `{field: {value, snippet, source, path}}`.
    pub evidence: Option<Value>,
    /// The answer of a language model to `extraction_prompt`.
    pub prompted: Option<PromptAnswer>,
    /// The text on the images of the page.
    pub ocr_results: Vec<ImageText>,
    /// The URLs of the images in the content, most important first. Collected if `advanced.ocr` is set, and not
    /// stored.
    #[serde(skip)]
    pub images: Vec<String>,
    /// The absolute URLs of all links of the page, in its order, each once. Collected if [`Document::wants_links`] is set.
    /// The engine keeps them beside the result of a page of a crawl.
    #[serde(skip)]
    pub links: Vec<String>,
    /// The parts of the page that were kept and dropped, if `advanced.explain_content` is set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_parts: Vec<ContentPart>,
    /// Warnings: anything omitted or guessed.
    pub warnings: Vec<String>,
    /// `true` in a stored page that omits [`Format::Text`] because it equals `text`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) text_is_format: bool,
}

/// A part of a page, and whether it belongs to the extracted content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ContentPart {
    /// `true` for the part that was chosen as the content.
    pub kept: bool,
    /// The rule that decided: `chosen`, `outside` for whatever stands beside the chosen part, or the rule
    /// that dropped the part, such as `comments` or `links`.
    pub rule: String,
    /// The share of the page's visible text in the part, from 0 to 1.
    pub share: f64,
    /// The beginning of the part's text, at most 120 characters.
    pub snippet: String,
}

impl Extracted {
    /// Returns a result with this plain text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Drops [`Format::Text`] if it equals `text`, so that it is stored once.
    #[cfg(feature = "engine")]
    pub(crate) fn fold_text(&mut self) {
        let format = self.content.get(&Format::Text);
        if format.and_then(Value::as_str).is_some_and(|it| it == self.text) {
            self.content.remove(&Format::Text);
            self.text_is_format = true;
        }
    }

    /// Restores what [`Extracted::fold_text`] dropped.
    #[cfg(feature = "engine")]
    pub(crate) fn unfold_text(&mut self) {
        if std::mem::take(&mut self.text_is_format) {
            self.content.insert(Format::Text, self.text.clone().into());
        }
    }

    /// Adds a format.
    #[must_use]
    pub fn with_content(mut self, format: Format, value: impl Into<Value>) -> Self {
        self.content.insert(format, value.into());
        self
    }

    /// Sets the title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }
}

/// An error of an extraction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The document has no content.
    #[error("the document is empty")]
    Empty,
    /// The extractor does not support this media type.
    #[error("documents of type `{0}` are not supported")]
    Unsupported(String),
    /// The elements of the document, or of the page that its embedded state makes, nest too deep.
    #[error("the extraction failed: the document's elements nest too deep")]
    TooDeep,
    /// The extractor panicked. Reported by the engine, whose other jobs are not affected.
    #[error("the extraction failed: the extractor panicked")]
    Panicked,
    /// The blocking pool dropped the extraction before it ended. Reported by the engine.
    #[error("the extraction failed: the blocking pool dropped it before it ended")]
    Abandoned,
    /// Another reason, in the words of your own extractor.
    #[error("the extraction failed: {0}")]
    Failed(String),
}

/// Extracts formats from documents. The engine calls it on a blocking thread, except for short documents.
///
/// # Contract
///
/// * **Total.** Any bytes give a result or an error: no panic, no endless loop, no stack overflow.
/// * **Pure.** No network and no clock.
/// * [`Extracted::content`] contains exactly the requested formats that this kind of document can have.
pub trait Extractor: fmt::Debug + Send + Sync {
    /// Extracts the requested formats.
    fn extract(&self, page: Document<'_>) -> Result<Extracted, ExtractError>;

    /// Returns the size of documents, in bytes, up to which an extraction takes a few milliseconds at most.
    /// Defaults to 0, for none.
    ///
    /// The engine may extract such a document without a blocking thread, see
    /// [`BlockingPool::run_short`](crate::ports::clock::BlockingPool::run_short).
    fn short_document_bytes(&self) -> usize {
        0
    }
}

// Compile-time check: the engine holds it as `Arc<dyn Extractor>`.
const _: Option<&dyn Extractor> = None;
