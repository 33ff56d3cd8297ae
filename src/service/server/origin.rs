//! Who may use a service that asks for no key: programs, and pages of its own, but no page of a site.
//!
//! A browser lets any page send requests to the machine that it runs on. A key is a header, which another
//! site's page cannot send; where none is needed, nothing else would stand in its way.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::service::server::options::Names;
use crate::service::server::problem::Problem;

/// Why such a request is refused, if it is.
pub(super) fn objection(headers: &HeaderMap, names: Names) -> Option<Problem> {
    let refused = |message: &str| Some(Problem::new(403, "CROSS_SITE_REQUEST", message));
    if headers.get("sec-fetch-site").is_some_and(|it| it == "cross-site") {
        return refused(
            "a page of another site made this request; where no key is needed, none may",
        );
    }
    if names == Names::ThisMachine && !names_this_machine(headers) {
        return refused(
            "where no key is needed, the service is called localhost or by its address; to give it another \
             name, give it a key",
        );
    }
    None
}

/// Whether the request was made to an address or to `localhost`. Any other name is a site's, which can
/// have it lead here and then counts as the same site.
fn names_this_machine(headers: &HeaderMap) -> bool {
    // Every browser sends it.
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

    fn refused(name: &'static str, value: &'static str, names: Names) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        objection(&headers, names).is_some()
    }

    #[test]
    fn only_a_browser_says_that_a_page_of_another_site_asks() {
        assert!(refused("sec-fetch-site", "cross-site", Names::Any));
        for site in ["same-origin", "same-site", "none"] {
            assert!(!refused("sec-fetch-site", site, Names::Any), "{site}");
        }
        assert!(objection(&HeaderMap::new(), Names::ThisMachine).is_none());
    }

    #[test]
    fn a_name_that_a_site_can_have_is_not_this_machines() {
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "rungs.localhost", "[::1]:8080"]
        {
            assert!(!refused("host", host, Names::ThisMachine), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com:8080", "notlocalhost", "[x]:80", ""] {
            assert!(refused("host", host, Names::ThisMachine), "{host}");
            assert!(!refused("host", host, Names::Any), "{host}");
        }
    }
}
