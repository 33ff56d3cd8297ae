//! Writes superscripts and subscripts on the line: exponents, indices, notes, isotopes.
//!
//! Written plainly they lose their meaning: 10³ would read as 103. Digits and signs have shifted symbols;
//! other formulas need a mark. Letters that are shifted only for looks (`1st`, `Mme`, a trademark) stay
//! words.

use crate::extract::dom::doc::{Doc, Id};

/// Bytes of a formula; a longer text is a remark in small letters.
pub(crate) const LONGEST: usize = 24;
/// Letters that end an ordinal or a title: `2e`, `1a`, `Mr`. Alone they are not exponents.
const ENDINGS: &str = "aehdorst";

/// Signs beside an amount of money.
const CURRENCIES: [char; 5] = ['$', '€', '£', '₹', '₽'];
/// Nodes behind an amount in which its currency is.
const NEAR: usize = 6;

/// The position of a text against its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Superscript,
    Subscript,
}

impl Shift {
    /// Returns the sign for the shift in plain text.
    const fn sign(self) -> char {
        match self {
            Self::Superscript => '^',
            Self::Subscript => '_',
        }
    }

    /// Returns the shifted symbol of a digit or a sign.
    fn symbol(self, plain: char) -> Option<char> {
        const PLAIN: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '-', '−', '=', '(', ')'];
        const RAISED: [char; 16] =
            ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹', '⁺', '⁻', '⁻', '⁼', '⁽', '⁾'];
        const LOWERED: [char; 16] =
            ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉', '₊', '₋', '₋', '₌', '₍', '₎'];
        let all = if self == Self::Superscript { RAISED } else { LOWERED };
        PLAIN.iter().zip(all).find(|it| *it.0 == plain).map(|it| it.1)
    }

    /// Writes a shifted text behind `before`, if that carries more than the plain `text`.
    pub(crate) fn written(self, doc: &Doc<'_>, id: Id, before: &str, text: &str) -> Option<String> {
        let behind = || (doc.end(id)..doc.len()).take(NEAR).find_map(|it| doc.text(it));
        if self == Self::Superscript && is_cents(text) {
            let number =
                before.trim_end_matches(|it: char| it.is_ascii_digit() || ".,".contains(it));
            let amount = before.get(number.len()..).unwrap_or_default();
            let priced = number.ends_with(CURRENCIES)
                || behind().is_some_and(|it| it.trim_start().starts_with(CURRENCIES));
            if priced && !amount.is_empty() {
                let point = if amount.ends_with(['.', ',']) { "" } else { "." };
                return Some(format!("{point}{text}"));
            }
        }
        if self == Self::Superscript
            && text == "o"
            && before.ends_with(|it: char| it.is_ascii_digit())
            && behind().is_some_and(|it| it.starts_with(['C', 'F']))
        {
            return Some("°".to_owned());
        }
        self.in_symbols(text)
    }

    /// Writes a text in shifted symbols, if it consists of digits and signs. Separators between numbers
    /// stay.
    fn in_symbols(self, text: &str) -> Option<String> {
        let is_number =
            text.chars().any(|it| it.is_ascii_digit()) || matches!(text, "+" | "-" | "−");
        let written = |it: char| match it {
            ',' | ';' | '/' | '⁄' | '–' | ' ' => Some(it),
            it => self.symbol(it),
        };
        let fits = is_number && text.len() <= LONGEST && !text.starts_with(',');
        if fits { text.chars().map(written).collect() } else { None }
    }

    /// Returns `true` if a text that has no symbols for its characters is a formula behind `before`.
    pub(crate) fn is_formula(self, before: &str, text: &str) -> bool {
        let is_part = |it: char| it.is_alphanumeric() || "+-−=.,/*()′".contains(it);
        // Emphasis may have ended between the two.
        let before = before.trim_end_matches('*');
        let touches = before.ends_with(|it: char| it.is_alphanumeric() || matches!(it, ')' | ']'));
        if !touches
            || text.is_empty()
            || text.starts_with(['.', ','])
            || text.len() > LONGEST
            || !text.chars().all(is_part)
        {
            return false;
        }
        if self == Self::Subscript {
            return true;
        }
        let start = before.trim_end_matches(char::is_alphanumeric).len();
        let base = before.get(start..).unwrap_or_default();
        let is_value = base.chars().count() <= 1 || base.bytes().all(|it| it.is_ascii_digit());
        let is_one = text.chars().count() == 1 && !text.contains(|it: char| ENDINGS.contains(it));
        let counts = text.contains(|it: char| it.is_numeric() || "+-−=*/".contains(it));
        let is_mark = text.chars().all(|it| it == '*');
        is_value && !is_mark && (is_one || counts)
    }

    /// Writes a formula in plain text; more than a name or a number goes into brackets.
    pub(crate) fn in_plain(self, text: &str) -> String {
        let sign = self.sign();
        let is_one = text.chars().all(|it| it.is_alphanumeric() || it == '.');
        if is_one { format!("{sign}{text}") } else { format!("{sign}({text})") }
    }

    /// Writes a formula in markdown, whose only mark for it is that of HTML.
    pub(crate) fn in_markdown(self, text: &str) -> String {
        match self {
            Self::Superscript => format!("<sup>{text}</sup>"),
            Self::Subscript => format!("<sub>{text}</sub>"),
        }
    }
}

/// Returns `true` if a text is the fraction of a price, which shops set high behind the whole amount.
fn is_cents(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_signs_have_symbols_of_their_own() {
        for (plain, raised) in
            [("3", "³"), ("-12", "⁻¹²"), ("2+", "²⁺"), ("1,2", "¹,²"), ("+", "⁺")]
        {
            assert_eq!(Shift::Superscript.in_symbols(plain).as_deref(), Some(raised), "{plain}");
        }
        assert_eq!(Shift::Subscript.in_symbols("10").as_deref(), Some("₁₀"));
        for none in ["st", "n", "", "(", "2n", "see 1 or any of the 25 others"] {
            assert_eq!(Shift::Superscript.in_symbols(none), None, "{none}");
        }
    }

    #[test]
    fn an_exponent_is_told_from_the_end_of_an_ordinal() {
        for (before, text) in [("2", "n"), ("so x", "2n+1"), ("A", "T"), ("(a+b)", "k"), ("e", "x")]
        {
            assert!(Shift::Superscript.is_formula(before, text), "{before} {text}");
        }
        for (before, text) in [
            ("1", "st"),
            ("2", "e"),
            ("M", "me"),
            ("N", "o"),
            ("Rungs", "TM"),
            ("word ", "n"),
            ("V", "e"),
        ] {
            assert!(!Shift::Superscript.is_formula(before, text), "{before} {text}");
        }
        assert!(Shift::Subscript.is_formula("T", "max"));
        assert!(!Shift::Subscript.is_formula("T", "as said above"));
        assert!(!Shift::Subscript.is_formula("", "max"));
    }
}
