//! The option types of an item.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::SessionId;
use crate::core::request::seconds;
use crate::core::request::text::{Country, Language};
use crate::core::tier::Tier;

/// The error for text that is not a value of an option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is unknown: use one of {known}")]
pub struct ParseOptionError {
    given: String,
    known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the name in the REST API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseOptionError;

            fn from_str(text: &str) -> Result<Self, ParseOptionError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseOptionError {
                        given: text.chars().take(40).collect(),
                        known: [$($word),+].join(", "),
                    }),
                }
            }
        }
    };
}

words!(
    /// The type of a document that the caller supplies.
    #[derive(Default)]
    DocumentType {
        /// An HTML page.
        #[default]
        Html = "html",
        /// Plain text.
        Text = "text",
        /// Markdown, which is kept as it is.
        Markdown = "markdown",
    }
);

words!(
    /// The use of the cache by an extraction.
    #[derive(Default)]
    ExtractionCache {
        /// A cached result is returned, at no charge.
        #[default]
        Auto = "auto",
        /// The document is read anew, and its result replaces the cached one.
        Skip = "skip",
        /// A cached result is returned, or none.
        Only = "only",
    }
);

words!(
    /// The method of reading a page.
    #[derive(Default)]
    Mode {
        /// The cheapest method that works.
        #[default]
        Auto = "auto",
        /// HTTP only, without a browser.
        Html = "html",
        /// A browser only.
        Js = "js",
        /// A PDF document.
        Pdf = "pdf",
        /// An image of text.
        Ocr = "ocr",
    }
);

words!(
    /// A format of a page's content.
    #[derive(Default)]
    Format {
        /// Plain text of the main content.
        #[default]
        Text = "text",
        /// Structured data.
        Json = "json",
        /// Sanitized, readable HTML.
        Html = "html",
        /// Markdown of the main content.
        Markdown = "markdown",
        /// The section tree with tables and classified links.
        JsonV2 = "json_v2",
        /// Chunks of markdown with token counts.
        Rag = "rag",
        /// Markdown body with its hash, images and links.
        Content = "content",
        /// The body, decoded but otherwise unchanged.
        Raw = "raw",
    }
);

words!(
    /// The kind of thing that a page describes, for structured data.
    #[derive(Default)]
    Profile {
        /// Detected from the page.
        #[default]
        Auto = "auto",
        /// A product.
        Product = "product",
        /// An article.
        Article = "article",
        /// An open position.
        JobPosting = "job_posting",
        /// Questions and answers.
        Faq = "faq",
        /// A recipe.
        Recipe = "recipe",
        /// An event.
        Event = "event",
        /// A shop's front page.
        EcommerceHomepage = "ecommerce_homepage",
        /// A list of places or firms.
        DirectoryListing = "directory_listing",
    }
);

words!(
    /// The request's method.
    #[derive(Default)]
    Method {
        /// `GET`, which carries no body.
        #[default]
        Get = "GET",
        /// `POST`.
        Post = "POST",
        /// `PUT`.
        Put = "PUT",
        /// `PATCH`.
        Patch = "PATCH",
        /// `DELETE`.
        Delete = "DELETE",
    }
);

words!(
    /// The event at which a rendered page counts as loaded. Defaults to `networkidle`.
    #[derive(Default)]
    WaitCondition {
        /// No request for half a second.
        #[default]
        NetworkIdle = "networkidle",
        /// The document was parsed.
        DomContentLoaded = "domcontentloaded",
        /// The load event fired.
        Load = "load",
    }
);

words!(
    /// The format of a PDF's content.
    #[derive(Default)]
    PdfFormat {
        /// Markdown.
        #[default]
        Markdown = "markdown",
        /// Plain text.
        Text = "text",
    }
);

words!(
    /// The media type of a request's body.
    #[derive(Default)]
    ContentType {
        /// JSON.
        #[default]
        Json = "application/json",
        /// A form's fields.
        Form = "application/x-www-form-urlencoded",
        /// Text.
        Plain = "text/plain",
        /// A query in `GraphQL`.
        GraphQl = "application/graphql",
    }
);

words!(
    /// A provider of language models.
    Provider {
        /// `OpenAI`.
        OpenAi = "openai",
        /// Anthropic.
        Anthropic = "anthropic",
        /// `OpenRouter`.
        OpenRouter = "openrouter",
        /// Groq.
        Groq = "groq",
    }
);

words!(
    /// A kind of block in a section.
    BlockKind {
        /// A paragraph.
        Paragraph = "paragraph",
        /// A list.
        List = "list",
        /// A table.
        Table = "table",
        /// An image.
        Image = "image",
        /// Source code.
        Code = "code",
        /// A quotation.
        Blockquote = "blockquote",
        /// A list of terms.
        Terms = "dl",
        /// A section that unfolds.
        Details = "details",
    }
);

words!(
    /// The kind of a page action.
    ActionKind {
        /// Wait for a time.
        Wait = "wait",
        /// Wait for a selector.
        WaitFor = "wait_for",
        /// Click an element.
        Click = "click",
        /// Fill a field.
        Fill = "fill",
        /// Press a key.
        Press = "press",
        /// Scroll.
        Scroll = "scroll",
        /// Scroll until nothing more loads.
        InfiniteScroll = "infinite_scroll",
        /// Keep a screenshot.
        Screenshot = "screenshot",
        /// Run a script.
        Evaluate = "evaluate",
    }
);

/// One step on a rendered page.
///
/// Actions run in order, each with a time limit. A failed action is recorded in the result and skipped.
///
/// ```
/// use rungs::prelude::*;
///
/// let item = Item::get("https://example.com/")
///     .render_js(RenderJs::Yes)
///     .action(Action::fill("input[name=q]", "bread"))
///     .action(Action::click("button"))
///     .action(Action::wait_for("#found"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// The kind of action.
    #[serde(rename = "type")]
    pub kind: ActionKind,
    /// The action's parameters by name, such as `selector`. The browser checks them when it runs the action.
    #[serde(flatten)]
    pub with: serde_json::Map<String, serde_json::Value>,
}

impl Action {
    /// Creates an action without parameters.
    pub fn new(kind: ActionKind) -> Self {
        Self { kind, with: serde_json::Map::new() }
    }

    /// Sets a parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        self.with.insert(name.into(), value.into());
        self
    }

    /// Waits for a time. Sub-millisecond precision is lost.
    pub fn wait(time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self::new(ActionKind::Wait).with("ms", ms)
    }

    /// Waits for an element that matches the CSS selector.
    pub fn wait_for(selector: impl Into<String>) -> Self {
        Self::new(ActionKind::WaitFor).with("selector", selector.into())
    }

    /// Clicks the first element that matches the CSS selector.
    pub fn click(selector: impl Into<String>) -> Self {
        Self::new(ActionKind::Click).with("selector", selector.into())
    }

    /// Enters a value into the field that matches the CSS selector.
    pub fn fill(selector: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(ActionKind::Fill).with("selector", selector.into()).with("value", value.into())
    }

    /// Presses a key: a letter, or a name such as `Enter`.
    pub fn press(key: impl Into<String>) -> Self {
        Self::new(ActionKind::Press).with("key", key.into())
    }

    /// Scrolls down by the height of the window.
    pub fn scroll() -> Self {
        Self::new(ActionKind::Scroll)
    }

    /// Scrolls down until nothing more loads, up to 50 times.
    pub fn infinite_scroll(max_scrolls: u32) -> Self {
        Self::new(ActionKind::InfiniteScroll).with("max_scrolls", max_scrolls)
    }

    /// Keeps a screenshot at this point.
    pub fn screenshot() -> Self {
        Self::new(ActionKind::Screenshot)
    }

    /// Runs a script and returns its value, up to 64 KiB as JSON.
    pub fn evaluate(script: impl Into<String>) -> Self {
        Self::new(ActionKind::Evaluate).with("script", script.into())
    }
}

/// The sections of a page to keep. Defaults to all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SectionFilter {
    /// The fewest blocks of a section; smaller sections are dropped.
    pub min_content_blocks: u32,
    /// The kinds of blocks to drop.
    pub exclude_content_types: Vec<BlockKind>,
    /// `true` drops navigation and advertising.
    pub content_only: bool,
}

/// The use of a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenderJs {
    /// Renders the page only if no other tier works.
    #[default]
    No,
    /// Always renders the page: no tier below 4 runs.
    Yes,
    /// Renders the page if its response shows that it needs a browser.
    Auto,
}

/// Limits on the tiers, credits and time of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CostControls {
    /// The only tier to run.
    pub force_tier: Option<Tier>,
    /// The highest tier to run.
    pub max_tier: Option<Tier>,
    /// `true` minimizes the expected credits, which is the default.
    pub prefer_cost: bool,
    /// `true` minimizes the expected time: the job starts on the tier that is likely to succeed.
    pub prefer_speed: bool,
    /// `true` fails the job instead of escalating to the browser.
    pub fail_fast: bool,
    /// The most credits that the job may cost, above zero.
    pub max_credits: Option<Credits>,
    /// The wall clock budget of the whole ladder, 5 to 300 s. Stored in whole seconds, rounded up. When it ends, the job
    /// succeeds with the best page so far, if there is one.
    #[serde(with = "seconds::optional")]
    pub time_budget: Option<Duration>,
}

/// Response cache options. The cache is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Cache {
    /// `true` serves the page from the response cache, or adds it there.
    pub enabled: bool,
    /// The lifetime of an entry, 60 s to 24 hours. Defaults to 1 hour. Stored in whole seconds, rounded up.
    #[serde(with = "seconds::optional")]
    pub ttl: Option<Duration>,
    /// `true` fetches the page anyway and replaces the entry.
    pub force_refresh: bool,
}

impl Cache {
    /// Returns options that enable the cache for 1 hour.
    pub fn enabled() -> Self {
        Self { enabled: true, ..Self::default() }
    }

    /// Sets the lifetime of an entry, 60 s to 24 hours, rounded up to whole seconds. Defaults to 1 hour.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Fetches the page anyway and replaces the entry.
    #[must_use]
    pub fn with_force_refresh(mut self) -> Self {
        self.force_refresh = true;
        self
    }
}

impl Location {
    /// Sets the country.
    #[must_use]
    pub fn with_country(mut self, country: Country) -> Self {
        self.country = Some(country);
        self
    }

    /// Sets the language of `Accept-Language`.
    #[must_use]
    pub fn with_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }
}

/// The country and language that a request appears to come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Location {
    /// The country. A proxy there is preferred if a proxy is used.
    pub country: Option<Country>,
    /// The language of `Accept-Language`.
    pub language: Option<Language>,
}

/// The less common options of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Advanced {
    /// The use of a browser.
    pub render_js: RenderJs,
    /// `true` keeps a screenshot; needs `render_js`.
    pub screenshot: bool,
    /// `true` prints the page to PDF; needs `render_js`.
    pub generate_pdf: bool,
    /// `true` adds Markdown to the formats.
    pub markdown: bool,
    /// `true` reads the text in the page's images.
    pub ocr: bool,
    /// `true` uses the engine's proxies.
    pub use_proxy: bool,
    /// `true` uses the account's own proxies, at a discount.
    pub use_own_proxy: bool,
    /// The id of one of the account's own proxies; needs `use_own_proxy`.
    pub proxy_integration_id: Option<String>,
    /// The proxy's country; needs a proxy.
    pub proxy_country: Option<Country>,
    /// `true` removes consent banners before reading. Defaults to `true`.
    pub remove_cookie_banners: bool,
    /// The event at which a rendered page counts as loaded. Defaults to `networkidle`.
    pub wait_condition: WaitCondition,
    /// `true` scrolls to load more; needs `render_js`.
    pub scroll_to_load: bool,
    /// The number of scrolls, 1 to 10. Defaults to 3.
    pub scroll_count: u8,
    /// `true` includes frames; needs `render_js`.
    pub include_iframes: bool,
    /// `true` includes shadow trees; needs `render_js`.
    pub flatten_shadow_dom: bool,
    /// `true` loads no images; needs `render_js`.
    pub block_images: bool,
    /// Cookies to send, by name.
    pub cookies: Vec<(String, String)>,
    /// The id of a stored session; not together with `cookies`.
    pub session_id: Option<SessionId>,
    /// The headers of the session. The item's own headers win over them.
    pub session_headers: Vec<(String, String)>,
    /// `true` lists the kept and dropped parts of the page in the result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub explain_content: bool,
    /// The content hash of the page as it is known, see [`Item::unless`](crate::core::request::Item::unless).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_changed_since_hash: Option<String>,
    /// The sections to keep.
    pub section_filter: SectionFilter,
    /// Page actions in order, 20 at most; needs `render_js`.
    pub actions: Vec<Action>,
}

impl Default for Advanced {
    fn default() -> Self {
        Self {
            render_js: RenderJs::No,
            screenshot: false,
            generate_pdf: false,
            markdown: false,
            ocr: false,
            use_proxy: false,
            use_own_proxy: false,
            proxy_integration_id: None,
            proxy_country: None,
            remove_cookie_banners: true,
            wait_condition: WaitCondition::NetworkIdle,
            scroll_to_load: false,
            scroll_count: 3,
            include_iframes: false,
            flatten_shadow_dom: false,
            block_images: false,
            cookies: Vec::new(),
            session_id: None,
            session_headers: Vec::new(),
            explain_content: false,
            if_changed_since_hash: None,
            section_filter: SectionFilter::default(),
            actions: Vec::new(),
        }
    }
}
