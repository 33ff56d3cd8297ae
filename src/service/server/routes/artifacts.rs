//! Files beside a result: a screenshot, a print, pictures that page actions took.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::engine::Artifact;
use crate::service::server::answer;
use crate::service::server::gate::Caller;
use crate::service::server::problem::Problem;
use crate::service::server::routes::Service;
use crate::service::server::routes::scrape::owned_job;

/// The kinds of files that are sent as what they are, and whether a browser may show them where it is.
/// A print can hold links and scripts of the page it was made of, so it is only ever saved.
const KINDS: [(&str, &str); 2] = [("image/png", "inline"), ("application/pdf", "attachment")];
const OTHER: (&str, &str) = ("application/octet-stream", "attachment");
/// It needs nothing from anywhere, and runs nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// `GET /jobs/{id}/artifacts/{name}`. A name is looked for among the job's own and leads nowhere else.
pub(super) async fn artifact(
    State(service): State<Service>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let job = owned_job(&service, &caller, &id).await?;
    let (artifact, bytes) = service.engine().artifact(job.id, &name).await?;
    Ok(file(&artifact, bytes))
}

fn file(artifact: &Artifact, bytes: Vec<u8>) -> Response {
    let known = KINDS.into_iter().find(|(kind, _)| *kind == artifact.media_type);
    let (kind, shown) = known.unwrap_or(OTHER);
    let mut response = answer::text(StatusCode::OK, kind, bytes);
    let named = format!("{shown}; filename=\"{}\"", artifact.name);
    let named = HeaderValue::try_from(named).unwrap_or(HeaderValue::from_static("attachment"));
    let fixed = HeaderValue::from_static;
    for (name, value) in [
        (CONTENT_TYPE, fixed(kind)),
        (CONTENT_DISPOSITION, named),
        (CONTENT_SECURITY_POLICY, fixed(POLICY)),
        (HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin")),
    ] {
        response.headers_mut().insert(name, value);
    }
    response
}
