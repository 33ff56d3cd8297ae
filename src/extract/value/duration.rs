//! Durations as pages write them: ISO 8601, clock times, and words in several languages.
//!
//! In words every number needs a unit of its own ([`DURATION_UNITS`]), with two exceptions: a text that is
//! only a number is in minutes, and so is a number at the end directly behind hours, as in `1h20`. A
//! number in front of any other word (`3 steps`) is ignored.

use serde_json::Value;

use crate::extract::vocabulary::DURATION_UNITS;

const SECONDS_PER_MINUTE: f64 = 60.0;
/// Seconds of an hour, the unit behind which a number needs none of its own.
const HOUR: u32 = 3_600;
/// Minutes that a duration on a page may have; one of a million is a mistake.
const MINUTES: std::ops::Range<f64> = 1.0..1e6;

/// Reads a duration as whole minutes. A number without a unit is in minutes.
pub(crate) fn minutes(value: &Value) -> Option<Value> {
    let value = match value {
        Value::Array(all) => all.iter().find(|it| !it.is_null())?,
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
    let minutes = seconds(text)? / SECONDS_PER_MINUTE;
    let whole = format!("{:.0}", minutes.floor());
    MINUTES.contains(&minutes).then(|| whole.parse::<u64>().ok()).flatten().map(Value::from)
}

fn seconds(text: &str) -> Option<f64> {
    let seconds = match text.strip_prefix(['P', 'p']) {
        // Some pages leave out the `T` or a unit; the rest still reads as words.
        Some(rest) => iso(text).or_else(|| words(rest.trim_start_matches(['T', 't'])))?,
        None => clock(text).or_else(|| words(text))?,
    };
    (seconds > 0.0).then_some(seconds)
}

/// Reads an ISO 8601 duration. Its years and months count nothing: they have no fixed length, and pages
/// write them only as `P0Y0M0DT30M`.
fn iso(text: &str) -> Option<f64> {
    const DATE: [(char, f64); 4] = [('Y', 0.0), ('M', 0.0), ('W', 604_800.0), ('D', 86_400.0)];
    const TIME: [(char, f64); 3] = [('H', 3_600.0), ('M', 60.0), ('S', 1.0)];
    let parts = text.strip_prefix(['P', 'p'])?.to_ascii_uppercase();
    let (date, time) = parts.split_once('T').unwrap_or((&parts, ""));
    Some(components(date, &DATE)? + components(time, &TIME)?)
}

/// Adds up numbers, each followed by the designator of its unit, in the order of `units`.
fn components(part: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = part;
    let mut units = units.iter();
    while !rest.is_empty() {
        let end = rest.find(|it: char| !it.is_ascii_digit() && !matches!(it, '.' | ','))?;
        let (number, behind) = rest.split_at(end);
        let count: f64 = number.replace(',', ".").parse().ok()?;
        let unit = units.find(|it| behind.starts_with(it.0))?;
        total += count * unit.1;
        rest = behind.get(1..)?;
    }
    Some(total)
}

/// Reads `1:15`, `1:15 h` and `1:15:00`.
fn clock(text: &str) -> Option<f64> {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != ':').unwrap_or(text.len());
    let (time, unit) = text.split_at_checked(end)?;
    let unit = unit.trim().to_lowercase();
    if !(unit.is_empty() || unit.starts_with('h')) {
        return None;
    }
    let mut parts = time.split(':').map(|it| it.parse::<u32>().ok());
    let hours = f64::from(parts.next()??);
    let minutes = parts.next()??;
    let seconds = parts.next().unwrap_or(Some(0))?;
    let fits = minutes < 60 && seconds < 60 && parts.next().is_none();
    let below_hours = f64::from(minutes) * SECONDS_PER_MINUTE + f64::from(seconds);
    fits.then(|| hours * f64::from(HOUR) + below_hours)
}

/// A number or a word of a duration.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
}

/// Reads `1 hour 20 minutes`, `1 ½ Std.`, `20-30 min` and their like. Of a range the upper end counts.
fn words(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut number: Option<f64> = None;
    // The unit right in front of the number.
    let mut unit: Option<u32> = None;
    let mut has_other_words = text.contains(':');
    for token in tokens(text) {
        match token {
            // `1 ½` and `1 1/2` are one number.
            Token::Number(part) if part < 1.0 && number.is_some_and(|it| it >= 1.0) => {
                number = number.map(|it| it + part);
            }
            Token::Number(new) => number = Some(new),
            Token::Word(word) => {
                unit = seconds_of(&word);
                has_other_words |= unit.is_none();
                let counted = number.take().zip(unit);
                total += counted.map_or(0.0, |(count, unit)| count * f64::from(unit));
            }
        }
    }
    match (number, unit) {
        (Some(rest), Some(HOUR)) if rest < 60.0 && total > 0.0 => {
            Some(total + rest * SECONDS_PER_MINUTE)
        }
        (Some(only), None) if !has_other_words => Some(only * SECONDS_PER_MINUTE),
        _ => Some(total).filter(|it| *it > 0.0),
    }
}

fn seconds_of(word: &str) -> Option<u32> {
    let found = DURATION_UNITS.binary_search_by_key(&word, |it| it.0).ok()?;
    DURATION_UNITS.get(found).map(|it| it.1)
}

/// Splits a text into its numbers and words; a digit ends a word, as in `1h20min`.
fn tokens(text: &str) -> Vec<Token> {
    let lower = text.to_lowercase();
    let mut tokens = Vec::new();
    let mut rest = lower.as_str();
    while let Some(symbol) = rest.chars().next() {
        let length = if symbol.is_ascii_digit() {
            let (number, length) = number(rest);
            tokens.push(Token::Number(number));
            length
        } else if let Some(fraction) = fraction(symbol) {
            tokens.push(Token::Number(fraction));
            symbol.len_utf8()
        } else if symbol.is_alphabetic() {
            let end = rest.find(|it: char| !it.is_alphabetic()).unwrap_or(rest.len());
            tokens.push(Token::Word(rest.get(..end).unwrap_or_default().to_owned()));
            end
        } else {
            symbol.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Reads the number at the beginning of a text, `20`, `1.5`, `1,5` or `1/2`, and returns its length.
fn number(text: &str) -> (f64, usize) {
    let digits = |it: &str| it.bytes().take_while(u8::is_ascii_digit).count();
    let parse = |it: &str| it.parse::<f64>().unwrap_or_default();
    let whole = digits(text);
    let before = text.get(..whole).unwrap_or_default();
    let after = text.get(whole..).unwrap_or_default();
    let behind = after.get(1..).unwrap_or_default();
    let more = digits(behind);
    let second = behind.get(..more).unwrap_or_default();
    match after.chars().next() {
        Some('.' | ',') if more > 0 => (parse(&format!("{before}.{second}")), whole + 1 + more),
        Some('/') if more > 0 && parse(second) > 0.0 => {
            (parse(before) / parse(second), whole + 1 + more)
        }
        _ => (parse(before), whole),
    }
}

fn fraction(symbol: char) -> Option<f64> {
    Some(match symbol {
        '¼' => 0.25,
        '⅓' => 1.0 / 3.0,
        '½' => 0.5,
        '⅔' => 2.0 / 3.0,
        '¾' => 0.75,
        _ => return None,
    })
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
            (json!("P0Y0M0DT0H10M0.000S"), 10),
            (json!("pt90m"), 90),
            (json!("P1DT1H"), 1_500),
            (json!("PT1.5H"), 90),
            (json!("P1H30M"), 90),
            (json!("PT1H20"), 80),
            (json!("1 hour 20 minutes"), 80),
            (json!("1h20"), 80),
            (json!("1h 20m"), 80),
            (json!("1:15 h"), 75),
            (json!("1:15:00"), 75),
            (json!("2 hrs"), 120),
            (json!("1 1/2 hours"), 90),
            (json!("1½ Stunden"), 90),
            (json!("1,5 Std."), 90),
            (json!("20-30 minutes"), 30),
            (json!("40 perc"), 40),
            (json!("1時間30分"), 90),
            (json!("35"), 35),
            (json!("30'"), 30),
            (json!(25), 25),
            (json!(["PT5M"]), 5),
            (json!("180 seconds"), 3),
        ] {
            assert_eq!(minutes(&written), Some(json!(is)), "{written}");
        }
    }

    #[test]
    fn a_number_of_something_else_is_not_a_duration() {
        for none in ["3 steps", "2 dozen", "4 medium eggs", "1:75", "PT0M", "P3M", "", "soon"] {
            assert_eq!(minutes(&json!(none)), None, "{none}");
        }
        assert_eq!(minutes(&Value::Null), None);
        assert_eq!(minutes(&json!("1 hour, serves 4")), Some(json!(60)));
    }

    #[test]
    fn the_units_are_sorted_for_the_search() {
        assert!(DURATION_UNITS.is_sorted_by_key(|it| it.0));
    }
}
