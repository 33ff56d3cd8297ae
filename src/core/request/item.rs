//! [`Item`]: one URL with its options, as an application writes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::SessionId;
use crate::core::request::check::{Limits, ValidationError, check};
use crate::core::request::job_request::JobRequest;
use crate::core::request::options::{
    Action, Advanced, Cache, ContentType, CostControls, Format, Location, Method, Mode, PdfFormat,
    Profile, Provider, RenderJs, SectionFilter, WaitCondition,
};
use crate::core::request::seconds;
use crate::core::request::text::{Country, OcrLanguage};
use crate::core::tier::Tier;

/// The largest `max_response_bytes` of an item, in bytes, and the meaning of 0: 50 MiB.
pub const MAX_RESPONSE_BYTES: u64 = 52_428_800;

/// One URL with its options. They are checked at submission, which refuses an invalid item with its index and field.
///
/// Every option has a method of the same or a shorter name. The fields are public for reading; new ones may be added.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::prelude::*;
///
/// let item = Item::get("https://example.com/b.pdf")
///     .mode(Mode::Pdf)
///     .formats([Format::Markdown])
///     .timeout(Duration::from_secs(30));
/// assert_eq!(item.formats, [Format::Markdown]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Item {
    /// The page's URL.
    pub url: String,
    /// The method of reading the page. Defaults to [`Mode::Auto`].
    pub mode: Mode,
    /// The formats to make. Defaults to `html` and `json`.
    pub formats: Vec<Format>,
    /// The limits on tiers, credits and time.
    pub cost_controls: CostControls,
    /// The fields to fill: JSON Schema or its shorthand, up to 64 KiB.
    pub extraction_schema: Option<serde_json::Value>,
    /// A description of the data to extract, up to 2,000 characters.
    pub extraction_prompt: Option<String>,
    /// The kind of thing that the page describes. Defaults to [`Profile::Auto`].
    pub extraction_profile: Profile,
    /// The name of a template of the application's own extractor.
    pub template: Option<String>,
    /// The provider of the language model that answers the prompt.
    pub extraction_provider: Option<Provider>,
    /// The provider's name of the language model.
    pub extraction_model: Option<String>,
    /// `true` drops everything but the main content from `json` and the formats made from it.
    pub filter_content: bool,
    /// `true` gives the page's own schema.org data precedence in `json`. Defaults to `true`.
    pub promote_schema_org: bool,
    /// `true` adds the source of each extracted value.
    pub evidence: bool,
    /// The less common options.
    pub advanced: Advanced,
    /// `true` returns the undecoded body beside the formats.
    pub include_raw_html: bool,
    /// The response cache options.
    pub cache: Cache,
    /// The time limit of all attempts together, 1 to 300 s. Defaults to 90 s. Stored in whole seconds, rounded up.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// A CSS selector to wait for in a rendered page.
    pub wait_for: Option<String>,
    /// The request's method. Defaults to `GET`.
    pub method: Method,
    /// The request's body; not with `GET`.
    pub body: Option<String>,
    /// The body's media type. Defaults to `application/json`.
    pub content_type: Option<ContentType>,
    /// The request's headers, up to 50.
    pub headers: Vec<(String, String)>,
    /// The country and language that the request appears to come from.
    pub location: Location,
    /// The format of a PDF's content. Defaults to Markdown.
    pub pdf_format: PdfFormat,
    /// The languages of text in images. Defaults to `eng`.
    pub ocr_language: OcrLanguage,
    /// The largest response body in bytes, up to [`MAX_RESPONSE_BYTES`]; 0 means that maximum. Defaults to 5,242,880.
    ///
    /// An HTML page or a text above it is cut and labeled, up to [`MAX_RESPONSE_BYTES`]; any other document is refused.
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
            timeout: Duration::from_secs(90),
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
    /// Creates a `GET` of `url` with default options.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// The first [`ValidationError`], which names the field and the remedy.
    pub fn check(self, limits: &Limits) -> Result<JobRequest, ValidationError> {
        check(self, limits)
    }

    /// Returns `true` if only a browser can carry out the item: mode `js` or [`RenderJs::Yes`].
    pub fn needs_browser(&self) -> bool {
        self.mode == Mode::Js || self.advanced.render_js == RenderJs::Yes
    }
}

/// Content and formats.
impl Item {
    /// Sets the method of reading the page. Defaults to [`Mode::Auto`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the formats to make. Defaults to `html` and `json`.
    pub fn formats(mut self, formats: impl IntoIterator<Item = Format>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Returns the undecoded body beside the formats.
    pub fn raw_html(mut self) -> Self {
        self.include_raw_html = true;
        self
    }

    /// Sets the time limit of all attempts together, 1 to 300 s, rounded up to whole seconds. Defaults to 90 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the largest response body in bytes, up to [`MAX_RESPONSE_BYTES`]. 0 means that maximum. Defaults to
    /// 5 MiB. An HTML page or a text above it is cut and labeled, any other document is refused.
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Serves the page from the response cache, or adds it there for 1 hour.
    pub fn cached(mut self) -> Self {
        self.cache.enabled = true;
        self
    }

    /// Sets all response cache options.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    /// Sets the format of a PDF's content. Defaults to Markdown.
    pub fn pdf_format(mut self, format: PdfFormat) -> Self {
        self.pdf_format = format;
        self
    }

    /// Sets the languages of text in images. Defaults to `eng`.
    pub fn ocr_language(mut self, language: OcrLanguage) -> Self {
        self.ocr_language = language;
        self
    }
}

/// Structured extraction.
impl Item {
    /// Sets the fields to fill: JSON Schema or its shorthand, such as `{"price": "number"}`.
    pub fn schema(mut self, schema: serde_json::Value) -> Self {
        self.extraction_schema = Some(schema);
        self
    }

    /// Sets a description of the data to extract, answered by a language model.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.extraction_prompt = Some(prompt.into());
        self
    }

    /// Sets the kind of thing the page describes. Defaults to [`Profile::Auto`].
    pub fn profile(mut self, profile: Profile) -> Self {
        self.extraction_profile = profile;
        self
    }

    /// Names a template of your application's own extractor.
    pub fn template(mut self, name: impl Into<String>) -> Self {
        self.template = Some(name.into());
        self
    }

    /// Sets the provider of the language model that answers the prompt.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.extraction_provider = Some(provider);
        self
    }

    /// Sets the provider's name of the language model.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.extraction_model = Some(model.into());
        self
    }

    /// Drops everything but the main content from `json` and the formats made from it.
    pub fn filter_content(mut self) -> Self {
        self.filter_content = true;
        self
    }

    /// Keeps the page's own schema.org data from taking precedence in `json`, as it does by default.
    pub fn without_schema_org_promotion(mut self) -> Self {
        self.promote_schema_org = false;
        self
    }

    /// Adds the source of each extracted value to the result. Needs a schema or a prompt.
    pub fn evidence(mut self) -> Self {
        self.evidence = true;
        self
    }

    /// Sets the sections of the page to keep. Defaults to all.
    pub fn section_filter(mut self, filter: SectionFilter) -> Self {
        self.advanced.section_filter = filter;
        self
    }
}

/// Cost and time.
impl Item {
    /// Sets the only tier that may run.
    pub fn force_tier(mut self, tier: Tier) -> Self {
        self.cost_controls.force_tier = Some(tier);
        self
    }

    /// Sets the highest tier that may run. Defaults to 4.
    pub fn max_tier(mut self, tier: Tier) -> Self {
        self.cost_controls.max_tier = Some(tier);
        self
    }

    /// Minimizes the expected credits, as the engine does by default.
    pub fn prefer_cost(mut self) -> Self {
        self.cost_controls.prefer_cost = true;
        self
    }

    /// Minimizes the expected time instead of the expected credits.
    pub fn prefer_speed(mut self) -> Self {
        self.cost_controls.prefer_speed = true;
        self
    }

    /// Fails instead of escalating to the browser.
    pub fn fail_fast(mut self) -> Self {
        self.cost_controls.fail_fast = true;
        self
    }

    /// Sets the most credits that the page may cost, above zero.
    pub fn max_credits(mut self, credits: Credits) -> Self {
        self.cost_controls.max_credits = Some(credits);
        self
    }

    /// Sets the wall clock budget of the whole ladder, 5 to 300 s, rounded up to whole seconds. When it ends, the job succeeds
    /// with the best page so far, if there is one.
    pub fn time_budget(mut self, budget: Duration) -> Self {
        self.cost_controls.time_budget = Some(budget);
        self
    }

    /// Sets all cost controls.
    pub fn cost_controls(mut self, controls: CostControls) -> Self {
        self.cost_controls = controls;
        self
    }
}

/// The request.
impl Item {
    /// Sets the method. Defaults to `GET`.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets the request body. Not allowed with `GET`.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the media type of the body. Defaults to `application/json`.
    pub fn content_type(mut self, content_type: ContentType) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// Adds a request header, up to 50.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a session header. A header of the same name set by [`Item::header`] takes precedence.
    pub fn session_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.advanced.session_headers.push((name.into(), value.into()));
        self
    }

    /// Uses a stored session of the account: its cookies and headers, and its local storage in a browser. Not together
    /// with cookies.
    pub fn session(mut self, id: SessionId) -> Self {
        self.advanced.session_id = Some(id);
        self
    }

    /// Adds a cookie.
    pub fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.advanced.cookies.push((name.into(), value.into()));
        self
    }

    /// Sets the country and language that the request appears to come from.
    pub fn location(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// Sends the request through the engine's proxies.
    pub fn use_proxy(mut self) -> Self {
        self.advanced.use_proxy = true;
        self
    }

    /// Sends the request through the account's own proxies, at a discount.
    pub fn use_own_proxy(mut self) -> Self {
        self.advanced.use_own_proxy = true;
        self
    }

    /// Sends the request through the account's own proxy of this id.
    pub fn own_proxy(mut self, id: impl Into<String>) -> Self {
        self.advanced.use_own_proxy = true;
        self.advanced.proxy_integration_id = Some(id.into());
        self
    }

    /// Sets the country of the proxy. Needs a proxy.
    pub fn proxy_country(mut self, country: Country) -> Self {
        self.advanced.proxy_country = Some(country);
        self
    }
}

/// The browser.
impl Item {
    /// Sets the use of a browser. Defaults to [`RenderJs::No`].
    pub fn render_js(mut self, render: RenderJs) -> Self {
        self.advanced.render_js = render;
        self
    }

    /// Waits for an element of a rendered page that matches the CSS selector, of 1 to 1,024 bytes.
    pub fn wait_for(mut self, selector: impl Into<String>) -> Self {
        self.wait_for = Some(selector.into());
        self
    }

    /// Sets the event at which a rendered page counts as loaded. Defaults to [`WaitCondition::NetworkIdle`].
    pub fn wait_condition(mut self, condition: WaitCondition) -> Self {
        self.advanced.wait_condition = condition;
        self
    }

    /// Keeps a screenshot. Needs [`RenderJs::Yes`] or mode `js`.
    pub fn screenshot(mut self) -> Self {
        self.advanced.screenshot = true;
        self
    }

    /// Prints the page to PDF. Needs [`RenderJs::Yes`] or mode `js`.
    pub fn generate_pdf(mut self) -> Self {
        self.advanced.generate_pdf = true;
        self
    }

    /// Scrolls a rendered page `count` times to load more, 1 to 10.
    pub fn scroll_to_load(mut self, count: u8) -> Self {
        self.advanced.scroll_to_load = true;
        self.advanced.scroll_count = count;
        self
    }

    /// Lists the kept and dropped parts of the page in the result.
    pub fn explain_content(mut self) -> Self {
        self.advanced.explain_content = true;
        self
    }

    /// Omits the page's content if it still has this content hash: the result is then
    /// [`unchanged`](crate::engine::Page::unchanged).
    ///
    /// The hash is the `content_hash` of an earlier result of the same item. An empty one stands for a page that is
    /// not known yet. Either way, the engine keeps the page's validators, so that its next fetch can be answered with
    /// 304 Not Modified, which has a lower price.
    pub fn unless(mut self, hash: impl Into<String>) -> Self {
        self.advanced.if_changed_since_hash = Some(hash.into());
        self
    }

    /// Includes the content of frames of a rendered page.
    pub fn include_iframes(mut self) -> Self {
        self.advanced.include_iframes = true;
        self
    }

    /// Includes the content of shadow trees of a rendered page.
    pub fn flatten_shadow_dom(mut self) -> Self {
        self.advanced.flatten_shadow_dom = true;
        self
    }

    /// Loads no images in the browser.
    pub fn block_images(mut self) -> Self {
        self.advanced.block_images = true;
        self
    }

    /// Keeps consent banners, which are removed by default.
    pub fn keep_cookie_banners(mut self) -> Self {
        self.advanced.remove_cookie_banners = false;
        self
    }

    /// Adds a page action, up to 20. Needs a rendered page.
    pub fn action(mut self, action: Action) -> Self {
        self.advanced.actions.push(action);
        self
    }

    /// Reads the text in the page's images, an add-on that is charged if an image was read.
    pub fn ocr(mut self) -> Self {
        self.advanced.ocr = true;
        self
    }

    /// Sets all advanced options.
    pub fn advanced(mut self, advanced: Advanced) -> Self {
        self.advanced = advanced;
        self
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
