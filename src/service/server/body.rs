//! Reading what a client sends.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use serde_json::Value;
use url::form_urlencoded;

use crate::core::request::ValidationError;
use crate::service::server::options::Options;
use crate::service::server::problem::Problem;

/// How many times the limit is read and thrown away, so that a client that is still sending sees the
/// answer and not a connection that breaks.
const DRAINED: usize = 8;

/// A request's body as JSON.
pub(super) async fn json(body: Body, options: &Options) -> Result<Value, Problem> {
    let bytes = whole(body, options).await?;
    serde_json::from_slice(&bytes).map_err(|why| {
        Problem::new(400, "VALIDATION_ERROR", format!("the body is not JSON: {why}"))
    })
}

async fn whole(body: Body, options: &Options) -> Result<Bytes, Problem> {
    let reading = read(body, options.body_bytes);
    tokio::time::timeout(options.body_time, reading).await.unwrap_or_else(|_| {
        let seconds = options.body_time.as_secs();
        let message = format!("the body did not arrive within {seconds} seconds");
        Err(Problem { retryable: true, ..Problem::new(408, "REQUEST_TIMEOUT", message) })
    })
}

async fn read(mut body: Body, most: usize) -> Result<Bytes, Problem> {
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(400, "VALIDATION_ERROR", "the body broke off before its end")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= most {
            kept.extend_from_slice(&data);
        } else if seen > most.saturating_mul(DRAINED) {
            break;
        }
    }
    if seen > most {
        let message = format!("the body has more than {most} bytes; cut the batch into several");
        return Err(Problem::new(413, "CONTENT_TOO_LARGE", message));
    }
    Ok(kept.into())
}

/// A parameter of the query, unless it is empty.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs
        .find(|(it, _)| it == name)
        .map(|(_, value)| value.into_owned())
        .filter(|it| !it.is_empty())
}

/// A parameter of the query that is true or false; `usual` if it is not there.
pub(super) fn switch(
    query: Option<&str>,
    name: &'static str,
    usual: bool,
) -> Result<bool, Problem> {
    match parameter(query, name).as_deref() {
        None => Ok(usual),
        Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(_) => {
            let flaw = ValidationError { field: name, reason: "must be true or false".to_owned() };
            Err(Problem::of_field(None, &flaw))
        }
    }
}

/// A parameter of the query that is a number within `range`; `usual` if it is not there.
pub(super) fn number(
    query: Option<&str>,
    name: &'static str,
    range: std::ops::RangeInclusive<usize>,
    usual: usize,
) -> Result<usize, Problem> {
    let Some(text) = parameter(query, name) else { return Ok(usual) };
    text.parse().ok().filter(|it| range.contains(it)).ok_or_else(|| {
        let reason = format!("must be {} to {}", range.start(), range.end());
        Problem::of_field(None, &ValidationError { field: name, reason })
    })
}
