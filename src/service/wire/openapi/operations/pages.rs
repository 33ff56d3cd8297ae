//! Batches, single pages, jobs and webhook deliveries.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &["idempotency", "traceparent"],
        body: Some("BatchRequest"),
        responses: &[("202", "BatchAccepted")],
        errors: &["402", "409"],
        ..Operation::post("/api/v1/batch", "submitBatch", "Submit up to 100 pages together")
    },
    Operation {
        body: Some("BatchRequest"),
        responses: &[("200", "BatchEstimate")],
        ..Operation::post(
            "/api/v1/batch/estimate",
            "estimateBatch",
            "Price a batch without submitting it",
        )
    },
    Operation {
        parameters: &["batch", "results"],
        responses: &[("200", "BatchStatus")],
        errors: &["404", "422"],
        ..Operation::get("/api/v1/batch/{id}", "getBatch", "Get a batch with its results")
    },
    Operation {
        method: "delete",
        parameters: &["batch"],
        responses: &[("200", "BatchCancelled")],
        errors: &["404", "415"],
        ..Operation::get("/api/v1/batch/{id}", "cancelBatch", "Cancel the jobs that have not ended")
    },
    Operation {
        parameters: &["batch", "idempotency", "traceparent"],
        body: Some("RetryRequest"),
        is_body_optional: true,
        responses: &[("202", "BatchAccepted")],
        errors: &["402", "404", "409"],
        ..Operation::post(
            "/api/v1/batch/{id}/retry",
            "retryBatch",
            "Submit the failed jobs of an ended batch again",
        )
    },
    Operation {
        parameters: &["batch", "last"],
        responses: &[("200", "events"), ("204", "")],
        errors: &["404"],
        ..Operation::get(
            "/api/v1/batch/{id}/events",
            "streamBatch",
            "Follow a batch as server-sent events",
        )
    },
    Operation {
        parameters: &["batch", "unaddressed"],
        responses: &[("200", "Deliveries")],
        errors: &["404", "422"],
        ..Operation::get(
            "/api/v1/batch/{id}/deliveries",
            "getBatchDeliveries",
            "Get the webhook delivery of a batch",
        )
    },
    Operation {
        parameters: &["limit", "cursor"],
        responses: &[("200", "BatchList")],
        errors: &["422"],
        ..Operation::get(
            "/api/v1/batches",
            "listBatches",
            "List the account's batches, newest first",
        )
    },
    Operation {
        parameters: &["idempotency", "traceparent"],
        body: Some("ScrapeRequest"),
        responses: &[("200", "Page"), ("202", "JobAccepted")],
        errors: &["402", "403", "404", "409", "504"],
        ..Operation::post("/api/v1/scrape", "scrape", "Scrape one page, at once or as a job")
    },
    Operation {
        body: Some("ScrapeRequest"),
        responses: &[("200", "Estimate")],
        ..Operation::post(
            "/api/v1/scrape/estimate",
            "estimate",
            "Price a page without submitting it",
        )
    },
    Operation {
        parameters: &["job"],
        responses: &[("200", "Job")],
        errors: &["404"],
        ..Operation::get("/api/v1/jobs/{id}", "getJob", "Get a job with its result")
    },
    Operation {
        parameters: &["job", "file"],
        responses: &[("200", "file")],
        errors: &["404"],
        ..Operation::get(
            "/api/v1/jobs/{id}/artifacts/{name}",
            "getArtifact",
            "Download a screenshot, a PDF of the page, or a picture that an action took",
        )
    },
    Operation {
        parameters: &["job", "unaddressed"],
        responses: &[("200", "Deliveries")],
        errors: &["404", "422"],
        ..Operation::get(
            "/api/v1/jobs/{id}/deliveries",
            "getJobDeliveries",
            "Get the webhook delivery of a job",
        )
    },
    Operation {
        parameters: &["limit", "cursor", "unaddressed"],
        responses: &[("200", "Deliveries")],
        errors: &["422"],
        ..Operation::get(
            "/api/v1/deliveries",
            "listDeliveries",
            "List the account's webhook deliveries, newest first",
        )
    },
    Operation {
        parameters: &["delivery"],
        responses: &[("202", "Delivery")],
        errors: &["404", "415"],
        ..Operation::post(
            "/api/v1/deliveries/{id}/redeliver",
            "redeliver",
            "Send a notification again",
        )
    },
];
