//! Protection of a service without API keys from the websites that its user visits.
//!
//! A browser lets any page send requests to the machine it runs on. An API key is a header that another site's page
//! cannot send. Without keys, only these checks protect the service from such a page.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::service::server::options::AllowedHosts;
use crate::service::wire::{self, Problem};

/// Refuses a request that a browser made for another site's page, and one with a host name that is not allowed.
pub(super) fn check(headers: &HeaderMap, hosts: AllowedHosts) -> Result<(), Problem> {
    if headers.get("sec-fetch-site").is_some_and(|it| it == "cross-site") {
        return Err(wire::cross_site(
            "requests from pages of other sites are refused: require an API key to allow them",
        ));
    }
    if hosts == AllowedHosts::LocalhostOrIp && !names_localhost_or_ip(headers) {
        return Err(wire::cross_site(
            "a service without API keys accepts only `localhost` and IP addresses as host names: require an API key \
             to serve other names",
        ));
    }
    Ok(())
}

/// Returns `true` if the request's host is an address or `localhost`. A website controls any other name.
fn names_localhost_or_ip(headers: &HeaderMap) -> bool {
    // Every browser sends the header, so a request without it does not come from one.
    let Some(host) = headers.get(HOST) else { return true };
    let host = host.to_str().unwrap_or_default().to_ascii_lowercase();
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.split(']').next().unwrap_or_default();
        return literal.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.split(':').next().unwrap_or_default();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn refused(name: &'static str, value: &'static str, hosts: AllowedHosts) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        check(&headers, hosts).is_err()
    }

    #[test]
    fn a_cross_site_request_is_refused() {
        assert!(refused("sec-fetch-site", "cross-site", AllowedHosts::Any));
        for site in ["same-origin", "same-site", "none"] {
            assert!(!refused("sec-fetch-site", site, AllowedHosts::Any), "{site}");
        }
        assert!(check(&HeaderMap::new(), AllowedHosts::LocalhostOrIp).is_ok());
    }

    #[test]
    fn a_host_name_other_than_localhost_is_refused() {
        let only = AllowedHosts::LocalhostOrIp;
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "rungs.localhost", "[::1]:8080"]
        {
            assert!(!refused("host", host, only), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com:8080", "notlocalhost", "[x]:80", ""] {
            assert!(refused("host", host, only), "{host}");
            assert!(!refused("host", host, AllowedHosts::Any), "{host}");
        }
    }
}
