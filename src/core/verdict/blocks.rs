//! The known marks of bot protections and challenges.
//!
//! A mark alone proves little: protected sites carry their protection's scripts on every page, and
//! any page may mention a captcha. So each mark has the condition under which it decides.

use crate::core::verdict::scan::Scan;
use crate::core::verdict::{Response, Verdict};

/// Visible bytes above which no mark of a challenge decides: there is a page to read.
pub(super) const CONTENT: usize = 8_000;
/// Visible bytes above which only a mark that no ordinary page carries decides.
const SPARSE: usize = 1_000;
/// Visible bytes that a captcha may have around it and still be all there is.
const BARE: usize = 500;

/// The part of a page in which a mark was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkLocation {
    /// In a tag, names and values of attributes included.
    Tag,
    /// In a script's source.
    Script,
}

/// The condition under which a mark decides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Only challenges carry it.
    Always,
    /// Ordinary pages may carry it: decides only on a page with little text.
    Sparse,
    /// Ordinary pages do carry it: decides only together with a refusing status.
    Refused,
    /// A captcha's element: decides only if the page has nothing else and no form.
    Widget,
}

/// A protection's mark in the source of a page.
struct Mark {
    needle: &'static str,
    by: &'static str,
    challenge: bool,
    condition: Condition,
}

const fn mark(
    needle: &'static str,
    by: &'static str,
    challenge: bool,
    condition: Condition,
) -> Mark {
    Mark { needle, by, challenge, condition }
}

/// All marks, in lower case; at most 64, the bits of [`Markers`].
const MARKS: &[Mark] = &[
    mark("_cf_chl_opt", "cloudflare", true, Condition::Always),
    mark("jschl_vc", "cloudflare", true, Condition::Always),
    mark("jschl-answer", "cloudflare", true, Condition::Always),
    mark("__cf_chl_", "cloudflare", true, Condition::Always),
    mark("cf_captcha_kind", "cloudflare", true, Condition::Always),
    mark("cf-error-details", "cloudflare", false, Condition::Always),
    mark("cf-browser-verification", "cloudflare", true, Condition::Sparse),
    mark("/cdn-cgi/challenge-platform/", "cloudflare", true, Condition::Refused),
    mark("/cdn-cgi/bm/cv/", "cloudflare", true, Condition::Refused),
    mark("captcha-delivery.com", "datadome", true, Condition::Sparse),
    mark("js.datadome.co", "datadome", true, Condition::Refused),
    mark("px-captcha", "perimeterx", true, Condition::Sparse),
    mark("captcha.px-c", "perimeterx", true, Condition::Sparse),
    mark("_pxappid", "perimeterx", true, Condition::Refused),
    mark("/_sec/cp_challenge/", "akamai", true, Condition::Sparse),
    mark("sec-if-cpt-container", "akamai", true, Condition::Always),
    mark("bm-verify=", "akamai", true, Condition::Sparse),
    mark("_incapsula_resource", "imperva", true, Condition::Sparse),
    mark("gokuprops", "aws-waf", true, Condition::Sparse),
    mark("awswafcookiedomainlist", "aws-waf", true, Condition::Sparse),
    mark("token.awswaf.com", "aws-waf", true, Condition::Refused),
    mark("kpsdk", "kasada", true, Condition::Sparse),
    mark("window[\"bobcmn\"]", "f5", true, Condition::Sparse),
    mark("window._imp_apg_r_", "f5", true, Condition::Sparse),
    mark("/tspd/", "f5", true, Condition::Refused),
    mark("sucuri_cloudproxy", "sucuri", true, Condition::Sparse),
    mark("/.well-known/ddos-guard/", "ddos-guard", true, Condition::Sparse),
    mark("check.ddos-guard.net", "ddos-guard", true, Condition::Sparse),
    mark("/.well-known/sgcaptcha/", "siteground", true, Condition::Sparse),
    mark("/.well-known/vercel/security/", "vercel", true, Condition::Sparse),
    mark("anubis_challenge", "anubis", true, Condition::Sparse),
    mark("acw_sc__v2", "alibaba", true, Condition::Sparse),
    mark("aliyun_waf", "alibaba", true, Condition::Sparse),
    mark("winsocks()", "reblaze", true, Condition::Sparse),
    mark("rbzns", "reblaze", true, Condition::Sparse),
    mark("/errors/validatecaptcha", "amazon", true, Condition::Always),
    mark("g-recaptcha", "recaptcha", true, Condition::Widget),
    mark("h-captcha", "hcaptcha", true, Condition::Widget),
    mark("cf-turnstile", "cloudflare", true, Condition::Widget),
    mark("arkoselabs.com", "arkose", true, Condition::Widget),
    mark("geetest_", "geetest", true, Condition::Widget),
    mark("frc-captcha", "friendly-captcha", true, Condition::Widget),
];
const _: () = assert!(MARKS.len() <= 64);

/// A bit for each pair of bytes.
type Pairs = [u64; 1_024];

/// Pairs of bytes in any case that marks begin with, and those that follow, so that most bytes of a page cost one
/// look-up.
const FIRST: Pairs = pairs(0);
const SECOND: Pairs = pairs(2);

const fn pair(first: u8, second: u8) -> usize {
    (first as usize) << 8 | second as usize
}

const fn pairs(offset: usize) -> Pairs {
    let mut pairs = [0; 1_024];
    let mut at = 0;
    while at < MARKS.len() {
        let needle = MARKS[at].needle.as_bytes();
        let (first, second) = (needle[offset], needle[offset + 1]);
        let mut case = 0;
        while case < 4 {
            let first = if case & 1 == 0 { first } else { first.to_ascii_uppercase() };
            let second = if case & 2 == 0 { second } else { second.to_ascii_uppercase() };
            let bit = pair(first, second);
            pairs[bit >> 6] |= 1 << (bit & 63);
            case += 1;
        }
        at += 1;
    }
    pairs
}

fn is_in(pairs: &Pairs, first: u8, second: u8) -> bool {
    let bit = pair(first, second);
    pairs[bit >> 6] & 1 << (bit & 63) != 0
}

/// The marks found in a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Markers(u64);

impl Markers {
    /// Notes the marks in `bytes`.
    pub(super) fn look(&mut self, bytes: &[u8], location: MarkLocation) {
        for (at, start) in bytes.windows(4).enumerate() {
            if is_in(&FIRST, start[0], start[1]) && is_in(&SECOND, start[2], start[3]) {
                self.check(&bytes[at..], location);
            }
        }
    }

    fn check(&mut self, rest: &[u8], location: MarkLocation) {
        let Some(second) = rest.get(1).map(u8::to_ascii_lowercase) else { return };
        for (bit, mark) in MARKS.iter().enumerate() {
            let needle = mark.needle.as_bytes();
            // The second byte rules out nearly all of them, cheaper than comparing slices.
            let likely = needle[1] == second
                && (mark.condition != Condition::Widget || location == MarkLocation::Tag);
            let there = likely
                && rest.get(..needle.len()).is_some_and(|it| it.eq_ignore_ascii_case(needle));
            if there {
                self.0 |= 1 << bit;
            }
        }
    }

    fn each(self) -> impl Iterator<Item = &'static Mark> {
        MARKS.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, it)| it)
    }
}

/// A protection's words, and whether they announce a challenge.
type Words = (&'static str, Option<&'static str>, bool);

/// Titles that only such pages have. They must be the title's beginning.
const TITLES: &[Words] = &[
    ("just a moment", Some("cloudflare"), true),
    ("attention required! | cloudflare", Some("cloudflare"), false),
    ("access denied | ", Some("cloudflare"), false),
    ("ddos-guard", Some("ddos-guard"), true),
    ("sucuri website firewall", Some("sucuri"), false),
    ("vercel security checkpoint", Some("vercel"), true),
    ("pardon our interruption", Some("imperva"), true),
    ("access to this page has been denied", Some("perimeterx"), true),
    ("access to this page has been blocked", Some("perimeterx"), true),
    ("human verification", Some("aws-waf"), true),
    ("making sure you're not a bot", Some("anubis"), true),
    ("sina visitor system", Some("sina"), true),
    ("client challenge", Some("fastly"), true),
    ("request rejected", Some("f5"), false),
    ("robot check", Some("amazon"), true),
    ("bot verification", None, true),
    ("verifying you are human", None, true),
    ("checking your browser", None, true),
    ("security check", None, true),
    ("are you a robot", None, true),
    ("are you human", None, true),
    ("captcha", None, true),
    ("you are being redirected", Some("sucuri"), true),
    ("you have been blocked", None, false),
    ("access denied", None, false),
];

/// Text that names the product that wrote it.
const TEXTS: &[Words] = &[
    ("incapsula incident id", Some("imperva"), false),
    ("used cloudflare to restrict access", Some("cloudflare"), false),
    ("error code: 1020", Some("cloudflare"), false),
    ("error code: 1015", Some("cloudflare"), false),
    ("error 1020", Some("cloudflare"), false),
    ("error 1015", Some("cloudflare"), false),
    ("ddos protection by cloudflare", Some("cloudflare"), true),
    ("performance & security by cloudflare", Some("cloudflare"), true),
    ("performance and security by cloudflare", Some("cloudflare"), true),
    ("press & hold to confirm", Some("perimeterx"), true),
    ("powered and protected by akamai", Some("akamai"), true),
    ("generated by wordfence", Some("wordfence"), false),
    ("sucuri website firewall", Some("sucuri"), false),
    ("the requested url was rejected. please consult", Some("f5"), false),
    ("our systems have detected unusual traffic", Some("google"), true),
    ("blocked by network security", Some("reddit"), false),
    ("enter the characters you see below", Some("amazon"), true),
];

/// Text that anyone may write, so that it decides only where there is next to no other.
const PHRASES: &[(&str, bool)] = &[
    ("verify you are human", true),
    ("verify you are a human", true),
    ("verify that you are human", true),
    ("verify that you're human", true),
    ("confirm you are human", true),
    ("confirm that you are human", true),
    ("prove you are human", true),
    ("prove that you are human", true),
    ("are you a robot", true),
    ("you are not a robot", true),
    ("you're not a robot", true),
    ("i'm not a robot", true),
    ("you are not a bot", true),
    ("you're not a bot", true),
    ("complete the captcha", true),
    ("solve the captcha", true),
    ("solve this captcha", true),
    ("checking your browser", true),
    ("checking if the site connection is secure", true),
    ("unusual traffic", true),
    ("unusual activity from your", true),
    ("automated access", false),
    ("access denied", false),
    ("access to this page has been denied", false),
    ("you have been blocked", false),
    ("your ip has been blocked", false),
    ("your ip address has been blocked", false),
    ("your request was blocked", false),
    ("your request has been blocked", false),
    ("request blocked", false),
    ("blocked by security", false),
    ("banned your access", false),
];

/// Detects a block by the response headers alone.
pub(super) fn by_headers(response: &Response<'_>) -> Option<(Verdict, String)> {
    let names: [(&str, &[&str], &str); 4] = [
        ("cf-mitigated", &["challenge", "block"], "cloudflare"),
        ("x-amzn-waf-action", &["challenge", "captcha"], "aws-waf"),
        ("x-vercel-mitigated", &["challenge", "deny"], "vercel"),
        ("x-sucuri-block", &[""], "sucuri"),
    ];
    for (name, values, by) in names {
        let Some(value) = response.header(name).map(str::to_ascii_lowercase) else { continue };
        if values.iter().any(|it| value.contains(it)) {
            let challenge = value.contains("challenge") || value.contains("captcha");
            return Some(found(Some(by), challenge, format!("{name}: {}", short(&value))));
        }
    }
    // Not 503: behind a protection, an origin's outage wears the same headers.
    matches!(response.status, 403 | 405 | 429).then(|| by_refusing_headers(response)).flatten()
}

/// Headers that a protection sets on every response: they decide only with a refusal.
fn by_refusing_headers(response: &Response<'_>) -> Option<(Verdict, String)> {
    let names = [
        ("x-datadome", "datadome"),
        ("x-dd-b", "datadome"),
        ("x-kpsdk-ct", "kasada"),
        ("x-px-block", "perimeterx"),
    ];
    for (name, by) in names {
        if response.header(name).is_some() {
            return Some(found(Some(by), true, format!("header {name}")));
        }
    }
    let guard = response.header("server").is_some_and(|it| it.eq_ignore_ascii_case("ddos-guard"));
    (guard && response.status != 429)
        .then(|| found(Some("ddos-guard"), true, "server: ddos-guard".to_owned()))
}

/// Detects a block by the content of the page.
pub(super) fn by_page(response: &Response<'_>, page: &Scan) -> Option<(Verdict, String)> {
    if page.text_len > CONTENT {
        return None;
    }
    let refused = refusal(response.status);
    let sparse = page.text_len <= SPARSE;
    by_mark(page, refused, sparse).or_else(|| by_words(response, page, refused, sparse))
}

fn by_mark(page: &Scan, refused: bool, sparse: bool) -> Option<(Verdict, String)> {
    let bare = page.text_len <= BARE && page.fields == 0;
    page.markers
        .each()
        .find(|mark| match mark.condition {
            Condition::Always => true,
            Condition::Sparse => sparse,
            Condition::Refused => sparse && refused,
            Condition::Widget => bare,
        })
        .map(|mark| {
            found(Some(mark.by), mark.challenge, format!("`{}` in its source", mark.needle))
        })
}

fn by_words(
    response: &Response<'_>,
    page: &Scan,
    refused: bool,
    sparse: bool,
) -> Option<(Verdict, String)> {
    let akamai = page.text.contains("access denied") && page.text.contains("reference #");
    if akamai && (sparse || refused) {
        let signal = "text `access denied` with `reference #`";
        return Some(found(Some("akamai"), false, signal.to_owned()));
    }
    // A login form may say any of this; what it wants is a login.
    if page.password || !(sparse || refused) {
        return None;
    }
    if let Some((words, by, challenge)) = TITLES.iter().find(|it| page.title.starts_with(it.0)) {
        let akamai = response.header("server").is_some_and(|it| it.starts_with("AkamaiGHost"));
        let by = by.or(akamai.then_some("akamai"));
        return Some(found(by, *challenge, format!("title `{words}`")));
    }
    if let Some((words, by, challenge)) = TEXTS.iter().find(|it| page.text.contains(it.0)) {
        return Some(found(*by, *challenge, format!("text `{words}`")));
    }
    if !refused && page.text_len > BARE {
        return None;
    }
    if let Some((words, challenge)) = PHRASES.iter().find(|it| page.text.contains(it.0)) {
        return Some(found(None, *challenge, format!("text `{words}`")));
    }
    if page.consent && page.text_len <= BARE {
        return Some(found(None, false, "nothing but a form for consent".to_owned()));
    }
    // The player's page without a video's name is what is served to readers taken for bots.
    (page.custom && page.title == "- youtube" && page.text_len == 0)
        .then(|| found(Some("youtube"), true, "title without a name".to_owned()))
}

/// Returns `true` if the status is one with which protections refuse.
fn refusal(status: u16) -> bool {
    matches!(status, 403 | 405 | 406 | 418 | 429 | 456 | 503 | 530 | 999)
}

fn found(by: Option<&str>, challenge: bool, signal: String) -> (Verdict, String) {
    (Verdict::Blocked { by: by.map(str::to_owned), challenge }, signal)
}

fn short(value: &str) -> String {
    value.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_and_word_is_in_the_case_that_pages_are_read_in() {
        let words = TITLES.iter().chain(TEXTS).map(|it| it.0);
        let words = words.chain(PHRASES.iter().map(|it| it.0));
        for word in words.chain(MARKS.iter().map(|it| it.needle)) {
            assert_eq!(word, word.to_ascii_lowercase());
        }
    }

    #[test]
    fn a_mark_is_found_in_any_case_and_a_widget_only_as_an_element() {
        let mut markers = Markers::default();
        markers.look(b"x = GokuProps", MarkLocation::Script);
        markers.look(b"'g-recaptcha'", MarkLocation::Script);
        assert_eq!(markers.each().map(|it| it.by).collect::<Vec<_>>(), ["aws-waf"]);

        markers.look(b"div class=g-recaptcha", MarkLocation::Tag);
        assert_eq!(markers.each().count(), 2);
    }

    fn marked(source: &[u8], location: MarkLocation) -> Scan {
        let mut markers = Markers::default();
        markers.look(source, location);
        Scan { markers, ..Scan::default() }
    }

    fn blocked(status: u16, page: &Scan) -> Option<Verdict> {
        let response = Response { status, headers: &[], body: b"", rendered: false };
        by_page(&response, page).map(|it| it.0)
    }

    #[test]
    fn no_mark_decides_over_a_page_to_read() {
        let challenge = |text_len| {
            let page = Scan { text_len, ..marked(b"_cf_chl_opt", MarkLocation::Script) };
            blocked(200, &page).is_some()
        };

        assert!(challenge(CONTENT));
        assert!(!challenge(CONTENT + 1));
    }

    #[test]
    fn a_mark_that_ordinary_pages_carry_decides_on_a_sparse_page_with_a_refusal() {
        let carries = |status, text_len| {
            let page = Scan { text_len, ..marked(b"js.datadome.co", MarkLocation::Script) };
            blocked(status, &page).is_some()
        };

        assert!(carries(403, SPARSE));
        assert!(!carries(403, SPARSE + 1));
        assert!(!carries(200, SPARSE));
    }

    #[test]
    fn a_captcha_decides_if_it_is_all_there_is() {
        let widget = |text_len, fields| {
            let page = Scan { text_len, fields, ..marked(b"class=g-recaptcha", MarkLocation::Tag) };
            blocked(200, &page).is_some()
        };

        assert!(widget(BARE, 0));
        assert!(!widget(BARE + 1, 0));
        assert!(!widget(BARE, 1));
    }

    #[test]
    fn words_that_anyone_may_write_decide_on_a_bare_page_or_with_a_refusal() {
        let says = |status, text_len| {
            let text = "please verify you are human".to_owned();
            blocked(status, &Scan { text, text_len, ..Scan::default() }).is_some()
        };

        assert!(says(200, 100));
        assert!(says(200, BARE));
        assert!(!says(200, BARE + 1));
        assert!(says(403, BARE + 1));
        let half = "reference #7 of the list".to_owned();
        assert_eq!(blocked(200, &Scan { text: half, text_len: 600, ..Scan::default() }), None);
    }

    #[test]
    fn a_form_for_consent_blocks_if_there_is_nothing_else() {
        let consent =
            |text_len| blocked(200, &Scan { consent: true, text_len, ..Scan::default() }).is_some();

        assert!(consent(100));
        assert!(consent(BARE));
        assert!(!consent(BARE + 1));
    }

    #[test]
    fn a_player_without_a_title_is_a_block_and_one_with_a_title_is_not() {
        let player = |custom, title: &str, text_len| {
            let page = Scan { custom, title: title.to_owned(), text_len, ..Scan::default() };
            blocked(200, &page)
        };

        let youtube = Verdict::Blocked { by: Some("youtube".to_owned()), challenge: true };
        assert_eq!(player(true, "- youtube", 0), Some(youtube));
        assert_eq!(player(false, "- youtube", 0), None);
        assert_eq!(player(true, "a song - youtube", 0), None);
        assert_eq!(player(true, "- youtube", 1), None);
    }

    #[test]
    fn a_guard_that_names_itself_blocks_with_a_refusal_and_not_by_asking_to_slow_down() {
        let headers = [("Server".to_owned(), "ddos-guard".to_owned())];
        let by = |status| {
            let response = Response { status, headers: &headers, body: b"", rendered: false };
            by_headers(&response).map(|it| it.1)
        };

        assert_eq!(by(403).as_deref(), Some("server: ddos-guard"));
        assert_eq!(by(429), None);
        assert_eq!(by(200), None);
    }
}
