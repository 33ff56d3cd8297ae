//! Crawls and maps.

use super::Operation;

pub(super) const OPERATIONS: [Operation; 6] = [
    Operation {
        parameters: &["idempotency", "traceparent"],
        body: Some("CrawlRequest"),
        responses: &[("202", "CrawlAccepted")],
        errors: &["402", "409"],
        ..Operation::post("/api/v1/crawl", "submitCrawl", "Fetch the pages of a site")
    },
    Operation {
        parameters: &["crawl", "pages"],
        responses: &[("200", "CrawlStatus")],
        errors: &["404", "422"],
        ..Operation::get("/api/v1/crawl/{id}", "getCrawl", "Get a crawl, with its pages on request")
    },
    Operation {
        method: "delete",
        parameters: &["crawl"],
        responses: &[("200", "CrawlCancelled")],
        errors: &["404", "409", "415"],
        ..Operation::get("/api/v1/crawl/{id}", "cancelCrawl", "Cancel a crawl")
    },
    Operation {
        parameters: &["crawl", "last"],
        responses: &[("200", "crawl_events"), ("204", "")],
        errors: &["404"],
        ..Operation::get(
            "/api/v1/crawl/{id}/stream",
            "streamCrawl",
            "Follow a crawl as server-sent events",
        )
    },
    Operation {
        parameters: &["crawl", "unaddressed"],
        responses: &[("200", "Deliveries")],
        errors: &["404", "422"],
        ..Operation::get(
            "/api/v1/crawl/{id}/deliveries",
            "getCrawlDeliveries",
            "Get the webhook delivery of a crawl",
        )
    },
    Operation {
        body: Some("MapRequest"),
        responses: &[("200", "SiteMap")],
        errors: &["402"],
        ..Operation::post("/api/v1/map", "mapSite", "List the URLs of a site")
    },
];
