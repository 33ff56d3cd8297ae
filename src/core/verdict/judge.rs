//! The judge: one response in, one verdict out.
//!
//! Its limits, and those of the modules beside it, were chosen by hand and checked against the labeled pages of
//! `docs/QUALITY.md`; `boundaries.rs` tests each from both sides.

use crate::core::failure::ErrorCode;
use crate::core::verdict::scan::Scan;
use crate::core::verdict::{
    DocumentKind, Judgment, Response, Verdict, blocks, document, shell, status,
};

/// Visible bytes below which a page counts as empty.
const NOTHING: usize = 16;
/// Visible bytes below which a page with much markup counts as thin.
const LITTLE: usize = 150;
/// Bytes of tags from which a page has much markup.
const MUCH_MARKUP: usize = 2_000;

/// Classifies a response.
///
/// Headers that name a protection decide first, then statuses that settle the matter (401, 402, 404,
/// 410), then the marks of protections in the page, then the other statuses; a success is read as
/// the kind of document it is. A page is not blocked because it mentions a captcha or carries one
/// beside content, and a login form is no challenge.
///
/// ```
/// use rungs::core::verdict::{Response, Verdict, judge};
///
/// let body = b"<h1>Opening hours</h1><p>Monday to Friday, from nine to five.</p>";
/// let response = Response::new(200, &[], body);
/// assert_eq!(judge(&response).verdict, Verdict::Usable);
/// ```
pub fn judge(response: &Response<'_>) -> Judgment {
    let (verdict, signal) = decide(response);
    Judgment { verdict, signal: format!("status {}, {signal}", response.status) }
}

/// Returns `true` if an HTML page is a stub: it leads to another page, shows others in frames, or only asks for
/// cookies. Data that it ships for its scripts is not its content.
pub fn is_stub(response: &Response<'_>) -> bool {
    document::kind(response).is_none() && shell::is_stub(&Scan::of(response.body))
}

fn decide(response: &Response<'_>) -> (Verdict, String) {
    if let Some(found) = blocks::by_headers(response) {
        return found;
    }
    if let Some(code) = status::settled(response.status) {
        return (Verdict::Permanent(code), "retrying cannot help".to_owned());
    }
    let kind = document::kind(response);
    let page = match kind {
        None => Scan::of(response.body),
        Some(DocumentKind::Json | DocumentKind::Text) => Scan::of_text(response.body),
        Some(_) => Scan::default(),
    };
    if !(200..300).contains(&response.status) && !is_stray_redirect(response) {
        return refused(response, kind, &page);
    }
    if matches!(response.status, 204 | 205) {
        let verdict = Verdict::Permanent(ErrorCode::EmptyContent);
        return (verdict, "the site says that there is no content".to_owned());
    }
    if response.body.trim_ascii().is_empty() {
        return (Verdict::Thin, "empty body".to_owned());
    }
    match kind {
        Some(kind) => (Verdict::Other(kind), format!("{} bytes of {kind:?}", response.body.len())),
        None => readable(response, &page),
    }
}

/// Returns `true` for a redirect without a target and with a body, which browsers show as a page.
fn is_stray_redirect(response: &Response<'_>) -> bool {
    matches!(response.status, 300..=303 | 307 | 308)
        && response.header("location").is_none_or(|it| it.trim().is_empty())
        && !response.body.trim_ascii().is_empty()
}

/// A response whose status is no success.
fn refused(response: &Response<'_>, kind: Option<DocumentKind>, page: &Scan) -> (Verdict, String) {
    if let Some(found) = blocks::by_page(response, page) {
        return found;
    }
    if response.status == 403 && kind == Some(DocumentKind::Json) && !response.body.is_empty() {
        // Protections respond with pages; a refusal in JSON comes from the API itself.
        let verdict = Verdict::Permanent(ErrorCode::TargetHttpError);
        return (verdict, "a refusal in JSON".to_owned());
    }
    let verdict =
        status::verdict(response).unwrap_or(Verdict::Permanent(ErrorCode::TargetHttpError));
    let signal = match &verdict {
        Verdict::Transient { retry_after: Some(wait) } => {
            format!("retry-after {} s", wait.as_secs())
        }
        _ => "no sign of a bot protection".to_owned(),
    };
    (verdict, signal)
}

/// A page that came with a success.
fn readable(response: &Response<'_>, page: &Scan) -> (Verdict, String) {
    if let Some(found) = blocks::by_page(response, page) {
        return found;
    }
    if !response.rendered
        && let Some(reason) = shell::reason(page)
    {
        return (Verdict::NeedsRendering, reason);
    }
    let length = page.text_len;
    if shell::wants_cookies(page) {
        return (Verdict::Thin, format!("asks for cookies, {length} bytes of text"));
    }
    let at_least = if page.has_more { "at least " } else { "" };
    let signal = format!("{at_least}{length} bytes of text");
    let thin = length < NOTHING || length < LITTLE && page.markup_len > MUCH_MARKUP;
    (if thin { Verdict::Thin } else { Verdict::Usable }, signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &str = "<p>The reading room opens at nine on weekdays and at ten on Saturdays. \
        Bring a card and a pencil; bags go into the lockers by the stairs.</p>";

    fn read(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Verdict {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        judge(&Response { status, headers: &headers, body, rendered: false }).verdict
    }

    fn page(body: &str) -> Verdict {
        read(200, &[("Content-Type", "text/html")], body.as_bytes())
    }

    fn blocked(by: &str, challenge: bool) -> Verdict {
        Verdict::Blocked { by: Some(by.to_owned()), challenge }
    }

    #[test]
    fn a_status_that_settles_the_matter_is_permanent_whatever_the_page() {
        for (status, code) in [
            (401, ErrorCode::LoginRequired),
            (402, ErrorCode::PaywallDetected),
            (404, ErrorCode::NotFoundTarget),
            (410, ErrorCode::NotFoundTarget),
            (451, ErrorCode::TargetHttpError),
            (400, ErrorCode::TargetHttpError),
            (304, ErrorCode::TargetHttpError),
            (501, ErrorCode::TargetHttpError),
        ] {
            assert_eq!(read(status, &[], CONTENT.as_bytes()), Verdict::Permanent(code), "{status}");
        }
    }

    #[test]
    fn trouble_that_may_pass_is_transient_unless_a_protection_made_it() {
        for status in [408, 425, 429, 500, 502, 503, 504, 520] {
            assert_eq!(read(status, &[], b""), Verdict::Transient { retry_after: None });
        }
        let wait = Verdict::Transient { retry_after: Some(std::time::Duration::from_secs(7)) };
        assert_eq!(read(429, &[("Retry-After", "7")], b"slow down"), wait);
        let challenge = b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>";
        assert_eq!(read(503, &[], challenge), blocked("cloudflare", true));
        assert_eq!(read(429, &[("X-KPSDK-CT", "x")], b""), blocked("kasada", true));
    }

    #[test]
    fn a_refusal_is_a_block_even_if_no_one_can_tell_by_what_but_an_apis_is_meant() {
        let anyone = Verdict::Blocked { by: None, challenge: false };
        assert_eq!(read(403, &[], b"<h1>403 Forbidden</h1>"), anyone);
        let mine = read(403, &[("content-type", "application/json")], b"{\"error\": \"no key\"}");
        assert_eq!(mine, Verdict::Permanent(ErrorCode::TargetHttpError));
        let theirs = read(403, &[], b"{\"url\": \"https://geo.captcha-delivery.com/c\"}");
        assert_eq!(theirs, blocked("datadome", true));
    }

    #[test]
    fn each_protection_is_told_by_its_own_mark() {
        assert_eq!(read(200, &[("CF-Mitigated", "challenge")], b""), blocked("cloudflare", true));
        assert_eq!(read(202, &[("x-amzn-waf-action", "challenge")], b""), blocked("aws-waf", true));
        for (body, by, challenge) in [
            ("<div id=px-captcha></div>", "perimeterx", true),
            ("<h1>Access Denied</h1>Reference #18.ab", "akamai", false),
            ("<iframe src='/_Incapsula_Resource?x=1'></iframe>", "imperva", true),
            ("<script>window.gokuProps = {}</script>", "aws-waf", true),
            ("<title>Access denied | x used Cloudflare</title><p>Error 1020", "cloudflare", false),
            ("<p>The requested URL was rejected. Please consult with us.", "f5", false),
            ("<form><div class='g-recaptcha'></div></form>", "recaptcha", true),
        ] {
            assert_eq!(page(body), blocked(by, challenge), "{body}");
        }
    }

    #[test]
    fn a_page_with_content_is_not_blocked_by_mentioning_or_embedding_a_captcha() {
        let long = CONTENT.repeat(12);
        for extra in [
            "<p>How to solve this captcha, and what Access Denied means.</p>",
            "<form><input name=mail><div class=g-recaptcha></div></form>",
            "<script src='/_Incapsula_Resource?x=1'></script>",
            "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>",
        ] {
            assert_eq!(page(&format!("{long}{extra}")), Verdict::Usable, "{extra}");
        }
    }

    #[test]
    fn a_login_form_is_no_challenge() {
        let form = "<p>Please verify you are human and sign in to go on to your documents.</p>\
            <form><input name=user><input type=password><div class=h-captcha></div></form>";
        assert_eq!(page(form), Verdict::Usable);
    }

    #[test]
    fn an_empty_shell_needs_rendering_until_it_was_rendered() {
        let shell = "<div id=\"root\"></div><script src=/app.js></script>";
        assert_eq!(page(shell), Verdict::NeedsRendering);
        let asking = "<noscript>You need to enable JavaScript to run this.</noscript><p>Hi</p>";
        assert_eq!(page(asking), Verdict::NeedsRendering);
        assert_eq!(page(&format!("<div id=root>{CONTENT}{CONTENT}</div>")), Verdict::Usable);
        let body = shell.as_bytes();
        let rendered = Response { status: 200, headers: &[], body, rendered: true };
        assert_eq!(judge(&rendered).verdict, Verdict::Thin);
    }

    #[test]
    fn next_to_nothing_is_thin_and_a_short_page_is_a_page() {
        for status in [204, 205] {
            assert_eq!(read(status, &[], b""), Verdict::Permanent(ErrorCode::EmptyContent));
        }
        assert_eq!(read(200, &[], b" \n"), Verdict::Thin);
        assert_eq!(page("<html><body><p>.</p></body></html>"), Verdict::Thin);
        assert_eq!(page("<h1>Closed on Mondays</h1>"), Verdict::Usable);
    }

    #[test]
    fn a_redirect_without_a_target_is_the_page_that_it_carries() {
        assert_eq!(read(302, &[], CONTENT.as_bytes()), Verdict::Usable);
        assert_eq!(read(301, &[("location", "")], CONTENT.as_bytes()), Verdict::Usable);
        let refused = Verdict::Permanent(ErrorCode::TargetHttpError);
        assert_eq!(read(302, &[], b""), refused);
        assert_eq!(read(302, &[("location", "/there")], CONTENT.as_bytes()), refused);
    }

    #[test]
    fn a_documents_bytes_decide_before_its_label() {
        for (label, body, kind) in [
            ("text/html", &b"%PDF-1.7"[..], DocumentKind::Pdf),
            ("text/plain", b"\x89PNG\r\n\x1a\n", DocumentKind::Image),
            ("", b"RIFF\0\0\0\0WEBPVP8 ", DocumentKind::Image),
            ("text/html", b"{\"a\": 1}", DocumentKind::Json),
            ("application/ld+json", b"{}", DocumentKind::Json),
            ("text/csv", b"a,b", DocumentKind::Text),
            ("application/octet-stream", b"\0\x01", DocumentKind::Binary),
            ("", b"words alone", DocumentKind::Text),
        ] {
            assert_eq!(
                read(200, &[("content-type", label)], body),
                Verdict::Other(kind),
                "{label}"
            );
        }
        let page = format!("<!DOCTYPE html>{CONTENT}");
        let labelled = read(200, &[("content-type", "application/pdf")], page.as_bytes());
        assert_eq!(labelled, Verdict::Usable);
    }

    #[test]
    fn the_signal_names_what_was_seen() {
        let response = Response {
            status: 403,
            headers: &[("cf-mitigated".to_owned(), "challenge".to_owned())],
            body: b"",
            rendered: false,
        };
        assert_eq!(judge(&response).signal, "status 403, cf-mitigated: challenge");
    }
}
