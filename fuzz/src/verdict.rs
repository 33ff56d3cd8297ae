//! The judge over any status, headers and body.
//!
//! The input is a line with the status (`!` behind it if scripts have run), headers, an empty line
//! and the body.

use std::time::Duration;

use rungs::core::verdict::{DocumentKind, Judgment, Response, Verdict, judge};

use super::bytes::{Bytes, headers};

/// More than the longest observation that is worth writing down.
const MAX_SIGNAL: usize = 400;
const DAY: Duration = Duration::from_secs(86_400);

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let line = String::from_utf8_lossy(bytes.line()).into_owned();
    let rendered = line.ends_with('!');
    let status = line.trim_end_matches('!').trim().parse().unwrap_or(200);
    let headers = headers(&mut bytes);
    let body = bytes.rest();
    let mut response = Response::new(status, &headers, body);
    response.rendered = rendered;

    let judgement = judge(&response);

    assert_eq!(judge(&response), judgement, "the same response was judged in two ways");
    let shouted: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_ascii_uppercase(), value.clone())).collect();
    let mut shouting = response;
    shouting.headers = &shouted;
    let shouted = judge(&shouting);
    assert_eq!(shouted, judgement, "the case of a header's name changed the verdict");
    let mut bare = response;
    (bare.headers, bare.body) = (&[], b"");
    let bare = judge(&bare);
    let named = matches!(bare.verdict, Verdict::Blocked { by: Some(_), .. });
    assert!(!named, "status {status} alone names who blocks");
    says_why(&judgement, status);
    fits(&judgement.verdict, &response);
}

fn says_why(judgement: &Judgment, status: u16) {
    let observation = judgement.signal.strip_prefix(&format!("status {status}, "));
    let observation = observation.expect("the signal begins with the status");
    assert!(!observation.trim().is_empty(), "no observation in {judgement:?}");
    assert!(judgement.signal.len() <= MAX_SIGNAL, "{} bytes of signal", judgement.signal.len());
}

/// Checks a verdict against its response, independently of the marks of protections.
fn fits(verdict: &Verdict, response: &Response<'_>) {
    let Response { status, headers, body, rendered, .. } = *response;
    let success = (200..300).contains(&status);
    let empty = body.trim_ascii().is_empty();
    match verdict {
        Verdict::Usable => assert!(success && !empty),
        Verdict::Blocked { by, .. } => {
            assert!(by.as_ref().is_none_or(|it| !it.is_empty()));
            let seen = !headers.is_empty() || !empty || matches!(status, 403 | 999);
            assert!(seen, "blocked by nothing that came");
            let settled = matches!(status, 401 | 402 | 404 | 410);
            assert!(!settled || !headers.is_empty(), "a page overruled the status {status}");
            let wordy =
                body.len() > 20_000 && body.iter().all(|it| matches!(it, b'a'..=b'z' | b' '));
            assert!(!(success && wordy && headers.is_empty()), "a page of plain words is blocked");
        }
        Verdict::NeedsRendering => assert!(success && !rendered && !empty),
        Verdict::Thin => assert!(success),
        Verdict::Transient { retry_after } => {
            assert!(!success && retry_after.is_none_or(|it| it <= DAY));
            let asked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            assert!(retry_after.is_none() || asked, "nobody asked to wait");
        }
        Verdict::Permanent(_) => assert!(!success || matches!(status, 204 | 205)),
        Verdict::Other(kind) => {
            assert!(success && !empty);
            assert!(!body.starts_with(b"%PDF-") || *kind == DocumentKind::Pdf);
        }
    }
    if !success && headers.is_empty() && matches!(status, 401 | 402 | 404 | 410) {
        assert!(matches!(verdict, Verdict::Permanent(_)));
    }
}
