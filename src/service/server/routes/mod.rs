//! Which path leads where.

pub(super) mod account;
mod artifacts;
mod batch;
mod deliveries;
mod events;
mod health;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodRouter, get, post};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::service::server::gate;
use crate::service::server::keys::Keys;
use crate::service::server::metrics::Metrics;
use crate::service::server::options::Options;
use crate::service::server::page;

/// The REST service of an engine.
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Service {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    keys: Arc<Keys>,
    options: Options,
    metrics: Option<Metrics>,
    /// Nothing is held any longer.
    stopping: CancellationToken,
}

impl Service {
    /// A service for everyone, with every default.
    pub fn new(engine: Engine) -> Self {
        let (keys, options) = (Arc::default(), Options::default());
        let (metrics, stopping) = (None, CancellationToken::new());
        Self { shared: Arc::new(Shared { engine, keys, options, metrics, stopping }) }
    }

    /// Lets these keys in and no one else.
    pub fn keys(self, keys: Keys) -> Self {
        self.with(|it| Shared { keys: Arc::new(keys), ..it })
    }

    /// Moves the service's own bounds.
    pub fn options(self, options: Options) -> Self {
        self.with(|it| Shared { options, ..it })
    }

    /// Shows what this recorder counts at `/metrics`; without one there is nothing there.
    pub fn metrics(self, metrics: Metrics) -> Self {
        self.with(|it| Shared { metrics: Some(metrics), ..it })
    }

    fn with(self, change: impl FnOnce(Shared) -> Shared) -> Self {
        let Shared { engine, keys, options, metrics, stopping } = &*self.shared;
        let same = Shared {
            engine: engine.clone(),
            keys: Arc::clone(keys),
            options: *options,
            metrics: metrics.clone(),
            stopping: stopping.clone(),
        };
        Self { shared: Arc::new(change(same)) }
    }

    /// Lets go of everything that is held: scrapes are answered with their job's id, streams end. New
    /// work is refused. Call it before the server waits for its connections to end.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }

    /// The routes, to be served or nested in a host's own.
    pub fn router(&self) -> Router {
        Router::new()
            .nest("/api/v1", self.api())
            .nest("/v1", self.api())
            .merge(health::routes())
            .merge(page::routes())
            .merge(self.behind_a_key(health::metrics_route()))
            .with_state(self.clone())
            .fallback(health::nothing_here)
            .layer(from_fn_with_state(self.clone(), gate::dress))
            .layer(map_response(gate::private))
    }

    /// What needs a key.
    fn api(&self) -> Router<Self> {
        let paths = [
            ("/batch", post(batch::submit)),
            ("/batch/estimate", post(batch::estimate)),
            ("/batch/{id}", get(batch::status).delete(batch::cancel)),
            ("/batch/{id}/ledger", get(account::ledger)),
            ("/batches", get(account::batches)),
            ("/usage", get(account::usage)),
            ("/billing/balance", get(account::billing_balance)),
            ("/billing/usage", get(account::billing_usage)),
            ("/batch/{id}/events", get(events::events)),
            ("/batch/{id}/deliveries", get(deliveries::of_batch)),
            ("/jobs/{id}/deliveries", get(deliveries::of_job)),
            ("/deliveries", get(deliveries::list)),
            ("/deliveries/{id}/redeliver", post(deliveries::redeliver)),
            ("/scrape", post(scrape::scrape)),
            ("/scrape/estimate", post(scrape::estimate)),
            ("/jobs/{id}", get(scrape::job)),
            ("/jobs/{id}/artifacts/{name}", get(artifacts::artifact)),
        ];
        self.behind_a_key(paths.into_iter().fold(Router::new(), both_slash_forms))
    }

    fn behind_a_key(&self, router: Router<Self>) -> Router<Self> {
        router.route_layer(from_fn_with_state(self.clone(), gate::admit))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    pub(super) fn known(&self) -> &Keys {
        &self.shared.keys
    }

    pub(super) fn bounds(&self) -> &Options {
        &self.shared.options
    }

    fn counted(&self) -> Option<&Metrics> {
        self.shared.metrics.as_ref()
    }

    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }
}

/// Clients call the same path with and without a slash at its end, and do not follow redirects.
fn both_slash_forms(
    router: Router<Service>,
    (path, methods): (&str, MethodRouter<Service>),
) -> Router<Service> {
    router.route(&format!("{path}/"), methods.clone()).route(path, methods)
}
