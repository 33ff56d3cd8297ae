//! The check of a redirect's target before it is requested.

use std::fmt;
use std::sync::Arc;

use crate::ports::BoxFuture;
use crate::ports::fetch::FetchError;

/// Decides whether a redirect may be followed, such as by the robots.txt of its target.
#[derive(Clone)]
pub struct RedirectCheck(Arc<CheckTarget>);

type CheckTarget = dyn Fn(String) -> BoxFuture<'static, Result<(), FetchError>> + Send + Sync;

impl RedirectCheck {
    /// Returns a check that calls `check` with the target's URL. Its error has the kind `Disallowed` and the reason why
    /// the target may not be fetched.
    pub fn new(
        check: impl Fn(String) -> BoxFuture<'static, Result<(), FetchError>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(check))
    }

    /// Checks the target of a redirect.
    ///
    /// # Errors
    ///
    /// `Disallowed` with the reason if it may not be fetched.
    pub fn check(&self, target: &str) -> BoxFuture<'static, Result<(), FetchError>> {
        (self.0)(target.to_owned())
    }
}

impl fmt::Debug for RedirectCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedirectCheck")
    }
}
