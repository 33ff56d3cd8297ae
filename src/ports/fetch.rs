//! Getting a document: four kinds of fetcher, each making one bounded attempt.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::core::request::{JobRequest, Method};
use crate::core::tier::Tier;
use crate::core::url::PageUrl;
use crate::ports::BoxFuture;

/// Where a fetcher keeps what must live from one attempt of a job to the next, such as cookies.
///
/// Each job has its own, and it is dropped when the job leaves the worker. Only the fetcher knows
/// what is in it.
#[derive(Clone, Default)]
pub struct JobScratch(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl JobScratch {
    /// Runs `work` on the value of type `T`, made by default the first time.
    pub fn with<T: Default + Send + 'static, R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !slot.as_ref().is_some_and(|it| it.is::<T>()) {
            *slot = Some(Box::new(T::default()));
        }
        let value = slot.as_mut().and_then(|it| it.downcast_mut());
        work(value.expect("the slot was filled with a `T` just above"))
    }
}

impl fmt::Debug for JobScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobScratch")
    }
}

/// One attempt to make.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// The page.
    pub url: PageUrl,
    /// The tier to do it on; an HTTP fetcher is asked for 1 to 3.5, a browser for 4.
    pub tier: Tier,
    /// The request's method.
    pub method: Method,
    /// The request's body.
    pub body: Option<Vec<u8>>,
    /// Headers that the host set, and the body's media type; they win over the tier's own.
    pub headers: Vec<(String, String)>,
    /// Every option of the job, for what only some fetchers read.
    pub options: Arc<JobRequest>,
    /// How long the attempt may take in all.
    pub deadline: Duration,
    /// The most body bytes to keep, counted after decompression.
    pub max_bytes: u64,
    /// What lives from one attempt of this job to the next.
    pub scratch: JobScratch,
}

impl FetchRequest {
    /// An attempt on `tier` at what `options` ask for, with their whole time and a fresh scratch.
    pub fn new(options: Arc<JobRequest>, tier: Tier) -> Self {
        Self {
            url: options.page().clone(),
            tier,
            method: options.method,
            body: options.body.clone().map(String::into_bytes),
            headers: options.headers_to_send(),
            deadline: Duration::from_secs(options.timeout),
            max_bytes: options.byte_limit(),
            scratch: JobScratch::default(),
            options,
        }
    }
}

/// One hop of a redirect: where it came from and with which status.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Redirect {
    /// The address that answered.
    pub url: String,
    /// Its status, 301 to 308.
    pub status_code: u16,
}

/// A response. An error status is one too: reading it is the judge's job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The final status.
    pub status: u16,
    /// The final headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// Where it came from in the end.
    pub final_url: String,
    /// The hops before that.
    pub redirects: Vec<Redirect>,
    /// Whether the host's own proxy carried it.
    pub own_proxy: bool,
    /// Whether any proxy carried it.
    pub proxied: bool,
    /// What was asked for and could not be done, in words.
    pub warnings: Vec<String>,
}

impl Fetched {
    /// A response with a status and a body, for tests and fixtures.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }
}

/// Why there is no response to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The address cannot be requested.
    InvalidUrl,
    /// The name has no address.
    Dns,
    /// No connection to the address.
    Connect,
    /// The handshake or the certificate failed.
    Tls,
    /// The deadline passed.
    Timeout,
    /// The connection broke, or what came was no HTTP, or a document is damaged.
    Broken,
    /// The body or the headers are over their limit.
    TooLarge,
    /// More redirects than the limit, or one that leads nowhere.
    Redirect,
    /// The address guard refused an address.
    PrivateAddress,
    /// The proxy refused or failed.
    Proxy,
    /// What came is of a kind that this fetcher does not show, such as a download.
    Unsupported,
    /// Nothing here serves this tier, or the part that would is not installed.
    Unavailable,
    /// The fetcher itself failed.
    Internal,
}

/// No response, and why. Its message names no userinfo and no query.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    kind: FetchErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl FetchError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, to branch on.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

/// Gets the bytes of one URL over HTTP.
///
/// A fetcher makes **one** attempt. It does not retry, escalate, wait its turn or charge credits:
/// the engine does those, so that they are done the same way for every fetcher and can be tested
/// without one.
///
/// # Contract
///
/// * **Cancel safe.** Dropping the future abandons the attempt and frees what it holds.
/// * **Bounded.** It resolves within `request.deadline` and never buffers more than
///   `request.max_bytes` of body.
/// * **Honest.** An HTTP error status is `Ok`, and so is a redirect that does not say where to:
///   reading it is the engine's job. `Err` means there was no response to read. A body that broke
///   off is none, and never a short one.
/// * **Once.** What was sent is not sent again, whatever the connection does.
///
/// `rungs::testkit::fetcher` checks all of it against sites of its own.
pub trait HttpFetcher: fmt::Debug + Send + Sync {
    /// The tiers it serves.
    fn tiers(&self) -> Vec<Tier> {
        vec![Tier::Curl]
    }

    /// Makes one attempt.
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>>;
}

/// A page as a browser shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The main document's status, headers, final URL and hops; the body is the rendered DOM.
    pub page: Fetched,
    /// A PNG of the whole page.
    pub screenshot: Option<Vec<u8>>,
    /// The page printed to PDF.
    pub pdf: Option<Vec<u8>>,
    /// What became of each action, in order.
    pub actions: Vec<ActionResult>,
    /// PNGs that the actions took, in order.
    pub pictures: Vec<Vec<u8>>,
}

/// What became of one page action.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ActionResult {
    /// The action's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it worked.
    pub success: bool,
    /// What it returned, or why it failed.
    pub result: serde_json::Value,
}

/// Renders one URL in a browser. The contract is [`HttpFetcher`]'s, but that a page may be visited
/// again, within the same deadline and if it was got without a body, when the browser itself was lost.
pub trait BrowserFetcher: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn render(&self, request: FetchRequest) -> BoxFuture<'_, Result<Rendered, FetchError>>;
}

/// A document to read.
#[derive(Clone, Debug)]
pub struct DocumentRequest {
    /// The document as it was fetched, shared with the engine: its bytes are the body.
    pub document: Arc<Fetched>,
    /// Every option of the job.
    pub options: Arc<JobRequest>,
    /// How long it may take in all.
    pub deadline: Duration,
}

/// A PDF as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PdfText {
    /// The text of each page that was read, in order.
    pub pages: Vec<String>,
    /// The same pages as markdown.
    pub markdown: Vec<String>,
    /// The title it gives itself.
    pub title: Option<String>,
    /// The author it gives itself.
    pub author: Option<String>,
    /// When it says that it was made, as RFC 3339 has it.
    pub created: Option<String>,
    /// When it says that it was last changed, as RFC 3339 has it.
    pub modified: Option<String>,
    /// How many pages it has; more than were read where a warning says so.
    pub page_count: usize,
    /// The addresses that it links to, each once.
    pub links: Vec<String>,
    /// The images of pages without text, if the job asks for text on images.
    pub scans: Vec<PdfScan>,
    /// What was left out or guessed.
    pub warnings: Vec<String>,
}

/// An image of a page that has no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PdfScan {
    /// The page's place among the pages, from 0.
    pub page: usize,
    /// The image, in a format that an [`OcrEngine`] reads.
    pub image: Vec<u8>,
}

/// Reads a PDF. The contract is [`HttpFetcher`]'s, without a network.
pub trait PdfReader: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn read(&self, request: DocumentRequest) -> BoxFuture<'_, Result<PdfText, FetchError>>;
}

/// An image as text.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OcrText {
    /// The text.
    pub text: String,
    /// The words with their places.
    pub words: Vec<OcrWord>,
}

/// One word on an image.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OcrWord {
    /// The word.
    pub text: String,
    /// Left, top, width and height in pixels.
    pub bbox: [u32; 4],
    /// How sure the reader is, 0 to 100.
    pub confidence: f32,
}

/// An image of a page, read.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ImageText {
    /// Where the image came from.
    pub url: String,
    /// What is on it.
    pub read: OcrText,
}

/// Reads the text on an image. The contract is [`HttpFetcher`]'s, without a network.
pub trait OcrEngine: fmt::Debug + Send + Sync {
    /// Makes one attempt.
    fn recognize(&self, request: DocumentRequest) -> BoxFuture<'_, Result<OcrText, FetchError>>;
}

// Compile-time check: hosts hold fetchers as `Arc<dyn ...>`.
const _: (Option<&dyn HttpFetcher>, Option<&dyn BrowserFetcher>) = (None, None);
const _: (Option<&dyn PdfReader>, Option<&dyn OcrEngine>) = (None, None);

/// A fetcher made of a closure, which is all most host tests need.
///
/// ```
/// use rungs::core::tier::Tier;
/// use rungs::ports::fetch::{Fetched, HttpFetcher, fetcher_fn};
///
/// let fixture = fetcher_fn([Tier::Curl], |request| async move {
///     Ok(Fetched::new(200, format!("<h1>{}</h1>", request.url)))
/// });
/// assert_eq!(fixture.tiers(), [Tier::Curl]);
/// ```
pub fn fetcher_fn<F, Fut>(tiers: impl IntoIterator<Item = Tier>, fetch: F) -> FetcherFn<F>
where
    F: Fn(FetchRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    FetcherFn { tiers: tiers.into_iter().collect(), fetch }
}

/// See [`fetcher_fn`].
#[derive(Clone)]
pub struct FetcherFn<F> {
    tiers: Vec<Tier>,
    fetch: F,
}

impl<F> fmt::Debug for FetcherFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetcherFn").field("tiers", &self.tiers).finish_non_exhaustive()
    }
}

impl<F, Fut> HttpFetcher for FetcherFn<F>
where
    F: Fn(FetchRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Fetched, FetchError>> + Send + 'static,
{
    fn tiers(&self) -> Vec<Tier> {
        self.tiers.clone()
    }

    fn fetch(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin((self.fetch)(request))
    }
}
