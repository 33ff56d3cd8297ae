//! Durations as pages write them: ISO 8601, clock times, and words in several languages.

use serde_json::Value;

/// The minutes of a duration, in ISO 8601 or in words.
pub(crate) fn minutes(value: &Value) -> Option<Value> {
    let value = match value {
        Value::Array(all) => all.iter().find(|it| !it.is_null())?,
        Value::Null => return None,
        one => one,
    };
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
}
