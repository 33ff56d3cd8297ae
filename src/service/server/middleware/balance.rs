//! Balance headers.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::service::server::principal::Principal;
use crate::service::server::state::Service;
use crate::service::wire::Balance;

/// Adds the account's balance to every response, of errors too.
///
/// A handler that has read the balance already leaves it in the response's extensions.
pub(in crate::service::server) async fn show_balance(
    State(service): State<Service>,
    principal: Principal,
    request: Request,
    next: Next,
) -> Response {
    let account = principal.account().clone();
    // The principal holds a concurrency permit, which must end with the request.
    drop(principal);
    let mut response = next.run(request).await;
    let balance = match response.extensions_mut().remove::<Balance>() {
        Some(balance) => balance,
        // If the store fails here, the next request that needs it reports the failure.
        None => match service.balance(&account).await {
            Ok(balance) => balance,
            Err(_) => return response,
        },
    };
    let headers = response.headers_mut();
    if let Ok(dollars) = HeaderValue::try_from(balance.display()) {
        headers.insert(HeaderName::from_static("x-alterlab-balance"), dollars);
    }
    let warning = HeaderValue::from_static(balance.warning().unwrap_or("healthy"));
    headers.insert(HeaderName::from_static("x-alterlab-balance-warning"), warning);
    response
}
