//! The hash of a page's main content, by which two fetches of it are compared.
//!
//! It covers the words of the main content, whichever formats are requested, and the fields of `extraction_schema`.
//! The extractor has dropped navigation, advertisements and everything that is not shown by then. This module drops
//! whatever else differs between two fetches of the same content:
//!
//! * spaces, line breaks and invisible characters,
//! * a line that says only when, or how fast, the page was made,
//! * the number of a relative time, such as `5 minutes ago`,
//! * tracking parameters of URLs in the text.
//!
//! The targets of links and images are not covered: they carry nonces, sizes and signatures that differ each time.

use std::borrow::Cow;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::core::job::Finding;
use crate::core::verdict::{DocumentKind, Verdict};
use crate::ports::extract::Extracted;

/// The most words of a line that says only when the page was made.
const MAX_STAMP_WORDS: usize = 16;
/// Words that make a line one that says when the page was made.
const STAMP_LABELS: [&str; 10] = [
    "generated",
    "rendered",
    "generiert",
    "erzeugt",
    "générée",
    "générer",
    "generada",
    "gerada",
    "generata",
    "gegenereerd",
];
/// Pairs of words that do.
const STAMP_PAIRS: [(&str, &str); 6] = [
    ("page", "created"),
    ("page", "executed"),
    ("page", "loaded"),
    ("page", "processed"),
    ("page", "served"),
    ("server", "time"),
];
/// Words for the page, without which a line needs a date or a time of day.
const PAGE_WORDS: [&str; 4] = ["page", "pagina", "página", "seite"];
/// Endings of numbers.
const NUMBER_ENDINGS: [&str; 9] = ["", "am", "ms", "nd", "pm", "rd", "s", "th", "z"];
/// Words that such a line may have besides these, dates, times and numbers.
const STAMP_FILLERS: [&str; 58] = [
    "a",
    "al",
    "alle",
    "am",
    "at",
    "by",
    "cache",
    "cached",
    "created",
    "current",
    "date",
    "de",
    "der",
    "die",
    "el",
    "en",
    "executed",
    "for",
    "from",
    "generation",
    "gmt",
    "il",
    "in",
    "is",
    "la",
    "le",
    "load",
    "loaded",
    "local",
    "milliseconds",
    "ms",
    "on",
    "op",
    "page",
    "pagina",
    "página",
    "pm",
    "processed",
    "queries",
    "render",
    "request",
    "response",
    "s",
    "sec",
    "seconds",
    "secondes",
    "segundos",
    "seite",
    "sekunden",
    "server",
    "served",
    "the",
    "this",
    "time",
    "uhr",
    "um",
    "utc",
    "with",
];
/// Names of months and days, and the letters of ISO 8601.
const DATE_WORDS: [&str; 51] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "mon",
    "tue",
    "tues",
    "wed",
    "thu",
    "thur",
    "thurs",
    "fri",
    "sat",
    "sun",
    "t",
    "z",
    "januar",
    "februar",
    "märz",
    "mai",
    "juni",
    "juli",
    "oktober",
    "dezember",
];
/// Units of relative times, in the singular and the plural.
const UNITS: [&str; 40] = [
    "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr",
    "hrs", "hour", "hours", "d", "day", "days", "week", "weeks", "month", "months", "year",
    "years", "sekunde", "sekunden", "minuten", "stunde", "stunden", "tag", "tagen", "heure",
    "heures", "jour", "jours", "minutos", "hora", "horas", "día", "días",
];
/// Query parameters that tell where a visitor came from. Those of `utm_` are told by their beginning.
const TRACKING: [&str; 14] = [
    "_ga", "_gl", "dclid", "fbclid", "gbraid", "gclid", "igshid", "mc_cid", "mc_eid", "msclkid",
    "srsltid", "ttclid", "wbraid", "yclid",
];

/// Returns the content hash of a page with this text, and with these fields if its item has a schema: 64 hexadecimal
/// digits of a SHA-256 digest.
///
/// ```
/// use rungs::engine::content_hash;
///
/// let first = content_hash("Opening hours\n\nNine to five. Updated 3 minutes ago", None);
/// let later = content_hash("Opening hours\nNine to five.  Updated 4 minutes ago", None);
/// let other = content_hash("Opening hours\nNine to six. Updated 4 minutes ago", None);
/// assert_eq!(first, later);
/// assert_ne!(first, other);
/// ```
pub fn content_hash(text: &str, fields: Option<&Value>) -> String {
    let mut digest = Sha256::new();
    for line in text.lines() {
        let words = line.split_whitespace().map(visible).filter(|it| !it.is_empty());
        let words: Vec<Cow<'_, str>> = words.collect();
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        if !is_stamp(&words) {
            add_line(&mut digest, &words);
        }
    }
    if let Some(fields) = fields {
        // No text contains this byte, so that words cannot pass for fields.
        digest.update([0]);
        digest.update(fields.to_string());
    }
    format!("{:x}", digest.finalize())
}

/// Returns the content hash of an extracted page. Data, a plain text, an image and a page without text have the hash of
/// their body: nothing in them is about the page.
pub(super) fn of(finding: &Finding, extracted: &Extracted, body: &[u8]) -> String {
    use DocumentKind as Kind;

    let is_verbatim =
        matches!(finding, Finding::Judged(Verdict::Other(Kind::Json | Kind::Text | Kind::Image)));
    let fields = match (&extracted.filtered_content, &extracted.profile) {
        (fields, None) => fields.clone(),
        (fields, Some(profile)) => Some(json!({ "fields": fields, "profile": profile })),
    };
    if is_verbatim || extracted.text.trim().is_empty() && fields.is_none() {
        return format!("{:x}", Sha256::digest(body));
    }
    content_hash(&extracted.text, fields.as_ref())
}

/// Returns the content hash of a page that was read only in part, or whose prompt was not answered. It differs from that of
/// the whole page, so that the whole page is not taken for known.
pub(super) fn incomplete(hash: &str) -> String {
    format!("{:x}", Sha256::digest(format!("incomplete {hash}")))
}

/// Adds the words of a line, each with a space, so that it does not matter where lines break.
fn add_line(digest: &mut Sha256, words: &[&str]) {
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let relative = relative_time(rest);
        if relative > 0 {
            digest.update("\u{1}ago ");
            rest = &rest[relative..];
            continue;
        }
        digest.update(without_tracking(word).as_bytes());
        digest.update(b" ");
        rest = after;
    }
}

/// Returns a word without the characters that nobody sees.
fn visible(word: &str) -> Cow<'_, str> {
    let is_hidden = |it: char| matches!(it, '\0'..='\u{1f}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    if word.contains(is_hidden) { word.replace(is_hidden, "").into() } else { word.into() }
}

/// Returns the number of words of the relative time at the beginning of `words`, 0 if there is none.
fn relative_time(words: &[&str]) -> usize {
    let is_count = |it: &str| {
        matches!(it, "a" | "an" | "A" | "An" | "eine" | "einer" | "einem" | "un" | "une" | "una")
            || !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_unit = |it: &str| UNITS.contains(&bare(it).to_lowercase().as_str());
    // `vor 50 m` is a distance.
    let is_long = |it: &str| bare(it).len() > 2 && is_unit(it);
    let is_ago = |it: &str| bare(it).eq_ignore_ascii_case("ago");
    match words {
        [count, unit, ago, ..] if is_ago(ago) && is_count(count) && is_unit(unit) => 3,
        ["il" | "Il", "y", "a", count, unit, ..] if is_count(count) && is_long(unit) => 5,
        ["vor" | "Vor" | "hace" | "Hace", count, unit, ..] if is_count(count) && is_long(unit) => 3,
        // As in `5m ago`.
        [short, ago, ..] if is_ago(ago) => {
            let unit = short.trim_start_matches(|it: char| it.is_ascii_digit());
            if unit.len() < short.len() && is_unit(unit) { 2 } else { 0 }
        }
        _ => 0,
    }
}

/// Returns a word without the punctuation behind it.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', ')'])
}

/// Returns `true` for a line that says only when, or how fast, the page was made.
fn is_stamp(words: &[&str]) -> bool {
    let has_digit = |it: &&str| it.contains(|it: char| it.is_ascii_digit());
    if words.len() > MAX_STAMP_WORDS || !words.iter().any(has_digit) {
        return false;
    }
    let line = words.join(" ").to_lowercase();
    let parts = line.split(|it: char| !it.is_alphanumeric() && it != '\'');
    let parts: Vec<&str> = parts.filter(|it| !it.is_empty() && *it != "was").collect();
    let is_pair = |pair: &[&str]| matches!(pair, [a, b] if STAMP_PAIRS.contains(&(a, b)));
    let is_labeled =
        parts.iter().any(|it| STAMP_LABELS.contains(it)) || parts.windows(2).any(is_pair);
    let is_of_page = parts.iter().any(|it| PAGE_WORDS.contains(it));
    let has_moment = line.split(' ').any(is_moment)
        || parts.iter().any(|it| it.len() > 2 && DATE_WORDS.contains(it));
    let may_stand = |it: &&str| {
        is_number(it)
            || STAMP_LABELS.contains(it)
            || STAMP_FILLERS.contains(it)
            || DATE_WORDS.contains(it)
    };
    is_labeled
        && (is_of_page || has_moment)
        && parts.iter().any(|it| is_number(it))
        && parts.iter().all(may_stand)
}

/// Returns `true` for a number, an ordinal, or a part of a date and time of ISO 8601 such as `29t03`.
fn is_number(part: &str) -> bool {
    let rest = part.trim_start_matches(|it: char| it.is_ascii_digit());
    let after_t = rest.strip_prefix('t').filter(|it| !it.is_empty());
    rest.len() < part.len()
        && (NUMBER_ENDINGS.contains(&rest)
            || after_t.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit())))
}

/// Returns `true` for a time of day or a date in digits.
fn is_moment(word: &str) -> bool {
    let numbers = |separators: &[char]| {
        let parts = word.split(separators).filter(|it| !it.is_empty());
        parts.take_while(|it| it.starts_with(|first: char| first.is_ascii_digit())).count()
    };
    numbers(&[':']) >= 2 || numbers(&['-', '.', '/']) >= 3
}

/// Returns a URL without its tracking parameters; any other word as it is.
fn without_tracking(word: &str) -> Cow<'_, str> {
    let Some((path, query)) = word.split_once('?').filter(|(path, _)| path.contains('/')) else {
        return word.into();
    };
    let (query, fragment) = query.find('#').map_or((query, ""), |at| query.split_at(at));
    let is_kept = |it: &&str| {
        let name = it.split('=').next().unwrap_or_default().to_ascii_lowercase();
        !name.starts_with("utm_") && !TRACKING.contains(&name.as_str())
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}{fragment}", kept.join("&")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        content_hash(text, None)
    }

    #[test]
    fn spaces_and_invisible_characters_are_not_content() {
        assert_eq!(hash("Tea and cake"), hash(" Tea\u{200b} and\n\ncake \u{feff}\n"));
        assert_ne!(hash("Tea and cake"), hash("Teaand cake"));
        assert_eq!(hash("").len(), 64);
    }

    #[test]
    fn a_line_about_the_making_of_the_page_is_not_content() {
        for stamp in [
            "Generated on 2026-11-29 03:12:07 UTC",
            "Page generated in 0.0123 seconds with 17 queries",
            "Rendered at Sunday, 29 November 2026, 3:12 pm",
            "This page was created at 2026-11-29T03:12:07Z",
            "Server time: 03:12:07",
            "Seite generiert am 29.11.2026 um 03:12 Uhr",
        ] {
            assert_eq!(hash(&format!("Tea\n{stamp}\ncake")), hash("Tea\ncake"), "{stamp}");
        }
        for content in [
            "Generated 14 TWh of power in 2026",
            "Generated: 14MWh",
            "Generated: 1,532",
            "Response time: 5 ms",
            "Load time: 3 s",
            "Local time: 19:00",
            "The server time is over",
            "29 November 2026",
            "Updated 29 November 2026",
            "Opens at 9:30",
            "Served at 12:30",
            "generated",
        ] {
            assert_ne!(hash(&format!("Tea\n{content}\ncake")), hash("Tea\ncake"), "{content}");
        }
    }

    #[test]
    fn the_number_of_a_relative_time_is_not_content() {
        for (first, later) in [
            ("by Ada, 5 minutes ago.", "by Ada, an hour ago"),
            ("5m ago", "2h ago"),
            ("vor 5 Minuten", "vor einer Stunde"),
            ("il y a 2 heures", "il y a 3 jours"),
            ("hace 2 minutos", "hace 3 horas"),
        ] {
            assert_eq!(hash(first), hash(later), "{first}");
        }
        assert_ne!(hash("5 minutes"), hash("6 minutes"));
        assert_ne!(hash("5 eggs ago"), hash("6 eggs ago"));
        assert_ne!(hash("5 minutes ago"), hash(""));
    }

    #[test]
    fn tracking_parameters_are_not_content() {
        let plain = hash("see https://example.com/a?id=1#top");
        assert_eq!(plain, hash("see https://example.com/a?utm_source=x&id=1&fbclid=9#top"));
        assert_eq!(hash("example.com/a"), hash("example.com/a?gclid=1"));
        assert_ne!(plain, hash("see https://example.com/a?id=2#top"));
        assert_ne!(hash("really?yes"), hash("really"));
    }

    #[test]
    fn fields_are_content() {
        let with = |fields: Value| content_hash("Tea", Some(&fields));

        assert_ne!(
            with(serde_json::json!({ "price": 1 })),
            with(serde_json::json!({ "price": 2 }))
        );
        assert_ne!(with(serde_json::json!({})), hash("Tea"));
    }

    #[test]
    fn a_document_that_is_no_page_has_the_hash_of_its_body() {
        let (page, blank, tea) = (Verdict::Usable, Extracted::new(" "), Extracted::new("Tea"));
        let of = |verdict: &Verdict, extracted, body: &[u8]| {
            of(&Finding::Judged(verdict.clone()), extracted, body)
        };

        assert_ne!(of(&page, &blank, b"a"), of(&page, &blank, b"b"));
        assert_eq!(of(&page, &tea, b"a"), of(&page, &tea, b"b"));
        for kind in [DocumentKind::Json, DocumentKind::Text, DocumentKind::Image] {
            let data = Verdict::Other(kind);
            assert_ne!(of(&data, &tea, b"a"), of(&data, &tea, b"b"), "{kind:?}");
        }
        let priced =
            |price: u32| Extracted { profile: Some(json!({ "price": price })), ..tea.clone() };
        assert_ne!(of(&page, &priced(1), b""), of(&page, &priced(2), b""));
    }
}
