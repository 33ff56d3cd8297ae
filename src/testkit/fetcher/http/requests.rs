//! Requests: a fetcher sends what the request contains, once, and nothing of another job.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::AnyHttpFetcher;
use crate::core::request::Method;
use crate::core::tier::Tier;
use crate::ports::fetch::FetchRequest;
use crate::testkit::fetcher::request;
use crate::testkit::fetcher::shared::{self, Pages, attempt, page, text};
use crate::testkit::fetcher::sites::closing_after_one;
use crate::testkit::kit::{MustSucceed, must, must_eq};
use crate::testkit::site::{RawSite, Site, SiteResponse};

/// Every method is sent, with a body if it may have one.
pub async fn the_method_and_the_body_reach_the_site(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        SiteResponse::html(format!("{} {body}", request.method))
    });

    for method in Method::ALL {
        let body =
            (*method != Method::Get).then(|| format!("{{\"by\":\"{method}\"}}").into_bytes());
        let sent = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).into_owned();
        let ask = request(&site.url("/"), fetcher.tier());
        let ask = FetchRequest { method: *method, body, ..ask };

        let page = attempt(&fetcher, ask).await.must_succeed("an attempt at a page that responds");

        must_eq!(
            text(&page),
            format!("{method} {sent}"),
            "the method and the body that the site received"
        );
    }
    must_eq!(site.hits(), Method::ALL.len(), "the number of requests for one attempt per method");
}

/// The request target is sent unchanged.
pub async fn the_request_target_is_sent_unchanged(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| SiteResponse::html(request.path.clone()));

    for target in ["/a%2Fb/c", "/?x=1&y=%20&x=2", "/p;v=1?q=a+b", "/%D0%BA?%D0%BA=%E2%82%AC", "/?"]
    {
        let page = page(&fetcher, &site.url(target)).await;
        must_eq!(text(&page), target, "the target that the site received");
        must_eq!(page.final_url, site.url(target), "the final URL");
    }
}

/// The headers of the request take precedence over the fetcher's own.
pub async fn the_items_headers_reach_the_site(fetcher: AnyHttpFetcher) {
    shared::the_items_headers_are_sent(&fetcher).await;
}

/// A request on a kept connection that breaks is not sent again: it may have had its effect, such as an order.
pub async fn a_post_over_a_kept_connection_is_sent_once(fetcher: AnyHttpFetcher) {
    /// Attempts until a connection is used again; a fetcher that keeps none never does so.
    const MOST: usize = 20;
    let (posts, reuses) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&posts), Arc::clone(&reuses));
    let site = RawSite::start(move |mut stream| {
        // It closes, whatever came.
        let _ = closing_after_one(&mut stream, &counts.0, &counts.1);
    });
    let mut attempts = 0;

    while attempts < MOST && reuses.load(Ordering::SeqCst) == 0 {
        attempts += 1;
        let post = FetchRequest {
            method: Method::Post,
            body: Some(b"order".to_vec()),
            ..request(&site.url("/"), fetcher.tier())
        };
        // The one over the kept connection breaks.
        attempt(&fetcher, post).await.ok();
    }

    must_eq!(posts.load(Ordering::SeqCst), attempts, "the number of posts that the site received");
}

/// Cookies are kept in the job's scratch, so that jobs do not share them.
pub async fn jobs_do_not_share_cookies(fetcher: AnyHttpFetcher) {
    shared::jobs_are_kept_apart(&fetcher).await;
}

/// The reported tiers are distinct, do not include tier 4, and are all served.
pub async fn every_reported_tier_is_served(fetcher: AnyHttpFetcher) {
    let site = Site::start(|_| SiteResponse::html("<p>here</p>"));
    let mut tiers = fetcher.tiers();
    must!(!tiers.is_empty(), "the fetcher names no tier", "name the tiers that it serves");

    for tier in &tiers {
        must!(
            *tier != Tier::Browser,
            "an HTTP fetcher names tier 4",
            "leave tier 4 to a BrowserFetcher"
        );
        let page = attempt(&fetcher, request(&site.url("/"), *tier)).await;
        must_eq!(page.map(|it| it.status).ok(), Some(200), "the status of an attempt on {tier:?}");
    }

    let named = tiers.len();
    tiers.sort_unstable();
    tiers.dedup();
    must_eq!(tiers.len(), named, "the number of distinct tiers that the fetcher names");
}

/// 64 attempts at the same time each return their own page, after one request.
pub async fn concurrent_attempts_get_their_own_responses(fetcher: AnyHttpFetcher) {
    shared::attempts_are_kept_apart(fetcher, 64).await;
}

/// An attempt that hangs does not block another.
pub async fn an_attempt_that_hangs_blocks_no_other(fetcher: AnyHttpFetcher) {
    shared::a_hanging_one_is_alone(fetcher).await;
}

/// A failed attempt does not affect the next.
pub async fn a_failure_does_not_affect_the_next_attempt(fetcher: AnyHttpFetcher) {
    shared::failures_do_not_affect_the_next_attempt(&fetcher).await;
}

/// Error messages are logged and returned to clients, so they must not contain secrets.
pub async fn errors_name_neither_userinfo_nor_query(fetcher: AnyHttpFetcher) {
    shared::secrets_stay_out_of_errors(&fetcher).await;
}
