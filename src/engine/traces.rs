//! The spans that continue the trace of a submission, possibly in another process.
//!
//! The engine names the trace context as fields of its spans. A tracing backend needs it as the remote parent of the span,
//! which only the application's own layer can set: it does so in the function given to
//! [`EngineBuilder::join_traces`](crate::engine::EngineBuilder::join_traces).

use std::fmt;
use std::sync::Arc;

use tracing::Span;
use tracing::field::{DisplayValue, display};

use crate::core::batch::Notification;
use crate::core::job::Job;
use crate::core::trace::TraceContext;

type Join = dyn Fn(&Span, &TraceContext) + Send + Sync;

/// The spans of an engine, and the function that makes them part of traces.
#[derive(Clone, Default)]
pub(super) struct Traces(Option<Arc<Join>>);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

impl Traces {
    pub(super) fn joined_by(join: impl Fn(&Span, &TraceContext) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(join)))
    }

    /// Makes a span that was not entered yet part of the trace, and returns it.
    fn joined(&self, span: Span, trace: Option<&TraceContext>) -> Span {
        if let (Some(join), Some(trace)) = (&self.0, trace) {
            join(&span, trace);
        }
        span
    }

    /// Returns the span of a submission.
    pub(super) fn submit_span(&self, trace: Option<&TraceContext>, items: usize) -> Span {
        let (traceparent, tracestate) = fields(trace);
        self.joined(tracing::info_span!("submit", items, traceparent, tracestate), trace)
    }

    /// Returns the span of a claim of a job.
    pub(super) fn job_span(&self, job: &Job) -> Span {
        // Displayed without user info and query, which may be secret.
        let url = job.request.page();
        let trace = job.trace.as_deref();
        let (traceparent, tracestate) = fields(trace);
        let span = tracing::info_span!(
            "job",
            job = %job.id,
            batch = %job.batch,
            claim = job.claims,
            %url,
            traceparent,
            tracestate
        );
        self.joined(span, trace)
    }

    /// Returns the span of one delivery attempt.
    pub(super) fn delivery_span(&self, notification: &Notification, attempt: u32) -> Span {
        let trace = notification.trace.as_deref();
        let (traceparent, tracestate) = fields(trace);
        let span = tracing::info_span!(
            "delivery",
            notification = %notification.id,
            batch = %notification.batch,
            attempt,
            traceparent,
            tracestate
        );
        self.joined(span, trace)
    }
}

/// Returns the fields of a span that name the trace.
fn fields(trace: Option<&TraceContext>) -> (Option<DisplayValue<&TraceContext>>, Option<&str>) {
    (trace.map(display), trace.and_then(TraceContext::state))
}
