//! Crawls and maps.

use serde_json::{Value, json};

use crate::core::crawl::{CrawlRecord, StopReason};
use crate::core::credits::Credits;
use crate::core::id::CrawlId;
use crate::core::job::Job;
use crate::core::url::without_userinfo;
use crate::engine::{CrawlCancellation, SiteMap, StoredResult};
use crate::service::wire::response::batch::item_without_result;
use crate::service::wire::response::events::lines;

/// Serializes the response to the submission of a crawl.
pub(crate) fn crawl_accepted(crawl: &CrawlRecord, estimate: Credits) -> Value {
    json!({
        "crawl_id": crawl.id.to_string(),
        "url": crawl.template.page().as_str(),
        // Constant, so that submitting again with the same idempotency key returns the same body.
        "status": "discovering",
        "estimated_pages": crawl.rules.max_pages,
        "total_enqueued": 1,
        "estimated_credits": estimate,
        "message": "The crawl has begun: poll it, follow its stream, or wait for its webhook.",
        "created_at": crawl.created_at.to_string(),
    })
}

/// Serializes a crawl without its pages.
pub(crate) fn crawl_summary(crawl: &CrawlRecord) -> Value {
    let tally = crawl.tally;
    // The pages that were found and not submitted before an early end are not fetched any more.
    let total = if crawl.ended_at.is_some() { tally.total } else { crawl.admitted };
    json!({
        "crawl_id": crawl.id.to_string(),
        "url": crawl.template.page().as_str(),
        "status": crawl.status().as_str(),
        "total": total,
        "pages_total": total,
        "completed": tally.succeeded,
        "pages_scraped": tally.succeeded,
        "failed": tally.failed,
        "pending": total.saturating_sub(tally.succeeded).saturating_sub(tally.failed),
        "credits_used": crawl.charged,
        "credits_held": crawl.held,
        "stop_reason": crawl.stop.map(StopReason::as_str),
        "error": crawl_error(crawl),
        "discovery_warnings": crawl.warnings,
        "webhook_url": crawl.webhook.as_deref().map(without_userinfo),
        "created_at": crawl.created_at.to_string(),
        "completed_at": crawl.ended_at.map(|it| it.to_string()),
        "expires_at": crawl.expires_at.map(|it| it.to_string()),
    })
}

/// Returns the reason why a crawl ended early, for people.
fn crawl_error(crawl: &CrawlRecord) -> Option<&'static str> {
    crawl.ended_at?;
    Some(match crawl.stop? {
        StopReason::Canceled => "the crawl was canceled",
        StopReason::OutOfCredits => {
            "the credits did not cover another page: raise the limit or add credits"
        }
        StopReason::Robots => "robots.txt disallows the start page, or could not be fetched",
        StopReason::InternalError => "internal error: the log of the service has the cause",
        StopReason::NoSitemap => {
            "no sitemap that could be read names a page that the rules allow: see `discovery_warnings`, or set `sitemap` \
             to `include`"
        }
    })
}

/// Serializes the parts of a crawl's status around its pages, and around their short forms.
pub(crate) fn around_pages(crawl: &CrawlRecord) -> (String, &'static str, &'static str) {
    let mut head = crawl_summary(crawl).to_string();
    head.pop();
    head.push_str(r#","pages":["#);
    (head, r#"],"results":["#, "]}")
}

/// Serializes the short form of a page of a crawl.
pub(crate) fn page_result(job: &Job, result: &StoredResult<'_>) -> String {
    let title = match result {
        Some(Ok(page)) => page.parts().extracted.title,
        _ => None,
    };
    json!({
        "job_id": job.id.to_string(),
        "url": job.request.page().as_str(),
        "status": job.state.as_str(),
        "title": title,
        "depth": job.crawl.map(|it| it.depth),
    })
    .to_string()
}

/// Serializes the cancellation of a crawl.
pub(crate) fn crawl_cancelled(cancellation: &CrawlCancellation) -> Value {
    let crawl = &cancellation.crawl;
    json!({
        "crawl_id": crawl.id.to_string(),
        "status": "cancelled",
        "cancelled_jobs": cancellation.canceled_jobs,
        "credits_refunded": cancellation.released,
        "pages_scraped": crawl.tally.succeeded,
    })
}

/// Returns the lines of the event of a page that ended.
pub(crate) fn page_ended_lines(job: &Job) -> String {
    let name = if job.failure().is_some() { "page.failed" } else { "page.completed" };
    let mut data = item_without_result(job);
    data["depth"] = json!(job.crawl.map(|it| it.depth));
    lines(name, &data)
}

/// Returns the lines of the progress of a crawl, or of its end.
pub(crate) fn crawl_lines(crawl: &CrawlRecord) -> String {
    let name = if crawl.ended_at.is_some() { "crawl.completed" } else { "crawl.progress" };
    lines(name, &crawl_summary(crawl))
}

/// Serializes a map.
pub fn site_map(map: &SiteMap) -> Value {
    let urls = map.urls.iter().map(|it| {
        json!({
            "url": it.url,
            "source": it.source.as_str(),
            "depth": it.depth,
            "title": it.title,
            "description": it.description,
            "last_modified": it.last_modified,
            "relevance_score": it.relevance,
        })
    });
    json!({
        // A UUID, as those of crawls.
        "map_id": CrawlId::from_bytes(*map.id.as_bytes()).to_string(),
        "urls": urls.collect::<Vec<_>>(),
        "total_urls": map.urls.len(),
        "sitemap_found": map.sitemap_found,
        "robots_txt": { "exists": map.robots_exists, "disallowed_paths": map.disallowed_paths },
        "credits_used": map.charged,
        "discovery_warnings": map.warnings,
    })
}
