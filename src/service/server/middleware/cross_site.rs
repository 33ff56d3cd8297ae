//! Protection of a service without API keys from the websites that its user visits.
//!
//! A browser lets any page send requests to the machine it runs on. An API key is a header that another site's page
//! cannot send. Without keys, only these checks protect the service from such a page.
//!
//! No check suffices alone: Chromium omits `Sec-Fetch-Site` for addresses such as `0.0.0.0`, browsers omit `Origin` in
//! some reads, and a page may choose the media type of what it sends.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};
use hyper::body::Body as _;
use url::Url;

use crate::service::server::options::AllowedHosts;
use crate::service::wire::{self, Problem};

/// Refuses a request that a browser made for another site's page, one that a form of such a page could make, and one
/// with a host name that is not allowed.
pub(in crate::service::server) fn check(
    request: &Request,
    hosts: AllowedHosts,
) -> Result<(), Problem> {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let named = named_hosts(request);
    if headers.get_all("sec-fetch-site").iter().any(|it| is_foreign(it.as_bytes(), reads)) {
        return Err(wire::cross_site(
            "requests from pages of other sites are refused: require an API key to allow them",
        ));
    }
    if hosts == AllowedHosts::LocalhostOrIp && !named.iter().all(|it| is_localhost_or_ip(it)) {
        return Err(wire::cross_site(
            "a service without API keys accepts only `localhost` and IP addresses as host names: require an API key \
             to serve other names",
        ));
    }
    let is_own = |origin: &str| {
        !named.is_empty() && named.iter().all(|host| is_same_address(origin, host, hosts))
    };
    if !headers.get_all(ORIGIN).iter().all(|it| it.to_str().is_ok_and(is_own)) {
        return Err(wire::cross_site(
            "the header `Origin` differs from the address in `Host`: require an API key to allow requests from pages \
             of other sites",
        ));
    }
    if !reads && !has_json_or_no_body(headers, request.body().is_end_stream()) {
        return Err(wire::unsupported_body(
            "a service without API keys accepts only JSON bodies: send `Content-Type: application/json`",
        ));
    }
    Ok(())
}

/// Returns the hosts that the request names. Every browser sends one, so a request without it does not come from one.
fn named_hosts(request: &Request) -> Vec<&str> {
    let headers = request.headers().get_all(HOST).iter();
    let in_headers = headers.map(|it| it.to_str().unwrap_or_default());
    in_headers.chain(request.uri().authority().map(Authority::as_str)).collect()
}

/// Returns `true` if this value of `Sec-Fetch-Site` stands for another site's page.
///
/// Another port of the same host is `same-site`. Its pages may link to this service and must not change anything in it.
fn is_foreign(sec_fetch_site: &[u8], reads: bool) -> bool {
    match sec_fetch_site {
        b"same-origin" | b"none" => false,
        b"same-site" => !reads,
        _ => true,
    }
}

/// Returns `true` if the host is an address or `localhost`. A website controls any other name.
fn is_localhost_or_ip(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.split(']').next().unwrap_or_default();
        return literal.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<Ipv4Addr>().is_ok()
}

/// Returns `true` if scheme, host and port of `origin` are those under which the client reached `host`.
fn is_same_address(origin: &str, host: &str, hosts: AllowedHosts) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // The service itself speaks plain HTTP. An application that allows every name may have TLS in front.
    let is_known = scheme == "http" || scheme == "https" && hosts == AllowedHosts::Any;
    // Parsing normalizes letter case, default ports and notations of addresses.
    let parsed = |authority: &str| {
        let is_bare = authority.bytes().all(|it| it.is_ascii_graphic() && !b"/\\?#@".contains(&it));
        is_bare.then(|| Url::parse(&format!("{scheme}://{authority}")).ok()).flatten()
    };
    let (Some(origin), Some(host)) = (parsed(authority), parsed(host)) else { return false };
    is_known && origin.origin() == host.origin()
}

/// Returns `true` unless the body could be that of a form, whose types need no permission of the service.
fn has_json_or_no_body(headers: &HeaderMap, is_empty: bool) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter().peekable();
    if types.peek().is_none() {
        return is_empty;
    }
    types.all(|it| {
        let text = it.to_str().unwrap_or_default().to_ascii_lowercase();
        let essence = text.split(';').next().unwrap_or_default().trim();
        let subtype = essence.strip_prefix("application/").unwrap_or_default();
        subtype == "json" || subtype.ends_with("+json") && !subtype.contains(',')
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;

    use super::*;

    const ONLY: AllowedHosts = AllowedHosts::LocalhostOrIp;
    const JSON: (&str, &str) = ("content-type", "application/json");

    /// Checks a request and returns the status of its refusal.
    fn refused(method: &str, headers: &[(&str, &str)], hosts: AllowedHosts) -> Option<u16> {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if method == "GET" { "" } else { "{}" };
        let request = request.body(Body::from(body)).expect("a request");
        check(&request, hosts).err().map(|it| it.status)
    }

    const FORBIDDEN: Option<u16> = Some(StatusCode::FORBIDDEN.as_u16());
    const UNSUPPORTED: Option<u16> = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16());

    #[test]
    fn a_cross_site_request_is_refused() {
        for hosts in [AllowedHosts::Any, ONLY] {
            for (site, read, write) in [
                ("same-origin", None, None),
                ("none", None, None),
                ("same-site", None, FORBIDDEN),
                ("cross-site", FORBIDDEN, FORBIDDEN),
            ] {
                let site = ("sec-fetch-site", site);
                assert_eq!(refused("GET", &[site], hosts), read, "{site:?}");
                assert_eq!(refused("POST", &[site, JSON], hosts), write, "{site:?}");
            }
            assert_eq!(refused("POST", &[JSON], hosts), None);
        }
    }

    #[test]
    fn a_host_name_other_than_localhost_is_refused() {
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "rungs.localhost", "[::1]:8080"]
        {
            assert_eq!(refused("GET", &[("host", host)], ONLY), None, "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com:8080", "notlocalhost", "[x]:80", ""] {
            assert_eq!(refused("GET", &[("host", host)], ONLY), FORBIDDEN, "{host}");
            assert_eq!(refused("GET", &[("host", host)], AllowedHosts::Any), None, "{host}");
        }
        let two = [("host", "localhost"), ("host", "example.com")];
        assert_eq!(refused("GET", &two, ONLY), FORBIDDEN);
    }

    #[test]
    fn an_origin_is_accepted_if_it_is_the_host() {
        for (origin, host) in [
            ("http://localhost:8080", "localhost:8080"),
            ("http://localhost:8080", "LOCALHOST:8080"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("http://[::ffff:7f00:1]:8080", "[::ffff:127.0.0.1]:8080"),
        ] {
            for method in ["GET", "POST"] {
                let headers = [("origin", origin), ("host", host), JSON];
                assert_eq!(refused(method, &headers, ONLY), None, "{origin} {host}");
            }
        }
        for (origin, host) in [
            ("http://localhost:3000", "localhost:8080"),
            ("http://127.0.0.1:8080", "localhost:8080"),
            ("http://example.com", "0.0.0.0:8080"),
            ("http://example.com:8080", "[::ffff:127.0.0.1]:8080"),
            ("https://localhost", "localhost"),
            ("file://", "localhost:8080"),
            ("null", "localhost:8080"),
            ("", "localhost:8080"),
            ("http://x@localhost:8080", "localhost:8080"),
            ("http://localhost:8080/", "localhost:8080"),
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let headers = [("origin", origin), ("host", host), JSON];
                assert_eq!(refused(method, &headers, ONLY), FORBIDDEN, "{origin} {host}");
            }
        }
        assert_eq!(refused("POST", &[("origin", "http://localhost"), JSON], ONLY), FORBIDDEN);
        let own = ("origin", "http://localhost");
        let two = [own, ("origin", "http://example.com"), ("host", "localhost"), JSON];
        assert_eq!(refused("POST", &two, ONLY), FORBIDDEN);
    }

    #[test]
    fn an_origin_behind_tls_is_accepted_where_every_host_is() {
        let ours = [("origin", "https://app.example"), ("host", "app.example"), JSON];
        let other = [("origin", "https://app.example:8443"), ("host", "app.example"), JSON];

        assert_eq!(refused("POST", &ours, AllowedHosts::Any), None);
        assert_eq!(refused("POST", &other, AllowedHosts::Any), FORBIDDEN);
    }

    #[test]
    fn a_body_is_accepted_if_it_is_json() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/a+json"] {
            assert_eq!(refused("POST", &[("content-type", json)], ONLY), None, "{json}");
        }
        for other in [
            "text/plain",
            "text/plain; application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=a",
            "text/plain, application/a+json",
            "json",
            "",
        ] {
            let headers = [("content-type", other)];
            assert_eq!(refused("POST", &headers, ONLY), UNSUPPORTED, "{other}");
        }
        assert_eq!(refused("POST", &[], ONLY), UNSUPPORTED);
        let bare = Request::delete("/").body(Body::empty()).expect("a request");
        assert_eq!(check(&bare, ONLY), Ok(()));
    }
}
