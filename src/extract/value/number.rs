//! Numbers as people write them.

use serde_json::{Value, json};

/// Characters of a number that are read.
const MAX_DIGITS: usize = 40;
/// Digits between two separators of thousands.
const GROUP: usize = 3;

/// Reads the number in a value and drops its fraction.
pub(crate) fn whole(value: &Value) -> Option<Value> {
    let number = number(value)?;
    let text = format!("{:.0}", number.trunc());
    text.parse::<i64>().ok().map(Value::from)
}

/// Reads the number in a value: `"$1,099.99"` and `"1.099,99 €"` are both 1099.99.
///
/// If both a point and a comma occur, the last of them is the decimal separator. A comma alone is one
/// unless three digits follow.
pub(crate) fn number(value: &Value) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return Some(number);
    }
    let text = first_amount(value.as_str()?)?;
    let text = text.trim_end_matches(['.', ',']);
    let (dot, comma) = (text.rfind('.'), text.rfind(','));
    let decimal = match (dot, comma) {
        (Some(dot), Some(comma)) => Some(dot.max(comma)),
        (None, Some(comma)) if text.len() - comma == GROUP + 1 || text.matches(',').count() > 1 => {
            None
        }
        (None, Some(comma)) => Some(comma),
        // Several points separate groups of digits.
        (Some(_), None) if text.matches('.').count() > 1 => None,
        (dot, None) => dot,
    };
    let plain = text.char_indices().filter_map(|(at, it)| match it {
        '.' | ',' => (Some(at) == decimal).then_some('.'),
        other => Some(other),
    });
    plain.collect::<String>().parse().ok()
}

/// Copies the first number of a text without the blanks and quotes between its groups of digits.
fn first_amount(text: &str) -> Option<String> {
    let begin = text.find(|it: char| it.is_ascii_digit())?;
    let mut out = String::new();
    if text.get(..begin)?.trim_end_matches(['$', '€', '£']).ends_with('-') {
        out.push('-');
    }
    let rest: Vec<char> = text.get(begin..)?.chars().take(MAX_DIGITS).collect();
    for (at, symbol) in rest.iter().enumerate() {
        let next: Vec<char> = rest.iter().skip(at + 1).take(GROUP + 1).copied().collect();
        let digits = next.iter().take_while(|it| it.is_ascii_digit()).count();
        match symbol {
            it if it.is_ascii_digit() => out.push(*it),
            '.' | ',' => out.push(*symbol),
            // Three digits behind a blank belong to the same number.
            '\'' | '’' => {}
            it if it.is_whitespace() && digits == GROUP && at <= GROUP => {}
            _ => break,
        }
    }
    Some(out)
}

/// Writes a number as JSON, without a fraction if it is whole: `12`, `12.5`.
pub(crate) fn decimal(number: f64) -> Value {
    let whole = format!("{number:.0}").parse::<i64>().ok().filter(|_| number.fract() == 0.0);
    whole.map_or_else(|| json!(number), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_either_continent_writes_them() {
        for (text, is) in [
            ("$1,099.99", 1_099.99),
            ("1.099,99 €", 1_099.99),
            ("12,50", 12.5),
            ("1,099", 1_099.0),
            ("-4.5", -4.5),
            ("USD 7.", 7.0),
            ("1 099,99 Kč", 1_099.99),
            ("1'099.50", 1_099.5),
            ("10.75 11.95", 10.75),
            ("2.450.000", 2_450_000.0),
            ("now $12.50 (was $15)", 12.5),
        ] {
            assert_eq!(number(&Value::from(text)), Some(is), "{text}");
        }
        assert_eq!(number(&Value::from("free")), None);
    }
}
