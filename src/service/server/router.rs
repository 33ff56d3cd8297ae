//! Paths, and the middleware around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::{MethodRouter, get, post};

use crate::service::server::middleware::{
    authenticate, authenticate_admin, authenticate_guarded, authenticate_metrics, compress,
    error_body, request_id, request_metrics, security_headers, show_balance,
};
use crate::service::server::page;
use crate::service::server::routes::{
    absent, account, artifacts, batch, crawl, deliveries, description, events, extract, grants,
    health, key_directory, limits, metrics, scrape, sessions, sockets,
};
use crate::service::server::state::Service;

impl Service {
    /// Builds the routes, to be served as they are or nested in your application's router.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .nest("/api/v1", self.versioned())
            .nest("/v1", self.versioned())
            .merge(descriptions())
            .merge(page::routes());
        self.complete(routes)
    }

    /// Builds the routes of a process that fetches pages and serves no API: `/health`, `/ready` and `/metrics`.
    pub fn probe_router(&self) -> Router {
        self.complete(Router::new())
    }

    /// Requires an API key of this service for routes of your application, with the same checks as for the API.
    ///
    /// A handler finds the key's [`Caller`] in the extensions of the request. Requests to these routes do not count
    /// against the limits of the key: a handler that calls [`Service::router`] for the client would count twice.
    ///
    /// # Example
    ///
    /// ```
    /// use axum::routing::get;
    /// use axum::{Extension, Router};
    /// use rungs::Engine;
    /// use rungs::fetch::Http;
    /// use rungs::service::{Caller, Service};
    /// use rungs::stores::Memory;
    ///
    /// async fn who(Extension(caller): Extension<Caller>) -> String {
    ///     caller.account.to_string()
    /// }
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let engine = Engine::builder().store(Memory::default()).http(Http::new()).build()?;
    /// let service = Service::new(engine.clone());
    /// let app: Router = service.guarded(Router::new().route("/who", get(who)));
    /// # drop(app);
    /// # engine.shutdown().await;
    /// # Ok::<(), rungs::Error>(())
    /// # })?;
    /// # Ok::<(), rungs::Error>(())
    /// ```
    ///
    /// [`Caller`]: crate::service::Caller
    pub fn guarded(&self, routes: Router) -> Router {
        routes
            .route_layer(from_fn_with_state(self.clone(), authenticate_guarded))
            .layer(map_response(security_headers))
    }

    /// Adds the routes for operators, and what surrounds every route.
    fn complete(&self, routes: Router<Self>) -> Router {
        routes
            .merge(probes())
            .merge(
                both_slash_forms([("/metrics", get(metrics::metrics))])
                    .route_layer(from_fn_with_state(self.clone(), authenticate_metrics)),
            )
            .with_state(self.clone())
            .fallback(health::not_found)
            .layer(from_fn(error_body))
            .layer(from_fn(compress))
            .layer(from_fn_with_state(self.clone(), request_metrics))
            .layer(from_fn_with_state(self.clone(), request_id))
            .layer(map_response(security_headers))
    }

    /// Returns the routes of the API and those of operators, each behind its own keys.
    fn versioned(&self) -> Router<Self> {
        let admin = from_fn_with_state(self.clone(), authenticate_admin);
        self.authenticated(api().merge(absent::routes()))
            .merge(accounts().route_layer(admin))
            .merge(sockets())
    }

    /// Requires an API key for these routes, if the service has any.
    fn authenticated(&self, router: Router<Self>) -> Router<Self> {
        router
            .route_layer(from_fn_with_state(self.clone(), show_balance))
            .route_layer(from_fn_with_state(self.clone(), authenticate))
    }
}

/// Routes of the versioned API.
fn api() -> Router<Service> {
    both_slash_forms([
        ("/batch", post(batch::submit)),
        ("/batch/estimate", post(batch::estimate)),
        ("/batch/{id}", get(batch::status).delete(batch::cancel)),
        ("/batch/{id}/retry", post(batch::retry)),
        ("/batch/{id}/ledger", get(account::ledger)),
        ("/batches", get(account::batches)),
        ("/account/limits", get(limits::of_account)),
        ("/api-keys/{id}/limits", get(limits::of_key)),
        ("/beta-features", get(limits::features)),
        ("/beta-features/my", get(limits::own_features)),
        ("/beta-features/{slug}/enable", post(limits::unknown_feature)),
        ("/beta-features/{slug}/disable", post(limits::unknown_feature)),
        ("/usage", get(account::usage)),
        ("/billing/balance", get(account::billing_balance)),
        ("/billing/usage", get(account::billing_usage)),
        ("/batch/{id}/events", get(events::events)),
        ("/batch/{id}/deliveries", get(deliveries::of_batch)),
        ("/jobs/{id}/deliveries", get(deliveries::of_job)),
        ("/deliveries", get(deliveries::list)),
        ("/deliveries/{id}/redeliver", post(deliveries::redeliver)),
        ("/crawl", post(crawl::submit)),
        ("/crawl/{id}", get(crawl::status).delete(crawl::cancel)),
        ("/crawl/{id}/stream", get(crawl::stream)),
        ("/crawl/{id}/deliveries", get(deliveries::of_crawl)),
        ("/map", post(crawl::map)),
        ("/scrape", post(scrape::scrape)),
        ("/scrape/estimate", post(scrape::estimate)),
        ("/sessions", get(sessions::list).post(sessions::create)),
        ("/sessions/public-key", get(sessions::public_key)),
        ("/sessions/{id}", get(sessions::get).patch(sessions::update).delete(sessions::remove)),
        ("/sessions/{id}/validate", post(sessions::validate)),
        ("/sessions/{id}/refresh", post(sessions::refresh)),
        ("/extract", post(extract::extract)),
        ("/extract/estimate", get(extract::estimate)),
        ("/extract/usage", get(extract::usage)),
        ("/extract/usage/summary", get(extract::usage_summary)),
        ("/jobs/{id}", get(scrape::job)),
        ("/jobs/{id}/artifacts/{name}", get(artifacts::artifact)),
    ])
}

/// Routes of web sockets, which find the API key themselves: a browser cannot send headers with a handshake.
fn sockets() -> Router<Service> {
    both_slash_forms([("/ws/jobs", get(sockets::connect))])
}

/// Routes of operators.
fn accounts() -> Router<Service> {
    both_slash_forms([
        ("/accounts/{account}", get(grants::account)),
        ("/accounts/{account}/grants", post(grants::grant)),
    ])
}

/// Routes of load balancers and supervisors, which need no API key.
fn probes() -> Router<Service> {
    both_slash_forms([("/health", get(health::health)), ("/ready", get(health::ready))])
}

/// Routes that describe the API and publish the keys of signed requests. They need no API key.
fn descriptions() -> Router<Service> {
    both_slash_forms([
        ("/openapi.json", get(description::openapi)),
        ("/docs", get(description::docs)),
        ("/.well-known/http-message-signatures-directory", get(key_directory::directory)),
    ])
}

/// Serves each path with and without a trailing slash: clients use both and do not follow redirects.
fn both_slash_forms<const N: usize>(paths: [(&str, MethodRouter<Service>); N]) -> Router<Service> {
    paths.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(&format!("{path}/"), methods.clone()).route(path, methods)
    })
}
