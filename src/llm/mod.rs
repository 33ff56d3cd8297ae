//! Answers prompts over the chat completions API, which `OpenAI`, `OpenRouter`, Groq and most
//! servers of open models implement.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::core::backoff::Backoff;
use crate::core::request::Provider;
use crate::net::{Clients, NetPolicy};
use crate::ports::BoxFuture;
use crate::ports::fetch::{FetchError, FetchErrorKind};
use crate::ports::prompt::{PromptAnswer, PromptError, PromptExtractor, PromptRequest};

mod completion;
mod schema;
mod transport;

use transport::Transport;

/// The default of [`ChatModel::input_tokens`].
const INPUT_TOKENS: usize = 24_000;
/// The default of [`ChatModel::output_tokens`].
const OUTPUT_TOKENS: u32 = 4_000;
/// The default of [`Chat::concurrency`].
const CONCURRENCY: usize = 4;
/// The default of [`Chat::tries`], less the first one, and the pauses between them.
const RETRY: Backoff =
    Backoff { retries: 2, first: Duration::from_millis(500), longest: Duration::from_secs(20) };

/// A language model behind a chat completions API: its URL, key, limits and prices.
///
/// # Example
///
/// ```
/// use rungs::llm::{ChatModel, TokenPrices};
///
/// let prices = TokenPrices { input_cents: 15, output_cents: 60 };
/// let model = ChatModel::new("https://api.openai.com/v1", "gpt-4o-mini")?
///     .api_key("sk-...")
///     .prices(prices);
/// # Ok::<(), rungs::llm::ParseBaseUrlError>(())
/// ```
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

/// The price of a million tokens, in US cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrices {
    /// The price of a million input tokens.
    pub input_cents: u64,
    /// The price of a million output tokens.
    pub output_cents: u64,
}

/// The text is not the base URL of an API. No message repeats the text, which may contain
/// credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseBaseUrlError {
    /// The text is not a URL.
    #[error("the base URL is malformed: write it as https://host/v1")]
    Malformed(#[source] url::ParseError),
    /// The scheme is neither `http` nor `https`.
    #[error("the base URL's scheme is not supported: write it as https://host/v1")]
    Scheme,
    /// The URL has no host.
    #[error("the base URL has no host: write it as https://host/v1")]
    NoHost,
}

impl ChatModel {
    /// Creates a model from the base URL of its API, such as `https://api.openai.com/v1`, and the
    /// name of the model there.
    ///
    /// # Errors
    ///
    /// [`ParseBaseUrlError`] if the text is not an `http` or `https` URL with a host.
    pub fn new(base_url: &str, model: impl Into<String>) -> Result<Self, ParseBaseUrlError> {
        let mut base = Url::parse(base_url.trim()).map_err(ParseBaseUrlError::Malformed)?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(ParseBaseUrlError::Scheme);
        }
        if !base.has_host() {
            return Err(ParseBaseUrlError::NoHost);
        }
        let path = format!("{}/chat/completions", base.path().trim_end_matches('/'));
        base.set_path(&path);
        Ok(Self {
            base,
            key: None,
            model: model.into(),
            input_tokens: INPUT_TOKENS,
            output_tokens: OUTPUT_TOKENS,
            prices: None,
        })
    }

    /// Sets the API key, which is sent as a bearer token.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the maximum number of tokens of a document, at about four bytes each. Defaults to 24,000.
    /// A longer document is cut, with a warning.
    pub fn input_tokens(mut self, limit: usize) -> Self {
        self.input_tokens = limit;
        self
    }

    /// Sets the maximum number of tokens of an answer. Defaults to 4,000. A longer answer is an
    /// error.
    pub fn output_tokens(mut self, limit: u32) -> Self {
        self.output_tokens = limit;
        self
    }

    /// Sets the prices of tokens, from which the cost of each answer is computed. Without them
    /// answers have no cost.
    pub fn prices(mut self, prices: TokenPrices) -> Self {
        self.prices = Some(prices);
        self
    }
}

impl fmt::Debug for ChatModel {
    /// Formats the model without its key and without the URL's credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut base = self.base.clone();
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        f.debug_struct("ChatModel")
            .field("base", &base.as_str())
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Answers prompts with one model, or with one model for each provider that items may name.
///
/// Requests pass the address guard. A server in a private network, such as one on this machine, has
/// to be allowed by the [`NetPolicy`].
///
/// # Example
///
/// ```
/// use rungs::llm::{Chat, ChatModel};
/// use rungs::net::NetPolicy;
///
/// let local = ChatModel::new("http://127.0.0.1:11434/v1", "qwen3")?.input_tokens(8_000);
/// let network = NetPolicy::new().allow_network("127.0.0.0/8")?;
/// let prompts = Chat::new(local).network(network);
/// // Engine::builder().prompts(prompts)
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Chat {
    model: ChatModel,
    by_provider: BTreeMap<Provider, ChatModel>,
    clients: Clients,
    permits: Arc<Semaphore>,
    retry: Backoff,
}

impl Chat {
    /// Answers prompts with `model` if an item names no provider.
    pub fn new(model: ChatModel) -> Self {
        Self {
            model,
            by_provider: BTreeMap::new(),
            clients: Clients::default(),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
            retry: RETRY,
        }
    }

    /// Answers prompts with `model` if an item names this provider.
    pub fn provider(mut self, provider: Provider, model: ChatModel) -> Self {
        self.by_provider.insert(provider, model);
        self
    }

    /// Sets the number of concurrent requests. Defaults to 4. Further requests wait, which counts
    /// against their deadline.
    pub fn concurrency(mut self, limit: usize) -> Self {
        self.permits = Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// Sets the maximum number of tries if the provider is overloaded or unreachable. Defaults to 3.
    pub fn tries(mut self, tries: u32) -> Self {
        self.retry.retries = tries.max(1) - 1;
        self
    }

    /// Sets the network policy: allowed networks, name resolution and root certificates. Proxies
    /// are not used.
    pub fn network(mut self, policy: NetPolicy) -> Self {
        self.clients = self.clients.with_policy(policy);
        self
    }

    fn model_for(&self, request: &PromptRequest) -> Result<&ChatModel, PromptError> {
        match request.provider {
            None => Ok(&self.model),
            Some(it) => self.by_provider.get(&it).ok_or(PromptError::NoSuchProvider(it)),
        }
    }

    async fn complete(&self, request: PromptRequest) -> Result<PromptAnswer, PromptError> {
        let started = Instant::now();
        let model = self.model_for(&request)?;
        let provider = match request.provider {
            Some(it) => it.as_str(),
            None => model.base.host_str().unwrap_or_default(),
        };
        let completion = async {
            let _permit = self.permits.acquire().await;
            let client = self.clients.direct();
            let transport = Transport { client, model, provider, retry: self.retry };
            completion::complete(&transport, &request).await
        };
        let result = timeout_at(started + request.deadline, completion).await;
        let mut answer = result.map_err(|_| {
            let message = format!("no response within {} seconds", request.deadline.as_secs());
            let error = Arc::new(FetchError::new(FetchErrorKind::Timeout, message));
            PromptError::Unreachable { provider: provider.to_owned(), error }
        })??;
        answer.latency = started.elapsed();
        Ok(answer)
    }
}

impl PromptExtractor for Chat {
    fn answer(&self, request: PromptRequest) -> BoxFuture<'_, Result<PromptAnswer, PromptError>> {
        Box::pin(self.complete(request))
    }
}
