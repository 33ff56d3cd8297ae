//! Amounts of money as pages write them, with the currency beside them.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::Value;

use crate::extract::value::number::number;
use crate::extract::vocabulary::{CURRENCY_SIGNS, LOCAL_CURRENCIES};

/// Characters of an amount with its separators.
const LONGEST: usize = 20;

/// Currencies whose amounts have a point before the fraction and never between groups of digits: the pound,
/// and the currencies with three decimals.
const POINT_CURRENCIES: [&str; 8] = ["BHD", "GBP", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// A sign of a currency, and the code.
type Sign = (&'static str, &'static str);

/// The signs of currencies by their first byte.
static SIGNS_BY_BYTE: LazyLock<Vec<Vec<Sign>>> = LazyLock::new(|| {
    let mut signs = vec![Vec::new(); 256];
    for (sign, code) in CURRENCY_SIGNS {
        let first = sign.bytes().next().map(usize::from);
        if let Some(of_byte) = first.and_then(|it| signs.get_mut(it)) {
            of_byte.push((*sign, *code));
        }
    }
    signs
});

/// An amount, and its currency if one stands beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Money {
    pub(crate) amount: f64,
    pub(crate) currency: Option<&'static str>,
}

/// Returns the first amount beside a currency, or else the first amount.
pub(crate) fn money(text: &str) -> Option<Money> {
    priced(text).or_else(|| {
        let text = western(text);
        let amount = amount(digits_from(&text)?, None)?;
        Some(Money { amount, currency: None })
    })
}

/// Returns `true` if a text may have a digit of the scripts in which amounts are read.
pub(crate) fn may_have_digit(text: &str) -> bool {
    // The digits of Arabic and Persian begin with these bytes.
    text.bytes().any(|it| it.is_ascii_digit() || matches!(it, 0xd9 | 0xdb))
}

/// Returns the first amount beside the sign or code of a currency.
pub(crate) fn priced(text: &str) -> Option<Money> {
    if !may_have_digit(text) {
        return None;
    }
    let text = &*western(text);
    // Most texts have no number, and the search for signs is long.
    if !text.bytes().any(|it| it.is_ascii_digit()) {
        return None;
    }
    // The sign at the first place counts.
    signs_in(text).find_map(|(at, sign, code)| {
        let before = text.get(..at)?.trim_end();
        let after = text.get(at + sign.len()..)?.trim_start_matches(['.', ':', ' ', '\u{a0}']);
        let ends = before.ends_with(|it: char| it.is_ascii_digit())
            || before.ends_with(",-")
            || before.ends_with(".-");
        let begins = after.starts_with(|it: char| it.is_ascii_digit());
        // A sign between two amounts belongs to the one before, unless it touches the other.
        let touches = text.get(at + sign.len()..)?.starts_with(|it: char| it.is_ascii_digit());
        if let Some(amount) = split_by_sign(before, after, sign, ends && touches) {
            return Some(Money { amount, currency: Some(code) });
        }
        let written = match (ends, begins) {
            (true, false) => last_number(before)?,
            (true, true) if !touches => last_number(before)?,
            (_, true) => after,
            (false, false) => return None,
        };
        Some(Money { amount: amount(written, Some(code))?, currency: Some(code) })
    })
}

/// Reads `12€99`, whose sign stands in place of the point.
fn split_by_sign(before: &str, after: &str, sign: &str, touches: bool) -> Option<f64> {
    let cents = after.get(..2)?;
    let fits = touches
        && sign == "€"
        && cents.bytes().all(|it| it.is_ascii_digit())
        && !after.get(2..)?.starts_with(|it: char| it.is_ascii_digit() || ".,".contains(it));
    let whole = last_number(before).filter(|_| fits)?;
    let whole = whole.bytes().all(|it| it.is_ascii_digit()).then_some(whole)?;
    format!("{whole}.{cents}").parse().ok()
}

/// Replaces the digits and separators of Arabic and Persian.
fn western(text: &str) -> Cow<'_, str> {
    let digit = |it: char| {
        let from = |zero: char| u32::from(it).checked_sub(u32::from(zero)).filter(|it| *it < 10);
        from('٠').or_else(|| from('۰')).and_then(|it| char::from_digit(it, 10))
    };
    if text.is_ascii() || !text.chars().any(|it| digit(it).is_some()) {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|it| match it {
        '٫' => '.',
        '٬' => ',',
        it => digit(it).unwrap_or(it),
    });
    Cow::Owned(plain.collect())
}

/// Returns the local currency for a sign whose country the site's host names.
pub(crate) fn local_currency(code: &'static str, address: Option<&str>) -> &'static str {
    let host = address.and_then(|it| it.split("://").nth(1)).unwrap_or_default();
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let end = host.rsplit('.').next().unwrap_or_default();
    LOCAL_CURRENCIES.iter().find(|it| it.0 == end && it.1 == code).map_or(code, |it| it.2)
}

/// Returns the first place of each sign that is not part of a word, in the order of the places.
fn signs_in(text: &str) -> impl Iterator<Item = (usize, &'static str, &'static str)> + use<'_> {
    let mut found: Vec<&str> = Vec::new();
    let begins = text.bytes().enumerate().flat_map(|(at, first)| {
        let signs = SIGNS_BY_BYTE.get(usize::from(first)).into_iter().flatten();
        signs.map(move |(sign, code)| (at, *sign, *code))
    });
    begins.filter(move |(at, sign, _)| {
        let is_new = stands_at(text, *at, sign) && !found.contains(sign);
        if is_new {
            found.push(sign);
        }
        is_new
    })
}

/// Returns `true` if a sign is at a position of a text and is not part of a word.
fn stands_at(text: &str, at: usize, sign: &str) -> bool {
    if !text.get(at..).is_some_and(|it| it.starts_with(sign)) {
        return false;
    }
    let before = text.get(..at).and_then(|it| it.chars().next_back());
    let after = text.get(at + sign.len()..).and_then(|it| it.chars().next());
    let word = sign.bytes().all(|it| it.is_ascii_alphabetic());
    !word
        || (before.is_none_or(|it| !it.is_alphabetic())
            && after.is_none_or(|it| !it.is_alphabetic()))
}

/// Returns a text from its first digit on, or from the separator before it: `,89`.
fn digits_from(text: &str) -> Option<&str> {
    let at = text.find(|it: char| it.is_ascii_digit())?;
    let before = text.get(..at)?;
    let is_fraction = before.ends_with(['.', ','])
        && (before.len() == 1 || [" ,", " ."].iter().any(|it| before.ends_with(it)))
        && text.get(at..)?.bytes().take_while(u8::is_ascii_digit).count() == 2;
    text.get(at - usize::from(is_fraction)..)
}

/// Returns the number at the end of a text, from its first digit on.
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

/// Returns the positive number at the beginning of a text. Hardly a price has three digits behind its
/// point, so three digits there are thousands, unless the currency is written otherwise.
fn amount(text: &str, currency: Option<&str>) -> Option<f64> {
    let mut written: String = text.chars().take(LONGEST).collect();
    if written.starts_with([',', '.']) {
        written.replace_range(..1, "0.");
    }
    let value = number(&Value::from(written.as_str()))?;
    let end = written.find(|it: char| !it.is_ascii_digit() && !matches!(it, '.' | ','));
    let end = end.unwrap_or(written.len());
    let plain = written.get(..end)?.trim_end_matches(['.', ',']);
    let grouped = plain.split_once('.').is_some_and(|(before, after)| {
        after.len() == 3 && !plain.contains(',') && (1..=3).contains(&before.len()) && before != "0"
    });
    let has_point = currency.is_some_and(|it| POINT_CURRENCIES.contains(&it));
    let value = if grouped && !has_point { (value * 1_000.0).round() } else { value };
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
            ("12€99", 12.99, "EUR"),
            ("12 €99", 12.99, "EUR"),
            (",89 €", 0.89, "EUR"),
            ("£3.355", 3.355, "GBP"),
            ("KD 3.250", 3.25, "KWD"),
            ("٣٫٥٠ د.إ", 3.5, "AED"),
            ("Rp 150.000", 150_000.0, "IDR"),
            ("kr 1.299,-", 1_299.0, "SEK"),
            ("₦5,000", 5_000.0, "NGN"),
        ] {
            assert_eq!(priced(text), Some(Money { amount, currency: Some(currency) }), "{text}");
        }
        for text in ["12.50", "krone 5", "$", "free", "€ 0"] {
            assert_eq!(priced(text), None, "{text}");
        }
        assert_eq!(money("now 12.50"), Some(Money { amount: 12.5, currency: None }));
    }

    #[test]
    fn a_bare_sign_means_what_it_means_local_currency() {
        assert_eq!(local_currency("USD", Some("https://shop.example.ca/a")), "CAD");
        assert_eq!(local_currency("USD", Some("https://shop.example.com/ca")), "USD");
        assert_eq!(local_currency("EUR", Some("https://shop.example.ca")), "EUR");
    }
}
