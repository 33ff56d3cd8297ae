//! Authentication, with the limits of the API key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::core::time::Timestamp;
use crate::service::server::client_family::ClientFamily;
use crate::service::server::key_limits::{Permit, Refusal, Standing};
use crate::service::server::keys::{KeyScope, KeyState};
use crate::service::server::middleware::cross_site;
use crate::service::server::middleware::error_body::write_body;
use crate::service::server::middleware::request_id::{new_request_id, set_request_id};
use crate::service::server::principal::{Caller, Principal};
use crate::service::server::state::Service;
use crate::service::wire::{self, Problem};

/// Weight of a request that reads, against the key's requests per minute.
const READ: u32 = 1;
/// Weight of a request that may change something.
const WRITE: u32 = 2;

/// Passes a request to the API on if its key opens the API, see [`pass`].
pub(in crate::service::server) async fn authenticate(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    pass(&service, KeyScope::Api, request, next).await
}

/// Passes a request for metrics on if its key opens them, see [`pass`].
pub(in crate::service::server) async fn authenticate_metrics(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    pass(&service, KeyScope::Metrics, request, next).await
}

/// Passes a request of an operator on if its key opens the accounts, see [`pass`].
pub(in crate::service::server) async fn authenticate_admin(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    pass(&service, KeyScope::Admin, request, next).await
}

/// Passes a request of an application's own route on if its key opens the API, with the key's name. The request does
/// not count against the limits of the key.
pub(in crate::service::server) async fn authenticate_guarded(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    match known_key(&service, KeyScope::Api, &request) {
        Ok(key) => {
            request.extensions_mut().insert(Caller::new(&key));
            next.run(request).await
        }
        Err(problem) => {
            // No other middleware of the service surrounds the route.
            let id = new_request_id(service.engine().now());
            let mut response = problem.clone().into_response();
            write_body(&mut response, &problem, &id);
            set_request_id(&mut response, id);
            response
        }
    }
}

/// Finds the API key of a request. Refuses one without the scope, and a website's request to a service without keys.
fn known_key(
    service: &Service,
    scope: KeyScope,
    request: &Request,
) -> Result<Arc<KeyState>, Problem> {
    let key = service.api_keys().find(presented_key(request.headers()));
    let key = key.ok_or_else(wire::unauthorized)?;
    if !service.api_keys().are_required() {
        cross_site::check(request, service.settings().allowed_hosts)?;
    }
    if key.opens(scope) { Ok(key) } else { Err(wire::insufficient_scope(scope)) }
}

/// Passes a request on if its API key is known, has the scope and is within its limits, and adds the limits to the
/// response.
async fn pass(service: &Service, scope: KeyScope, mut request: Request, next: Next) -> Response {
    let key = match known_key(service, scope, &request) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    let now = service.engine().now();
    let concurrent = service.settings().max_concurrent_per_key;
    let mut response = match enter(&key, request.method(), concurrent, now) {
        Ok(permit) => {
            let family = service.settings().client_family;
            let family = family.unwrap_or_else(|| ClientFamily::of(request.headers()));
            request.extensions_mut().insert(Principal::new(Arc::clone(&key), family, permit));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    show_limits(key.limits.standing(concurrent, now), response.headers_mut());
    response
}

/// Lets a request in whose key was found already, as [`pass`] does for a route behind the authentication.
pub(in crate::service::server) fn admit(
    service: &Service,
    key: &Arc<KeyState>,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let (concurrent, now) = (service.settings().max_concurrent_per_key, service.engine().now());
    let permit = enter(key, &Method::GET, concurrent, now)?;
    let family = service.settings().client_family.unwrap_or_else(|| ClientFamily::of(headers));
    Ok(Principal::new(Arc::clone(key), family, permit))
}

/// Returns the API key that the request presents.
pub(in crate::service::server) fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, key) = text(AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    };
    text(HeaderName::from_static("x-api-key")).map(str::trim).or_else(bearer)
}

fn enter(
    key: &KeyState,
    method: &Method,
    concurrent: u32,
    now: Timestamp,
) -> Result<Permit, Problem> {
    let weight = if matches!(*method, Method::GET | Method::HEAD) { READ } else { WRITE };
    key.limits.enter(weight, concurrent, now).map_err(|refusal| {
        let retry_after = refusal.retry_after(now);
        let seconds = retry_after.as_secs();
        match refusal {
            Refusal::Concurrency => wire::rate_limited(
                format!("too many concurrent requests for this API key: retry after {seconds} s"),
                retry_after,
            ),
            Refusal::Rate => wire::rate_limited(
                format!("too many requests per minute for this API key: retry after {seconds} s"),
                retry_after,
            ),
        }
    })
}

fn show_limits(standing: Standing, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: u64| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    };
    put("x-ratelimit-limit", standing.rate_limit.into());
    put("x-ratelimit-remaining", standing.rate_remaining.into());
    put("x-ratelimit-reset", standing.rate_reset_secs);
    put("x-concurrency-limit", standing.concurrency_limit.into());
    put("x-concurrency-current", standing.running.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_either_header() {
        let of = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            presented_key(&headers).map(str::to_owned)
        };

        assert_eq!(of("x-api-key", "sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Bearer sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "bearer  sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Basic sk_1"), None);
        assert_eq!(of("authorization", "Bearer"), None);
    }
}
