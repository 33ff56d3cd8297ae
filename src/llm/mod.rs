//! Prompts answered over the chat completions API, which `OpenAI`, `OpenRouter`, Groq and most servers
//! of open models speak.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::core::backoff::Backoff;
use crate::core::request::Provider;
use crate::fetch::guard::ParseNetworkError;
use crate::fetch::http::{Direct, RootCertificateError};
use crate::ports::BoxFuture;
use crate::ports::prompt::{PromptAnswer, PromptError, PromptExtractor, PromptRequest};

mod ask;
mod post;
mod shape;

/// Where a model is, and what it may cost.
#[derive(Clone)]
#[must_use]
pub struct ChatModel {
    base: Url,
    key: Option<String>,
    model: String,
    input_tokens: usize,
    output_tokens: u32,
    prices: Option<TokenPrices>,
}

/// What a million tokens cost, in US cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// A million tokens that are read.
    pub input_cents: u64,
    /// A million tokens that are written.
    pub output_cents: u64,
}

/// The base URL of a model's API cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no base URL: it should look like https://host/v1")]
pub struct ParseBaseUrlError(String);

impl ChatModel {
    /// The model of that name at a base URL such as `https://api.openai.com/v1`.
    ///
    /// # Errors
    ///
    /// [`ParseBaseUrlError`] if it is no `http` or `https` URL with a host.
    pub fn new(base_url: &str, model: impl Into<String>) -> Result<Self, ParseBaseUrlError> {
        let wrong = || ParseBaseUrlError(base_url.to_owned());
        let mut base = Url::parse(base_url.trim()).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(wrong());
        }
        let path = format!("{}/chat/completions", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let (input_tokens, output_tokens) = (24_000, 4_000);
        let model = model.into();
        Ok(Self { base, key: None, model, input_tokens, output_tokens, prices: None })
    }

    /// Sends this key as a bearer token.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The most tokens of a document, at about four bytes each; 24,000. More is cut off with a warning.
    pub fn input_tokens(mut self, most: usize) -> Self {
        self.input_tokens = most;
        self
    }

    /// The most tokens of an answer; 4,000.
    pub fn output_tokens(mut self, most: u32) -> Self {
        self.output_tokens = most;
        self
    }

    /// What its tokens cost, so that answers say what they cost.
    pub fn prices(mut self, prices: TokenPrices) -> Self {
        self.prices = Some(prices);
        self
    }
}

impl std::fmt::Debug for ChatModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut base = self.base.clone();
        let _ = base.set_password(None);
        formatter
            .debug_struct("ChatModel")
            .field("base", &base.as_str())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Answers prompts with one model, or with one for each provider that items may name.
///
/// The models are asked behind the address guard: a server in a private network, such as one on this
/// machine, has to be opened.
///
/// # Example
///
/// ```
/// use rungs::llm::{Chat, ChatModel, TokenPrices};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let local = ChatModel::new("http://127.0.0.1:11434/v1", "qwen3")?.input_tokens(8_000);
/// let prompts = Chat::new(local).allow_network("127.0.0.0/8")?;
/// // Engine::builder().prompts(prompts)
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Chat {
    model: ChatModel,
    named: BTreeMap<Provider, ChatModel>,
    net: Direct,
    places: Arc<Semaphore>,
    retry: Backoff,
}

impl Chat {
    /// Asks `model` where an item names no provider.
    pub fn new(model: ChatModel) -> Self {
        let (named, net, places) = (BTreeMap::new(), Direct::default(), Semaphore::new(4));
        Self { model, named, net, places: Arc::new(places), retry: RETRY }
    }

    /// Asks `model` where an item names this provider.
    pub fn provider(mut self, provider: Provider, model: ChatModel) -> Self {
        self.named.insert(provider, model);
        self
    }

    /// How many questions are asked at once; 4. More wait, which counts against their deadline.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.places = Arc::new(Semaphore::new(most.max(1)));
        self
    }

    /// How often a question is asked where the provider is overloaded or out of reach; 3.
    pub fn tries(mut self, most: u32) -> Self {
        self.retry.retries = most.max(1) - 1;
        self
    }

    /// Opens a network such as `127.0.0.0/8`.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] if the text is none.
    pub fn allow_network(mut self, network: &str) -> Result<Self, ParseNetworkError> {
        self.net = self.net.allow_network(network)?;
        Ok(self)
    }

    /// Opens every address, for a closed network of the host's own.
    pub fn allow_private(mut self) -> Self {
        self.net = self.net.allow_private();
        self
    }

    /// Trusts more roots than the compiled-in ones.
    ///
    /// # Errors
    ///
    /// [`RootCertificateError`] if there is none in it, or one that cannot be a root.
    pub fn extra_roots(mut self, roots: impl AsRef<[u8]>) -> Result<Self, RootCertificateError> {
        self.net = self.net.extra_roots(roots.as_ref())?;
        Ok(self)
    }

    /// Gives `host` a fixed address, which the guard judges as any other.
    pub fn resolve(mut self, host: &str, address: SocketAddr) -> Self {
        self.net = self.net.resolve(host, address);
        self
    }

    fn model_for(&self, request: &PromptRequest) -> Result<&ChatModel, PromptError> {
        match request.provider {
            None => Ok(&self.model),
            Some(it) => self.named.get(&it).ok_or(PromptError::NoSuchProvider(it)),
        }
    }

    async fn ask(&self, request: PromptRequest) -> Result<PromptAnswer, PromptError> {
        let began = Instant::now();
        let until = began + request.deadline;
        let model = self.model_for(&request)?;
        let provider = request.provider.map_or_else(
            || model.base.host_str().unwrap_or_default().to_owned(),
            |it| it.as_str().to_owned(),
        );
        let late = || PromptError::Unreachable {
            provider: provider.clone(),
            reason: format!("no answer within {} seconds", request.deadline.as_secs()),
        };
        let client = self.net.client();
        let asking = async {
            let _place = self.places.acquire().await;
            let post = post::Post { client, model, provider: &provider, retry: self.retry };
            ask::ask(&post, &request).await
        };
        let mut answer = timeout_at(until, asking).await.map_err(|_| late())??;
        answer.latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(answer)
    }
}

impl PromptExtractor for Chat {
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        Box::pin(self.ask(request))
    }
}

/// When a question is asked again.
const RETRY: Backoff =
    Backoff { retries: 2, first: Duration::from_millis(500), longest: Duration::from_secs(20) };
