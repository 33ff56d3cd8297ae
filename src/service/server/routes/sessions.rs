//! Stored sessions of the account.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::core::id::SessionId;
use crate::core::request::ValidationError;
use crate::core::session::{Session, SessionStatus};
use crate::service::server::principal::Principal;
use crate::service::server::state::Service;
use crate::service::server::{query, request_body, response};
use crate::service::wire::{self, KnownFields, Problem, Warnings};

fn session_id(text: &str) -> Result<SessionId, Problem> {
    text.parse().map_err(|_| wire::session_not_found())
}

/// A request with a body that was read.
struct Read<T> {
    value: T,
    warnings: Warnings,
}

/// Reads a body with `read`, and the warnings about fields that are not among `known`.
async fn read<T>(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    known: &KnownFields,
    read: impl FnOnce(&Value) -> Result<T, ValidationError>,
) -> Result<Read<T>, Problem> {
    let value = request_body::json(headers, body, service.settings()).await?;
    let warnings = Warnings::of(known, &value);
    let value = read(&value).map_err(|error| Problem::of_field(&error).with_warnings(&warnings))?;
    Ok(Read { value, warnings })
}

fn described(
    service: &Service,
    status: StatusCode,
    session: &Session,
    warnings: &Warnings,
) -> Response {
    let mut body = wire::session(session, service.engine().now());
    warnings.add_to(&mut body);
    response::json(status, &body)
}

/// Handles `POST /sessions`.
pub(in crate::service::server) async fn create(
    State(service): State<Service>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let read = read(&service, &headers, body, KnownFields::session(), wire::read_session).await?;
    let new = read.value.account(principal.account().clone());
    let created = service.engine().sessions().create(new).await;
    let session = created.map_err(|error| Problem::from(error).with_warnings(&read.warnings))?;
    Ok(described(&service, StatusCode::CREATED, &session, &read.warnings))
}

/// Handles `GET /sessions`: all of the account, or those with a domain or a status.
pub(in crate::service::server) async fn list(
    State(service): State<Service>,
    principal: Principal,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    let domain = query::parameter(query, "domain").map(|it| it.trim().to_ascii_lowercase());
    let status = match query::parameter(query, "status") {
        Some(word) => Some(status(&word)?),
        None => None,
    };
    let mut sessions = service.engine().sessions().list(principal.account()).await?;
    sessions.retain(|it| {
        domain.as_deref().is_none_or(|domain| it.domain.host() == domain)
            && status.is_none_or(|status| it.status == status)
    });
    Ok(response::json(StatusCode::OK, &wire::sessions(&sessions, service.engine().now())))
}

fn status(word: &str) -> Result<SessionStatus, Problem> {
    let found = SessionStatus::ALL.into_iter().find(|it| it.as_str() == word);
    found.ok_or_else(|| {
        let words = SessionStatus::ALL.map(SessionStatus::as_str).join(", ");
        Problem::of_parameter("status", &format!("must be one of {words}"))
    })
}

/// Handles `GET /sessions/{id}`.
pub(in crate::service::server) async fn get(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = session_id(&id)?;
    let session = service.engine().sessions().get(principal.account(), id).await?;
    Ok(response::json(StatusCode::OK, &wire::session(&session, service.engine().now())))
}

/// Handles `PATCH /sessions/{id}`.
pub(in crate::service::server) async fn update(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = session_id(&id)?;
    let known = KnownFields::session_update();
    let read = read(&service, &headers, body, known, wire::read_session_update).await?;
    let sessions = service.engine().sessions();
    let updated = sessions.update(principal.account(), id, read.value).await;
    let session = updated.map_err(|error| Problem::from(error).with_warnings(&read.warnings))?;
    Ok(described(&service, StatusCode::OK, &session, &read.warnings))
}

/// Handles `DELETE /sessions/{id}`.
pub(in crate::service::server) async fn remove(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let parsed = session_id(&id)?;
    service.engine().sessions().remove(principal.account(), parsed).await?;
    Ok(response::json(StatusCode::OK, &wire::session_removed(&id)))
}

/// Handles `POST /sessions/{id}/validate`.
pub(in crate::service::server) async fn validate(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = session_id(&id)?;
    let result = service.engine().sessions().validate(principal.account(), id).await?;
    Ok(response::json(StatusCode::OK, &wire::session_validation(&result)))
}

/// Handles `POST /sessions/{id}/refresh`.
pub(in crate::service::server) async fn refresh(
    State(service): State<Service>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = session_id(&id)?;
    let known = KnownFields::session_refresh();
    let read = read(&service, &headers, body, known, wire::read_session_refresh).await?;
    let sessions = service.engine().sessions();
    let refreshed = sessions.refresh(principal.account(), id, read.value).await;
    let session = refreshed.map_err(|error| Problem::from(error).with_warnings(&read.warnings))?;
    Ok(described(&service, StatusCode::OK, &session, &read.warnings))
}

/// Handles `GET /sessions/public-key`, with which clients would encrypt cookies before they send them.
pub(in crate::service::server) async fn public_key() -> Problem {
    wire::no_public_key()
}
