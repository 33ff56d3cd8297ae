//! An item as a host writes it, and a request as the engine keeps it.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::core::request::check::{Limits, ValidationError, check};
use crate::core::request::options::{
    Advanced, Cache, ContentType, CostControls, Format, Location, Method, Mode, PdfFormat, Profile,
    Provider, RenderJs,
};
use crate::core::request::text::OcrLanguage;
use crate::core::tier::Tier;
use crate::core::url::PageUrl;

/// The most body bytes that an item may ask for; what no limit means.
pub const MAX_RESPONSE_BYTES: u64 = 52_428_800;

/// One URL with its options, not yet checked: a mistake in it is found at submission, with the
/// item's index and the field.
///
/// ```
/// use rungs::core::request::{Format, Item, Mode};
///
/// let item = Item::get("https://example.com/b.pdf").mode(Mode::Pdf).formats([Format::Markdown]);
/// assert_eq!(item.timeout, 90);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// The page's address.
    pub url: String,
    /// How it is read.
    pub mode: Mode,
    /// What is made of it; `html` and `json` if not said.
    pub formats: Vec<Format>,
    /// How far and how dear the ladder may go.
    pub cost_controls: CostControls,
    /// The fields to fill: JSON Schema or its shorthand, 64 KiB at most.
    pub extraction_schema: Option<serde_json::Value>,
    /// What to extract, in words: 2,000 characters at most.
    pub extraction_prompt: Option<String>,
    /// What kind of thing the page is about.
    pub extraction_profile: Profile,
    /// A named template of the host's to extract by.
    pub template: Option<String>,
    /// Whose language model answers the prompt.
    pub extraction_provider: Option<Provider>,
    /// Which of its models.
    pub extraction_model: Option<String>,
    /// Drop what is not main content from `json` and its kin.
    pub filter_content: bool,
    /// The page's own structured data comes first in `json`.
    pub promote_schema_org: bool,
    /// Say where each extracted value came from.
    pub evidence: bool,
    /// Further switches.
    pub advanced: Advanced,
    /// Keep the body as it came beside the formats.
    pub include_raw_html: bool,
    /// Whether an earlier answer may serve.
    pub cache: Cache,
    /// Seconds for the whole ladder, 1 to 300.
    pub timeout: u64,
    /// A CSS selector to wait for in a rendered page.
    pub wait_for: Option<String>,
    /// The request's method.
    pub method: Method,
    /// The request's body; not with `GET`.
    pub body: Option<String>,
    /// The body's media type; `application/json` if there is a body and nothing is said.
    pub content_type: Option<ContentType>,
    /// Headers to send, 50 at most.
    pub headers: Vec<(String, String)>,
    /// Where the request should seem to come from.
    pub location: Location,
    /// What a PDF becomes.
    pub pdf_format: PdfFormat,
    /// The languages in images.
    pub ocr_language: OcrLanguage,
    /// The most body bytes to read, up to [`MAX_RESPONSE_BYTES`]; 0 means that many.
    pub max_response_bytes: u64,
}

impl Default for Item {
    fn default() -> Self {
        Self {
            url: String::new(),
            mode: Mode::Auto,
            formats: vec![Format::Html, Format::Json],
            cost_controls: CostControls::default(),
            extraction_schema: None,
            extraction_prompt: None,
            extraction_profile: Profile::Auto,
            template: None,
            extraction_provider: None,
            extraction_model: None,
            filter_content: false,
            promote_schema_org: true,
            evidence: false,
            advanced: Advanced::default(),
            include_raw_html: false,
            cache: Cache::default(),
            timeout: 90,
            wait_for: None,
            method: Method::Get,
            body: None,
            content_type: None,
            headers: Vec::new(),
            location: Location::default(),
            pdf_format: PdfFormat::Markdown,
            ocr_language: OcrLanguage::default(),
            max_response_bytes: 5_242_880,
        }
    }
}

impl Item {
    /// A plain `GET` of `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// How the page is read.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What is made of it.
    pub fn formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Run exactly this tier.
    pub fn force_tier(mut self, tier: Tier) -> Self {
        self.cost_controls.force_tier = Some(tier);
        self
    }

    /// Never climb above this tier.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.cost_controls.max_tier = Some(tier);
        self
    }

    /// All cost controls at once.
    pub fn cost_controls(mut self, controls: CostControls) -> Self {
        self.cost_controls = controls;
        self
    }

    /// Seconds for the whole ladder.
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = seconds;
        self
    }

    /// One more header to send.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether an earlier answer may serve.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// The first [`ValidationError`], which names the field and the remedy.
    pub fn check(self, limits: &Limits) -> Result<JobRequest, ValidationError> {
        check(self, limits)
    }

    /// Whether a browser must be used.
    pub fn needs_browser(&self) -> bool {
        self.mode == Mode::Js || self.advanced.render_js == RenderJs::Yes
    }
}

impl From<&str> for Item {
    fn from(url: &str) -> Self {
        Self::get(url)
    }
}

impl From<String> for Item {
    fn from(url: String) -> Self {
        Self::get(url)
    }
}

/// An item that passed its check: every field is within its bounds and none contradicts another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Item", try_from = "Item")]
pub struct JobRequest {
    url: PageUrl,
    item: Item,
}

impl JobRequest {
    /// Only the check makes one.
    pub(super) fn checked(url: PageUrl, item: Item) -> Self {
        Self { url, item }
    }

    /// The page's address.
    pub fn page(&self) -> &PageUrl {
        &self.url
    }

    /// The headers to send: the item's own, the session's where the item says nothing, and the media
    /// type of a body.
    pub fn headers_to_send(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        let mut add = |name: &str, value: &str| {
            let said = self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
            if !said {
                headers.push((name.to_owned(), value.to_owned()));
            }
        };
        for (name, value) in &self.advanced.session_headers {
            add(name, value);
        }
        if self.body.is_some() {
            add("content-type", self.content_type.unwrap_or_default().as_str());
        }
        headers
    }

    /// The most body bytes to read.
    pub fn byte_limit(&self) -> u64 {
        match self.max_response_bytes {
            0 => MAX_RESPONSE_BYTES,
            limit => limit,
        }
    }
}

impl Deref for JobRequest {
    type Target = Item;

    fn deref(&self) -> &Item {
        &self.item
    }
}

impl From<JobRequest> for Item {
    fn from(request: JobRequest) -> Self {
        request.item
    }
}

impl TryFrom<Item> for JobRequest {
    type Error = ValidationError;

    /// Reads a stored request back: the bounds are those of the format, not of one engine.
    fn try_from(item: Item) -> Result<Self, ValidationError> {
        item.check(&Limits::widest())
    }
}
