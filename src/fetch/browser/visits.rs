//! The visits of one attempt: one, and more where the browser was lost under the page.
//!
//! A browser that is killed, hangs or crashes takes all its pages with it. That is no answer of a
//! site, and no fault of most of those pages: each is visited again, in another browser and within
//! the same time. A page that itself ends its browser would end the next one too, so the last visit
//! is made in a browser where nobody else is, and then the attempt ends. So a loss costs a page time
//! alone, and a page that ends browsers harms none but itself for long.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Inner;
use super::error::{broken, late};
use super::pool::Company;
use super::visit::{self, Unseen};
use crate::core::request::Method;
use crate::ports::fetch::{FetchError, FetchRequest, Rendered};

/// How many browsers one attempt may lose.
const MAX_LOST: usize = 3;

/// Makes the attempt, within its time.
pub(super) async fn make(inner: &Inner, request: &FetchRequest) -> Result<Rendered, FetchError> {
    let allowed = request.deadline.min(inner.limits.total);
    within(allowed, |until| attempt(inner, request, until)).await
}

/// An attempt in the time that it is allowed.
pub(super) async fn within<F>(
    allowed: Duration,
    attempt: impl FnOnce(Instant) -> F,
) -> Result<Rendered, FetchError>
where
    F: Future<Output = Result<Rendered, FetchError>>,
{
    if allowed.is_zero() {
        return Err(late());
    }
    let until = Instant::now() + allowed;
    timeout_at(until, attempt(until)).await.map_err(|_| late())?
}

async fn attempt(
    inner: &Inner,
    request: &FetchRequest,
    until: Instant,
) -> Result<Rendered, FetchError> {
    let mut lost = 0;
    loop {
        let is_final = lost + 1 == MAX_LOST;
        let company = if is_final { Company::Nobody } else { Company::Others };
        let why = match visit::once(inner, request, until, company).await {
            Ok(rendered) => return Ok(rendered),
            Err(Unseen::Failed(error)) => return Err(error),
            Err(Unseen::Lost(why)) => why,
        };
        lost += 1;
        tracing::info!(lost, why, "a browser was lost under a page");
        if is_final {
            return Err(broken(format!("{lost} browsers ended under the page, the last: {why}")));
        }
        if request.method != Method::Get {
            // It may have been done.
            let method = request.method.as_str();
            return Err(broken(format!("{why}; a {method} is not sent again")));
        }
    }
}
