//! Files beside a result: a screenshot, a PDF of the page, pictures that page actions took.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::engine::Artifact;
use crate::service::server::principal::Principal;
use crate::service::server::response;
use crate::service::server::routes::lookup;
use crate::service::server::state::Service;
use crate::service::wire::Problem;

/// Media types that are sent unchanged, each with its disposition: `inline` lets a browser display it.
///
/// A PDF can hold links and scripts of the page it was made from, so it is only ever saved.
const KNOWN_TYPES: [(&str, &str); 2] = [("image/png", "inline"), ("application/pdf", "attachment")];
const OTHER_TYPE: (&str, &str) = ("application/octet-stream", "attachment");
/// Content security policy of a file, which loads nothing and runs nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// Handles `GET /jobs/{id}/artifacts/{name}`. Only the job's own artifacts are searched for the name.
pub(in crate::service::server) async fn artifact(
    State(service): State<Service>,
    principal: Principal,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let job = lookup::job(&service, &principal, &id).await?;
    let (artifact, bytes) = service.engine().artifact(job.id, &name).await?;
    Ok(file(&artifact, bytes))
}

fn file(artifact: &Artifact, bytes: Vec<u8>) -> Response {
    let known = KNOWN_TYPES.into_iter().find(|(it, _)| *it == artifact.media_type);
    let (media_type, disposition) = known.unwrap_or(OTHER_TYPE);
    let mut response = response::typed(StatusCode::OK, media_type, bytes);
    let disposition = format!("{disposition}; filename=\"{}\"", artifact.name);
    let disposition =
        HeaderValue::try_from(disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = response.headers_mut();
    headers.insert(CONTENT_DISPOSITION, disposition);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), same_origin);
    response
}
