//! The document and the options of an extraction.

use std::fmt;
use std::time::Duration;

use crate::core::id::AccountId;
use crate::core::request::{
    DocumentType, ExtractionCache, Format, Item, JobRequest, Limits, ValidationError,
};
use crate::core::usage::Budget;
use crate::engine::page_host;

/// The longest document in bytes.
const MAX_DOCUMENT_BYTES: usize = 5 * 1_024 * 1_024;
/// The longest URL of a document in bytes.
const MAX_URL_BYTES: usize = 2_048;
/// The range of the cache's lifetime.
const CACHE_TTLS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);
/// The default lifetime of a cached result.
const DEFAULT_TTL: Duration = Duration::from_hours(1);
/// The URL that options are checked with if the document has none. Nothing is resolved against it.
const NO_URL: &str = "http://localhost/";

/// Returns the `Content-Type` of a document.
pub(super) fn media_type(document_type: DocumentType) -> &'static str {
    match document_type {
        DocumentType::Html => "text/html; charset=utf-8",
        DocumentType::Text => "text/plain; charset=utf-8",
        DocumentType::Markdown => "text/markdown; charset=utf-8",
    }
}

/// A document to extract from, with its options and the account that pays.
///
/// ```
/// use rungs::engine::Extraction;
/// use rungs::prelude::*;
///
/// # async fn example(engine: &Engine, html: String) -> Result<(), rungs::Error> {
/// let options = Item::get("https://shop.example/lamp")
///     .formats([Format::Json])
///     .schema(serde_json::json!({ "name": "string", "price": "number" }));
///
/// let report = engine.extract(Extraction::html(html).options(options)).await?;
///
/// println!("{:?} for {}", report.extracted.filtered_content, report.charged());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Extraction {
    document: String,
    document_type: DocumentType,
    options: Item,
    account: AccountId,
    label: Option<String>,
    budget: Option<Budget>,
    key: Option<String>,
    cache: ExtractionCache,
    cache_ttl: Duration,
}

/// Shows the length of the document instead of its text.
impl fmt::Debug for Extraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extraction")
            .field("document_bytes", &self.document.len())
            .field("document_type", &self.document_type)
            .field("options", &self.options)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Extraction {
    /// Returns an extraction from a document of this type, to the format `json`.
    pub fn new(document: impl Into<String>, document_type: DocumentType) -> Self {
        Self {
            document: document.into(),
            document_type,
            options: Item { formats: vec![Format::Json], ..Item::default() },
            account: AccountId::default(),
            label: None,
            budget: None,
            key: None,
            cache: ExtractionCache::Auto,
            cache_ttl: DEFAULT_TTL,
        }
    }

    /// Returns an extraction from an HTML page.
    pub fn html(document: impl Into<String>) -> Self {
        Self::new(document, DocumentType::Html)
    }

    /// Sets the options: the formats, the schema, the prompt with its model, the profile, `evidence`, `filter_content`,
    /// `max_credits`, and the timeout of the model. Those about fetching have no effect.
    ///
    /// The item's URL is the URL of the document. Relative links are resolved against it, and it is not fetched. It may be
    /// empty.
    pub fn options(mut self, options: Item) -> Self {
        self.options = options;
        self
    }

    /// Sets the account that is charged. Defaults to the account `default`.
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the label under which usage and budgets are counted within the account, such as the name of an API key.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the budget of the label, or of the whole account without a label.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the idempotency key: 1 to 255 printable ASCII characters. A repetition with the same key returns the first
    /// result and charges nothing.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the use of the cache. Defaults to [`ExtractionCache::Auto`].
    pub fn cache(mut self, cache: ExtractionCache) -> Self {
        self.cache = cache;
        self
    }

    /// Sets the time for which the result is cached, 1 s to 24 h. Defaults to an hour.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// Checks the document and the options.
    pub(super) fn check(mut self, limits: &Limits) -> Result<Checked, ValidationError> {
        let invalid = |field, reason: &str| Err(ValidationError::new(field, reason));
        if self.document.trim().is_empty() {
            return invalid("content", "is empty: send the document");
        }
        if self.document.len() > MAX_DOCUMENT_BYTES {
            return invalid("content", "has more than 5 MiB: send the part that matters");
        }
        if !CACHE_TTLS.contains(&self.cache_ttl) {
            return invalid("cache_ttl", "must be 1 to 86400 seconds");
        }
        let has_url = !self.options.url.is_empty();
        if self.options.url.len() > MAX_URL_BYTES {
            return invalid("source_url", "has more than 2048 bytes: shorten it or omit it");
        }
        if !has_url {
            NO_URL.clone_into(&mut self.options.url);
        }
        let request = self.options.check(limits).map_err(of_source)?;
        if has_url {
            let checked = page_host::check(request.page());
            checked.map_err(|it| ValidationError::new("source_url", it.to_string()))?;
        }
        Ok(Checked {
            chars: self.document.chars().count() as u64,
            document: self.document,
            document_type: self.document_type,
            request,
            has_url,
            account: self.account,
            label: self.label,
            budget: self.budget,
            key: self.key,
            cache: self.cache,
            cache_ttl: self.cache_ttl,
        })
    }
}

/// Names the URL as callers of an extraction know it.
fn of_source(error: ValidationError) -> ValidationError {
    match error.field() {
        "url" => ValidationError::new("source_url", error.reason()),
        _ => error,
    }
}

/// An extraction that passed the check.
pub(super) struct Checked {
    pub(super) document: String,
    pub(super) document_type: DocumentType,
    pub(super) chars: u64,
    pub(super) request: JobRequest,
    /// `false` if the URL of the request is a placeholder.
    pub(super) has_url: bool,
    pub(super) account: AccountId,
    pub(super) label: Option<String>,
    pub(super) budget: Option<Budget>,
    pub(super) key: Option<String>,
    pub(super) cache: ExtractionCache,
    pub(super) cache_ttl: Duration,
}

impl Checked {
    /// Returns the URL of the document, empty if it has none.
    pub(super) fn url(&self) -> &str {
        if self.has_url { self.request.page().as_str() } else { "" }
    }
}
