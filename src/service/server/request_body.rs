//! Request bodies.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::service::server::options::ServiceOptions;
use crate::service::wire::{self, Problem};

/// Multiple of the body limit that is read and discarded. A client that is still sending then sees the response
/// instead of a broken connection.
const DRAIN_FACTOR: u64 = 8;

/// Reads a request's body as JSON, within the limits of the service.
pub(super) async fn json(body: Body, options: &ServiceOptions) -> Result<Value, Problem> {
    let reading = read(body, options.max_body_bytes);
    let timed_out = |_| Err(wire::body_timeout(options.body_timeout));
    let bytes =
        tokio::time::timeout(options.body_timeout, reading).await.unwrap_or_else(timed_out)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| wire::bad_request(format!("invalid JSON ({error}): send a JSON object")))
}

async fn read(mut body: Body, max_bytes: u64) -> Result<Bytes, Problem> {
    let mut kept = Vec::new();
    let mut seen = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| wire::bad_request("the request body ended early: send it again"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len() as u64);
        if seen <= max_bytes {
            kept.extend_from_slice(&data);
        } else if seen > max_bytes.saturating_mul(DRAIN_FACTOR) {
            break;
        }
    }
    if seen > max_bytes {
        return Err(wire::body_too_large(max_bytes));
    }
    Ok(kept.into())
}
