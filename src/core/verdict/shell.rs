//! Whether a page waits for scripts that would fill it.

use crate::core::verdict::scan::Scan;

/// Visible bytes below which a page with an element for an app counts as not filled.
const UNFILLED: usize = 200;
/// Visible bytes below which a page that asks for JavaScript has nothing else to say.
const ASKING: usize = 600;
/// Visible bytes below which a page with scripts counts as made by them.
const BARE: usize = 60;

/// How pages ask for JavaScript, with the words between the two left open.
const ASKS: [(&str, &str); 7] = [
    ("enable", "javascript"),
    ("requires", "javascript"),
    ("need", "javascript"),
    ("activate", "javascript"),
    ("turn on", "javascript"),
    ("javascript is", "required"),
    ("javascript", "disabled"),
];

/// Why the page needs rendering, or `None` if it does not look so.
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
