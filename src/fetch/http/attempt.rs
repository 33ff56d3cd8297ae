//! One attempt: the first request and the redirects after it.

use std::collections::HashSet;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;
use url::Url;

use crate::core::request::Method;
use crate::core::tier::Tier;
use crate::fetch::http::cookies::Jar;
use crate::fetch::http::headers::{Hop, build};
use crate::fetch::http::proxy::{ProxyKind, basic, percent_decoded};
use crate::fetch::http::{HttpLimits, Route, body, error};
use crate::ports::fetch::{FetchError, FetchErrorKind as Kind, FetchRequest, Fetched, Redirect};

/// Makes the attempt within its deadline.
pub(super) async fn run(
    limits: &HttpLimits,
    route: &Route,
    request: &FetchRequest,
) -> Result<Fetched, FetchError> {
    let deadline = request.deadline.min(limits.total);
    let attempt = async { Walk::start(limits, route, request)?.walk().await };
    timeout(deadline, attempt).await.unwrap_or_else(|_| {
        let message = format!("{} took longer than {} ms", request.url, deadline.as_millis());
        Err(FetchError::new(Kind::Timeout, message))
    })
}

/// Where an attempt is on its way from hop to hop.
struct Walk<'a> {
    limits: &'a HttpLimits,
    route: &'a Route,
    request: &'a FetchRequest,
    to: Url,
    from: Option<Url>,
    method: Method,
    with_body: bool,
    at_home: bool,
    authorization: Option<HeaderValue>,
    /// Tier 1 keeps no cookies, but sends those that the host gave.
    plain_jar: Jar,
    hops: Vec<Redirect>,
    seen: HashSet<String>,
}

impl<'a> Walk<'a> {
    fn start(
        limits: &'a HttpLimits,
        route: &'a Route,
        request: &'a FetchRequest,
    ) -> Result<Self, FetchError> {
        let url = Url::parse(request.url.as_str());
        let mut to = url.map_err(|_| invalid("the address cannot be parsed"))?;
        let authorization = take_userinfo(&mut to);
        to.set_fragment(None);
        let cookies = &request.options.advanced.cookies;
        let mut plain_jar = Jar::default();
        if request.tier == Tier::Curl {
            plain_jar.seed(cookies, &to);
        } else {
            request.scratch.with(|jar: &mut SeededJar| jar.seed_once(cookies, &to));
        }
        Ok(Self {
            limits,
            route,
            request,
            to,
            from: None,
            method: request.method,
            with_body: request.body.is_some(),
            at_home: true,
            authorization,
            plain_jar,
            hops: Vec::new(),
            seen: HashSet::new(),
        })
    }

    async fn walk(mut self) -> Result<Fetched, FetchError> {
        loop {
            let response = self.send().await?;
            let status = response.status().as_u16();
            if status == 407 && self.route.proxy.is_some() {
                return Err(FetchError::new(Kind::Proxy, "the proxy refused the credentials"));
            }
            let new_cookies = self.keep_cookies(response.headers());
            let sends_on = matches!(status, 301 | 302 | 303 | 307 | 308);
            if !sends_on || !response.headers().contains_key(LOCATION) {
                // A redirect that does not say where to is a response as any other.
                return self.finish(response).await;
            }
            let next = self.next_hop(response.headers())?;
            if new_cookies {
                // A page that sets a cookie and sends back to itself is no loop.
                self.seen.clear();
            }
            self.seen.insert(format!("{} {}", self.method, self.to));
            self.hops.push(Redirect { url: self.to.to_string(), status_code: status });
            body::drain(response.into_body()).await;
            self.follow(status, next)?;
        }
    }

    async fn send(&self) -> Result<Response<Incoming>, FetchError> {
        let hop = Hop {
            to: &self.to,
            from: self.from.as_ref(),
            at_home: self.at_home,
            with_body: self.with_body,
            cookies: self.with_jar(|jar| jar.header(&self.to)),
            authorization: self.authorization.as_ref(),
        };
        let mut headers = build(self.request, &hop);
        if self.to.scheme() == "http" {
            // Over a tunnel the proxy hears them with CONNECT, and the target must not.
            let http_proxy = self.route.proxy.as_ref().filter(|it| it.kind() == ProxyKind::Http);
            if let Some(value) = http_proxy.and_then(|it| it.authorization()) {
                headers.insert(PROXY_AUTHORIZATION, value);
            }
        }
        let body = self.request.body.as_ref().filter(|_| self.with_body);
        let body = body.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it));
        if body.is_empty() && !self.with_body {
            headers.remove(CONTENT_TYPE);
        }
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method(self.method);
        *request.uri_mut() = to_uri(&self.to)?;
        *request.headers_mut() = headers;
        match timeout(self.limits.first_byte, self.route.client.request(request)).await {
            Ok(answer) => answer.map_err(error::from_client),
            Err(_) => Err(FetchError::new(Kind::Timeout, "the response did not begin in time")),
        }
    }

    fn with_jar<R>(&self, work: impl FnOnce(&Jar) -> R) -> R {
        if self.request.tier == Tier::Curl {
            return work(&self.plain_jar);
        }
        self.request.scratch.with(|jar: &mut SeededJar| work(&jar.jar))
    }

    fn keep_cookies(&self, headers: &HeaderMap) -> bool {
        if self.request.tier == Tier::Curl {
            return false;
        }
        let mut any = false;
        self.request.scratch.with(|jar: &mut SeededJar| {
            for header in headers.get_all(SET_COOKIE) {
                any = true;
                jar.jar.keep(&String::from_utf8_lossy(header.as_bytes()), &self.to);
            }
        });
        any
    }

    fn next_hop(&self, headers: &HeaderMap) -> Result<Url, FetchError> {
        if self.hops.len() >= self.limits.max_redirects {
            let message = format!("more than {} redirects", self.limits.max_redirects);
            return Err(FetchError::new(Kind::Redirect, message));
        }
        let nowhere = || FetchError::new(Kind::Redirect, "a redirect leads nowhere");
        let location = headers.get(LOCATION).ok_or_else(nowhere)?;
        let location = String::from_utf8_lossy(location.as_bytes());
        let mut next = self.to.join(location.trim()).map_err(|_| nowhere())?;
        if !matches!(next.scheme(), "http" | "https") || next.host_str().is_none() {
            return Err(nowhere());
        }
        // Credentials in a link of a page are the page's, not the host's.
        take_userinfo(&mut next);
        next.set_fragment(None);
        Ok(next)
    }

    fn follow(&mut self, status: u16, next: Url) -> Result<(), FetchError> {
        let to_get = status == 303 || (matches!(status, 301 | 302) && self.method == Method::Post);
        if to_get {
            self.method = Method::Get;
            self.with_body = false;
        }
        // Once away, never back: a site could otherwise send its visitor home with a forged path.
        self.at_home &= next.origin() == self.to.origin();
        self.from = Some(std::mem::replace(&mut self.to, next));
        if self.seen.contains(&format!("{} {}", self.method, self.to)) {
            return Err(FetchError::new(Kind::Redirect, "the redirects lead in a circle"));
        }
        Ok(())
    }

    async fn finish(self, response: Response<Incoming>) -> Result<Fetched, FetchError> {
        let (head, incoming) = response.into_parts();
        let body = body::read(incoming, &head.headers, self.request.max_bytes).await?;
        let text = |it: &HeaderValue| String::from_utf8_lossy(it.as_bytes()).into_owned();
        Ok(Fetched {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(k, v)| (k.as_str().to_owned(), text(v))).collect(),
            body,
            final_url: self.to.to_string(),
            redirects: self.hops,
            own_proxy: self.route.own,
            proxied: self.route.proxy.is_some(),
            warnings: self.route.warnings.clone(),
        })
    }
}

/// The job's jar, and whether the host's cookies are already in it.
#[derive(Default)]
struct SeededJar {
    jar: Jar,
    seeded: bool,
}

impl SeededJar {
    /// Once a job: a later attempt must not undo what the site changed since.
    fn seed_once(&mut self, cookies: &[(String, String)], page: &Url) {
        if !self.seeded {
            self.jar.seed(cookies, page);
            self.seeded = true;
        }
    }
}

fn invalid(message: &str) -> FetchError {
    FetchError::new(Kind::InvalidUrl, message)
}

/// Removes the userinfo and returns it as the value of `Authorization`.
fn take_userinfo(url: &mut Url) -> Option<HeaderValue> {
    let found = !url.username().is_empty() || url.password().is_some();
    let user = percent_decoded(url.username());
    let password = percent_decoded(url.password().unwrap_or_default());
    // Only a URL without a host refuses these, and such a one has no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(basic(&user?, &password?)).filter(|_| found)
}

/// Some characters that a URL may hold are none to the client; they are sent percent-encoded.
pub(crate) fn to_uri(url: &Url) -> Result<Uri, FetchError> {
    if let Ok(uri) = url.as_str().parse() {
        return Ok(uri);
    }
    let mut text = String::with_capacity(url.as_str().len() + 16);
    for symbol in url.as_str().chars() {
        if matches!(symbol, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}') {
            // Every one of them is ASCII, so this is its only byte.
            let _ = write!(text, "%{:02X}", u32::from(symbol));
        } else {
            text.push(symbol);
        }
    }
    text.parse().map_err(|_| invalid("the address cannot be requested"))
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
