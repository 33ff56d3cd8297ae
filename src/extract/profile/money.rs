//! Amounts of money as pages write them, with the currency that stands beside them.

use serde_json::{Value, json};

use crate::extract::schema::number;

/// Signs and codes of currencies beside an amount; one that is a part of another stands behind it.
const CURRENCIES: [(&str, &str); 49] = [
    ("US$", "USD"),
    ("CA$", "CAD"),
    ("AU$", "AUD"),
    ("NZ$", "NZD"),
    ("HK$", "HKD"),
    ("NT$", "TWD"),
    ("S$", "SGD"),
    ("C$", "CAD"),
    ("A$", "AUD"),
    ("R$", "BRL"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₩", "KRW"),
    ("₺", "TRY"),
    ("₴", "UAH"),
    ("₫", "VND"),
    ("₪", "ILS"),
    ("฿", "THB"),
    ("₱", "PHP"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("лв", "BGN"),
    ("руб", "RUB"),
    ("грн", "UAH"),
    ("¥", "JPY"),
    ("円", "JPY"),
    ("원", "KRW"),
    ("元", "CNY"),
    ("$", "USD"),
    ("EUR", "EUR"),
    ("USD", "USD"),
    ("GBP", "GBP"),
    ("CAD", "CAD"),
    ("AUD", "AUD"),
    ("INR", "INR"),
    ("PLN", "PLN"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("RON", "RON"),
    ("CHF", "CHF"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("Ft", "HUF"),
    ("lei", "RON"),
    ("kr", "SEK"),
    ("Rs", "INR"),
];
/// What a bare sign means where it is used: the end of the site's name, the sign's first meaning, and
/// the one it has there.
const AT_HOME: [(&str, &str, &str); 19] = [
    ("ca", "USD", "CAD"),
    ("au", "USD", "AUD"),
    ("nz", "USD", "NZD"),
    ("sg", "USD", "SGD"),
    ("hk", "USD", "HKD"),
    ("mx", "USD", "MXN"),
    ("cl", "USD", "CLP"),
    ("co", "USD", "COP"),
    ("ar", "USD", "ARS"),
    ("tw", "USD", "TWD"),
    ("tw", "CNY", "TWD"),
    ("jp", "CNY", "JPY"),
    ("cn", "JPY", "CNY"),
    ("no", "SEK", "NOK"),
    ("dk", "SEK", "DKK"),
    ("is", "SEK", "ISK"),
    ("pk", "INR", "PKR"),
    ("lk", "INR", "LKR"),
    ("np", "INR", "NPR"),
];
/// Digits of an amount with the signs between them.
const LONGEST: usize = 20;

/// An amount, and its currency where that is said beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Money {
    pub(super) amount: f64,
    pub(super) currency: Option<&'static str>,
}

/// The first amount in a text that stands beside a currency, or else the first.
pub(super) fn money(text: &str) -> Option<Money> {
    priced(text).or_else(|| {
        let amount = amount(digits_from(text)?)?;
        Some(Money { amount, currency: None })
    })
}

/// The first amount in a text that stands beside the sign or the code of a currency.
pub(super) fn priced(text: &str) -> Option<Money> {
    // The sign that stands first, and of those that begin there the one with the most to say.
    let places =
        CURRENCIES.iter().filter_map(|(sign, code)| Some((place(text, sign)?, *sign, *code)));
    let mut places: Vec<_> = places.collect();
    places.sort_by_key(|it| it.0);
    places.into_iter().find_map(|(at, sign, code)| {
        let before = text.get(..at)?.trim_end();
        let after = text.get(at + sign.len()..)?.trim_start_matches(['.', ':', ' ', '\u{a0}']);
        let ends = before.ends_with(|it: char| it.is_ascii_digit())
            || before.ends_with(",-")
            || before.ends_with(".-");
        let begins = after.starts_with(|it: char| it.is_ascii_digit());
        // A sign between two amounts belongs to the one before, unless it touches the other.
        let touches = text.get(at + sign.len()..)?.starts_with(|it: char| it.is_ascii_digit());
        let written = match (ends, begins) {
            (true, false) => last_number(before)?,
            (true, true) if !touches => last_number(before)?,
            (_, true) => after,
            (false, false) => return None,
        };
        Some(Money { amount: amount(written)?, currency: Some(code) })
    })
}

/// What a currency is called where the site is at home, if its sign alone was said.
pub(super) fn at_home(code: &'static str, address: Option<&str>) -> &'static str {
    let host = address.and_then(|it| it.split("://").nth(1)).unwrap_or_default();
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let end = host.rsplit('.').next().unwrap_or_default();
    AT_HOME.iter().find(|it| it.0 == end && it.1 == code).map_or(code, |it| it.2)
}

/// An amount without a fraction as a whole number.
pub(super) fn decimal(number: f64) -> Value {
    let whole = format!("{number:.0}").parse::<i64>().ok().filter(|_| number.fract() == 0.0);
    whole.map_or_else(|| json!(number), Value::from)
}

/// Where a sign stands that is no part of a word.
fn place(text: &str, sign: &str) -> Option<usize> {
    let word = sign.chars().all(char::is_alphabetic) && sign.is_ascii();
    text.match_indices(sign).map(|it| it.0).find(|at| {
        let before = text.get(..*at).and_then(|it| it.chars().next_back());
        let after = text.get(at + sign.len()..).and_then(|it| it.chars().next());
        !word
            || (before.is_none_or(|it| !it.is_alphabetic())
                && after.is_none_or(|it| !it.is_alphabetic()))
    })
}

fn digits_from(text: &str) -> Option<&str> {
    text.get(text.find(|it: char| it.is_ascii_digit())?..)
}

/// The number that a text ends with, from its first digit on.
fn last_number(text: &str) -> Option<&str> {
    let inside = |it: char| it.is_ascii_digit() || matches!(it, '.' | ',' | '\'' | '’' | '-');
    let mut begin = text.len();
    for (at, symbol) in text.char_indices().rev().take(LONGEST) {
        let digits = text.get(begin..)?.bytes().take_while(u8::is_ascii_digit).count();
        // Three digits behind a blank are more of the same number.
        let joins = symbol.is_whitespace()
            && digits == 3
            && text.get(..at)?.ends_with(|it: char| it.is_ascii_digit());
        if !inside(symbol) && !joins {
            break;
        }
        begin = at;
    }
    digits_from(text.get(begin..)?)
}

/// The number at the beginning of a text, above nothing. No price has three digits behind its point, so
/// three of them are thousands.
fn amount(text: &str) -> Option<f64> {
    let written: String = text.chars().take(LONGEST).collect();
    let value = number(&Value::from(written.as_str()))?;
    let end = written.find(|it: char| !it.is_ascii_digit() && !matches!(it, '.' | ','));
    let end = end.unwrap_or(written.len());
    let plain = written.get(..end)?.trim_end_matches(['.', ',']);
    let grouped = plain.split_once('.').is_some_and(|(before, after)| {
        after.len() == 3 && !plain.contains(',') && (1..=3).contains(&before.len()) && before != "0"
    });
    let value = if grouped { (value * 1_000.0).round() } else { value };
    (value > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_the_one_beside_the_currency() {
        for (text, amount, currency) in [
            ("Now $12.50 (was $15)", 12.5, "USD"),
            ("7 % off: 294 元", 294.0, "CNY"),
            ("from NT$ 1,390", 1_390.0, "TWD"),
            ("1 099,99 Kč", 1_099.99, "CZK"),
            ("EUR110.00", 110.0, "EUR"),
            ("€ 1.099,00", 1_099.0, "EUR"),
            ("$249.990", 249_990.0, "USD"),
            ("2.450,- €", 2_450.0, "EUR"),
            ("Rs. 23,450", 23_450.0, "INR"),
            ("10 € 20 €", 10.0, "EUR"),
            ("2 €5", 5.0, "EUR"),
            ("0.125 €", 0.125, "EUR"),
        ] {
            assert_eq!(priced(text), Some(Money { amount, currency: Some(currency) }), "{text}");
        }
        for text in ["12.50", "krone 5", "$", "free", "€ 0"] {
            assert_eq!(priced(text), None, "{text}");
        }
        assert_eq!(money("now 12.50"), Some(Money { amount: 12.5, currency: None }));
    }

    #[test]
    fn a_bare_sign_means_what_it_means_at_home() {
        assert_eq!(at_home("USD", Some("https://shop.example.ca/a")), "CAD");
        assert_eq!(at_home("USD", Some("https://shop.example.com/ca")), "USD");
        assert_eq!(at_home("EUR", Some("https://shop.example.ca")), "EUR");
    }
}
