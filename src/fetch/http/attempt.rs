//! One attempt: the first request and the redirects after it.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION, SET_COOKIE};
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, percent_encode, utf8_percent_encode};
use tokio::time::timeout;
use url::Url;

use crate::core::request::Method;
use crate::core::tier::Tier;
use crate::core::time::{Timestamp, millis};
use crate::fetch::header_rules::without_target;
use crate::fetch::http::cookies::CookieJar;
use crate::fetch::http::headers::{Hop, build};
use crate::fetch::http::{Http, body};
use crate::net::error::{find, request_error};
use crate::net::proxy::{
    ProxyScheme, ProxyUrl, basic_authorization, percent_decoded, proxy_refusal,
};
use crate::net::{DialError, Route, RouteVia, StaleConnection};
use crate::ports::fetch::{
    AttemptSession, FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, Redirect,
};

/// The ASCII characters that a [`Url`] may contain and a [`Uri`] may not.
const NOT_IN_A_URI: &AsciiSet = &AsciiSet::EMPTY
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The headers of a signature.
const SIGNATURE_HEADERS: [&str; 3] = ["signature-agent", "signature-input", "signature"];

/// The number of times that one address may redirect in the same state, which is the cookies that are sent to it.
/// Some sites keep that state by the visitor's address, so a second visit is not a loop yet.
const MAX_SAME_VISITS: usize = 10;

/// The most proxies of the pool that one request is sent through if they fail.
const MAX_PROXIES: usize = 3;

/// Makes the attempt within its deadline.
pub(super) async fn run(http: &Http, request: &FetchRequest) -> Result<Fetched, FetchError> {
    let deadline = request.deadline.min(http.limits.total_timeout);
    let attempt = async { Attempt::start(http, request)?.run().await };
    timeout(deadline, attempt).await.unwrap_or_else(|_| {
        let message = format!("{} took longer than {} ms", request.url, deadline.as_millis());
        Err(FetchError::new(Kind::Timeout, message))
    })
}

/// The state of an attempt from hop to hop.
struct Attempt<'a> {
    http: &'a Http,
    route: Route,
    failed_proxies: Vec<RouteVia>,
    request: &'a FetchRequest,
    /// The URL of the current hop.
    url: Url,
    /// The URL that redirected to `url`.
    from: Option<Url>,
    method: Method,
    with_body: bool,
    /// `false` once a redirect has left the origin that the caller named.
    same_origin: bool,
    authorization: Option<HeaderValue>,
    /// The cookies of tier 1, which keeps a site's for this attempt only.
    curl_jar: CookieJar,
    hops: Vec<Redirect>,
    /// Counts the visits that redirected, by method, URL and cookies.
    visits: HashMap<(Method, String, Option<String>), usize>,
}

impl<'a> Attempt<'a> {
    fn start(http: &'a Http, request: &'a FetchRequest) -> Result<Self, FetchError> {
        let route = http.clients.policy().route(request)?;
        let url = Url::parse(request.url.as_str());
        let mut url = url.map_err(|why| invalid("the URL is malformed").with_source(why))?;
        let authorization = take_userinfo(&mut url);
        url.set_fragment(None);
        let cookies = &request.options.advanced().cookies;
        let mut curl_jar = SeededJar::default();
        let seed = |jar: &mut SeededJar| {
            jar.seed_once(cookies, &url);
            jar.seed_session_once(request.session.as_ref());
        };
        if request.tier == Tier::Curl {
            seed(&mut curl_jar);
        } else {
            request.scratch.with(seed);
        }
        let curl_jar = curl_jar.jar;
        Ok(Self {
            http,
            failed_proxies: vec![route.via],
            route,
            request,
            url,
            from: None,
            method: request.method,
            with_body: request.body.is_some(),
            same_origin: true,
            authorization,
            curl_jar,
            hops: Vec::new(),
            visits: HashMap::new(),
        })
    }

    async fn run(mut self) -> Result<Fetched, FetchError> {
        loop {
            let response = self.send().await?;
            let status = response.status().as_u16();
            if self.route.is_proxied()
                && let Some(message) = proxy_refusal(response.status(), response.headers())
            {
                return Err(FetchError::new(Kind::Proxy, message));
            }
            let Some(target) = redirect_target(&response) else {
                self.keep_cookies(response.headers());
                return self.finish(response).await;
            };
            let next = self.next_hop(&target)?;
            if let Some(check) = &self.request.redirect_check {
                check.check(next.as_str()).await?;
            }
            self.count_visit()?;
            self.keep_cookies(response.headers());
            self.hops.push(Redirect { url: self.url.to_string(), status_code: status });
            body::drain(response.into_body()).await;
            self.follow(status, next);
        }
    }

    fn proxy(&self) -> Option<&ProxyUrl> {
        self.http.clients.policy().proxy(self.route.via).map(AsRef::as_ref)
    }

    /// Sends the request of this hop. A request that certainly had no effect is sent again: over a fresh connection if
    /// a reused one was closed, and through another proxy if one failed.
    async fn send(&mut self) -> Result<Response<Incoming>, FetchError> {
        let mut sent = self.send_once(false).await;
        let is_repeatable = self.method == Method::Get && !self.with_body;
        if is_repeatable && sent.as_ref().is_err_and(|it| find::<StaleConnection>(it).is_some()) {
            tracing::debug!("a reused connection was closed: requesting again over a fresh one");
            sent = self.send_once(true).await;
        }
        for _ in 1..MAX_PROXIES {
            let failed = sent
                .as_ref()
                .is_err_and(|it| find::<DialError>(it).is_some_and(DialError::is_of_proxy));
            let next = if failed { self.other_proxy() } else { None };
            let Some(next) = next else { break };
            tracing::debug!("a proxy failed: using another of the pool");
            self.route.via = next;
            self.failed_proxies.push(next);
            sent = self.send_once(false).await;
        }
        sent
    }

    /// Returns a proxy that the job may use and that has not failed in this attempt.
    fn other_proxy(&self) -> Option<RouteVia> {
        let candidates = self.http.clients.policy().candidates(self.request);
        candidates.into_iter().find(|it| *it != self.route.via && !self.failed_proxies.contains(it))
    }

    async fn send_once(&self, fresh: bool) -> Result<Response<Incoming>, FetchError> {
        let clients = &self.http.clients;
        let client = if fresh {
            clients.fresh_client(self.route.via)
        } else {
            clients.client(self.route.via)
        };
        let limit = self.http.limits.first_byte_timeout;
        if let Ok(response) = timeout(limit, client.request(self.build_request()?)).await {
            response.map_err(request_error)
        } else {
            let message = format!("the response did not start within {} ms", limit.as_millis());
            Err(FetchError::new(Kind::Timeout, message))
        }
    }

    fn build_request(&self) -> Result<http::Request<Full<Bytes>>, FetchError> {
        let hop = Hop {
            to: &self.url,
            from: self.from.as_ref(),
            same_origin: self.same_origin,
            with_body: self.with_body,
            cookies: self.cookies(),
            authorization: self.authorization.as_ref(),
        };
        let mut headers = build(self.request, &hop, &self.http.user_agent);
        if self.url.scheme() == "http" {
            // For a tunnel they are sent with CONNECT, and the target must not see them.
            let http_proxy = self.proxy().filter(|it| it.scheme() == ProxyScheme::Http);
            if let Some(value) = http_proxy.and_then(ProxyUrl::authorization) {
                headers.insert(PROXY_AUTHORIZATION, value);
            }
        }
        self.sign(&mut headers);
        let body = self.request.body.as_ref().filter(|_| self.with_body);
        let body = body.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it));
        if body.is_empty() && !self.with_body {
            headers.remove(CONTENT_TYPE);
        }
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method(self.method);
        *request.uri_mut() = to_uri(&self.url)?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Signs this hop for the authority that it is sent to. An item's own signature is kept.
    fn sign(&self, headers: &mut HeaderMap) {
        let Some(identity) = &self.http.bot_auth else { return };
        if SIGNATURE_HEADERS.iter().any(|it| headers.contains_key(*it)) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let signed = identity.sign(&self.url, Timestamp::from_millis(millis(now)));
        for (name, value) in signed.into_iter().flatten() {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    fn with_jar<R>(&self, work: impl FnOnce(&CookieJar) -> R) -> R {
        if self.request.tier == Tier::Curl {
            return work(&self.curl_jar);
        }
        self.request.scratch.with(|jar: &mut SeededJar| work(&jar.jar))
    }

    /// Returns the `Cookie` header of this hop: the caller's, without the cookies that the site has replaced, and
    /// the jar's.
    fn cookies(&self) -> Option<String> {
        let headers = self.request.headers.iter().filter(|_| self.same_origin);
        let given = headers.filter(|(name, _)| name.eq_ignore_ascii_case(COOKIE.as_str()));
        let given: Vec<&str> = given.map(|(_, value)| value.as_str()).collect();
        self.with_jar(|jar| {
            let given = jar.without_replaced(&given.join("; "));
            let all: Vec<String> = given.into_iter().chain(jar.header(&self.url)).collect();
            (!all.is_empty()).then(|| all.join("; "))
        })
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        let keep = |jar: &mut CookieJar| {
            for header in headers.get_all(SET_COOKIE) {
                let change = jar.keep(&String::from_utf8_lossy(header.as_bytes()), &self.url);
                if let (Some(session), Some(change)) = (&self.request.session, change) {
                    session.report(change);
                }
            }
        };
        if self.request.tier == Tier::Curl {
            keep(&mut self.curl_jar);
        } else {
            self.request.scratch.with(|jar: &mut SeededJar| keep(&mut jar.jar));
        }
    }

    /// Counts a visit that redirected.
    ///
    /// # Errors
    ///
    /// `Redirect` if this URL has redirected too often in the same state.
    fn count_visit(&mut self) -> Result<(), FetchError> {
        let visit = (self.method, self.url.to_string(), self.cookies());
        let count = self.visits.entry(visit).or_default();
        *count += 1;
        if *count >= MAX_SAME_VISITS {
            let message =
                format!("the redirects form a loop: one address redirected {count} times");
            return Err(FetchError::new(Kind::Redirect, message));
        }
        Ok(())
    }

    fn next_hop(&self, target: &str) -> Result<Url, FetchError> {
        let most = self.http.limits.max_redirects;
        if self.hops.len() >= most {
            let is_loop = self.visits.values().any(|it| *it > 1);
            let message = if is_loop {
                format!("the redirects form a loop: {most} were followed")
            } else {
                format!("more than {most} redirects")
            };
            return Err(FetchError::new(Kind::Redirect, message));
        }
        let invalid_target =
            || FetchError::new(Kind::Redirect, "a redirect's target is not an http or https URL");
        let joined = self.url.join(target);
        let mut next = joined.map_err(|why| invalid_target().with_source(why))?;
        if !matches!(next.scheme(), "http" | "https") || next.host_str().is_none() {
            return Err(invalid_target());
        }
        // Credentials in a page's link are the page's, not the caller's.
        take_userinfo(&mut next);
        next.set_fragment(None);
        Ok(next)
    }

    fn follow(&mut self, status: u16, next: Url) {
        let to_get = status == 303 || (matches!(status, 301 | 302) && self.method == Method::Post);
        if to_get {
            self.method = Method::Get;
            self.with_body = false;
        }
        // It never becomes `true` again: a site could otherwise send its visitor back with a forged
        // path.
        self.same_origin &= next.origin() == self.url.origin();
        self.from = Some(std::mem::replace(&mut self.url, next));
    }

    async fn finish(mut self, response: Response<Incoming>) -> Result<Fetched, FetchError> {
        let (head, incoming) = response.into_parts();
        let status = head.status.as_u16();
        let mut warnings = std::mem::take(&mut self.route.warnings);
        if is_redirect(status) {
            // A redirect without a target is a response like any other.
            warnings.push(without_target(status));
        }
        let body = body::read(&head, incoming, self.request).await?;
        warnings.extend(body.warnings);
        let text = |it: &HeaderValue| String::from_utf8_lossy(it.as_bytes()).into_owned();
        Ok(Fetched {
            status,
            headers: head.headers.iter().map(|(k, v)| (k.as_str().to_owned(), text(v))).collect(),
            body: body.bytes,
            final_url: self.url.to_string(),
            redirects: self.hops,
            own_proxy: self.route.is_own(),
            proxied: self.route.is_proxied(),
            warnings,
            cost: None,
            truncation: body.truncation,
        })
    }
}

/// The job's cookie jar.
#[derive(Default)]
struct SeededJar {
    jar: CookieJar,
    /// The caller's cookies are already in the jar.
    seeded: bool,
    /// The cookies of the job's session are already in the jar.
    has_session: bool,
}

impl SeededJar {
    /// Adds the caller's cookies once per job: a later attempt must not undo what the site changed
    /// since.
    fn seed_once(&mut self, cookies: &[(String, String)], page: &Url) {
        if !self.seeded {
            self.jar.seed(cookies, page);
            self.seeded = true;
        }
    }

    /// Adds the cookies of the stored session once per job.
    fn seed_session_once(&mut self, session: Option<&AttemptSession>) {
        if let Some(session) = session.filter(|_| !self.has_session) {
            self.jar.seed_session(session.state(), session.domain().host());
            self.has_session = true;
        }
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Returns the target of a redirect. An empty target counts as none, as in browsers.
///
/// Bytes beyond ASCII are percent-encoded as they are, so that a site gets back the encoding that it wrote.
fn redirect_target(response: &Response<Incoming>) -> Option<String> {
    let location = response.headers().get(LOCATION)?;
    let target = percent_encode(location.as_bytes().trim_ascii(), &AsciiSet::EMPTY).to_string();
    (is_redirect(response.status().as_u16()) && !target.is_empty()).then_some(target)
}

fn invalid(message: &str) -> FetchError {
    FetchError::new(Kind::InvalidUrl, message)
}

/// Removes the userinfo and returns it as the value of `Authorization`.
fn take_userinfo(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = percent_decoded(url.username());
    let password = percent_decoded(url.password().unwrap_or_default());
    // Only a URL without a host refuses these, and such a URL has no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(basic_authorization(&user?, &password?))
}

/// Converts a URL for the client. Some characters that a URL may contain are not valid in a `Uri`;
/// they are percent-encoded.
fn to_uri(url: &Url) -> Result<Uri, FetchError> {
    if let Ok(uri) = url.as_str().parse() {
        return Ok(uri);
    }
    let encoded = utf8_percent_encode(url.as_str(), NOT_IN_A_URI).to_string();
    encoded
        .parse()
        .map_err(|why: InvalidUri| invalid("the URL cannot be requested").with_source(why))
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}
