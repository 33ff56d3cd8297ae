//! The service itself.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        responses: &[("200", "Health")],
        ..Operation::get("/health", "getHealth", "Check that the process responds")
    },
    Operation {
        responses: &[("200", "Health")],
        ..Operation::get(
            "/ready",
            "getReady",
            "Check that the store responds and submissions are accepted",
        )
    },
    Operation {
        responses: &[("200", "Description")],
        ..Operation::get("/openapi.json", "getDescription", "Get this document")
    },
    Operation {
        responses: &[("200", "text")],
        errors: &["403", "404"],
        ..Operation::get("/metrics", "getMetrics", "Get metrics for Prometheus")
    },
    Operation {
        responses: &[("200", "Features")],
        ..Operation::get(
            "/api/v1/beta-features",
            "listFeatures",
            "List beta features: there are none",
        )
    },
    Operation {
        responses: &[("200", "OwnFeatures")],
        ..Operation::get(
            "/api/v1/beta-features/my",
            "listOwnFeatures",
            "List the beta features that are turned on: there are none",
        )
    },
];
