//! The web page at `/`: the same API for people, in plain HTML, CSS and JavaScript modules.
//!
//! The page is part of the binary, sends requests to this service only, and shows only data of the API. Serving it
//! needs no API key: it requests the data with the key that its user enters.
//!
//! # Invariants
//!
//! * Text from a site reaches the document as text; its HTML is shown only in a sandboxed frame that runs nothing.
//! * Paths are relative to the page's own, so that an application can nest the service anywhere.

use axum::Router;
use axum::extract::{OriginalUri, Path};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use crate::service::server::response;
use crate::service::wire::{self, Problem};

/// Only files served here run, and the page connects to nothing else. It fetches screenshots with the API key and shows
/// them from memory, which needs `blob:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src blob: data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("index.html");
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's files: name, media type, text.
const ASSETS: [(&str, &str, &str); 10] = [
    ("page.css", CSS, include_str!("page.css")),
    ("app.js", SCRIPT, include_str!("app.js")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("batches.js", SCRIPT, include_str!("batches.js")),
    ("batch.js", SCRIPT, include_str!("batch.js")),
    ("job.js", SCRIPT, include_str!("job.js")),
    ("submit.js", SCRIPT, include_str!("submit.js")),
    ("deliveries.js", SCRIPT, include_str!("deliveries.js")),
    ("account.js", SCRIPT, include_str!("account.js")),
];

/// Creates the routes, which need no API key.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(index)).route("/page/{name}", get(asset))
}

/// Handles `GET /`, or the path where the application nested the service.
async fn index(OriginalUri(uri): OriginalUri) -> Response {
    // Nested, the page may be at `/scraping` as well as at `/scraping/`; its files are below either.
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let page = if last.is_empty() {
        INDEX.to_owned()
    } else {
        INDEX.replace("\"page/", &format!("\"{}/page/", escaped(last)))
    };
    restricted(response::typed(StatusCode::OK, HTML, page))
}

/// Escapes a path segment for an attribute's value.
fn escaped(segment: &str) -> String {
    segment.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.into_iter().find(|(it, _, _)| *it == name);
    let (_, media_type, text) = found.ok_or_else(|| wire::problem_of_status(404))?;
    Ok(restricted(response::typed(StatusCode::OK, media_type, text)))
}

/// Adds the headers that confine the page.
fn restricted(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_only_its_own_assets() {
        let assets = ASSETS.iter().map(|(name, _, text)| (*name, *text));
        for (name, text) in assets.chain([("index.html", INDEX)]) {
            let own = text.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http://", "https://", "url(", "@import", "innerHTML", "outerHTML"] {
                let found = own.lines().find(|it| it.contains(foreign));
                let loaded = found.filter(|it| !it.contains("placeholder"));
                assert_eq!(loaded, None, "{name} has `{foreign}`");
            }
            for line in own.lines().filter(|it| it.trim_start().starts_with("import ")) {
                let from = line.rsplit("\"./").next().and_then(|it| it.split('"').next());
                let from = from.expect("a module");
                assert!(ASSETS.iter().any(|(it, _, _)| *it == from), "{name} imports {from}");
            }
        }
    }

    #[test]
    fn no_asset_is_over_600_lines() {
        for (name, _, text) in ASSETS {
            assert!(text.lines().count() <= 600, "{name} is too long");
        }
    }
}
