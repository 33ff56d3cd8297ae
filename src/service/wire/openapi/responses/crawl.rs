//! Schemas of crawls and maps.

use serde_json::{Value, json};

use super::batch::event_of;
use super::{SAMPLE_JOB, SAMPLE_TIME, SAMPLE_URL, credits_used, id};
use crate::core::crawl::StopReason;
use crate::core::job::JobState;
use crate::service::wire::openapi::schema::{
    Property, count, described, flag, list, number, or_null, properties, property, record,
    reference, text, timestamp, with_optional, word,
};

fn crawl_id() -> Property {
    property("crawl_id", id(), SAMPLE_JOB, "Id of the crawl.")
}

fn url() -> Property {
    property("url", text(), SAMPLE_URL, "URL of the start page.")
}

/// Returns the schema of the response to a submission.
pub(super) fn accepted() -> Value {
    let schema = record(vec![
        crawl_id(),
        url(),
        property(
            "status",
            json!({ "const": "discovering" }),
            "discovering",
            "Always `discovering`: a submission does not wait for its pages.",
        ),
        property("estimated_pages", count(), 50, "Most pages of the crawl."),
        property(
            "total_enqueued",
            count(),
            1,
            "Number of pages that are known, which is the start page.",
        ),
        property(
            "estimated_credits",
            count(),
            200_000,
            "Most credits that the crawl can cost. They are held batch by batch.",
        ),
        property("message", text(), "The crawl has begun.", "Explanation for people."),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of the submission."),
    ]);
    described(schema, "The crawl was accepted.")
}

/// Returns the schema of a crawl's status.
pub(super) fn status() -> Value {
    let schema = record(vec![
        crawl_id(),
        url(),
        property(
            "status",
            word(["discovering", "running", "completed", "partial", "failed", "cancelled"]),
            "running",
            "`discovering` until the sitemaps are read, and `running` until every page has ended. Then `cancelled` if it \
             was, `failed` if no page succeeded, `completed` if all did, and `partial` otherwise.",
        ),
        property("total", count(), 20, "Pages found; once the crawl has ended, pages submitted."),
        property("pages_total", count(), 20, "Copy of `total`, which some clients read."),
        property("completed", count(), 12, "Number of pages that succeeded."),
        property("pages_scraped", count(), 12, "Copy of `completed`, which some clients read."),
        property("failed", count(), 1, "Number of pages that failed."),
        property("pending", count(), 7, "Number of pages that have not ended."),
        credits_used("Credits charged so far."),
        property("credits_held", count(), 4_000, "Credits held for pages that have not ended."),
        property(
            "stop_reason",
            or_null(word(StopReason::ALL.map(StopReason::as_str))),
            Value::Null,
            "Reason why no more pages are fetched; null if there is none.",
        ),
        property(
            "error",
            or_null(text()),
            Value::Null,
            "Explanation of an early end; null without one.",
        ),
        property("discovery_warnings", list(text()), json!([]), "Sitemaps that could not be read."),
        property(
            "webhook_url",
            or_null(text()),
            "https://example.com/hook",
            "URL that receives the crawl's notification; null if there is none.",
        ),
        property("created_at", timestamp(), SAMPLE_TIME, "Time of the submission."),
        property(
            "completed_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time of the end; null before.",
        ),
        property(
            "expires_at",
            or_null(timestamp()),
            SAMPLE_TIME,
            "Time after which the crawl may be deleted with its pages; null before its end.",
        ),
    ]);
    let asked = properties(vec![
        property(
            "pages",
            list(reference("BatchItem")),
            json!([]),
            "The pages with their results, in the order in which they were found. Absent without `include_results`.",
        ),
        property(
            "results",
            list(reference("CrawlResult")),
            json!([]),
            "Short forms of the pages, in the same order. Absent without `include_results`.",
        ),
    ]);
    described(with_optional(schema, asked), "A crawl.")
}

/// Returns the schema of the short form of a page.
pub(super) fn result() -> Value {
    let schema = record(vec![
        property("job_id", id(), SAMPLE_JOB, "Id of the page's job."),
        property("url", text(), SAMPLE_URL, "URL of the page."),
        property(
            "status",
            word(JobState::ALL.map(JobState::as_str)),
            "succeeded",
            "State of the job.",
        ),
        property("title", or_null(text()), "Bread", "Title of the page; null if there is none."),
        property("depth", or_null(count()), 1, "Number of links from the start page."),
    ]);
    described(schema, "A page of a crawl, in short.")
}

/// Returns the schema of the response to a cancellation.
pub(super) fn cancelled() -> Value {
    let schema = record(vec![
        crawl_id(),
        property("status", json!({ "const": "cancelled" }), "cancelled", "Always `cancelled`."),
        property("cancelled_jobs", count(), 5, "Number of jobs that this request canceled."),
        property("credits_refunded", count(), 20_000, "Credits that this request released."),
        property("pages_scraped", count(), 12, "Number of pages that had succeeded."),
    ]);
    described(schema, "The crawl was canceled.")
}

/// Returns the schema of a map.
pub(super) fn site_map() -> Value {
    let robots = record(vec![
        property("exists", flag(), true, "`true` if the site has the file."),
        property("disallowed_paths", list(text()), json!(["/admin"]), "Paths that it disallows."),
    ]);
    let schema = record(vec![
        property("map_id", id(), SAMPLE_JOB, "Id of the map."),
        property("urls", list(reference("MappedUrl")), json!([]), "The URLs, each once."),
        property("total_urls", count(), 0, "Number of URLs."),
        property("sitemap_found", flag(), true, "`true` if the site has a sitemap that was read."),
        property(
            "robots_txt",
            robots,
            json!({ "exists": true, "disallowed_paths": ["/admin"] }),
            "The site's robots.txt.",
        ),
        credits_used("Credits charged."),
        property(
            "discovery_warnings",
            list(text()),
            json!([]),
            "Sitemaps and pages that could not be read.",
        ),
    ]);
    described(schema, "The URLs of a site.")
}

/// Returns the schema of a URL of a map.
pub(super) fn mapped_url() -> Value {
    let schema = record(vec![
        property("url", text(), SAMPLE_URL, "The canonical URL."),
        property(
            "source",
            word(["sitemap", "link"]),
            "link",
            "Place where the URL was found first.",
        ),
        property(
            "depth",
            count(),
            1,
            "Number of links from the start page; 1 for a URL of a sitemap.",
        ),
        property("title", or_null(text()), "Bread", "Title; null if the page was not read."),
        property(
            "description",
            or_null(text()),
            Value::Null,
            "Description; null if the page was not read.",
        ),
        property(
            "last_modified",
            or_null(text()),
            "2026-11-01",
            "Date of the last change, as the sitemap writes it; null if it names none.",
        ),
        property(
            "relevance_score",
            or_null(number()),
            0.9,
            "Relevance for the search, from 0 to 1; null without a search.",
        ),
    ]);
    described(schema, "A URL of a site.")
}

/// Returns the schema of a server-sent event of a crawl.
pub(super) fn event() -> Value {
    event_of(
        property(
            "event",
            word(["page.completed", "page.failed", "crawl.progress", "crawl.completed"]),
            "page.completed",
            "Name of the event. Of these, the ends of pages and of the crawl are never lost.",
        ),
        "JSON. For the end of a page it is a `BatchItem` without its page and with its depth, otherwise a `CrawlStatus` \
         without its pages.",
        "A server-sent event of a crawl.",
    )
}
