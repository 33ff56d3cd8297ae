//! Parts of the API that rungs does not have. Their paths exist, so that a client learns what to do instead.

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::service::server::state::Service;
use crate::service::wire;

/// A feature of the API that rungs does not have.
struct Feature {
    /// A sentence that names what is missing and what to use instead.
    reason: &'static str,
    /// Paths, each with its methods.
    paths: &'static [(&'static str, &'static [Method])],
}

const LIST: &[Method] = &[Method::GET, Method::POST];
const ONE: &[Method] = &[Method::GET, Method::PUT, Method::PATCH, Method::DELETE];
const READ: &[Method] = &[Method::GET];
const RUN: &[Method] = &[Method::POST];

const FEATURES: &[Feature] = &[
    Feature {
        reason: "searching needs the index of a search engine, which rungs does not have: scrape a search engine's page \
                 of results with `POST /scrape`",
        paths: &[("/search", RUN), ("/search/batch", RUN), ("/search/{id}", READ)],
    },
    Feature {
        reason: "rungs has no scheduler: submit batches with `POST /batch` from cron or a systemd timer",
        paths: &[
            ("/schedules", LIST),
            ("/schedules/{id}", ONE),
            ("/schedules/{id}/executions", READ),
            ("/schedules/{id}/pause", RUN),
            ("/schedules/{id}/resume", RUN),
            ("/schedules/{id}/run", RUN),
        ],
    },
    Feature {
        reason: "rungs has no monitors: fetch the page with `POST /scrape` at intervals and compare `text` or \
                 `content_hash`",
        paths: &[
            ("/monitors", LIST),
            ("/monitors/{id}", ONE),
            ("/monitors/{id}/changes", READ),
            ("/monitors/{id}/check", RUN),
            ("/monitors/{id}/history", READ),
        ],
    },
    Feature {
        reason: "rungs stores no extraction templates: send `extraction_schema` or `extraction_profile` with the request",
        paths: &[
            ("/extract/templates", LIST),
            ("/extract/templates/{id}", &[Method::GET, Method::DELETE]),
        ],
    },
    Feature {
        reason: "rungs stores no keys of language models: the operator configures models (`llm` in the settings of \
                 `rungs serve`)",
        paths: &[
            ("/user/llm-keys", LIST),
            ("/user/llm-keys/openrouter/exchange", RUN),
            ("/user/llm-keys/{id}", ONE),
            ("/user/llm-keys/{id}/validate", RUN),
            ("/user/llm-keys/{id}/models", READ),
        ],
    },
    Feature {
        reason: "rungs has no registered webhooks: send `webhook_url` with each submission; `GET /deliveries` lists the \
                 deliveries",
        paths: &[
            ("/user-webhooks", LIST),
            ("/user-webhooks/{id}", ONE),
            ("/user-webhooks/{id}/test", RUN),
        ],
    },
    Feature {
        reason: "rungs has no organizations: the operator gives several API keys the same account",
        paths: &[
            ("/organizations", LIST),
            ("/organizations/{id}", ONE),
            ("/organizations/{id}/members", LIST),
            ("/organizations/{id}/members/{member}", ONE),
            ("/organizations/{id}/invitations", LIST),
            ("/organizations/{id}/invitations/{invitation}", ONE),
        ],
    },
    Feature {
        reason: "rungs has no alerts: let Prometheus read `/metrics` and alert on it",
        paths: &[("/alerts", LIST), ("/alerts/{id}", ONE), ("/alerts/{id}/history", READ)],
    },
    Feature {
        reason: "proxies are settings of the service: the operator adds those of an account to `own_proxies`",
        paths: &[
            ("/proxy-integrations", LIST),
            ("/proxy-integrations/{id}", ONE),
            ("/proxy-integrations/{id}/test", RUN),
        ],
    },
    Feature {
        reason: "API keys are settings of the service: the operator creates them with `rungs key NAME`",
        paths: &[("/api-keys", LIST), ("/api-keys/{id}", ONE)],
    },
    Feature {
        reason: "rungs has no user accounts: an API key stands for an account; `GET /usage` shows it",
        paths: &[("/auth/me", READ)],
    },
];

/// Returns the paths of every feature that is missing.
pub(in crate::service::server) fn routes() -> Router<Service> {
    let mut router = Router::new();
    for Feature { reason, paths } in FEATURES {
        for (path, methods) in *paths {
            let answers = || {
                methods.iter().fold(MethodRouter::new(), |all, method| {
                    let filter = MethodFilter::try_from(method.clone());
                    let filter = filter.expect("a method that has a filter");
                    all.merge(on(filter, move || async move { wire::not_implemented(reason) }))
                })
            };
            router = router.route(path, answers()).route(&format!("{path}/"), answers());
        }
    }
    router
}
