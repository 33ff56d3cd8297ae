//! The state that every request shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::core::id::AccountId;
use crate::engine::{Engine, EngineError};
use crate::ports::key_directory::KeyDirectory;
use crate::service::server::keys::Keys;
use crate::service::server::metrics::Metrics;
use crate::service::server::options::ServiceOptions;
use crate::service::wire::Balance;

/// The REST API of an engine.
///
/// Clones share the same state.
///
/// # Example
///
/// ```
/// use rungs::Engine;
/// use rungs::fetch::Http;
/// use rungs::service::{Keys, Service};
/// use rungs::stores::Memory;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let engine = Engine::builder().store(Memory::default()).http(Http::new()).build()?;
/// let service = Service::new(engine.clone()).keys(Keys::default());
/// let app: axum::Router = axum::Router::new().nest("/scraping", service.router());
/// # drop(app);
/// # engine.shutdown().await;
/// # Ok::<(), rungs::Error>(())
/// # })?;
/// # Ok::<(), rungs::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Service {
    engine: Engine,
    keys: Arc<Keys>,
    options: ServiceOptions,
    metrics: Option<Metrics>,
    key_directory: Option<Arc<dyn KeyDirectory>>,
    shutdown: CancellationToken,
}

impl Service {
    /// Creates a service with default options that requires no API key.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            keys: Arc::default(),
            options: ServiceOptions::default(),
            metrics: None,
            key_directory: None,
            shutdown: CancellationToken::new(),
        }
    }

    /// Accepts requests with these API keys only.
    pub fn keys(self, keys: Keys) -> Self {
        Self { keys: Arc::new(keys), ..self }
    }

    /// Replaces the limits and timeouts.
    pub fn options(self, options: ServiceOptions) -> Self {
        Self { options, ..self }
    }

    /// Serves this recorder's metrics at `/metrics`. Without a recorder, that path responds with 404.
    pub fn metrics(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// Serves this directory of signing keys at `/.well-known/http-message-signatures-directory`, to anyone. Without one, that
    /// path responds with 404.
    pub fn key_directory(self, directory: impl KeyDirectory + 'static) -> Self {
        Self { key_directory: Some(Arc::new(directory)), ..self }
    }

    /// Starts the shutdown: waiting scrapes get their job's id, event streams end, and new submissions are refused.
    ///
    /// Call it before waiting for the server's connections to close, and shut the engine down after that.
    pub fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn api_keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn settings(&self) -> &ServiceOptions {
        &self.options
    }

    pub(super) fn keys_to_publish(&self) -> Option<&dyn KeyDirectory> {
        self.key_directory.as_deref()
    }

    pub(super) fn recorder(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }

    /// Canceled by [`Service::begin_shutdown`].
    pub(super) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Reads an account's balance.
    pub(super) async fn balance(&self, account: &AccountId) -> Result<Balance, EngineError> {
        let account = match self.engine.account(account).await {
            Ok(account) => Some(account),
            Err(EngineError::AccountNotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Balance::of(account.as_ref(), self.engine.settings().unlimited_accounts))
    }
}
