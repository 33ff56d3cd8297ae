//! The words and switches of an item.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::core::credits::Credits;
use crate::core::id::SessionId;
use crate::core::request::text::{Country, Language};
use crate::core::tier::Tier;

/// A word that is none of those a field knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is unknown; use one of: {known}")]
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
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it on the wire.
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
    /// How a page is to be read.
    #[derive(Default)]
    Mode {
        /// By the cheapest way that works.
        #[default]
        Auto = "auto",
        /// Over HTTP only.
        Html = "html",
        /// In a browser.
        Js = "js",
        /// As a PDF document.
        Pdf = "pdf",
        /// As an image of text.
        Ocr = "ocr",
    }
);

words!(
    /// What is made of a page.
    #[derive(Default)]
    Format {
        /// Plain text of the main content.
        #[default]
        Text = "text",
        /// Structured data.
        Json = "json",
        /// Sanitised, readable HTML.
        Html = "html",
        /// Markdown of the main content.
        Markdown = "markdown",
        /// The section tree with tables and classified links.
        JsonV2 = "json_v2",
        /// Chunks of markdown with token counts.
        Rag = "rag",
        /// Markdown body with its hash, images and links.
        Content = "content",
        /// The body as it came.
        Raw = "raw",
    }
);

words!(
    /// What kind of thing a page is about, for structured data.
    #[derive(Default)]
    Profile {
        /// Whatever the page says it is.
        #[default]
        Auto = "auto",
        /// Something for sale.
        Product = "product",
        /// A piece of writing.
        Article = "article",
        /// An open position.
        JobPosting = "job_posting",
        /// Questions and answers.
        Faq = "faq",
        /// Something to cook.
        Recipe = "recipe",
        /// Something that takes place.
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
    /// When a rendered page counts as loaded.
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
    /// What a PDF becomes.
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
    /// Whose language model extracts.
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
        /// A part that unfolds.
        Details = "details",
    }
);

words!(
    /// What a page action does.
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
        /// Scroll until nothing more comes.
        InfiniteScroll = "infinite_scroll",
        /// Keep a screenshot.
        Screenshot = "screenshot",
        /// Run a script.
        Evaluate = "evaluate",
    }
);

/// One step on a rendered page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What it does.
    #[serde(rename = "type")]
    pub kind: ActionKind,
    /// With what: its other fields, which are the browser's to read.
    #[serde(flatten)]
    pub with: serde_json::Map<String, serde_json::Value>,
}

/// Which sections of a page are kept. The default keeps all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SectionFilter {
    /// A section with fewer blocks is dropped.
    pub min_content_blocks: u32,
    /// Blocks of these kinds are dropped.
    pub exclude_content_types: Vec<BlockKind>,
    /// Drop what is navigation or advertising and not content.
    pub content_only: bool,
}

/// Whether the page is rendered in a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RenderJs {
    /// Only if nothing else works.
    #[default]
    No,
    /// Always: tier 4 is the floor.
    Yes,
    /// If the page looks as if it needed it.
    Auto,
}

/// How far and how dear the ladder may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CostControls {
    /// Run exactly this tier.
    pub force_tier: Option<Tier>,
    /// Never climb above this tier.
    pub max_tier: Option<Tier>,
    /// Fewest expected credits (how it is done anyway).
    pub prefer_cost: bool,
    /// Least expected time: start where success is likely.
    pub prefer_speed: bool,
    /// Fail instead of climbing to the browser.
    pub fail_fast: bool,
    /// The most this job may cost; above zero.
    pub max_credits: Option<Credits>,
    /// Seconds of wall clock for the whole ladder, 5 to 300.
    pub time_budget: Option<u64>,
}

/// Whether an earlier answer may serve, and for how long this one may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cache {
    /// Use and fill the response cache.
    pub enabled: bool,
    /// Seconds that an entry serves, 60 to 86,400; 3,600 if not said.
    pub ttl: Option<u64>,
    /// Fetch anyway, and replace the entry.
    pub force_refresh: bool,
}

/// Where the request should seem to come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// The country: a proxy in it is preferred where a proxy is used.
    pub country: Option<Country>,
    /// The language of `Accept-Language`.
    pub language: Option<Language>,
}

/// The switches of `advanced`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Advanced {
    /// Render in a browser.
    pub render_js: RenderJs,
    /// Keep a screenshot; needs `render_js`.
    pub screenshot: bool,
    /// Print the page to PDF; needs `render_js`.
    pub generate_pdf: bool,
    /// Add markdown to the formats.
    pub markdown: bool,
    /// Read the page's images.
    pub ocr: bool,
    /// Go through the pool's proxies.
    pub use_proxy: bool,
    /// Go through the host's own proxies, at a discount.
    pub use_own_proxy: bool,
    /// Which of the host's own proxies; needs `use_own_proxy`.
    pub proxy_integration_id: Option<String>,
    /// The proxy's country; needs a proxy.
    pub proxy_country: Option<Country>,
    /// Remove consent banners before reading.
    pub remove_cookie_banners: bool,
    /// When a rendered page counts as loaded.
    pub wait_condition: WaitCondition,
    /// Scroll to load more; needs `render_js`.
    pub scroll_to_load: bool,
    /// How many times, 1 to 10.
    pub scroll_count: u8,
    /// Read frames too; needs `render_js`.
    pub include_iframes: bool,
    /// Read shadow trees too; needs `render_js`.
    pub flatten_shadow_dom: bool,
    /// Load no images; needs `render_js`.
    pub block_images: bool,
    /// Cookies to send, by name.
    pub cookies: Vec<(String, String)>,
    /// A stored session to use; not together with `cookies`.
    pub session_id: Option<SessionId>,
    /// Headers beside the session's; an item's own headers win over them.
    pub session_headers: Vec<(String, String)>,
    /// Which sections are kept.
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
            section_filter: SectionFilter::default(),
            actions: Vec::new(),
        }
    }
}
