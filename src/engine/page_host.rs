//! Compares the host that [`PageUrl`] sees with the host that the `url` crate sees.
//!
//! Pacing, robots.txt and proxies use the former, connections the latter. If they differed, a URL could be
//! paced as one host and fetched from another.

use url::{Host, Url};

use crate::core::url::PageUrl;

/// The most characters of a host in an error message.
const MAX_SHOWN_CHARS: usize = 100;

/// A URL that the `url` crate cannot parse, or in which it sees another host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HostError {
    #[error("the URL is malformed ({0}): check its host and port")]
    Malformed(#[from] url::ParseError),
    #[error("the URL has no host: write it as https://host/path")]
    NoHost,
    #[error("the host `{written}` is ambiguous: write it as `{read}`")]
    Differs { written: String, read: String },
}

/// Checks that both parsers see the same host.
///
/// Upper case, international names in Unicode or in ASCII, and every notation of an IPv6 address
/// are accepted. A host that is percent-encoded, mapped to other characters (such as full-width
/// dots) or an IPv4 address in any notation but four decimal numbers is not.
pub(super) fn check(page: &PageUrl) -> Result<(), HostError> {
    let url = Url::parse(page.as_str())?;
    let read = url.host().ok_or(HostError::NoHost)?;
    let written = page.host();
    if is_same(&written, &read) {
        return Ok(());
    }
    Err(HostError::Differs { written: shortened(&written), read: shortened(&read.to_string()) })
}

fn is_same(written: &str, read: &Host<&str>) -> bool {
    match read {
        Host::Ipv4(address) => written.parse() == Ok(*address),
        Host::Ipv6(address) => {
            let bare = written.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            bare.is_some_and(|it| it.parse() == Ok(*address))
        }
        Host::Domain(name) => {
            // Character by character, as IDNA does it: `str::to_lowercase` treats a final sigma
            // differently.
            let lower: String = written.chars().flat_map(char::to_lowercase).collect();
            lower == *name || lower == idna::domain_to_unicode(name).0
        }
    }
}

fn shortened(host: &str) -> String {
    host.chars().take(MAX_SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), HostError> {
        check(&PageUrl::parse(text).expect(text))
    }

    #[test]
    fn ordinary_hosts_are_accepted_in_every_spelling() {
        for text in [
            "http://example.com/",
            "HTTP://EXAMPLE.Com:80/a?b#c",
            "http://example.com./",
            "http://user:pass@example.com/",
            "http://other.test@example.com/",
            "http://example.com\\@other.test/",
            "http://example.com?@other.test/",
            "http://bücher.example/",
            "http://BÜCHER.example/",
            "http://xn--bcher-kva.example/",
            "http://XN--BCHER-KVA.example/",
            "http://straße.example/",
            "http://ΣΊΣΥΦΟΣ.example/",
            "http://例え.テスト/",
            "http://a_b.example/",
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::FFFF:127.0.0.1]/",
        ] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_host_that_the_parsers_read_differently_is_refused() {
        for (host, read) in [
            ("ex%61mple.com", "example.com"),
            ("example%2ecom", "example.com"),
            ("%31%32%37.0.0.1", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("example。com", "example.com"),
            ("example．com", "example.com"),
            ("ｅｘａｍｐｌｅ.com", "example.com"),
            ("①②⑦.0.0.1", "127.0.0.1"),
            ("exam\u{ad}ple.com", "example.com"),
        ] {
            let error = HostError::Differs { written: host.to_owned(), read: read.to_owned() };
            assert_eq!(checked(&format!("http://{host}:8080/a")), Err(error), "{host}");
        }
    }

    #[test]
    fn a_url_that_only_one_parser_accepts_is_refused() {
        for text in ["http://a[b]c/", "http://[::1]x/", "http://exa<mple.com/", "http://a%2Fb/"] {
            assert!(matches!(checked(text), Err(HostError::Malformed(_))), "{text}");
        }
        for text in ["http://exa\tmple.com/", "http:\\\\example.com/", "http:///example.com/"] {
            assert!(PageUrl::parse(text).is_err(), "{text}");
        }
    }
}
