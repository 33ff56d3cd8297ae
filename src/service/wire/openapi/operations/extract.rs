//! Extractions from documents in the body.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        parameters: &["idempotency"],
        body: Some("ExtractRequest"),
        responses: &[("200", "Extracted")],
        errors: &["402", "404", "409"],
        ..Operation::post("/api/v1/extract", "extract", "Extract from a document in the body")
    },
    Operation {
        parameters: &["chars", "prompted"],
        responses: &[("200", "ExtractEstimate")],
        errors: &["422"],
        ..Operation::get(
            "/api/v1/extract/estimate",
            "estimateExtraction",
            "Price an extraction without making it",
        )
    },
    Operation {
        parameters: &["page", "pageSize", "from", "to"],
        responses: &[("200", "ExtractUsage")],
        errors: &["422"],
        ..Operation::get(
            "/api/v1/extract/usage",
            "listExtractions",
            "List the account's extractions, newest first",
        )
    },
    Operation {
        parameters: &["hours", "days"],
        responses: &[("200", "ExtractUsageSummary")],
        errors: &["422"],
        ..Operation::get(
            "/api/v1/extract/usage/summary",
            "sumExtractions",
            "Sum up the account's extractions",
        )
    },
];
