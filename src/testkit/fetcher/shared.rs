//! Checks that are shared by HTTP fetchers and browsers.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::sites::{Raw, SignalingSite, hang};
use super::{AMPLE, PATIENCE, SHORT, ends, request};
use crate::core::tier::Tier;
use crate::ports::BoxFuture;
use crate::ports::fetch::{
    BrowserFetcher, FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, HttpFetcher,
    Redirect,
};
use crate::testkit::kit::{MustBeThere, MustSucceed, breach, must, must_eq, shown};
use crate::testkit::site::{Site, SiteResponse};

/// One attempt at a page, by any kind of fetcher.
pub(super) trait Pages: Send + Sync + 'static {
    fn tier(&self) -> Tier;

    fn attempt(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>>;
}

impl Pages for Arc<dyn HttpFetcher> {
    fn tier(&self) -> Tier {
        *self.tiers().first().must_be_there("a tier that the fetcher serves")
    }

    fn attempt(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.fetch(request)
    }
}

impl Pages for Arc<dyn BrowserFetcher> {
    fn tier(&self) -> Tier {
        Tier::Browser
    }

    fn attempt(&self, request: FetchRequest) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        Box::pin(async move { Ok(self.render(request).await?.page) })
    }
}

/// Makes one attempt, which must end.
pub(super) async fn attempt(
    fetcher: &impl Pages,
    request: FetchRequest,
) -> Result<Fetched, FetchError> {
    let what = format!("an attempt with a deadline of {} ms", request.deadline.as_millis());
    ends(request.deadline, &what, fetcher.attempt(request)).await
}

/// Makes one plain attempt.
pub(super) async fn get(fetcher: &impl Pages, url: &str) -> Result<Fetched, FetchError> {
    attempt(fetcher, request(url, fetcher.tier())).await
}

/// Makes one plain attempt, which must return a response.
pub(super) async fn page(fetcher: &impl Pages, url: &str) -> Fetched {
    get(fetcher, url).await.unwrap_or_else(|error| {
        let kind = error.kind();
        breach!("the fetcher failed with `{error}` ({kind:?})", "return the response")
    })
}

/// Checks that the text of a page, which `what` names, contains `words`.
#[track_caller]
pub(super) fn must_say(page: &Fetched, words: &str, what: &str) {
    let text = text(page);
    must!(text.contains(words), "{what} was `{text}`", "contain `{words}`");
}

pub(super) fn text(page: &Fetched) -> String {
    String::from_utf8_lossy(&page.body).into_owned()
}

/// Checks that an attempt failed with `expected`.
#[track_caller]
pub(super) fn assert_kind<T: std::fmt::Debug>(result: Result<T, FetchError>, expected: Kind) {
    match result {
        Err(error) if error.kind() == expected => {}
        Err(error) => {
            let kind = error.kind();
            breach!("the attempt failed with {kind:?} (`{error}`)", "fail with {expected:?}")
        }
        Ok(answer) => {
            let answer = shown(&answer);
            breach!("the attempt returned {answer}", "fail with {expected:?}")
        }
    }
}

/// Returns a page that contains `word`.
pub(super) fn saying(word: &str) -> SiteResponse {
    SiteResponse::html(format!("<!DOCTYPE html><title>A page</title><p>It says {word}.</p>"))
}

pub(super) async fn error_statuses_are_responses(fetcher: &impl Pages) {
    let site = Site::start(|request| {
        let status = request.path[1..].parse().unwrap_or(200);
        SiteResponse::status(status).body("<p>It says no.</p>").header("content-type", "text/html")
    });

    for status in [400, 401, 403, 404, 410, 429, 500, 502, 503] {
        let page = page(fetcher, &site.url(&format!("/{status}"))).await;

        must_eq!(page.status, status, "the status of a page");
        must!(
            text(&page).contains("It says no."),
            "the fetcher dropped the page of a {status}",
            "return its body"
        );
        must_eq!(
            site.hits_on(&format!("/{status}")),
            1,
            "the number of requests for a page with status {status}"
        );
    }
}

pub(super) async fn redirects_are_returned(fetcher: &impl Pages) {
    let hops = [("/1", 301), ("/2", 302), ("/3?x=1", 303), ("/4", 307), ("/5", 308)];
    let site = Site::start(move |request| {
        let at = hops.iter().position(|it| it.0 == request.path);
        match at.map(|it| (hops[it].1, hops.get(it + 1).map_or("/end", |it| it.0))) {
            // Each leads on by another form of address.
            Some((307, to)) => SiteResponse::redirect(307, to.trim_start_matches('/')),
            Some((status, to)) => SiteResponse::redirect(status, to).header("x-hop", "yes"),
            None => saying("there").header("x-end", "yes"),
        }
    });

    let page = page(fetcher, &site.url("/1")).await;

    must_eq!(
        (page.status, page.final_url.as_str()),
        (200, site.url("/end").as_str()),
        "the status and the URL after five redirects"
    );
    let told = hops.map(|(path, status_code)| Redirect { url: site.url(path), status_code });
    must_eq!(page.redirects, told, "the redirects");
    must_say(&page, "It says there.", "the page after five redirects");
    let names: Vec<_> = page.headers.iter().map(|it| it.0.as_str()).collect();
    must!(
        names.contains(&"x-end") && !names.contains(&"x-hop"),
        "the headers after five redirects were {names:?}",
        "be those of the last response"
    );
    for (path, _) in hops {
        must_eq!(site.hits_on(path), 1, "the number of requests for {path}");
    }
}

pub(super) async fn a_silent_site_is_a_timeout(fetcher: &impl Pages) {
    let site = Raw::start(hang);
    let ask = request(&site.url("/"), fetcher.tier());

    let result = attempt(fetcher, FetchRequest { deadline: SHORT, ..ask }).await;

    assert_kind(result, Kind::Timeout);
}

pub(super) async fn a_deadline_of_zero_is_a_timeout(fetcher: &impl Pages) {
    let site = Raw::start(hang);
    let ask = request(&site.url("/"), fetcher.tier());

    let result = attempt(fetcher, FetchRequest { deadline: Duration::ZERO, ..ask }).await;

    assert_kind(result, Kind::Timeout);
}

/// Drops the attempt once the site has its request, and waits for the connection to close.
pub(super) async fn dropping_closes(fetcher: &impl Pages, begin: &'static [u8]) {
    let mut site = SignalingSite::hanging_after(begin);
    let mut attempt = fetcher.attempt(request(&site.url("/"), fetcher.tier()));
    tokio::select! {
        result = &mut attempt => breach!("an attempt at a silent site ended with {result:?}", "wait until it is dropped or its deadline passes"),
        it = ends(AMPLE, "the request", site.arrived.recv()) => it.must_be_there("the request"),
    }

    drop(attempt);

    ends(Duration::ZERO, "the connection of a dropped attempt", site.closed.recv()).await;
}

pub(super) async fn a_closed_connection_is_broken(fetcher: &impl Pages) {
    let site = Raw::says("");

    let result = get(fetcher, &site.url("/")).await;

    assert_kind(result, Kind::Broken);
    must_eq!(site.requests(), 1, "the number of requests to a site that hangs up");
}

pub(super) async fn a_closed_port_is_no_connection(fetcher: &impl Pages) {
    let url = Raw::says("").url("/");

    assert_kind(get(fetcher, &url).await, Kind::Connect);
}

/// Causes errors of every kind, with secrets in the URL.
pub(super) async fn secrets_stay_out_of_errors(fetcher: &impl Pages) {
    let secret = |url: &str| {
        let url = url.replace("http://", "http://secretuser:secretword@");
        format!("{url}?token=secrettoken")
    };
    let silent = Raw::start(hang);
    let broken = Raw::says("");
    let large = Raw::says(format!("HTTP/1.1 200 OK\r\n\r\n<p>{}", "x".repeat(2_000_000)));
    let closed = Raw::says("").url("/");

    for url in [silent.url("/"), broken.url("/"), large.url("/"), closed] {
        let ask = request(&secret(&url), fetcher.tier());
        let error = attempt(fetcher, FetchRequest { deadline: SHORT * 5, ..ask }).await;
        let error = error.err().unwrap_or_else(|| {
            breach!(
                "the fetcher returned a response for {url}, which gives none",
                "return an error"
            )
        });
        let said = format!("{error} {error:?}");
        must!(
            !said.contains("secret"),
            "the error reads `{said}`",
            "contain neither user info nor query"
        );
    }
}

pub(super) async fn the_items_headers_are_sent(fetcher: &impl Pages) {
    let site = Site::start(|request| {
        let seen = ["x-api-key", "user-agent"].map(|it| request.header(it).unwrap_or("none"));
        saying(&seen.join(" and "))
    });
    let headers = [("X-Api-Key", "k-1"), ("User-Agent", "a host of its own")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let ask = request(&site.url("/"), fetcher.tier());

    let page = attempt(fetcher, FetchRequest { headers, ..ask })
        .await
        .must_succeed("an attempt at a page that responds");

    must_say(&page, "k-1 and a host of its own", "the list of headers that the site received");
}

pub(super) async fn jobs_are_kept_apart(fetcher: &impl Pages) {
    let site = Site::start(|request| {
        let seen = request.header("cookie").unwrap_or("nothing").to_owned();
        saying(&seen).header("set-cookie", "visit=first; Path=/")
    });
    let first = page(fetcher, &site.url("/")).await;

    let other = page(fetcher, &site.url("/")).await;

    must_say(&first, "It says nothing.", "the list of cookies in the first request of a job");
    must_say(&other, "It says nothing.", "the list of cookies in the request of another job");
}

pub(super) async fn attempts_are_kept_apart<F: Pages + Clone>(fetcher: F, many: usize) {
    let site = Site::start(|request| saying(&request.path.replace('/', "number ")));
    let mut attempts = JoinSet::new();
    for number in 1..=many {
        let (fetcher, url) = (fetcher.clone(), site.url(&format!("/{number}")));
        attempts.spawn(async move { (number, page(&fetcher, &url).await) });
    }

    for (number, page) in attempts.join_all().await {
        must_say(
            &page,
            &format!("It says number {number}."),
            "the page of an attempt beside others",
        );
        must_eq!(
            page.final_url,
            site.url(&format!("/{number}")),
            "the final URL of an attempt beside others"
        );
        must_eq!(
            site.hits_on(&format!("/{number}")),
            1,
            "the number of requests for one of the pages"
        );
    }
}

/// One attempt hangs; the next must not wait for it.
pub(super) async fn a_hanging_one_is_alone<F: Pages + Clone>(fetcher: F) {
    let mut silent = SignalingSite::hanging_after(b"");
    let site = Site::start(|_| saying("here"));
    let (hanging, url) = (fetcher.clone(), silent.url("/"));
    let hanging = tokio::spawn(async move {
        let ask = request(&url, hanging.tier());
        hanging.attempt(FetchRequest { deadline: AMPLE * 10, ..ask }).await.is_ok()
    });
    ends(AMPLE, "the request", silent.arrived.recv()).await;

    // Sooner than any limit of the fetcher's own could end the one that hangs.
    let ask = FetchRequest { deadline: PATIENCE, ..request(&site.url("/"), fetcher.tier()) };
    let page = attempt(&fetcher, ask).await.must_succeed("an attempt at a page that responds");

    must_say(&page, "It says here.", "the page fetched beside a hanging attempt");
    hanging.abort();
}

/// Timeouts, broken connections and dropped attempts do not affect the next attempt.
pub(super) async fn failures_do_not_affect_the_next_attempt(fetcher: &impl Pages) {
    let silent = Raw::start(hang);
    let broken = Raw::says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    let site = Site::start(|_| saying("here"));
    for _ in 0..3 {
        let ask = request(&silent.url("/"), fetcher.tier());
        let late = attempt(fetcher, FetchRequest { deadline: SHORT / 4, ..ask }).await;
        assert_kind(late, Kind::Timeout);
        get(fetcher, &broken.url("/")).await.err();
        dropping_closes(fetcher, b"").await;
    }

    let page = page(fetcher, &site.url("/")).await;

    must_say(&page, "It says here.", "the page fetched after failures");
}
