//! A checked item, as the engine stores it and fetchers and extractors read it.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::core::request::check::{Limits, ValidationError};
use crate::core::request::compact::Compact;
use crate::core::request::item::{Item, MAX_RESPONSE_BYTES};
use crate::core::request::options::{
    Advanced, Cache, ContentType, CostControls, Format, Location, Method, Mode, PdfFormat, Profile,
    Provider,
};
use crate::core::request::text::OcrLanguage;
use crate::core::url::PageUrl;

/// An item that passed [`Item::check`].
///
/// # Invariants
///
/// * Every field is within its bounds, and no two fields contradict each other.
/// * Stored as its [`Item`], and checked again when read back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Item")]
pub struct JobRequest {
    url: PageUrl,
    item: Item,
}

/// The whole item in a readable format such as JSON, its options that differ from their defaults in a binary one.
impl Serialize for JobRequest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            self.item.serialize(to)
        } else {
            Compact(&self.item).serialize(to)
        }
    }
}

impl JobRequest {
    /// Wraps an item that passed the check. Only the check may call it.
    pub(super) fn checked(url: PageUrl, item: Item) -> Self {
        Self { url, item }
    }

    /// Returns the page's URL.
    pub fn page(&self) -> &PageUrl {
        &self.url
    }

    /// Returns the item that was checked.
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// Returns the method of reading the page.
    pub fn mode(&self) -> Mode {
        self.item.mode
    }

    /// Returns the formats to make, without duplicates; at least one.
    pub fn formats(&self) -> &[Format] {
        &self.item.formats
    }

    /// Returns the limits on tiers, credits and time.
    pub fn cost_controls(&self) -> &CostControls {
        &self.item.cost_controls
    }

    /// Returns the fields to fill: JSON Schema or its shorthand.
    pub fn schema(&self) -> Option<&Value> {
        self.item.extraction_schema.as_ref()
    }

    /// Returns the description of the data to extract.
    pub fn prompt(&self) -> Option<&str> {
        self.item.extraction_prompt.as_deref()
    }

    /// Returns the kind of thing the page describes.
    pub fn profile(&self) -> Profile {
        self.item.extraction_profile
    }

    /// Returns the name of a template of the application's own extractor.
    pub fn template(&self) -> Option<&str> {
        self.item.template.as_deref()
    }

    /// Returns the provider of the language model that answers the prompt.
    pub fn provider(&self) -> Option<Provider> {
        self.item.extraction_provider
    }

    /// Returns the provider's name of the language model.
    pub fn model(&self) -> Option<&str> {
        self.item.extraction_model.as_deref()
    }

    /// Returns `true` if `json` keeps the main content only.
    pub fn filters_content(&self) -> bool {
        self.item.filter_content
    }

    /// Returns `true` if the page's own schema.org data takes precedence in `json`.
    pub fn promotes_schema_org(&self) -> bool {
        self.item.promote_schema_org
    }

    /// Returns `true` if the result contains the source of each extracted value.
    pub fn wants_evidence(&self) -> bool {
        self.item.evidence
    }

    /// Returns `true` if the result contains the undecoded body.
    pub fn wants_raw_html(&self) -> bool {
        self.item.include_raw_html
    }

    /// Returns the less common options.
    pub fn advanced(&self) -> &Advanced {
        &self.item.advanced
    }

    /// Returns the response cache options.
    pub fn cache(&self) -> Cache {
        self.item.cache
    }

    /// Returns the longest time for the whole ladder.
    pub fn timeout(&self) -> Duration {
        self.item.timeout
    }

    /// Returns the CSS selector to wait for in a rendered page.
    pub fn wait_for(&self) -> Option<&str> {
        self.item.wait_for.as_deref()
    }

    /// Returns the request's method.
    pub fn method(&self) -> Method {
        self.item.method
    }

    /// Returns the request's body; never present with `GET`.
    pub fn body(&self) -> Option<&str> {
        self.item.body.as_deref()
    }

    /// Returns the media type of the body, `None` if the item names none.
    pub fn content_type(&self) -> Option<ContentType> {
        self.item.content_type
    }

    /// Returns the item's own headers. [`JobRequest::headers_to_send`] adds the others.
    pub fn headers(&self) -> &[(String, String)] {
        &self.item.headers
    }

    /// Returns the country and language that the request appears to come from.
    pub fn location(&self) -> &Location {
        &self.item.location
    }

    /// Returns the format of a PDF's content.
    pub fn pdf_format(&self) -> PdfFormat {
        self.item.pdf_format
    }

    /// Returns the languages of text in images.
    pub fn ocr_language(&self) -> &OcrLanguage {
        &self.item.ocr_language
    }

    /// Returns the largest response body in bytes, at most [`MAX_RESPONSE_BYTES`].
    pub fn max_response_bytes(&self) -> u64 {
        match self.item.max_response_bytes {
            0 => MAX_RESPONSE_BYTES,
            limit => limit,
        }
    }

    /// Returns `true` if only a browser can carry out the request.
    pub fn needs_browser(&self) -> bool {
        self.item.needs_browser()
    }

    /// Returns the headers to send: the item's own, the session headers that it does not set itself, and the media
    /// type of a body.
    pub fn headers_to_send(&self) -> Vec<(String, String)> {
        let mut headers = self.item.headers.clone();
        let mut add = |name: &str, value: &str| {
            let is_set = self.headers().iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
            if !is_set {
                headers.push((name.to_owned(), value.to_owned()));
            }
        };
        for (name, value) in &self.item.advanced.session_headers {
            add(name, value);
        }
        if self.item.body.is_some() {
            add("content-type", self.item.content_type.unwrap_or_default().as_str());
        }
        headers
    }
}

impl From<JobRequest> for Item {
    fn from(request: JobRequest) -> Self {
        request.item
    }
}

impl TryFrom<Item> for JobRequest {
    type Error = ValidationError;

    /// Checks a stored item against the bounds of the format, not those of one engine.
    fn try_from(item: Item) -> Result<Self, ValidationError> {
        item.check(&Limits::widest())
    }
}
