//! A format of notification bodies whose panics end no task of the engine.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::core::completion::Completion;
use crate::ports::notify::NotificationFormat;

/// The format of an application. It is called within the commit that ends a job, so a panic would end the writer of the
/// whole engine: the body of `fallback` takes its place.
#[derive(Debug)]
pub(super) struct GuardedFormat {
    pub(super) format: Arc<dyn NotificationFormat>,
    pub(super) fallback: Arc<dyn NotificationFormat>,
}

impl NotificationFormat for GuardedFormat {
    fn body(&self, completion: &Completion) -> String {
        catch_unwind(AssertUnwindSafe(|| self.format.body(completion))).unwrap_or_else(|_| {
            tracing::error!("the format of notifications panicked: the default body is sent");
            self.fallback.body(completion)
        })
    }
}
