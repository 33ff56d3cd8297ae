//! Checks of every [`BrowserFetcher`].

use std::sync::Arc;

use super::shared::{self, attempt, must_say, page};
use super::sites::Raw;
use super::{ends, request};
use crate::core::request::{Item, Limits, RenderJs};
use crate::core::tier::Tier;
use crate::ports::fetch::{BrowserFetcher, FetchErrorKind as Kind, FetchRequest, Rendered};
use crate::testkit::kit::{breach, must, must_eq};
use crate::testkit::site::{Site, SiteResponse};

/// A fetcher as the engine holds it.
pub type AnyBrowserFetcher = Arc<dyn BrowserFetcher>;

/// Calls a macro with every check's name; for the macros of this kit.
#[doc(hidden)]
#[macro_export]
macro_rules! each_browser_check {
    ($then:path, $($arg:tt)*) => {
        $then! { ($($arg)*) [
            a_page_is_rendered
            a_script_has_run
            an_error_status_is_a_response
            redirects_are_followed_and_returned
            the_headers_are_those_of_the_page_in_lower_case
            the_items_headers_reach_the_site
            jobs_do_not_share_cookies
            artifacts_are_made_only_on_request
            a_screenshot_is_a_png
            a_printed_page_is_a_pdf
            a_page_over_the_limit_is_refused
            a_site_that_never_answers_ends_at_the_deadline
            a_zero_deadline_is_a_timeout
            a_dropped_attempt_closes_its_connection
            a_closed_connection_is_an_error
            a_closed_port_is_an_error
            errors_name_neither_userinfo_nor_query
            concurrent_attempts_get_their_own_pages
            an_attempt_that_hangs_blocks_no_other
            a_failure_does_not_affect_the_next_attempt
        ] }
    };
}

crate::each_browser_check!(super::table, BrowserFetcher);

/// A plain page is returned with its text, status and URL, after one navigation.
pub async fn a_page_is_rendered(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|_| shared::saying("hello"));

    let page = page(&fetcher, &site.url("/a?b=c")).await;

    must_say(&page, "It says hello.", "the rendered page");
    must_eq!(
        (page.status, page.final_url),
        (200, site.url("/a?b=c")),
        "the status and the final URL of the page"
    );
    must_eq!(page.redirects, [], "the redirects of a page without any");
    must_eq!(site.hits_on("/a?b=c"), 1, "the number of requests for the page");
}

/// The body is the document after its scripts ran. The expected text is not in the source.
pub async fn a_script_has_run(fetcher: AnyBrowserFetcher) {
    // The codes of "rendered here".
    let script = "document.write(String.fromCharCode(\
                  114,101,110,100,101,114,101,100,32,104,101,114,101))";
    let site = Site::start(move |_| {
        SiteResponse::html(format!("<!DOCTYPE html><p>It was <script>{script}</script>.</p>"))
    });

    let page = page(&fetcher, &site.url("/")).await;

    must_say(&page, "rendered here", "the page, whose script writes words,");
}

/// An error status is returned with its page, after one navigation: the engine judges it.
pub async fn an_error_status_is_a_response(fetcher: AnyBrowserFetcher) {
    shared::error_statuses_are_responses(&fetcher).await;
}

/// Five redirects are followed, each once, and returned with their statuses. The headers are those of the last response.
pub async fn redirects_are_followed_and_returned(fetcher: AnyBrowserFetcher) {
    shared::redirects_are_returned(&fetcher).await;
}

/// The headers are those of the main document, not of its subresources.
pub async fn the_headers_are_those_of_the_page_in_lower_case(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|request| match request.path.as_str() {
        "/" => {
            SiteResponse::html("<!DOCTYPE html><link rel=stylesheet href=/style.css><p>It is.</p>")
                .header("X-PAGE", "Yes")
        }
        _ => SiteResponse::status(200).header("x-style", "yes"),
    });

    let page = page(&fetcher, &site.url("/")).await;

    let headers = &page.headers;
    must!(
        headers.contains(&("x-page".to_owned(), "Yes".to_owned())),
        "the headers of the page were {headers:?}",
        "contain `x-page: Yes`"
    );
    must!(
        !headers.iter().any(|it| it.0 == "x-style"),
        "the headers of the page were {headers:?}",
        "be those of the document, not of what it loads"
    );
    let lower = page.headers.iter().all(|it| it.0 == it.0.to_ascii_lowercase());
    must!(lower, "the headers of the page were {headers:?}", "have names in lower case");
}

/// The headers of the request take precedence over the browser's own.
pub async fn the_items_headers_reach_the_site(fetcher: AnyBrowserFetcher) {
    shared::the_items_headers_are_sent(&fetcher).await;
}

/// A job never sends the cookies of another.
pub async fn jobs_do_not_share_cookies(fetcher: AnyBrowserFetcher) {
    shared::jobs_are_kept_apart(&fetcher).await;
}

async fn rendered(
    fetcher: &AnyBrowserFetcher,
    url: &str,
    with: impl FnOnce(&mut Item),
) -> Rendered {
    let mut item = Item::get(url);
    item.advanced.render_js = RenderJs::Yes;
    with(&mut item);
    let options = Arc::new(item.check(&Limits::default()).expect("a valid item"));
    let ask = FetchRequest { options, ..request(url, Tier::Browser) };
    let done = ends(ask.deadline, "an attempt", fetcher.render(ask)).await;
    done.unwrap_or_else(|error| breach!("the fetcher failed with `{error}`", "render the page"))
}

/// Screenshots and PDFs are made only on request, because they cost time and memory.
pub async fn artifacts_are_made_only_on_request(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|_| shared::saying("hello"));

    let done = rendered(&fetcher, &site.url("/"), |_| ()).await;

    must_eq!(
        (done.screenshot, done.pdf),
        (None, None),
        "a screenshot and a PDF that nobody asked for"
    );
    must!(
        done.actions.is_empty(),
        "the fetcher reported actions that nobody asked for",
        "report none"
    );
}

/// And only that.
pub async fn a_screenshot_is_a_png(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|_| shared::saying("hello"));

    let done = rendered(&fetcher, &site.url("/"), |it| it.advanced.screenshot = true).await;

    must!(
        done.screenshot.is_some_and(|it| it.starts_with(b"\x89PNG\r\n\x1a\n")),
        "the fetcher returned no PNG for `screenshot`",
        "return one"
    );
    must_eq!(done.pdf, None, "a PDF that nobody asked for");
}

/// And only that.
pub async fn a_printed_page_is_a_pdf(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|_| shared::saying("hello"));

    let done = rendered(&fetcher, &site.url("/"), |it| it.advanced.generate_pdf = true).await;

    must!(
        done.pdf.is_some_and(|it| it.starts_with(b"%PDF-")),
        "the fetcher returned no PDF for `generate_pdf`",
        "return one"
    );
    must_eq!(done.screenshot, None, "a screenshot that nobody asked for");
}

/// The size limit applies to the rendered document.
pub async fn a_page_over_the_limit_is_refused(fetcher: AnyBrowserFetcher) {
    let site = Site::start(|_| shared::saying(&"words ".repeat(40_000)));
    let ask = request(&site.url("/"), Tier::Browser);

    let result = attempt(&fetcher, FetchRequest { max_bytes: 50_000, ..ask }).await;

    shared::assert_kind(result, Kind::TooLarge);
}

/// A site that accepts the connection and sends nothing ends the attempt at its deadline.
pub async fn a_site_that_never_answers_ends_at_the_deadline(fetcher: AnyBrowserFetcher) {
    shared::a_silent_site_is_a_timeout(&fetcher).await;
}

/// A zero deadline is a timeout: the job's time may be used up.
pub async fn a_zero_deadline_is_a_timeout(fetcher: AnyBrowserFetcher) {
    shared::a_deadline_of_zero_is_a_timeout(&fetcher).await;
}

/// Dropping an attempt closes its page.
pub async fn a_dropped_attempt_closes_its_connection(fetcher: AnyBrowserFetcher) {
    shared::dropping_closes(&fetcher, b"").await;
}

/// A broken connection is an error. The browser's own error page is not a response.
pub async fn a_closed_connection_is_an_error(fetcher: AnyBrowserFetcher) {
    let site = Raw::says("");

    let result = shared::get(&fetcher, &site.url("/")).await;

    shared::assert_kind(result, Kind::Broken);
}

/// A closed port is an error.
pub async fn a_closed_port_is_an_error(fetcher: AnyBrowserFetcher) {
    shared::a_closed_port_is_no_connection(&fetcher).await;
}

/// Error messages are logged and returned to clients, so they must not contain secrets.
pub async fn errors_name_neither_userinfo_nor_query(fetcher: AnyBrowserFetcher) {
    shared::secrets_stay_out_of_errors(&fetcher).await;
}

/// Eight attempts at the same time each return their own page, after one navigation.
pub async fn concurrent_attempts_get_their_own_pages(fetcher: AnyBrowserFetcher) {
    shared::attempts_are_kept_apart(fetcher, 8).await;
}

/// An attempt that hangs does not block another.
pub async fn an_attempt_that_hangs_blocks_no_other(fetcher: AnyBrowserFetcher) {
    shared::a_hanging_one_is_alone(fetcher).await;
}

/// A failed attempt does not affect the next.
pub async fn a_failure_does_not_affect_the_next_attempt(fetcher: AnyBrowserFetcher) {
    shared::failures_do_not_affect_the_next_attempt(&fetcher).await;
}
