//! Detects pages that are empty until their scripts run.

use crate::core::verdict::scan::Scan;

/// Visible bytes below which a page with an app's mount element counts as not filled.
const UNFILLED: usize = 200;
/// Visible bytes below which a page that asks for JavaScript has no other content.
const ASKING: usize = 600;
/// Visible bytes below which a page with scripts counts as made by them.
const BARE: usize = 60;

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
    if page.refresh && length < UNFILLED {
        return Some("sends its reader elsewhere by meta refresh".to_owned());
    }
    if page.scripts > 0 && length < BARE {
        return Some(format!("{} scripts, {length} bytes of text", page.scripts));
    }
    (page.custom && length < BARE)
        .then(|| format!("custom elements without scripts run, {length} bytes of text"))
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
        let refresh =
            |text_len| reason(&Scan { refresh: true, text_len, ..Scan::default() }).is_some();
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
    fn only_words_near_each_other_ask() {
        assert!(asks("please enable the use of javascript"));
        assert!(!asks("enable cookies, and leave everything else as it is set"));
        assert!(!asks(&format!("enable {} javascript", "x".repeat(60))));
    }
}
