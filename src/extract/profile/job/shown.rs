//! Reads a position off its page: the labels, and the line of details below the heading.

use serde_json::{Value, json};

use crate::extract::fill::labeled;
use crate::extract::page_index::{PageIndex, Words, tokens};
use crate::extract::value::date::{DateStyle, day_in};
use crate::extract::value::money::{local_currency, priced};
use crate::extract::value::number::decimal;
use crate::extract::value::provenance::{Fields, Source};
use crate::extract::vocabulary::FIRM_WORDS;

/// Lines behind the heading among which the line of details is.
const NEAR: usize = 6;
/// Bytes of such a line, and of a part of it.
const DETAILS: usize = 200;
const PART: usize = 60;
/// Bytes of a text that gives a salary.
const SALARY: usize = 160;

/// Kinds of employment by their concepts.
const EMPLOYMENT: [(&str, &str); 6] = [
    ("full time", "FULL_TIME"),
    ("part time", "PART_TIME"),
    ("internship", "INTERN"),
    ("temporary", "TEMPORARY"),
    ("permanent", "PERMANENT"),
    ("remote", "REMOTE"),
];
/// Times that a salary is paid for, by words in lower case.
const PAY_UNITS: [(&str, &[&str]); 5] = [
    ("HOUR", &["hour", "stunde", "heure", "hora", "/h", "std"]),
    ("DAY", &["per day", "pro tag", "par jour", "al día", "al dia"]),
    ("WEEK", &["week", "woche", "semaine", "semana"]),
    ("MONTH", &["month", "monat", "mois", "mes", "mensuel", "mtl"]),
    (
        "YEAR",
        &[
            "year", "jahr", "annum", "annual", "an ", "annuel", "año", "anual", "p.a", "/an",
            "per an",
        ],
    ),
];

/// Fills the fields that the page shows.
pub(super) fn fill(fields: &mut Fields, page: &PageIndex<'_, '_>) {
    let text = json!({ "type": "string" });
    let day = json!({ "type": "string", "format": "date" });
    let read = |name: &str, schema: &Value| labeled(page, name, schema);
    for (field, name, schema) in [
        ("company", "company", &text),
        ("posted_at", "posted", &day),
        ("valid_through", "deadline", &day),
    ] {
        let found = read(name, schema);
        if let Some(found) = found {
            fields.offer(field, Source::Dom, &found.place, Some(found.value));
        }
    }
    if let Some(found) = read("location", &text) {
        let place = found.value.as_str().map(str::to_owned);
        fields.offer("locations", Source::Dom, &found.place, place.map(|it| json!([it])));
    }
    if let Some(found) = read("employment_type", &text) {
        let kinds = employment(&found.text);
        fields.offer("employment_type", Source::Dom, &found.place, Some(json!(kinds)));
    }
    details(fields, page);
    if let Some(found) = read("salary", &text).filter(|it| priced(&it.text).is_some()) {
        salary(fields, page, &found.text, &found.place);
    } else if let Some(line) = page.lines.iter().find(|it| is_salary(&it.text)) {
        salary(fields, page, &line.text, "salary");
    }
}

/// Reads the line of details below the heading: `Kilnworks GmbH · Berlin · Full-time`.
fn details(fields: &mut Fields, page: &PageIndex<'_, '_>) {
    let Some(heading) = page.heading else { return };
    let behind = page.doc.end(heading)..page.doc.len();
    let line = page
        .lines_in(&behind)
        .iter()
        .take(NEAR)
        .find(|it| it.text.len() <= DETAILS && it.text.contains(['·', '|', '•', '–']));
    let Some(line) = line else { return };
    let parts = line.text.split(['·', '|', '•', '–']).map(str::trim);
    let style = DateStyle::of(page.language);
    let mut plain: Vec<&str> = Vec::new();
    for part in parts.filter(|it| !it.is_empty() && it.len() <= PART) {
        let kinds = employment(part);
        if !kinds.is_empty() {
            fields.offer("employment_type", Source::Dom, "details", Some(json!(kinds)));
        } else if day_in(part, style).is_none() && !part.contains(':') && priced(part).is_none() {
            plain.push(part);
        }
    }
    let is_firm = |it: &&&str| tokens(it).iter().any(|word| FIRM_WORDS.contains(&word.as_str()));
    let firm =
        plain.iter().find(is_firm).or_else(|| plain.first().filter(|_| plain.len() > 1)).copied();
    fields.offer_text("company", Source::Dom, firm);
    let place =
        plain.iter().find(|it| Some(**it) != firm && !it.bytes().any(|it| it.is_ascii_digit()));
    fields.offer("locations", Source::Dom, "details", place.map(|it| json!([it])));
}

/// Returns the kinds of employment that a text names.
fn employment(text: &str) -> Vec<&'static str> {
    let words = Words::of_label(text);
    EMPLOYMENT.iter().filter(|it| it.1 != "REMOTE" && words.names(it.0)).map(|it| it.1).collect()
}

/// Returns `true` if a line gives an amount and the time that it is paid for.
fn is_salary(text: &str) -> bool {
    text.len() <= SALARY && priced(text).is_some() && pay_unit(text).is_some()
}

fn pay_unit(text: &str) -> Option<&'static str> {
    let lower = format!("{} ", text.to_lowercase());
    PAY_UNITS.iter().find(|it| it.1.iter().any(|word| lower.contains(word))).map(|it| it.0)
}

/// Reads the least and the most of a salary: `€42,000 to €50,000 per year`.
fn salary(fields: &mut Fields, page: &PageIndex<'_, '_>, text: &str, place: &str) {
    // What stands behind the first sentence is about something else.
    let text = text.split(". ").next().unwrap_or(text);
    let both = [" – ", "–", " - ", " to ", " bis ", " à ", " a ", "-"]
        .iter()
        .find_map(|it| text.split_once(it));
    let has_digits = |it: &str| it.bytes().any(|it| it.is_ascii_digit());
    let both = both.filter(|it| has_digits(it.0) && has_digits(it.1));
    let currency = priced(text).and_then(|it| it.currency);
    let amount = |it: &str| crate::extract::value::money::money(it).map(|it| it.amount);
    let (low, high) = match both {
        Some((low, high)) => (amount(low), amount(high)),
        None => (amount(text), amount(text)),
    };
    // `40-50k` counts both in thousands.
    let thousands = text.to_lowercase().split(|it: char| it.is_whitespace()).any(|it| {
        it.strip_suffix('k').is_some_and(|it| it.ends_with(|it: char| it.is_ascii_digit()))
    });
    let scaled = |it: f64| if thousands && it < 1_000.0 { it * 1_000.0 } else { it };
    fields.offer("salary_min", Source::Dom, place, low.map(scaled).map(decimal));
    fields.offer("salary_max", Source::Dom, place, high.map(scaled).map(decimal));
    let code = currency.map(|it| local_currency(it, page.base.page()));
    fields.offer("salary_currency", Source::Dom, place, code.map(Value::from));
    fields.offer("salary_unit", Source::Dom, place, pay_unit(text).map(Value::from));
}
