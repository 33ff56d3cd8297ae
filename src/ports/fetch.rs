//! Fetchers and readers, each making one bounded attempt.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::core::credits::Credits;
use crate::core::id::AccountId;
use crate::core::request::{JobRequest, Method};
use crate::core::tier::Tier;
use crate::core::url::PageUrl;
use crate::core::validators::Validators;
use crate::ports::BoxFuture;
pub use crate::ports::fetcher_fn::{FetcherFn, fetcher_fn};
pub use crate::ports::job_scratch::JobScratch;
pub use crate::ports::redirect_check::RedirectCheck;
pub use crate::ports::session::AttemptSession;
pub use crate::ports::truncation::Truncation;

/// An attempt to make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchRequest {
    /// The URL of the page.
    pub url: PageUrl,
    /// The tier of the attempt: 1 to 3.5 for an HTTP fetcher, 4 for a browser.
    pub tier: Tier,
    /// The request's method.
    pub method: Method,
    /// The request's body.
    pub body: Option<Vec<u8>>,
    /// The headers of the item and the media type of the body; they take precedence over the tier's own.
    pub headers: Vec<(String, String)>,
    /// All options of the job, for fetchers that need more of them.
    pub options: Arc<JobRequest>,
    /// The account of the job, whose own proxies it may use.
    pub account: AccountId,
    /// The time limit of the whole attempt.
    pub deadline: Duration,
    /// The largest body in bytes, after decompression.
    pub max_bytes: u64,
    /// The largest HTML page or text in bytes that is cut to `max_bytes` instead of refused. `None` refuses it, which is always
    /// right: a fetcher may ignore this field.
    pub max_cut_bytes: Option<u64>,
    /// The state that is kept between the attempts of this job.
    pub scratch: JobScratch,
    /// The check of every redirect's target before it is requested; `None` if each may be followed.
    pub redirect_check: Option<RedirectCheck>,
    /// The stored session of the job, if it has one and the URL is in the session's domain.
    pub session: Option<AttemptSession>,
    /// The validators of the page as it is known. A fetcher sends them with the request to their URL, which may be the
    /// target of a redirect, and returns the response 304 like any other. One that ignores them fetches the page anew.
    pub validators: Option<Validators>,
}

impl FetchRequest {
    /// Returns an attempt on `tier` at the page of `options`, with their timeout and no state.
    pub fn new(options: Arc<JobRequest>, tier: Tier) -> Self {
        Self {
            url: options.page().clone(),
            tier,
            method: options.method(),
            body: options.body().map(|body| body.as_bytes().to_vec()),
            headers: options.headers_to_send(),
            account: AccountId::default(),
            deadline: options.timeout(),
            max_bytes: options.max_response_bytes(),
            max_cut_bytes: None,
            scratch: JobScratch::default(),
            redirect_check: None,
            session: None,
            validators: None,
            options,
        }
    }

    /// Returns the headers to send to the origin of the URL: [`FetchRequest::headers`], and those of the session that they
    /// do not contain.
    pub fn headers_to_send(&self) -> Cow<'_, [(String, String)]> {
        let session = self.session.as_ref().map_or(&[][..], AttemptSession::headers);
        if session.is_empty() {
            return Cow::Borrowed(&self.headers);
        }
        let mut headers = self.headers.clone();
        let is_set = |name: &str| self.headers.iter().any(|it| it.0.eq_ignore_ascii_case(name));
        headers.extend(session.iter().filter(|(name, _)| !is_set(name)).cloned());
        Cow::Owned(headers)
    }

    /// Sets the stored session of the job.
    #[must_use]
    pub fn with_session(mut self, session: Option<AttemptSession>) -> Self {
        self.session = session;
        self
    }

    /// Sets the account of the job. Defaults to the default account.
    #[must_use]
    pub fn with_account(mut self, account: AccountId) -> Self {
        self.account = account;
        self
    }

    /// Sets the time limit of the whole attempt.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the validators of the page as it is known.
    #[must_use]
    pub fn with_validators(mut self, validators: Option<Validators>) -> Self {
        self.validators = validators;
        self
    }

    /// Sets the largest body in bytes, after decompression.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the tier.
    #[must_use]
    pub fn with_tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Sets the URL.
    #[must_use]
    pub fn with_url(mut self, url: PageUrl) -> Self {
        self.url = url;
        self
    }
}

/// One hop of a redirect chain.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Redirect {
    /// The URL that responded.
    pub url: String,
    /// The status of the response: 301 to 308, or that of a page with a refresh.
    pub status_code: u16,
}

impl Redirect {
    /// Returns a hop: the URL that responded, and its status.
    pub fn new(url: impl Into<String>, status_code: u16) -> Self {
        Self { url: url.into(), status_code }
    }
}

/// A response. An error status is a response too: the engine judges it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The final status.
    pub status: u16,
    /// The final headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// The final URL after redirects.
    pub final_url: String,
    /// The redirects before it.
    pub redirects: Vec<Redirect>,
    /// `true` if the account's own proxy was used.
    pub own_proxy: bool,
    /// `true` if any proxy was used.
    pub proxied: bool,
    /// Warnings: requested options that could not be honored.
    pub warnings: Vec<String>,
    /// The price that a vendor's API charged for this response. It replaces the price of the tier, is
    /// charged within the job's hold, and counts only if the page is accepted ([`PriceList::charge`]).
    /// `None` for a fetcher without a price of its own: the job is then charged by the price list.
    ///
    /// [`PriceList::charge`]: crate::core::price::PriceList::charge
    pub cost: Option<Credits>,
    /// The sizes of a body that was cut, see [`FetchRequest::max_cut_bytes`]; `None` for a whole one.
    pub truncation: Option<Truncation>,
}

impl Fetched {
    /// Returns a response with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// Sets the price of the attempt, for a fetcher whose vendor charges by the request.
    #[must_use]
    pub fn with_cost(mut self, cost: Credits) -> Self {
        self.cost = Some(cost);
        self
    }

    /// Sets the final URL after redirects.
    #[must_use]
    pub fn with_final_url(mut self, url: impl Into<String>) -> Self {
        self.final_url = url.into();
        self
    }

    /// Sets the redirects before the final URL.
    #[must_use]
    pub fn with_redirects(mut self, redirects: Vec<Redirect>) -> Self {
        self.redirects = redirects;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }
}

/// The kind of a fetch error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The URL cannot be requested.
    InvalidUrl,
    /// The host name has no address.
    Dns,
    /// The connection was not made.
    Connect,
    /// The TLS handshake or the certificate check failed.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection broke, the response was not HTTP, or the document is damaged.
    Broken,
    /// The body or the headers exceed their limit.
    TooLarge,
    /// The redirects exceed their limit, or one has no target.
    Redirect,
    /// A redirect's target may not be fetched, such as by its robots.txt.
    Disallowed,
    /// The address guard refused an address.
    PrivateAddress,
    /// The proxy refused or failed.
    Proxy,
    /// The fetcher does not support this kind of document, such as a download.
    Unsupported,
    /// No fetcher serves this tier, or a program that it needs is not installed.
    Unavailable,
    /// A signal from outside ended the program that reads the document, which says nothing about the document.
    /// The engine starts the reading again.
    Interrupted,
    /// The fetcher itself failed.
    Internal,
}

impl FetchErrorKind {
    /// Returns the kind in snake case, such as `too_large`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::Disallowed => "disallowed",
            Self::PrivateAddress => "private_address",
            Self::Proxy => "proxy",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for FetchErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of an attempt without a response. Its message contains neither the user info nor the query of a URL.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    kind: FetchErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl FetchError {
    /// Returns an error of this kind with this message.
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the kind, to branch on.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

/// Fetches one URL over HTTP.
///
/// An implementation makes **one** attempt. Retries, escalation, pacing and billing are the engine's job.
///
/// # Contract
///
/// * **Cancel safe.** Dropping the future abandons the attempt and releases its resources.
/// * **Bounded.** The future resolves within `request.deadline` and buffers at most
///   `request.max_bytes` of body.
/// * **HTTP errors are `Ok`.** A 404, a 503 or a redirect without a target is a response, which the engine
///   judges. `Err` means that there was no complete response: a truncated body is an error.
/// * **Once.** A request is never sent twice, even if the connection breaks. One exception is allowed: a `GET` over a
///   reused connection that the site closed before its response.
///
/// Run the kit in `rungs::testkit::fetcher` against your implementation to check all four.
pub trait HttpFetcher: fmt::Debug + Send + Sync {
    /// Returns the tiers that it serves, of 1 to 3.5. Defaults to tier 1.
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl]
    }

    /// Makes one attempt.
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>>;

    /// Returns `true` if it can use an own proxy of `account` (`use_own_proxy`): the one with this id, or any. Defaults
    /// to `true`. An item that no fetcher has a proxy for is refused at submission.
    fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        let _ = (account, id);
        true
    }
}

/// A page rendered by a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// The status, headers, final URL and redirects of the main document; the body is the rendered DOM.
    pub page: Fetched,
    /// A PNG of the whole page.
    pub screenshot: Option<Vec<u8>>,
    /// The page printed to PDF.
    pub pdf: Option<Vec<u8>>,
    /// The result of each action, in order.
    pub actions: Vec<ActionResult>,
    /// The PNGs that actions took, in order.
    pub pictures: Vec<Vec<u8>>,
}

impl Rendered {
    /// Returns a rendered page, whose body is the DOM.
    pub fn new(page: Fetched) -> Self {
        Self { page, ..Self::default() }
    }

    /// Sets the PNG of the whole page.
    #[must_use]
    pub fn with_screenshot(mut self, png: Vec<u8>) -> Self {
        self.screenshot = Some(png);
        self
    }

    /// Sets the page printed to PDF.
    #[must_use]
    pub fn with_pdf(mut self, pdf: Vec<u8>) -> Self {
        self.pdf = Some(pdf);
        self
    }

    /// Sets the result of each action, in order.
    #[must_use]
    pub fn with_actions(mut self, actions: Vec<ActionResult>) -> Self {
        self.actions = actions;
        self
    }
}

/// The result of one page action.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ActionResult {
    /// The type of the action.
    #[serde(rename = "type")]
    pub kind: String,
    /// `true` if the action succeeded.
    pub success: bool,
    /// The value that the action returned, or the reason of its failure.
    pub result: serde_json::Value,
}

impl ActionResult {
    /// Returns the result of an action that succeeded with `value`.
    pub fn succeeded(kind: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        Self { kind: kind.into(), success: true, result: value.into() }
    }

    /// Returns the result of an action that failed for `reason`.
    pub fn failed(kind: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { kind: kind.into(), success: false, result: reason.into().into() }
    }
}

/// Renders one URL in a browser.
///
/// # Contract
///
/// That of [`HttpFetcher`], with one exception: if the browser itself crashes, a request without a body may be sent
/// again within the same deadline.
pub trait BrowserFetcher: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>>;

    /// Returns the number of pages that it renders at the same time, beyond which it lets them wait. The
    /// engine then chooses whose page is next. Defaults to `None`: not limited.
    fn max_pages(&self) -> Option<usize> {
        None
    }

    /// As [`HttpFetcher::has_own_proxy`].
    fn has_own_proxy(&self, account: &AccountId, id: Option<&str>) -> bool {
        let _ = (account, id);
        true
    }
}

/// A document to read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DocumentRequest {
    /// The document as it was fetched, shared with the engine: its bytes are the body.
    pub document: Arc<Fetched>,
    /// All options of the job.
    pub options: Arc<JobRequest>,
    /// The time limit of the whole attempt.
    pub deadline: Duration,
}

impl DocumentRequest {
    /// Returns an attempt to read `document` within `deadline`.
    pub fn new(document: Arc<Fetched>, options: Arc<JobRequest>, deadline: Duration) -> Self {
        Self { document, options, deadline }
    }

    /// Sets the time limit of the whole attempt.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// The text of a PDF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PdfText {
    /// The text of each page, in order.
    pub pages: Vec<String>,
    /// The same pages as Markdown.
    pub markdown: Vec<String>,
    /// The title in the document's metadata.
    pub title: Option<String>,
    /// The author in the document's metadata.
    pub author: Option<String>,
    /// The time of creation in the document's metadata, in RFC 3339.
    pub created: Option<String>,
    /// The time of the last change in the document's metadata, in RFC 3339.
    pub modified: Option<String>,
    /// The number of pages of the document. A warning reports if `pages` contains fewer.
    pub page_count: usize,
    /// The URLs of its links, each once.
    pub links: Vec<String>,
    /// The images of pages without text, if the job requests OCR.
    pub scans: Vec<PdfScan>,
    /// Warnings: anything omitted or guessed.
    pub warnings: Vec<String>,
}

impl PdfText {
    /// Returns the text of a document with these pages, as plain text and as Markdown.
    pub fn new(pages: Vec<String>, markdown: Vec<String>) -> Self {
        Self { page_count: pages.len(), pages, markdown, ..Self::default() }
    }

    /// Sets the title in the document's metadata.
    #[must_use]
    pub fn with_title(mut self, title: Option<String>) -> Self {
        self.title = title;
        self
    }
}

/// An image of a page that has no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PdfScan {
    /// The index of the page, from 0.
    pub page: usize,
    /// The image, in a format that an [`OcrEngine`] reads.
    pub image: Vec<u8>,
}

impl PdfScan {
    /// Returns the image of the page with this index.
    pub fn new(page: usize, image: Vec<u8>) -> Self {
        Self { page, image }
    }
}

/// Reads a PDF, without network access. The contract is that of [`HttpFetcher`]: cancel safe, bounded, one attempt.
pub trait PdfReader: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>>;
}

/// The text of an image.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OcrText {
    /// The text.
    pub text: String,
    /// The words with their positions.
    pub words: Vec<OcrWord>,
}

impl OcrText {
    /// Returns the text of an image with its words.
    pub fn new(text: impl Into<String>, words: Vec<OcrWord>) -> Self {
        Self { text: text.into(), words }
    }
}

/// One word on an image.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OcrWord {
    /// The word.
    pub text: String,
    /// Left, top, width and height in pixels.
    pub bbox: [u32; 4],
    /// The confidence of the engine, 0 to 100.
    pub confidence: f32,
}

impl OcrWord {
    /// Returns a word with its position (left, top, width and height) and a confidence from 0 to 100.
    pub fn new(text: impl Into<String>, bbox: [u32; 4], confidence: f32) -> Self {
        Self { text: text.into(), bbox, confidence }
    }
}

/// The text of an image of a page.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ImageText {
    /// The URL of the image.
    pub url: String,
    /// The text.
    pub read: OcrText,
}

impl ImageText {
    /// Returns the text of the image at `url`.
    pub fn new(url: impl Into<String>, read: OcrText) -> Self {
        Self { url: url.into(), read }
    }
}

/// Reads the text on an image, without network access. The contract is that of [`HttpFetcher`]: cancel safe, bounded,
/// one attempt.
pub trait OcrEngine: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn recognize(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>>;
}

// Compile-time check: the engine holds fetchers as `Arc<dyn ...>`.
const _: (Option<&dyn HttpFetcher>, Option<&dyn BrowserFetcher>) = (None, None);
const _: (Option<&dyn PdfReader>, Option<&dyn OcrEngine>) = (None, None);
