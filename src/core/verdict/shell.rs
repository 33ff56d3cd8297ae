//! Detects pages that are empty until their scripts run, and stubs that lead to the page.

use crate::core::verdict::scan::Scan;

/// Visible bytes below which a page with an app's mount element counts as not filled.
pub(super) const UNFILLED: usize = 200;
/// Visible bytes below which a page that asks for JavaScript has no other content.
const ASKING: usize = 600;
/// Visible bytes below which a page with scripts counts as made by them.
const BARE: usize = 60;

/// Visible bytes below which a note that the page comes later has nothing else beside it.
const NOTE: usize = 400;
/// Visible bytes below which a page whose script leads on is a stub.
const STUB: usize = 600;

/// Words, in lower case, of pages that are shown for a moment before the page itself. The list is short on
/// purpose: each is from a stub that was met, in the languages in which stubs are usual.
const NOTES: [&str; 24] = [
    "redirecting",
    "be redirected",
    "not redirected",
    "being redirected",
    "please wait",
    "one moment",
    "just a moment",
    "if nothing happens",
    "taking you to",
    "checking your browser",
    "verifying your browser",
    "loading...",
    "loading\u{2026}",
    "loading, please",
    "has moved to",
    "have moved to",
    "werden weitergeleitet",
    "bitte warten",
    "einen moment",
    "veuillez patienter",
    "redirection en cours",
    "espere por favor",
    "redirigiendo",
    "attendere prego",
];

/// Returns `true` if a page whose visible text is `text`, in lower case, announces that the page itself comes
/// later.
pub(crate) fn announces_more(text: &str) -> bool {
    text.len() < NOTE && NOTES.iter().any(|it| text.contains(it))
}

/// Phrases by which pages complain that their cookies do not come back.
const COOKIES: [&str; 8] = [
    "enable cookies",
    "enable your cookies",
    "turn on cookies",
    "cookies are disabled",
    "cookies are not enabled",
    "cookies are required",
    "cookies must be enabled",
    "does not accept cookies",
];

/// Returns `true` if the page has little to read but that it wants cookies.
pub(super) fn wants_cookies(page: &Scan) -> bool {
    page.text_len < NOTE && COOKIES.iter().any(|it| page.text.contains(it))
}

/// Phrases by which pages ask for JavaScript; other words may stand between the two parts.
const ASKS: [(&str, &str); 7] = [
    ("enable", "javascript"),
    ("requires", "javascript"),
    ("need", "javascript"),
    ("activate", "javascript"),
    ("turn on", "javascript"),
    ("javascript is", "required"),
    ("javascript", "disabled"),
];

/// Returns the reason for rendering the page, or `None` if it has content of its own.
pub(super) fn reason(page: &Scan) -> Option<String> {
    let length = page.text_len;
    if page.scripts > 0
        && length < UNFILLED
        && let Some(id) = page.mount
    {
        return Some(format!("element `{id}` for an app, {length} bytes of text"));
    }
    if length < ASKING && (asks(&page.noscript) || length < UNFILLED && asks(&page.text)) {
        return Some(format!("asks for JavaScript, {length} bytes of text"));
    }
    if let Some(reason) = stub(page) {
        return Some(reason);
    }
    if page.scripts > 0 && length < BARE {
        return Some(format!("{} scripts, {length} bytes of text", page.scripts));
    }
    (page.custom && length < BARE)
        .then(|| format!("custom elements without scripts run, {length} bytes of text"))
}

/// Returns the reason for which the page is not the one that its URL stands for: it leads to another page, or shows
/// others in frames. Its own data is not what its reader wants.
fn stub(page: &Scan) -> Option<String> {
    let length = page.text_len;
    if length < UNFILLED && page.refresh.as_ref().is_some_and(|it| it.leads_on(length)) {
        return Some("leads elsewhere by meta refresh".to_owned());
    }
    if length < STUB && page.navigates {
        return Some(format!("leads elsewhere by script, {length} bytes of text"));
    }
    if page.scripts > 0 && announces_more(&page.text) {
        return Some(format!("a note that the page comes later, {length} bytes of text"));
    }
    if !is_framed(page) {
        return None;
    }
    Some(if page.frameset {
        "shows other pages in frames".to_owned()
    } else {
        format!("shows another page in a frame, {length} bytes of text")
    })
}

/// Returns `true` if the page has frames and almost no text beside them.
pub(super) fn is_framed(page: &Scan) -> bool {
    page.frameset && page.text_len < UNFILLED || page.iframes > 0 && page.text_len < BARE
}

/// Returns `true` if the page leads to another page, shows others in frames, or wants cookies.
pub(super) fn is_stub(page: &Scan) -> bool {
    stub(page).is_some() || wants_cookies(page)
}

fn asks(text: &str) -> bool {
    ASKS.iter().any(|(first, then)| {
        text.find(first).is_some_and(|at| {
            let rest = &text.as_bytes()[at + first.len()..];
            let near = &rest[..rest.len().min(60)];
            near.windows(then.len()).any(|it| it == then.as_bytes())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::refresh::Refresh;

    #[test]
    fn an_element_for_an_app_counts_while_there_is_little_text_and_a_script_to_fill_it() {
        let page = |scripts, text_len| {
            let mount = Some("root");
            reason(&Scan { text_len, scripts, mount, ..Scan::default() }).is_some()
        };

        assert!(page(1, UNFILLED - 1));
        assert!(!page(1, UNFILLED));
        assert!(!page(0, UNFILLED - 1));
    }

    #[test]
    fn asking_for_javascript_counts_where_there_is_little_else_to_read() {
        let words = || "enable javascript".to_owned();
        let aside =
            |text_len| reason(&Scan { noscript: words(), text_len, ..Scan::default() }).is_some();
        let aloud =
            |text_len| reason(&Scan { text: words(), text_len, ..Scan::default() }).is_some();

        assert!(aside(ASKING - 1));
        assert!(!aside(ASKING));
        assert!(aloud(UNFILLED - 1));
        assert!(!aloud(UNFILLED));
    }

    #[test]
    fn a_refresh_or_a_bare_page_of_scripts_has_its_content_elsewhere() {
        let refresh = |text_len| {
            let refresh = Refresh::parse("0;url=/to");
            reason(&Scan { text_len, refresh, ..Scan::default() }).is_some()
        };
        let scripts =
            |scripts, text_len| reason(&Scan { text_len, scripts, ..Scan::default() }).is_some();
        let custom =
            |text_len| reason(&Scan { custom: true, text_len, ..Scan::default() }).is_some();

        assert!(refresh(UNFILLED - 1));
        assert!(!refresh(UNFILLED));
        assert!(scripts(1, BARE - 1));
        assert!(!scripts(1, BARE));
        assert!(!scripts(0, BARE - 1));
        assert!(custom(BARE - 1));
        assert!(!custom(BARE));
    }

    #[test]
    fn a_stub_leads_on_and_a_page_with_the_same_words_does_not() {
        let note = |text: &str, scripts| {
            let (text, text_len) = (text.to_owned(), text.len());
            reason(&Scan { text, text_len, scripts, ..Scan::default() }).is_some()
        };
        let script =
            |text_len| reason(&Scan { navigates: true, text_len, ..Scan::default() }).is_some();
        let words = "redirecting you to the page, please wait. if nothing happens within five \
            seconds, use the link.";

        assert!(note(words, 1));
        assert!(!note(words, 0), "nothing would lead on");
        assert!(!note(&format!("{words} {}", "x".repeat(NOTE)), 1));
        assert!(script(STUB - 1));
        assert!(!script(STUB));
    }

    #[test]
    fn a_complaint_about_cookies_counts_where_there_is_little_else_to_read() {
        let wants = |text_len| {
            let text = "please enable cookies in your browser to continue.".to_owned();
            wants_cookies(&Scan { text, text_len, ..Scan::default() })
        };

        assert!(wants(NOTE - 1));
        assert!(!wants(NOTE));
        assert!(!wants_cookies(&Scan { text: "we use cookies".to_owned(), ..Scan::default() }));
    }

    #[test]
    fn frames_count_where_there_is_little_beside_them() {
        let set = |text_len| reason(&Scan { frameset: true, text_len, ..Scan::default() });
        let inline = |text_len| reason(&Scan { iframes: 1, text_len, ..Scan::default() });

        assert!(set(UNFILLED - 1).is_some() && set(UNFILLED).is_none());
        assert!(inline(BARE - 1).is_some() && inline(BARE).is_none());
    }

    #[test]
    fn only_words_near_each_other_ask() {
        assert!(asks("please enable the use of javascript"));
        assert!(!asks("enable cookies, and leave everything else as it is set"));
        assert!(!asks(&format!("enable {} javascript", "x".repeat(60))));
    }
}
