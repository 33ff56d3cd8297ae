//! Responses that no strict parser accepts and Chromium shows, through the gateway.

use std::io::Write;
use std::time::Duration;

use rungs::testkit::site::{RawSite, read_head};

use super::{chrome, page, render, text};

const PAGE: &str = "<!DOCTYPE html><title>t</title><p>Opening hours</p>";

/// A site that responds to `/` with these bytes, and to other paths with 404.
fn responding(response: Vec<u8>) -> RawSite {
    RawSite::start(move |mut stream| {
        let Ok(head) = read_head(&mut stream) else { return };
        let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".as_slice();
        let is_page = head.starts_with("GET / ");
        let _ = stream.write_all(if is_page { &response } else { missing });
    })
}

#[tokio::test]
async fn a_page_that_chromium_shows_passes_the_gateway() {
    let chrome = chrome();
    let many = (0..120).fold(String::new(), |all, at| all + &format!("X-{at}: y\r\n"));
    for (name, head) in [
        ("120 headers", format!("HTTP/1.1 200 OK\r\n{many}")),
        ("a blank before the colon", "HTTP/1.1 200 OK\r\nX : y\r\n".to_owned()),
        ("a line without a colon", "HTTP/1.1 200 OK\r\nno colon\r\n".to_owned()),
        ("a folded header", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n".to_owned()),
        ("a control character", "HTTP/1.1 200 OK\r\nX: a\u{1}b\r\n".to_owned()),
        ("a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n".to_owned()),
        ("a redirect without a target", "HTTP/1.1 302 Found\r\n".to_owned()),
        ("a redirect with an empty target", "HTTP/1.1 302 Found\r\nLocation: \r\n".to_owned()),
    ] {
        let response = format!("{head}Content-Type: text/html\r\n\r\n{PAGE}");
        let site = responding(response.into_bytes());

        let shown = page(&chrome, &site.url("/"), |_| ()).await;

        assert!(text(&shown).contains("Opening hours"), "{name}: {}", text(&shown));
        let warned = shown.page.warnings.iter().any(|it| it.contains("without a target"));
        assert_eq!(warned, name.starts_with("a redirect"), "{name}: {:?}", shown.page.warnings);
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_names_its_fault() {
    let chrome = chrome();
    for (response, fault) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Content-Length"),
        ("nothing of the kind\r\n\r\n", "not valid HTTP"),
    ] {
        let site = responding(response.as_bytes().to_vec());

        let error = render(&chrome, &site.url("/"), |_| ()).await.expect_err("no page");

        assert!(error.to_string().contains(fault), "{error}");
    }
}

#[tokio::test]
async fn a_stale_connection_does_not_cost_a_page() {
    let site = RawSite::start(|mut stream| {
        if read_head(&mut stream).is_err() {
            return;
        }
        let length = PAGE.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n"
        );
        let _ = stream.write_all(format!("{head}{PAGE}").as_bytes());
        if read_head(&mut stream).is_ok() {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    });
    let chrome = chrome();

    for number in 0..3 {
        let shown = page(&chrome, &site.url("/"), |_| ()).await;
        assert!(text(&shown).contains("Opening hours"), "{number}");
    }
}
