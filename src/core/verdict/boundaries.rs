//! Boundaries between verdicts: each limit from both sides, each mark with and
//! without what it needs beside it.

use super::{DocumentKind, Judgment, Response, Verdict, judge};

fn judged(status: u16, label: &str, body: &[u8]) -> Judgment {
    let headers = [("content-type".to_owned(), label.to_owned())];
    judge(&Response { status, headers: &headers, body, rendered: false })
}

fn page(body: &str) -> Verdict {
    judged(200, "text/html", body.as_bytes()).verdict
}

fn answered(status: u16, body: &str) -> Verdict {
    judged(status, "text/html", body.as_bytes()).verdict
}

fn kind(label: &str, body: &[u8]) -> Verdict {
    judged(200, label, body).verdict
}

/// `length` bytes of visible text.
fn words(length: usize) -> String {
    "w".repeat(length)
}

fn blocked(by: Option<&str>, challenge: bool) -> Verdict {
    Verdict::Blocked { by: by.map(str::to_owned), challenge }
}

/// The first page needs rendering, the second, one byte longer, does not.
fn needs_rendering_up_to(limit: usize, wrap: impl Fn(&str) -> String) {
    let (below, at) = (wrap(&words(limit - 1)), wrap(&words(limit)));

    assert_eq!(page(&below), Verdict::NeedsRendering, "{} bytes", limit - 1);
    assert_eq!(page(&at), Verdict::Usable, "{limit} bytes");
}

#[test]
fn an_element_for_an_app_is_filled_from_200_bytes_on() {
    needs_rendering_up_to(200, |text| format!("<div id=app>{text}</div><script></script>"));
    assert_eq!(page(&format!("<div id=app>{}</div>", words(100))), Verdict::Usable, "no script");
}

#[test]
fn a_page_that_asks_for_javascript_has_something_to_say_from_600_bytes_on() {
    needs_rendering_up_to(600, |text| {
        format!("<noscript>Enable JavaScript to go on.</noscript><p>{text}")
    });
    let asking = "turn on javascript";
    needs_rendering_up_to(200 - asking.len() - 1, |text| format!("<p>{asking} {text}"));
    let cookies = format!("<noscript>Enable cookies to go on.</noscript><p>{}", words(150));
    assert_eq!(page(&cookies), Verdict::Usable);
}

#[test]
fn a_page_that_sends_its_reader_elsewhere_is_one_from_200_bytes_on() {
    needs_rendering_up_to(200, |text| {
        format!("<meta http-equiv=refresh content='0;url=/next'><p>{text}")
    });
}

#[test]
fn a_page_with_scripts_or_elements_of_its_own_is_filled_from_60_bytes_on() {
    needs_rendering_up_to(60, |text| format!("<p>{text}</p><script></script>"));
    needs_rendering_up_to(60, |text| format!("<p>{text}</p><script type=module></script>"));
    needs_rendering_up_to(60, |text| format!("<my-page>{text}</my-page>"));
    let data = format!("<p>{}</p><script type='application/ld+json'></script>", words(30));
    assert_eq!(page(&data), Verdict::Usable, "data is no script");
}

#[test]
fn one_custom_element_is_an_app_by_its_name() {
    let of = |name: &str| format!("<{name}>{}</{name}><script></script>", words(100));

    assert_eq!(page(&of("app-root")), Verdict::NeedsRendering);
    assert_eq!(page(&of("my-root")), Verdict::Usable);
}

#[test]
fn a_page_says_something_from_16_bytes_on_and_with_much_markup_from_150() {
    let marked = |markup: usize, length| {
        let class = "c".repeat(markup - "<p class=".len());
        format!("<p class={class}>{}", words(length))
    };

    assert_eq!(page(&format!("<p>{}", words(15))), Verdict::Thin);
    assert_eq!(page(&format!("<p>{}", words(16))), Verdict::Usable);
    assert_eq!(page(&marked(2_001, 149)), Verdict::Thin);
    assert_eq!(page(&marked(2_000, 149)), Verdict::Usable);
    assert_eq!(page(&marked(2_001, 150)), Verdict::Usable);
}

#[test]
fn no_mark_decides_over_8000_bytes_of_text() {
    let marked = |length| format!("<script>_cf_chl_opt</script><p>{}", words(length));

    assert_eq!(page(&marked(8_000)), blocked(Some("cloudflare"), true));
    assert_eq!(page(&marked(8_001)), Verdict::Usable);
}

#[test]
fn a_phrase_that_anyone_may_write_decides_up_to_500_bytes_or_with_a_refusal() {
    let phrase = "verify you are human";
    let said = |length: usize| format!("<p>{phrase}{}", words(length - phrase.len()));

    assert_eq!(page(&said(500)), blocked(None, true));
    assert_eq!(page(&said(501)), Verdict::Usable);
    assert_eq!(answered(403, &said(501)), blocked(None, true));
}

#[test]
fn a_refusal_lets_a_title_decide_however_long_the_page() {
    let titled = format!("<title>Just a moment...</title><p>{}", words(1_500));

    assert_eq!(answered(403, &titled), blocked(Some("cloudflare"), true));
    assert_eq!(page(&titled), Verdict::Usable);
}

#[test]
fn a_field_for_a_password_keeps_a_title_from_deciding_and_another_does_not() {
    let form = |kind: &str| format!("<title>Access denied</title><input type={kind}> to you");

    assert_eq!(page(&form("text")), blocked(None, false));
    assert_ne!(page(&form("password")), blocked(None, false));
}

#[test]
fn a_captcha_beside_a_field_is_no_block() {
    let widget = "<div class=g-recaptcha></div><p>Write to us about anything.";

    assert_eq!(page(widget), blocked(Some("recaptcha"), true));
    assert_eq!(page(&format!("{widget}<textarea>x</textarea>")), Verdict::Usable);
}

#[test]
fn half_of_a_protections_words_are_nobodys() {
    assert_eq!(page("<p>Your booking has the reference #18 now."), Verdict::Usable);
}

#[test]
fn nothing_but_a_form_for_consent_is_a_block() {
    let form = |tag: &str| format!("<{tag}><p>Before you continue to the page</p></form>");

    assert_eq!(page(&form("form action=/consent/save")), blocked(None, false));
    assert_eq!(page(&form("form/action=/consent/save")), blocked(None, false));
    assert_eq!(page(&form("form action=/search")), Verdict::Usable);
}

#[test]
fn a_players_page_without_a_name_is_a_block_and_an_unnamed_element_is_not() {
    let player = "<title> - YouTube</title><ytd-app></ytd-app>";

    assert_eq!(page(player), blocked(Some("youtube"), true));
    assert_eq!(page("<ytd-app></ytd-app>"), Verdict::NeedsRendering);
    assert_ne!(page(&format!("{player}<p>{}", words(70))), blocked(Some("youtube"), true));
}

#[test]
fn a_server_that_guards_blocks_with_a_refusal_but_not_by_asking_to_slow_down() {
    let served = |status| {
        let headers = [("server".to_owned(), "ddos-guard".to_owned())];
        judge(&Response { status, headers: &headers, body: b"", rendered: false }).verdict
    };

    assert_eq!(served(403), blocked(Some("ddos-guard"), true));
    assert_eq!(served(429), Verdict::Transient { retry_after: None });
}

#[test]
fn the_first_6000_bytes_of_text_are_looked_through() {
    let late = |before: usize| answered(403, &format!("<p>{}error 1020", words(before)));

    assert_eq!(late(5_990), blocked(Some("cloudflare"), false));
    assert_eq!(late(5_991), blocked(None, false));
}

#[test]
fn what_a_drawing_holds_is_not_the_pages() {
    let text = words(100);

    let titled = format!("<svg><title>Access denied</title></svg><p>{text}");
    assert_eq!(page(&titled), Verdict::Usable, "a drawing's title");
    assert_eq!(page(&format!("<svg/><p>{text}")), Verdict::Usable, "a drawing that is closed");
}

/// Returns the number of text bytes that the judge counted, read from its signal.
fn text_bytes(body: &str) -> usize {
    let signal = judged(200, "text/html", body.as_bytes()).signal;
    let count = signal.split(", ").nth(1).and_then(|it| it.split(' ').next());
    count.and_then(|it| it.parse().ok()).expect(&signal)
}

#[test]
fn a_tag_ends_at_its_own_bracket() {
    let said = "a page that says enough to be read";

    assert_eq!(text_bytes(&format!("<p it's>{said} <p>it's {said}")), 2 * said.len() + 6);
    assert_eq!(text_bytes(&format!("<a \"x>y\">{said}")), said.len(), "a quote behind a blank");
    let quoted = |length: usize| format!("<p title=\">{}\">{said}", words(length - 1));
    assert_eq!(text_bytes(&quoted(65_535)), said.len());
    assert!(text_bytes(&quoted(65_536)) > 65_000, "so long a value is a stray quote");
}

#[test]
fn attributes_without_a_blank_between_them_are_told_apart() {
    let run_on = format!("<div class=\"a\"id=\"root\">{}</div><script></script>", words(100));

    assert_eq!(page(&run_on), Verdict::NeedsRendering);
}

#[test]
fn a_documents_mark_counts_where_it_stands_and_whole() {
    use DocumentKind as D;

    for (label, body, expected) in [
        ("text/html", &b"\n%PDF-1.4"[..], D::Pdf),
        ("text/html", b"PK\x03\x04", D::Binary),
        ("text/html", b"\0\0\0\x18ftypmp42\0", D::Binary),
        ("", b"RIFF1234WEBP", D::Text),
        ("application/javascript", b"let x", D::Text),
        ("application/json", b"words", D::Json),
    ] {
        assert_eq!(kind(label, body), Verdict::Other(expected), "{label} {body:?}");
    }
    assert_ne!(kind("text/html", b"\0\0\0\x18ftypmp42"), Verdict::Other(D::Binary));
}

#[test]
fn what_nobody_labelled_is_told_by_what_it_holds() {
    use DocumentKind as D;

    assert_eq!(kind("", b"\xff\xfeh\0i\0"), Verdict::Other(D::Text), "zeros of UTF-16");
    assert_eq!(kind("", b"words and \0 a zero"), Verdict::Other(D::Binary));
    assert_eq!(kind("", b"1 < 2 and 3 > 2"), Verdict::Other(D::Text));
    assert_eq!(kind("", b"words <b>and</b> a tag among them"), Verdict::Usable);
    assert_eq!(kind("", b"<3 is a heart, as people write it"), Verdict::Usable);
}

#[test]
fn a_wait_that_was_asked_for_is_in_the_signal() {
    let headers = [("retry-after".to_owned(), "7".to_owned())];
    for status in [429, 503] {
        let response = Response { status, headers: &headers, body: b"", rendered: false };

        assert_eq!(judge(&response).signal, format!("status {status}, retry-after 7 s"));
    }
}
