//! Responses: a fetcher returns what the site sent.

use super::AnyHttpFetcher;
use crate::ports::fetch::FetchErrorKind as Kind;
use crate::testkit::fetcher::samples::gzip;
use crate::testkit::fetcher::shared::{self, assert_kind, get, page};
use crate::testkit::fetcher::sites::Raw;
use crate::testkit::kit::{must, must_eq};
use crate::testkit::site::{Site, SiteResponse};

/// A body of all byte values is returned unchanged, without redirects or proxies that were not used.
pub async fn a_page_is_returned_unchanged(fetcher: AnyHttpFetcher) {
    let bytes: Vec<u8> = (0..=255).chain(0..=255).collect();
    let body = bytes.clone();
    let site = Site::start(move |_| SiteResponse::status(200).body(body.clone()));

    let page = page(&fetcher, &site.url("/a")).await;

    must_eq!((page.status, &page.body), (200, &bytes), "the status and the body of the page");
    must_eq!(
        (page.final_url, page.redirects),
        (site.url("/a"), Vec::new()),
        "the final URL and the redirects of a page without any"
    );
    must_eq!(site.hits(), 1, "the number of requests for one attempt");
}

/// An error status is returned with its page, after one request: the engine judges it.
pub async fn an_error_status_is_a_response(fetcher: AnyHttpFetcher) {
    shared::error_statuses_are_responses(&fetcher).await;
}

/// Responses without a body (204, 304, an empty 200) are returned.
pub async fn a_response_without_a_body_is_returned(fetcher: AnyHttpFetcher) {
    for status in [200, 204, 304] {
        let site =
            Raw::says(format!("HTTP/1.1 {status} Fine\r\nX-Said: it\r\nContent-Length: 0\r\n\r\n"));

        let page = page(&fetcher, &site.url("/")).await;

        must_eq!(
            (page.status, page.body.len()),
            (status, 0),
            "the status and the length of an empty response"
        );
        let headers = &page.headers;
        must!(
            headers.contains(&("x-said".to_owned(), "it".to_owned())),
            "the headers of an empty response were {headers:?}",
            "contain `x-said: it`"
        );
        must_eq!(site.requests(), 1, "the number of requests for one attempt");
    }
}

/// A redirect without a target is returned as a response.
pub async fn a_redirect_without_a_target_is_a_response(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| {
        SiteResponse::status(request.path[1..].parse().unwrap_or(500)).body("moved, but where to?")
    });

    for status in [300, 301, 302, 303, 307, 308] {
        let page = page(&fetcher, &site.url(&format!("/{status}"))).await;

        must_eq!(
            (page.status, page.body.as_slice()),
            (status, &b"moved, but where to?"[..]),
            "the status and the body of a redirect without a target"
        );
        must_eq!(page.redirects, [], "the redirects of a response that leads nowhere");
    }
}

/// Header names are in lower case, values unchanged, and repeated headers are all returned.
pub async fn headers_are_complete_and_in_lower_case(fetcher: AnyHttpFetcher) {
    let site = Raw::says(
        "HTTP/1.1 200 OK\r\nX-UPPER: Kept As It Is\r\nSet-Cookie: a=1; Path=/\r\n\
         set-cookie: b=2\r\nX-Empty:\r\ncontent-TYPE: text/html; charset=\"UTF-8\"\r\n\
         Content-Length: 2\r\n\r\nok",
    );

    let page = page(&fetcher, &site.url("/")).await;

    let all = |name: &str| {
        let found = page.headers.iter().filter(|it| it.0 == name);
        found.map(|it| it.1.clone()).collect::<Vec<_>>()
    };
    must_eq!(all("x-upper"), ["Kept As It Is"], "the values of `x-upper`");
    must_eq!(all("set-cookie"), ["a=1; Path=/", "b=2"], "the values of `set-cookie`");
    must_eq!(all("x-empty"), [""], "the values of `x-empty`");
    must_eq!(all("content-type"), ["text/html; charset=\"UTF-8\""], "the values of `content-type`");
}

/// Five redirects are followed, each once, and returned with their statuses. The headers are those of the last response.
pub async fn redirects_are_followed_and_returned(fetcher: AnyHttpFetcher) {
    shared::redirects_are_returned(&fetcher).await;
}

/// A redirect loop and an endless chain end after a limited number of requests.
pub async fn endless_redirects_are_refused(fetcher: AnyHttpFetcher) {
    let site = Site::start(|request| match request.path.strip_prefix("/n") {
        Some(number) => {
            let number: u64 = number.parse().unwrap_or(0);
            SiteResponse::redirect(302, &format!("/n{}", number + 1))
        }
        None => SiteResponse::redirect(302, "/circle"),
    });

    for path in ["/circle", "/n0"] {
        assert_kind(get(&fetcher, &site.url(path)).await, Kind::Redirect);
    }
    let hits = site.hits();
    must!(hits <= 100, "two endless redirects cost {hits} requests", "stop after 50 each at most");
}

/// A compressed body is decompressed.
pub async fn a_compressed_body_is_decompressed(fetcher: AnyHttpFetcher) {
    let plain = "the same words over and over; ".repeat(1_000);
    let (packed, text) = (gzip(plain.as_bytes()).await, plain.clone());
    let site = Site::start(move |request| {
        let takes = request.header("accept-encoding").is_some_and(|it| it.contains("gzip"));
        if takes {
            SiteResponse::html(packed.clone()).header("content-encoding", "gzip")
        } else {
            SiteResponse::html(text.clone())
        }
    });

    let page = page(&fetcher, &site.url("/")).await;

    must!(page.body == plain.as_bytes(), "a gzip body came back as something else", "be decoded");
}

/// Noise, other protocols and invalid response heads are errors.
pub async fn a_response_that_is_not_http_is_an_error(fetcher: AnyHttpFetcher) {
    let noise: Vec<u8> = (0..2_000_u32).map(|it| (it * 7_919 % 251) as u8).collect();
    let strange: [&[u8]; 5] = [
        &noise,
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ];

    for bytes in strange {
        let site = Raw::says(bytes);
        let result = get(&fetcher, &site.url("/")).await;
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(30)]).into_owned();
        must!(
            result.is_err(),
            "the fetcher took `{start}` for the response {result:?}",
            "return an error"
        );
    }
}

/// An almost valid response may be accepted or refused, but the attempt ends.
pub async fn no_response_makes_the_fetcher_panic(fetcher: AnyHttpFetcher) {
    let nearly: [&[u8]; 9] = [
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \0\xff\x80\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe://\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: rot13, br, gzip\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n",
    ];

    for bytes in nearly {
        let site = Raw::says(bytes);
        get(&fetcher, &site.url("/")).await.ok();
    }
}

/// A truncated body is an error, because it would be extracted and charged as if it were complete.
pub async fn a_truncated_body_is_an_error(fetcher: AnyHttpFetcher) {
    let packed = gzip(&b"a page of some length, ".repeat(500)).await;
    let half = &packed[..packed.len() / 2];
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    let cut: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        &[head.as_bytes(), half].concat(),
    ];

    for bytes in cut {
        let site = Raw::says(bytes);
        assert_kind(get(&fetcher, &site.url("/")).await, Kind::Broken);
    }
}

/// A request is not repeated after a broken connection: it may have had its effect, and the engine decides on retries.
pub async fn a_closed_connection_is_an_error_without_a_retry(fetcher: AnyHttpFetcher) {
    shared::a_closed_connection_is_broken(&fetcher).await;
}

/// A closed port is an error.
pub async fn a_closed_port_is_an_error(fetcher: AnyHttpFetcher) {
    shared::a_closed_port_is_no_connection(&fetcher).await;
}
