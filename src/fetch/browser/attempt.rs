//! One attempt: the page is rendered once, and again if its browser is lost.
//!
//! A browser that is killed, hangs or crashes takes all of its pages with it. The site did not cause that,
//! and neither did most of those pages, so each is rendered again in another browser within the same
//! deadline. A page that crashes browsers would crash the next one too. Its last rendering therefore happens
//! in a browser that no other page uses, and the attempt ends there. A lost browser costs a page only time,
//! and a page that crashes browsers cannot harm others for long.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Inner;
use super::error::{broken, timed_out};
use super::pool::Sharing;
use super::render::{self, RenderError};
use crate::core::request::Method;
use crate::ports::fetch::{FetchError, FetchRequest, Rendered};

/// Maximum number of browsers that one attempt may lose: one by accident, one to be sure, and one of the
/// page's own.
const MAX_LOST_BROWSERS: usize = 3;

/// Runs the attempt within its deadline.
pub(super) async fn run(inner: &Inner, request: &FetchRequest) -> Result<Rendered, FetchError> {
    let allowed = request.deadline.min(inner.limits.total_timeout);
    within(allowed, |deadline| render_until_kept(inner, request, deadline)).await
}

/// Runs `attempt` with at most the `allowed` time.
pub(super) async fn within<F>(
    allowed: Duration,
    attempt: impl FnOnce(Instant) -> F,
) -> Result<Rendered, FetchError>
where
    F: Future<Output = Result<Rendered, FetchError>>,
{
    if allowed.is_zero() {
        return Err(timed_out());
    }
    let deadline = Instant::now() + allowed;
    timeout_at(deadline, attempt(deadline)).await.map_err(|_| timed_out())?
}

async fn render_until_kept(
    inner: &Inner,
    request: &FetchRequest,
    deadline: Instant,
) -> Result<Rendered, FetchError> {
    let mut lost = 0;
    loop {
        let is_final = lost + 1 == MAX_LOST_BROWSERS;
        let sharing = if is_final { Sharing::Exclusive } else { Sharing::Shared };
        let reason = match render::once(inner, request, deadline, sharing).await {
            Ok(rendered) => return Ok(rendered),
            Err(RenderError::Failed(error)) => return Err(error),
            Err(RenderError::BrowserLost(reason)) => reason,
        };
        lost += 1;
        tracing::info!(lost, reason, "a browser was lost while rendering a page");
        if is_final {
            return Err(broken(format!(
                "{lost} browsers ended while rendering the page; last: {reason}"
            )));
        }
        if request.method != Method::Get {
            // The site may already have acted on it.
            let method = request.method.as_str();
            return Err(broken(format!(
                "{reason}; a {method} request is not repeated: submit the job again"
            )));
        }
    }
}
