//! Detects pages that lead their reader on: by a `Refresh` header or a meta refresh.

use std::time::Duration;

use crate::core::verdict::scan::{Scan, find};
use crate::core::verdict::{Response, Verdict, document, judge};

/// The longest delay at which any page leads on: a longer one lets its reader read.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The longest delay at which a page with little text leads on. Chosen by hand: stubs say "in 5 seconds" or 10.
const SOON: Duration = Duration::from_secs(30);
/// Visible bytes below which a page has little text.
const LITTLE: usize = 600;
/// Visible bytes below which a page whose script leads on has nothing else.
const NOTHING_ELSE: usize = 200;
/// The largest page that is taken for a stub whose script leads on.
const STUB: usize = 8_192;
/// Parts of scripts that decide where they lead, or do something before that a plain client cannot do.
const DECISIONS: [&[u8]; 8] =
    [b"if", b"?", b"&&", b"||", b"switch", b"cookie", b"storage", b"onclick"];
/// Bytes in which a meta refresh is looked for: it belongs into the document's head.
const HEAD: usize = 65_536;

/// A refresh that a response announces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refresh {
    /// The time after which a browser leaves the page.
    pub delay: Duration,
    /// The target, which may be relative to the page's URL.
    pub target: String,
}

impl Refresh {
    /// Parses the value of a `Refresh` header or of a meta refresh, such as `0; url=/next`. Returns `None` if
    /// it has no delay or no target: then it reloads the page.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_start();
        let digits = value.bytes().take_while(u8::is_ascii_digit).count();
        let seconds = if digits == 0 && value.starts_with('.') {
            0
        } else {
            value[..digits].parse::<u32>().ok()?
        };
        let rest = value[digits..].trim_start_matches(|it: char| it == '.' || it.is_ascii_digit());
        let rest = rest.trim_start_matches(|it: char| it.is_whitespace() || it == ';' || it == ',');
        let named = rest.get(..3).filter(|it| it.eq_ignore_ascii_case("url"));
        let named = named.and_then(|_| rest[3..].trim_start().strip_prefix('='));
        let target = named.unwrap_or(rest).trim();
        let target = match target.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                target[1..].split(quote).next().unwrap_or_default().trim()
            }
            _ => target,
        };
        let target = target.replace("&amp;", "&");
        (!target.is_empty()).then(|| Self { delay: Duration::from_secs(seconds.into()), target })
    }

    /// Returns `true` if a page with `text_len` bytes of text is left before it is meant to be read.
    pub fn leads_on(&self, text_len: usize) -> bool {
        self.delay <= AT_ONCE || self.delay <= SOON && text_len < LITTLE
    }
}

/// Returns the refresh by which a response leads on, if it does. A challenge that reloads itself and an error
/// do not lead on.
pub fn refresh(response: &Response<'_>) -> Option<Refresh> {
    if response.rendered || !(200..400).contains(&response.status) {
        return None;
    }
    let header = response.header("refresh").and_then(Refresh::parse);
    let head = &response.body[..response.body.len().min(HEAD)];
    // Most pages have none, and are not scanned for it.
    let is_short = response.body.len() <= STUB;
    let may_announce = find(head, b"http-equiv").is_some()
        && find(head, b"refresh").is_some()
        && has_equivalent(response.body);
    let may_lead_on = may_announce || is_short && find(head, b"location").is_some();
    if header.is_none() && !may_lead_on {
        return None;
    }
    if document::kind(response).is_some_and(|_| !response.body.trim_ascii().is_empty()) {
        return None;
    }
    let page = Scan::of(response.body);
    let by_script = page.leads_to.filter(|_| is_short && page.text_len < NOTHING_ELSE);
    let by_script = by_script.map(|target| Refresh { delay: Duration::ZERO, target });
    let announced = header.or(page.refresh).filter(|it| it.leads_on(page.text_len));
    let refresh = announced.or(by_script)?;
    let blocked = matches!(judge(response).verdict, Verdict::Blocked { .. });
    (!blocked).then_some(refresh)
}

/// Returns `true` if a body probably has a meta refresh. Many pages use `http-equiv` for another header and contain the
/// word elsewhere.
fn has_equivalent(body: &[u8]) -> bool {
    const NAME: &[u8] = b"http-equiv";
    const VALUE: &[u8] = b"refresh";
    let mut rest = body;
    while let Some(at) = find(rest, NAME) {
        rest = rest.get(at + NAME.len()..).unwrap_or_default();
        let Some(value) = rest.trim_ascii_start().strip_prefix(b"=") else { continue };
        let value = value.trim_ascii_start();
        let quoted = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'"));
        let value = quoted.unwrap_or(value).get(..VALUE.len());
        if value.is_some_and(|it| it.eq_ignore_ascii_case(VALUE)) {
            return true;
        }
    }
    false
}

/// Returns the address that a script writes out and leads to, if it does so without a condition.
pub(super) fn script_target(script: &[u8]) -> Option<String> {
    let mut from = 0;
    while let Some(at) = find(&script[from..], b"location") {
        let name = from + at;
        from = name + b"location".len();
        let Some((start, end)) = literal(script, from) else { continue };
        let other = [&script[..start], &script[end..]].concat();
        let decides = DECISIONS.iter().any(|it| find(&other, it).is_some());
        let is_framed = script[..name].trim_ascii_end().ends_with(b"parent.")
            || script[..name].trim_ascii_end().ends_with(b"top.");
        let target = std::str::from_utf8(&script[start..end]).ok()?.trim();
        let is_plain = !target.is_empty() && !target.contains(['\\', '$', '{']);
        return (is_plain && !decides && !is_framed).then(|| target.replace("&amp;", "&"));
    }
    None
}

/// Returns the position of the text to which a script sets the `location` that ends at `from`.
fn literal(script: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = &script[from..];
    let rest = rest.strip_prefix(b".href").unwrap_or(rest).trim_ascii_start();
    let calls: [&[u8]; 3] = [b"=", b".replace(", b".assign("];
    let value = calls.iter().find_map(|it| rest.strip_prefix(*it))?.trim_ascii_start();
    let (quote, text) = value.split_first().filter(|(it, _)| matches!(it, b'"' | b'\''))?;
    let length = text.iter().position(|it| it == quote)?;
    // A text to which something is added is not the address.
    let behind = text[length + 1..].iter().find(|it| !matches!(it, b' ' | b'\t'));
    let start = script.len() - text.len();
    matches!(behind, None | Some(b';' | b')' | b'}' | b'/' | b'"' | b'\'' | b'\r' | b'\n'))
        .then_some((start, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_only_leads_on_is_followed() {
        for (script, expected) in [
            ("window.location.replace(\"/to?a=1&b=2\")", Some("/to?a=1&b=2")),
            ("location = '/to';", Some("/to")),
            ("setTimeout(function () { document.location.href = '/to' }, 900)", Some("/to")),
            ("location.assign( '/to' )", Some("/to")),
            ("location.href = '/to' + location.search", None),
            ("if (mobile) location = '/m'", None),
            ("document.cookie = 'a=1'; location = '/to'", None),
            ("top.location = '/to'", None),
            ("location.reload()", None),
            ("location.hostname == 'a' || (location = '/to')", None),
        ] {
            assert_eq!(script_target(script.as_bytes()).as_deref(), expected, "{script}");
        }
        let stub = "<script>location.replace('/to')</script><noscript><meta http-equiv=refresh \
                    content='0;url=/to'></noscript>";
        assert_eq!(target(200, &[], stub).as_deref(), Some("/to"));
        let page = format!("<script>location = '/to'</script>{}", "Words to read. ".repeat(20));
        assert_eq!(target(200, &[], &page), None);
    }

    fn parsed(value: &str) -> Option<(u64, String)> {
        Refresh::parse(value).map(|it| (it.delay.as_secs(), it.target))
    }

    #[test]
    fn a_refresh_is_read_as_browsers_read_it() {
        let next = |delay| Some((delay, "/next?a=1&b=2".to_owned()));

        assert_eq!(parsed("0; url=/next?a=1&b=2"), next(0));
        assert_eq!(parsed(" 5;URL = '/next?a=1&amp;b=2' "), next(5));
        assert_eq!(parsed("1.5, url=\"/next?a=1&b=2\""), next(1));
        assert_eq!(parsed(".5 /next?a=1&b=2"), next(0));
        assert_eq!(parsed("10;/next?a=1&b=2"), next(10));
        for none in ["", "5", "0;", "0; url=", "0; url=''", "url=/next", "99999999999;url=/"] {
            assert_eq!(parsed(none), None, "{none}");
        }
    }

    fn target(status: u16, headers: &[(String, String)], body: &str) -> Option<String> {
        refresh(&Response::new(status, headers, body.as_bytes())).map(|it| it.target)
    }

    #[test]
    fn a_page_that_is_left_at_once_leads_on_however_long_it_is() {
        let note = "This page has moved to a new address. ".repeat(60);
        let page = |delay| format!("<meta http-equiv=Refresh content='{delay};url=/to'>{note}");

        assert_eq!(target(200, &[], &page(0)).as_deref(), Some("/to"));
        assert_eq!(target(200, &[], &page(3)).as_deref(), Some("/to"));
        assert_eq!(target(200, &[], &page(4)), None, "it is meant to be read");
        assert_eq!(target(404, &[], &page(0)), None, "an error");
    }

    #[test]
    fn a_refresh_is_found_however_its_attribute_is_written() {
        let other = "<meta http-equiv=X-UA-Compatible content='IE=edge'><p>Refresh the page.";
        assert_eq!(target(200, &[], other), None);
        for written in ["http-equiv=refresh", "HTTP-EQUIV = 'Refresh'", "http-equiv\n=\"REFRESH\""]
        {
            let page = format!("{other}<meta {written} content='0;url=/to'>");
            assert_eq!(target(200, &[], &page).as_deref(), Some("/to"), "{written}");
        }
    }

    #[test]
    fn a_page_with_little_text_leads_on_later_too() {
        let page = |delay| format!("<META content='{delay}; url=/to' http-equiv=refresh>We moved.");

        assert_eq!(target(200, &[], &page(10)).as_deref(), Some("/to"));
        assert_eq!(target(200, &[], &page(31)), None);
    }

    #[test]
    fn a_header_leads_on_with_any_page() {
        let headers = [("refresh".to_owned(), "0;url=/to".to_owned())];

        assert_eq!(target(200, &headers, "<p>Some words to read.").as_deref(), Some("/to"));
        assert_eq!(target(307, &headers, "").as_deref(), Some("/to"));
    }

    #[test]
    fn a_refresh_for_readers_without_scripts_or_of_a_challenge_is_not_followed() {
        let refresh = "<meta http-equiv=refresh content='0;url=/no-scripts'>";
        let text = "<p>Words enough to be read as a page. </p>".repeat(30);

        assert_eq!(target(200, &[], &format!("<noscript>{refresh}</noscript>{text}")), None);
        let challenge = format!("<title>Just a moment...</title>{refresh}");
        assert_eq!(target(200, &[], &challenge), None);
    }
}
