//! Requests on behalf of a page for another URL: the target of a refresh, images, and the pages of a crawl.

use url::Url;

use crate::core::request::{Item, JobRequest, Limits, ValidationError};
use crate::core::time::Timestamp;
use crate::core::url::PageUrl;
use crate::core::verdict::{Response, Verdict, judge};
use crate::engine::pace::Health;
use crate::engine::page_host;
use crate::engine::shared::Shared;
use crate::ports::fetch::{FetchError, FetchErrorKind, Fetched};

/// Returns the options of a `GET` request for `url` on behalf of `page`: the job's proxy and, if `url` is on the
/// page's own site, its headers and cookies. No other site may receive those.
pub(super) fn options(
    page: &JobRequest,
    url: &str,
    limits: &Limits,
) -> Result<JobRequest, FetchError> {
    let refused = |source: Box<dyn std::error::Error + Send + Sync>| {
        let message = "its URL cannot be fetched";
        FetchError::new(FetchErrorKind::InvalidUrl, message).with_source(source)
    };
    let mut item = Item::get(url);
    item.max_response_bytes = page.max_response_bytes();
    item.location = page.location().clone();
    let (from, to) = (page.advanced(), &mut item.advanced);
    to.use_proxy = from.use_proxy;
    to.use_own_proxy = from.use_own_proxy;
    to.proxy_integration_id.clone_from(&from.proxy_integration_id);
    to.proxy_country.clone_from(&from.proxy_country);
    let target = PageUrl::parse(url).map_err(|error| refused(error.into()))?;
    page_host::check(&target).map_err(|error| refused(error.into()))?;
    if is_same_site(page.page(), &target) {
        to.cookies.clone_from(&from.cookies);
        to.session_headers.clone_from(&from.session_headers);
        item.headers = page.headers().to_vec();
    }
    item.check(limits).map_err(|error| refused(error.into()))
}

/// Learns from the response to a request that is no attempt of a job: the load of its site, and the pause that it asks for.
/// Call it while the permit is held, or another request could start before the pause is known.
pub(super) fn observe(
    shared: &Shared,
    site: &str,
    fetched: Result<&Fetched, &FetchError>,
    started_at: Timestamp,
) {
    let permits = &shared.scheduling.permits;
    let status = fetched.map(|it| it.status).map_err(FetchError::kind);
    permits.observe(site, Health::of(status), started_at);
    let Some(page) = fetched.ok().filter(|it| it.status >= 400) else { return };
    let judgment = judge(&Response::new(page.status, &page.headers, &page.body));
    if let Verdict::Transient { retry_after: Some(wait) } = judgment.verdict {
        shared.pause_site(site, wait);
    }
}

/// Returns `true` if the two URLs have the same scheme, host and port.
fn is_same_site(one: &PageUrl, other: &PageUrl) -> bool {
    one.site() == other.site() && one.is_https() == other.is_https()
}

/// Returns the request of a crawl for another URL than that of its template. On another site it has no headers, no cookies and
/// no session. The limits of this engine do not count: the template was within those of the engine that accepted the crawl.
pub(super) fn for_crawl(template: &JobRequest, url: &str) -> Result<JobRequest, ValidationError> {
    let mut item = Item { url: url.to_owned(), ..template.item().clone() };
    if !PageUrl::parse(url).is_ok_and(|it| is_same_site(template.page(), &it)) {
        item.headers.clear();
        item.advanced.cookies.clear();
        item.advanced.session_headers.clear();
        item.advanced.session_id = None;
    }
    let request = JobRequest::try_from(item)?;
    page_host::check(request.page()).map_err(|it| ValidationError::new("url", it.to_string()))?;
    Ok(request)
}

/// Resolves `target` against the URL of the page that names it. Returns `None` if it leads to the page itself or
/// to something that is no page.
pub(super) fn resolve(base: &str, target: &str) -> Option<String> {
    let mut base = Url::parse(base).ok()?;
    let mut url = base.join(target).ok()?;
    base.set_fragment(None);
    url.set_fragment(None);
    (matches!(url.scheme(), "http" | "https") && url != base).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_resolved_unless_it_is_the_page_itself() {
        let resolved = |target| resolve("http://a/b/c?d#e", target);

        assert_eq!(resolved("../f").as_deref(), Some("http://a/f"));
        assert_eq!(resolved("//g/").as_deref(), Some("http://g/"));
        for nowhere in ["#h", "?d", "javascript:void(0)", "http://"] {
            assert_eq!(resolved(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn another_site_receives_neither_headers_nor_cookies() {
        let mut item = Item::get("http://a/").header("Authorization", "secret");
        item.advanced.cookies = vec![("s".to_owned(), "1".to_owned())];
        let page = item.check(&Limits::default()).expect("valid");
        let sent = |url| {
            let options = options(&page, url, &Limits::default()).expect("valid");
            (options.headers().len(), options.advanced().cookies.len())
        };

        assert_eq!(sent("http://a/next"), (1, 1));
        assert_eq!(sent("http://b/"), (0, 0));
        assert_eq!(sent("https://a/"), (0, 0));

        let of_crawl = |url| {
            let request = for_crawl(&page, url).expect("valid");
            assert_eq!(request.page().as_str(), url);
            (request.headers().len(), request.advanced().cookies.len())
        };
        assert_eq!(of_crawl("http://a/next"), (1, 1));
        for other in ["http://b/", "https://a/", "http://x.a/", "http://a:81/"] {
            assert_eq!(of_crawl(other), (0, 0), "{other}");
        }
    }
}
