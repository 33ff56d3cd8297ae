//! What every request passes: the key, its limits, and on the way out the headers that show them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::core::id::{AccountId, NotificationId};
use crate::core::time::Timestamp;
use crate::engine::{Batch, SystemEntropy};
use crate::ports::clock::Entropy;
use crate::service::server::answer;
use crate::service::server::client::Client;
use crate::service::server::keys::Known;
use crate::service::server::origin;
use crate::service::server::problem::{Problem, of_status};
use crate::service::server::routes::{Service, account};
use crate::service::wire::{self, Balance};

const MINUTE: u64 = 60_000;
/// What the headers show where there is no limit: the greatest number that every client can read.
const NO_LIMIT: u32 = i32::MAX as u32;
/// Seconds until a place may be free again.
const NEXT_PLACE: u64 = 1;

/// One key's limits and what is used of them.
#[derive(Debug, Default)]
pub(super) struct Gate {
    per_minute: Option<u32>,
    concurrent: Option<u32>,
    used: Mutex<Used>,
    running: AtomicU32,
}

/// Requests of one minute of the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    minute: u64,
    count: u32,
}

/// What a client is told of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    limit: u32,
    remaining: u32,
    /// Seconds since 1970.
    reset: u64,
    places: u32,
    running: u32,
}

impl Gate {
    /// A gate with these limits.
    pub(super) fn new(per_minute: Option<u32>, concurrent: Option<u32>) -> Self {
        Self { per_minute, concurrent, ..Self::default() }
    }

    /// Counts a request of this weight. Says `false`, counting nothing, where it is one too many.
    fn count(&self, weight: u32, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_millis() / MINUTE;
        if used.minute != minute {
            *used = Used { minute, count: 0 };
        }
        let count = used.count.saturating_add(weight);
        // A limit that is smaller than a weight still lets one request through in a minute.
        let fits = self.per_minute.is_none_or(|most| count <= most || used.count == 0);
        if fits {
            used.count = count;
        }
        fits
    }

    /// Takes a place. Says `false` where there is none.
    fn take_place(&self) -> bool {
        let most = self.concurrent.unwrap_or(u32::MAX);
        let more = |running: u32| (running < most).then(|| running + 1);
        self.running.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn standing(&self, now: Timestamp) -> Standing {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_millis() / MINUTE;
        let count = if used.minute == minute { used.count } else { 0 };
        let limit = self.per_minute.unwrap_or(NO_LIMIT);
        Standing {
            limit,
            remaining: limit.saturating_sub(count),
            reset: (minute + 1) * MINUTE / 1_000,
            places: self.concurrent.unwrap_or(NO_LIMIT),
            running: self.running.load(Ordering::Acquire),
        }
    }
}

/// A request's place, given back when the last holder of it is done.
#[derive(Debug)]
struct Place(Arc<Known>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.gate.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who asks, and with what program.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    key: Arc<Known>,
    /// What the client can understand.
    pub(super) client: Client,
    _place: Arc<Place>,
}

impl Caller {
    /// A batch in the caller's name, within what the key may spend.
    pub(super) fn submitting(&self, batch: Batch) -> Batch {
        let batch = batch.account(self.key.account.clone()).label(self.key.name.clone());
        match self.key.budget {
            Some(budget) => batch.budget(budget),
            None => batch,
        }
    }

    /// Whose batches are seen and whose credits are spent.
    pub(super) fn account(&self) -> &AccountId {
        &self.key.account
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only a route outside the gate has none, which is a mistake in the router.
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

fn unauthorized() -> Problem {
    let message = "the API key is missing or unknown; send it as the header `X-API-Key`";
    Problem::new(401, "AUTHENTICATION_ERROR", message)
}

fn too_many(message: String, seconds: u64) -> Problem {
    Problem::new(429, "RATE_LIMIT_EXCEEDED", message).after(seconds)
}

/// The key that a request shows.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, key) = text(AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    };
    text(HeaderName::from_static("x-api-key")).map(str::trim).or_else(bearer)
}

/// Lets a request through if its key is known and within its limits.
pub(super) async fn admit(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(key) = service.known().find(secret(request.headers())) else {
        return unauthorized().into_response();
    };
    if !service.known().are_needed()
        && let Some(problem) = origin::objection(request.headers(), service.bounds().names)
    {
        return problem.into_response();
    }
    let now = service.engine().now();
    let mut response = match entered(&key, &request, now) {
        Ok(place) => {
            let client = service.bounds().client;
            let client = client.unwrap_or_else(|| Client::of(request.headers()));
            let caller = Caller { key: Arc::clone(&key), client, _place: Arc::new(place) };
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            show_balance(&service, &key.account, &mut response).await;
            response
        }
        Err(problem) => problem.into_response(),
    };
    show(key.gate.standing(now), response.headers_mut());
    response
}

fn entered(key: &Arc<Known>, request: &Request, now: Timestamp) -> Result<Place, Problem> {
    if !key.gate.take_place() {
        let message = "the key has as many requests running as it may".to_owned();
        return Err(too_many(message, NEXT_PLACE));
    }
    let place = Place(Arc::clone(key));
    let weight = if matches!(*request.method(), Method::GET | Method::HEAD) { 1 } else { 2 };
    if !key.gate.count(weight, now) {
        let rest = MINUTE - now.as_millis() % MINUTE;
        let message = "the key has made as many requests in this minute as it may".to_owned();
        return Err(too_many(message, rest.div_ceil(1_000)));
    }
    Ok(place)
}

fn show(standing: Standing, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: u64| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    };
    put("x-ratelimit-limit", standing.limit.into());
    put("x-ratelimit-remaining", standing.remaining.into());
    put("x-ratelimit-reset", standing.reset);
    put("x-concurrency-limit", standing.places.into());
    put("x-concurrency-current", standing.running.into());
}

/// Counts an answer by its first digit: more would be a series for every mistake that clients make.
fn count(status: StatusCode, took: std::time::Duration) {
    let class = match status.as_u16() {
        100..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("rungs_http_requests", "status" => class).increment(1);
    metrics::histogram!("rungs_http_request_seconds", "status" => class).record(took.as_secs_f64());
}

/// Tells a client what is left. A store that fails has failed the request before this.
async fn show_balance(service: &Service, account: &AccountId, response: &mut Response) {
    // Who was asked for the balance has read it.
    let balance = match response.extensions_mut().remove::<Balance>() {
        Some(balance) => balance,
        None => match account::balance(service, account).await {
            Ok(balance) => balance,
            Err(_) => return,
        },
    };
    let headers = response.headers_mut();
    if let Ok(shown) = HeaderValue::try_from(balance.display()) {
        headers.insert(HeaderName::from_static("x-alterlab-balance"), shown);
    }
    let warning = HeaderValue::from_static(balance.warning().unwrap_or("healthy"));
    headers.insert(HeaderName::from_static("x-alterlab-balance-warning"), warning);
}

/// Gives every answer the id of its request, and every refusal a body, whoever refused.
pub(super) async fn dress(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let began = service.engine().now();
    let id = NotificationId::new(began, 0, SystemEntropy.draw()).to_string();
    let mut response = next.run(request).await;
    let status = response.status();
    count(status, service.engine().now().since(began));
    let told = response.extensions_mut().remove::<Box<Problem>>();
    let refused = status.is_client_error() || status.is_server_error();
    if let Some(problem) = told.or_else(|| refused.then(|| Box::new(of_status(status)))) {
        let written = answer::json(status, &wire::problem(&problem, &id));
        let (head, body) = written.into_parts();
        *response.body_mut() = body;
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().extend(head.headers);
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// What an account is told is for it alone: nothing on the way may keep it.
pub(super) async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(90_000);

    #[test]
    fn a_minute_takes_so_many_and_the_next_as_many_again() {
        let gate = Gate::new(Some(3), None);

        assert!(gate.count(2, NOW) && gate.count(1, NOW));
        assert!(!gate.count(1, NOW), "the fourth is one too many");
        let Standing { limit, remaining, reset, .. } = gate.standing(NOW);
        assert_eq!((limit, remaining, reset), (3, 0, 120));
        assert!(gate.count(1, Timestamp::from_millis(120_000)));
    }

    #[test]
    fn a_limit_below_a_weight_still_lets_one_through() {
        let gate = Gate::new(Some(1), None);

        assert!(gate.count(2, NOW));
        assert!(!gate.count(2, NOW));
    }

    #[test]
    fn what_was_refused_is_not_counted() {
        let gate = Gate::new(Some(3), None);
        assert!(gate.count(2, NOW));

        assert!(!gate.count(2, NOW));

        assert_eq!(gate.standing(NOW).remaining, 1);
    }

    #[test]
    fn places_are_given_back() {
        let gate = Gate::new(None, Some(1));

        assert!(gate.take_place());
        assert!(!gate.take_place());
        gate.running.fetch_sub(1, Ordering::AcqRel);
        assert!(gate.take_place());
    }

    #[test]
    fn where_there_is_no_limit_the_headers_show_a_number_that_fits_32_bits() {
        let gate = Gate::default();

        let standing = gate.standing(NOW);

        assert_eq!((standing.limit, standing.places), (i32::MAX as u32, i32::MAX as u32));
        assert!(gate.count(u32::MAX, NOW) && gate.count(u32::MAX, NOW));
    }

    #[test]
    fn a_key_comes_in_either_header() {
        let of = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            secret(&headers).map(str::to_owned)
        };

        assert_eq!(of("x-api-key", "sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Bearer sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "bearer  sk_1").as_deref(), Some("sk_1"));
        assert_eq!(of("authorization", "Basic sk_1"), None);
        assert_eq!(of("authorization", "Bearer"), None);
    }
}
