//! The page at `/`: the same API for people, in plain HTML, CSS and JavaScript modules.
//!
//! It is part of the binary, asks nobody but this service, and knows nothing that the API does not say.
//! It needs no key itself: what it shows, it asks for with the key that its user enters.
//!
//! # Architecture invariants
//!
//! * What came from a site reaches the document as text, and its HTML only a frame in which nothing runs.
//! * Paths are relative to where the page is, so that a host can nest the service.

use axum::Router;
use axum::extract::{OriginalUri, Path};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use crate::service::server::answer;
use crate::service::server::problem::{Problem, of_status};
use crate::service::server::routes::Service;

/// Only what is served here runs, and nothing is asked elsewhere. Screenshots are fetched with the key
/// and shown from memory, which is what `blob:` is for.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src blob: data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("index.html");
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page is made of, by name.
const PARTS: [(&str, &str, &str); 10] = [
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

/// The routes, which need no key.
pub(super) fn routes() -> Router<Service> {
    Router::new().route("/", get(index)).route("/page/{name}", get(part))
}

/// `/`, or wherever a host has put it.
async fn index(OriginalUri(uri): OriginalUri) -> Response {
    // Nested, the page may be at `/scraping` as well as at `/scraping/`, and what it is made of is below.
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let page = if last.is_empty() {
        INDEX.to_owned()
    } else {
        INDEX.replace("\"page/", &format!("\"{}/page/", escaped(last)))
    };
    guarded(answer::text(StatusCode::OK, HTML, page))
}

/// A part of a path as it may stand in an attribute.
fn escaped(part: &str) -> String {
    part.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

async fn part(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = PARTS.into_iter().find(|(it, _, _)| *it == name);
    let (_, kind, text) = found.ok_or_else(|| of_status(StatusCode::NOT_FOUND))?;
    Ok(guarded(answer::text(StatusCode::OK, kind, text)))
}

fn guarded(mut response: Response) -> Response {
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
    fn the_page_asks_for_nothing_that_is_not_served_with_it() {
        let parts = PARTS.iter().map(|(name, _, text)| (*name, *text));
        for (name, text) in parts.chain([("index.html", INDEX)]) {
            let own = text.replace("http://www.w3.org/2000/svg", "");
            for foreign in ["http://", "https://", "url(", "@import", "innerHTML", "outerHTML"] {
                let found = own.lines().find(|it| it.contains(foreign));
                let said = found.filter(|it| !it.contains("placeholder"));
                assert_eq!(said, None, "{name} has `{foreign}`");
            }
            for line in own.lines().filter(|it| it.trim_start().starts_with("import ")) {
                let from = line.rsplit("\"./").next().and_then(|it| it.split('"').next());
                let from = from.expect("a module");
                assert!(PARTS.iter().any(|(it, _, _)| *it == from), "{name} imports {from}");
            }
        }
    }

    #[test]
    fn no_part_is_over_600_lines() {
        for (name, _, text) in PARTS {
            assert!(text.lines().count() <= 600, "{name} is too long");
        }
    }
}
