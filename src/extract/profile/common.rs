//! Values as structured data writes them, made plain.

use serde_json::Value;

use crate::extract::address::Base;
use crate::extract::data::{Facts, day};
use crate::extract::doc::folded;
use crate::extract::light::text_of;

/// Texts kept of one property.
const MAX_STRINGS: usize = 100;

/// A text without markup and character references, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    // Some write their references twice.
    for _ in 0..2 {
        if !text.contains('<') && !text.contains('&') {
            break;
        }
        text = text_of(&text);
    }
    folded(&text)
}

/// The first of one or several.
pub(super) fn first(value: &Value) -> Option<&Value> {
    match value {
        Value::Array(all) => all.iter().find(|it| !it.is_null()),
        Value::Null => None,
        one => Some(one),
    }
}

/// All of one or several.
pub(super) fn several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// A string or a number as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match first(value)? {
        Value::String(text) => Some(plain(text)).filter(|it| !it.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(of) => of.get("@value").or_else(|| of.get("name")).and_then(text),
        _ => None,
    }
}

/// The name of a person or a brand, references followed; several are joined.
pub(super) fn name(facts: &Facts, value: &Value) -> Option<String> {
    let one = |it: &Value| text(facts.graph.resolve(it));
    match value {
        Value::Array(all) => {
            let mut names: Vec<String> = all.iter().filter_map(one).collect();
            names.dedup();
            Some(names.join(", ")).filter(|it| !it.is_empty())
        }
        other => one(other),
    }
}

/// The texts of one or several; one text may hold several with commas between.
pub(super) fn strings(value: &Value) -> Vec<String> {
    let split = |it: String| -> Vec<String> {
        let parts = it.split([',', ';']).map(str::trim).filter(|it| !it.is_empty());
        parts.map(str::to_owned).collect()
    };
    match value {
        Value::Array(all) => all.iter().take(MAX_STRINGS).filter_map(text).collect(),
        one => text(one).map(split).unwrap_or_default(),
    }
}

/// A day, or a point in time, as ISO 8601.
pub(super) fn date(value: &Value) -> Option<String> {
    let said = text(value)?;
    let iso = |it: &str| {
        let day = it.get(..10)?;
        let digits = day.bytes().enumerate().all(|(at, it)| match at {
            4 | 7 => it == b'-',
            _ => it.is_ascii_digit(),
        });
        let rest = it.get(10..)?;
        let rest = rest.strip_prefix(['T', 't', ' ']).map_or(rest, str::trim_start);
        let time = rest.is_empty() || rest.as_bytes().get(2) == Some(&b':');
        (digits && time).then(|| {
            if rest.is_empty() {
                day.to_owned()
            } else {
                format!("{day}T{}", rest.replace(' ', ""))
            }
        })
    };
    iso(&said).or_else(|| day(&said))
}

/// The addresses of one or several images, absolute.
pub(super) fn images(facts: &Facts, base: &Base, value: &Value) -> Vec<String> {
    let one = |it: &Value| {
        let said = match facts.graph.resolve(it) {
            Value::String(_) => text(it),
            Value::Object(of) => {
                ["contentUrl", "url", "@id"].iter().find_map(|it| text(of.get(*it)?))
            }
            _ => None,
        };
        said.and_then(|it| base.absolute(&it))
    };
    match value {
        Value::Array(all) => all.iter().take(MAX_STRINGS).filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}

/// Where something is, on one line: a text, or the parts of an address from the street to the country.
pub(super) fn place(facts: &Facts, value: &Value) -> Option<String> {
    const PARTS: [&str; 5] =
        ["streetAddress", "addressLocality", "addressRegion", "postalCode", "addressCountry"];
    let of = facts.graph.resolve(first(value)?);
    if of.is_string() {
        return text(of);
    }
    let address = of.get("address").and_then(first).map_or(of, |it| facts.graph.resolve(it));
    if address.is_string() {
        return text(address);
    }
    let mut parts: Vec<String> =
        PARTS.iter().filter_map(|it| text(facts.graph.resolve(address.get(*it)?))).collect();
    parts.dedup();
    Some(parts.join(", ")).filter(|it| !it.is_empty())
}

/// The minutes of a duration, in ISO 8601 or in words.
pub(super) fn minutes(value: &Value) -> Option<Value> {
    let value = first(value)?;
    if let Some(number) = value.as_u64() {
        return (number > 0).then(|| number.into());
    }
    let value = match value {
        Value::Object(of) => of.get("maxValue").or_else(|| of.get("@value"))?,
        other => other,
    };
    let text = value.as_str()?.trim();
    let seconds = match text.strip_prefix(['P', 'p']) {
        Some(rest) => iso(rest)?,
        None => words(text)?,
    };
    let minutes = seconds / 60.0;
    (1.0..1e6).contains(&minutes).then(|| {
        let whole = format!("{:.0}", minutes.floor());
        whole.parse::<u64>().map_or(Value::Null, Value::from)
    })
}

/// The seconds of an ISO 8601 duration behind its `P`.
fn iso(text: &str) -> Option<f64> {
    let (mut seconds, mut number, mut time) = (0.0, String::new(), false);
    for symbol in text.chars() {
        match symbol.to_ascii_uppercase() {
            'T' => time = true,
            it if it.is_ascii_digit() || it == '.' => number.push(it),
            unit => {
                let count: f64 = number.parse().unwrap_or(0.0);
                number.clear();
                seconds += count
                    * match unit {
                        'D' => 86_400.0,
                        'W' => 604_800.0,
                        'H' => 3_600.0,
                        'M' if time => 60.0,
                        'S' => 1.0,
                        _ => 0.0,
                    };
            }
        }
    }
    (seconds > 0.0).then_some(seconds)
}

/// The seconds of `1 hour 20 minutes` and its like.
fn words(text: &str) -> Option<f64> {
    let lower = text.to_lowercase();
    if let Some(seconds) = clock(&lower) {
        return Some(seconds);
    }
    let (mut seconds, mut number) = (0.0, None);
    let split = lower.replace(|it: char| !it.is_alphanumeric() && it != '.', " ");
    let mut spaced = String::new();
    let mut last_digit = false;
    for symbol in split.chars() {
        let digit = symbol.is_ascii_digit() || symbol == '.';
        if digit != last_digit {
            spaced.push(' ');
        }
        last_digit = digit;
        spaced.push(symbol);
    }
    for word in spaced.split_whitespace() {
        if let Ok(count) = word.parse::<f64>() {
            number = Some(count);
            continue;
        }
        let unit = match word.chars().next() {
            Some('h' | 's') if word.starts_with("st") || word.starts_with('h') => 3_600.0,
            Some('u') if word.starts_with("uur") => 3_600.0,
            Some('d') => 86_400.0,
            Some('m') => 60.0,
            _ => continue,
        };
        if let Some(count) = number.take() {
            seconds += count * unit;
        }
    }
    // A number alone is minutes.
    if seconds == 0.0 {
        seconds = number? * 60.0;
    }
    (seconds > 0.0).then_some(seconds)
}

/// The seconds of `1:15 h`.
fn clock(lower: &str) -> Option<f64> {
    let (hours, rest) = lower.split_once(':')?;
    let minutes = rest.get(..2)?;
    let unit = rest.get(2..)?.trim();
    let hours: u32 = hours.trim().parse().ok()?;
    let minutes: u32 = minutes.parse().ok().filter(|it| *it < 60)?;
    (unit.is_empty() || unit.starts_with('h')).then(|| f64::from(hours * 60 + minutes) * 60.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_in_any_usual_form() {
        for (written, is) in [
            (json!("PT1H30M"), 90),
            (json!("P0DT0H45M"), 45),
            (json!("pt90m"), 90),
            (json!("1 hour 20 minutes"), 80),
            (json!("1h20"), 60),
            (json!("1:15 h"), 75),
            (json!("2 hrs"), 120),
            (json!("35"), 35),
            (json!(25), 25),
            (json!(["PT5M"]), 5),
        ] {
            assert_eq!(minutes(&written), Some(json!(is)), "{written}");
        }
        for none in [json!("PT0M"), json!(""), json!(null), json!("soon")] {
            assert_eq!(minutes(&none), None, "{none}");
        }
    }

    #[test]
    fn days_and_times_are_written_as_iso_8601() {
        for (said, is) in [
            ("2025-01-29", Some("2025-01-29")),
            ("2025-01-29T10:00:00+01:00", Some("2025-01-29T10:00:00+01:00")),
            ("2025-01-29 10:00", Some("2025-01-29T10:00")),
            ("January 29, 2025", Some("2025-01-29")),
            ("soon", None),
        ] {
            assert_eq!(date(&json!(said)).as_deref(), is, "{said}");
        }
    }

    #[test]
    fn markup_and_references_are_taken_off() {
        assert_eq!(plain("salt &amp;amp; <b>pepper</b>\n &#189; cup"), "salt & pepper ½ cup");
    }
}
