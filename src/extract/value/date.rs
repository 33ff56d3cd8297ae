//! Days and timestamps as pages write them, in the languages of [`MONTH_NAMES`].

use std::sync::LazyLock;

use crate::extract::vocabulary::MONTH_NAMES;

/// Years that a date on a page may have; other numbers of four digits are no years.
const FIRST_YEAR: u32 = 1_990;
const LAST_YEAR: u32 = 2_100;
/// The difference between the years of the Thai calendar and ours.
const THAI_YEARS: u32 = 543;
/// Digits of a year.
const YEAR_DIGITS: usize = 4;
/// Letters of the shortest abbreviation of a month.
const SHORTEST: usize = 3;
/// Characters of a word between the parts of a date: "29 de agosto de 2023", "5th of May".
const FILLER: usize = 4;
/// Such words between two parts.
const MAX_FILLERS: usize = 2;
/// Tokens of a text that are read.
const MAX_TOKENS: usize = 64;
/// Marks behind the year, the month and the day in Chinese, Japanese and Korean.
const CALENDAR_MARKS: [char; 8] = ['年', '月', '日', '号', '號', '년', '월', '일'];

/// The names of the months in all languages, sorted, so that a word which begins none of them is found out quickly.
static SORTED_NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let names = MONTH_NAMES.iter().flat_map(|it| it.1.split([' ', '/']));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
});

/// The order of a day and a month that are both written as numbers below 13.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NumericOrder {
    /// Such a date is not read.
    #[default]
    Unknown,
    DayFirst,
    MonthFirst,
}

/// The way in which the dates of a page are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DateStyle<'a> {
    /// BCP 47.
    pub(crate) language: Option<&'a str>,
    pub(crate) order: NumericOrder,
}

impl<'a> DateStyle<'a> {
    /// Returns the style of a language. In English the order of numbers depends on the country.
    pub(crate) fn of(language: Option<&'a str>) -> Self {
        let lower = language.map(str::to_ascii_lowercase).unwrap_or_default();
        let mut parts = lower.split(['-', '_']);
        let order = match (parts.next().unwrap_or_default(), parts.next_back()) {
            ("en", Some("us" | "ph")) => NumericOrder::MonthFirst,
            ("en", Some("gb" | "uk" | "au" | "nz" | "ie" | "in" | "za" | "sg")) => {
                NumericOrder::DayFirst
            }
            ("en" | "", _) => NumericOrder::Unknown,
            _ => NumericOrder::DayFirst,
        };
        Self { language, order }
    }

    /// Returns the month of a name or its abbreviation.
    fn month(&self, name: &str) -> Option<u32> {
        let next = SORTED_NAMES.partition_point(|it| *it < name);
        SORTED_NAMES.get(next).filter(|it| it.starts_with(name))?;
        let code = self.language.unwrap_or_default().split(['-', '_']).next().unwrap_or_default();
        let is_own = |it: &str| it.eq_ignore_ascii_case(code);
        let own = MONTH_NAMES.iter().filter(|it| is_own(it.0));
        own.chain(MONTH_NAMES).find_map(|(language, months)| {
            let months = || months.split(' ').map(|it| it.split('/'));
            let exact = months().position(|mut names| names.any(|it| it == name));
            let short = || {
                let begins =
                    |names: &mut std::str::Split<'_, char>| names.any(|it| it.starts_with(name));
                // An abbreviation of two months is none.
                let mut all =
                    months().enumerate().filter_map(|mut it| begins(&mut it.1).then_some(it.0));
                let first = all.next().filter(|_| name.chars().count() >= SHORTEST);
                first.filter(|_| all.next().is_none())
            };
            // Of other languages only whole names count: "ago" is August in Spanish.
            let knows = code.is_empty() || is_own(language) || *language == "en";
            let found = exact.or_else(|| if knows { short() } else { None });
            u32::try_from(found? + 1).ok()
        })
    }
}

/// Returns a text as it is if it begins like an ISO 8601 date, and else the day in it, if any.
pub(crate) fn iso_or_day(text: String, style: DateStyle<'_>) -> String {
    let bytes = text.as_bytes();
    let is_iso = bytes.len() >= 10 && bytes[4] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit);
    if is_iso { text } else { day_in(&text, style).unwrap_or(text) }
}

/// Reads a day or a timestamp and returns it as ISO 8601, with the time of day and offset as written.
pub(crate) fn timestamp(text: &str) -> Option<String> {
    iso_timestamp(text).or_else(|| day(text))
}

fn iso_timestamp(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    let digits = day.bytes().enumerate().all(|(at, it)| match at {
        4 | 7 => it == b'-',
        _ => it.is_ascii_digit(),
    });
    let rest = text.get(10..)?;
    let rest = rest.strip_prefix(['T', 't', ' ']).map_or(rest, str::trim_start);
    if !digits {
        return None;
    }
    if rest.is_empty() {
        return Some(day.to_owned());
    }
    (rest.as_bytes().get(2) == Some(&b':')).then(|| format!("{day}T{}", rest.replace(' ', "")))
}

/// Reads the first day in a text of an unknown language and returns it as `2025-01-29`.
pub(crate) fn day(text: &str) -> Option<String> {
    day_in(text, DateStyle::default())
}

/// Reads the first day in a text and returns it as `2025-01-29`.
///
/// Understands `2025-01-29T10:00Z`, `2025/1/29`, `20250129`, `29.1.2025`, `Jan. 29, 2025`, `29 January 2025`
/// and the same with the names of other languages; an order of numbers that could mean day or month first
/// is read only if the style decides it.
pub(crate) fn day_in(text: &str, style: DateStyle<'_>) -> Option<String> {
    // No date is without a year, and most texts have none.
    if !has_digits(text, YEAR_DIGITS) {
        return None;
    }
    let tokens = tokens(text);
    let years = tokens.iter().any(|it| it.year().is_some() || it.compact().is_some());
    if !years {
        return None;
    }
    let months: Vec<Option<u32>> = tokens.iter().map(|it| it.month(style)).collect();
    let reader = DateReader { tokens: &tokens, months: &months, style };
    (0..tokens.len()).find_map(|it| reader.date_at(it))
}

/// Returns `true` if a text has some digits of any script side by side.
fn has_digits(text: &str, count: usize) -> bool {
    let mut run = 0;
    let mut is_run = |is_digit: bool| {
        run = if is_digit { run + 1 } else { 0 };
        run >= count
    };
    if text.is_ascii() {
        text.bytes().any(|it| is_run(it.is_ascii_digit()))
    } else {
        text.chars().any(|it| is_run(digit_of(it).is_some()))
    }
}

/// A run of digits or of letters.
struct Token {
    text: String,
    /// The value of a number.
    number: Option<u32>,
    /// The month of a numbered one.
    month: Option<u32>,
    digits: usize,
    /// The text between this token and the next.
    gap: String,
}

impl Token {
    fn within(&self, low: u32, high: u32, digits: usize) -> Option<u32> {
        self.number.filter(|it| (low..=high).contains(it) && self.digits <= digits)
    }

    fn year(&self) -> Option<u32> {
        let value = self.number.filter(|_| self.digits == YEAR_DIGITS)?;
        let thai = value.checked_sub(THAI_YEARS).filter(|_| value > 2_500);
        Some(thai.unwrap_or(value)).filter(|it| (FIRST_YEAR..=LAST_YEAR).contains(it))
    }

    fn day(&self) -> Option<u32> {
        self.within(1, 31, 2)
    }

    /// Reads eight digits as a date.
    fn compact(&self) -> Option<(u32, u32, u32)> {
        let value = self.number.filter(|_| self.digits == 8)?;
        let (year, month, day) = (value / 10_000, value / 100 % 100, value % 100);
        let fits = (FIRST_YEAR..=LAST_YEAR).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day);
        fits.then_some((year, month, day))
    }

    fn month(&self, style: DateStyle<'_>) -> Option<u32> {
        self.month.or_else(|| {
            if self.number.is_some() || self.text.is_empty() {
                None
            } else {
                style.month(&self.text)
            }
        })
    }
}

/// Splits a text into numbers and words in lower case. Digits of any script count.
fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut is_number = false;
    let mut joins = false;
    for letter in text.chars() {
        let digit = digit_of(letter);
        let is_part =
            digit.is_some() || letter.is_alphabetic() || is_mark(letter) && joins && !is_number;
        if !is_part {
            if let Some(last) = out.last_mut().filter(|it| it.gap.len() < FILLER) {
                last.gap.push(letter);
            }
            joins = false;
            continue;
        }
        let alone = CALENDAR_MARKS.contains(&letter);
        if !joins || is_number != digit.is_some() || alone {
            if out.len() == MAX_TOKENS {
                break;
            }
            let number = digit.map(|_| 0);
            out.push(Token {
                text: String::new(),
                number,
                month: None,
                digits: 0,
                gap: String::new(),
            });
        }
        (joins, is_number) = (!alone, digit.is_some());
        let Some(last) = out.last_mut() else { continue };
        match digit {
            Some(digit) => {
                last.digits += 1;
                last.number = last
                    .number
                    .and_then(|it| it.checked_mul(10))
                    .and_then(|it| it.checked_add(digit));
            }
            None => last.text.extend(letter.to_lowercase()),
        }
    }
    number_months(&mut out);
    out
}

/// Joins the word for a month with the number behind it, as Vietnamese writes the months.
fn number_months(tokens: &mut Vec<Token>) {
    let mut at = 1;
    while at < tokens.len() {
        let number = tokens.get(at).and_then(|it| it.within(1, 12, 2));
        match (tokens.get_mut(at - 1), number) {
            (Some(before), Some(_)) if before.text == "tháng" => {
                before.month = number;
                tokens.remove(at);
            }
            _ => at += 1,
        }
    }
}

/// Returns `true` for a mark that belongs to the letter before it, as in Devanagari and Thai.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{97f}' | '\u{e31}'..='\u{e4e}')
}

fn digit_of(letter: char) -> Option<u32> {
    if letter.is_ascii() {
        return letter.to_digit(10);
    }
    letter.to_digit(10).or_else(|| {
        let zero = ['٠', '۰', '०', '๐', '０'];
        zero.iter()
            .find_map(|it| u32::from(letter).checked_sub(u32::from(*it)).filter(|it| *it < 10))
    })
}

struct DateReader<'t> {
    tokens: &'t [Token],
    months: &'t [Option<u32>],
    style: DateStyle<'t>,
}

impl DateReader<'_> {
    /// Reads the date that begins with a token.
    fn date_at(&self, at: usize) -> Option<String> {
        let first = self.tokens.get(at)?;
        let found = first
            .compact()
            .or_else(|| self.year_first(at, first.year()?))
            .or_else(|| self.month_first(at, self.month(at)?))
            .or_else(|| self.day_first(at, first.day()?))
            .or_else(|| self.numbers(at))?;
        let (year, month, day) = found;
        Some(format!("{year:04}-{month:02}-{day:02}"))
    }

    fn month(&self, at: usize) -> Option<u32> {
        self.months.get(at).copied().flatten()
    }

    /// Returns the next part of a date behind a token, over words like `de`.
    fn next(&self, at: usize) -> Option<usize> {
        let mut next = at + 1;
        for _ in 0..MAX_FILLERS {
            let token = self.tokens.get(next)?;
            let is_filler = token.number.is_none()
                && self.month(next).is_none()
                && token.text.chars().count() <= FILLER;
            if !is_filler {
                break;
            }
            next += 1;
        }
        Some(next)
    }

    fn year_first(&self, at: usize, year: u32) -> Option<(u32, u32, u32)> {
        let second = self.next(at)?;
        if let Some(month) = self.month(second) {
            let third = self.next(second)?;
            return Some((year, month, self.tokens.get(third)?.day()?));
        }
        let token = self.tokens.get(second)?;
        let third = self.next(second)?;
        if let Some(month) = self.month(third) {
            return Some((year, month, token.day()?));
        }
        // Between numbers only signs or the marks of the calendar may stand.
        let marked =
            |at: usize| self.tokens.get(at).is_some_and(|it| it.text.starts_with(CALENDAR_MARKS));
        let plain =
            (second == at + 1 || marked(at + 1)) && (third == second + 1 || marked(second + 1));
        let (month, day) = (token.within(1, 12, 2)?, self.tokens.get(third)?.day()?);
        plain.then_some((year, month, day))
    }

    fn month_first(&self, at: usize, month: u32) -> Option<(u32, u32, u32)> {
        let second = self.next(at)?;
        let day = self.tokens.get(second)?.day()?;
        let third = self.next(second)?;
        Some((self.tokens.get(third)?.year()?, month, day))
    }

    fn day_first(&self, at: usize, day: u32) -> Option<(u32, u32, u32)> {
        let second = self.next(at)?;
        let month = self.month(second)?;
        let third = self.next(second)?;
        Some((self.tokens.get(third)?.year()?, month, day))
    }

    /// Reads `29.1.2025` and `1/29/2025`.
    fn numbers(&self, at: usize) -> Option<(u32, u32, u32)> {
        let [first, second, third] = self.tokens.get(at..at + 3)? else { return None };
        let sign = first.gap.trim();
        if !matches!(sign, "." | "/" | "-") || second.gap.trim() != sign {
            return None;
        }
        let (left, right, year) = (first.day()?, second.day()?, third.year()?);
        let day_first = match () {
            () if left > 12 && right <= 12 => true,
            () if right > 12 && left <= 12 => false,
            () if left > 12 => return None,
            // Nobody writes the month first with points.
            () if sign == "." || left == right => true,
            () => match self.style.order {
                NumericOrder::DayFirst => true,
                NumericOrder::MonthFirst => false,
                NumericOrder::Unknown => return None,
            },
        };
        let (day, month) = if day_first { (left, right) } else { (right, left) };
        Some((year, month, day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for text in [
            "2025-01-29T10:00:00Z",
            "2025/1/29",
            "20250129",
            "Jan. 29, 2025",
            "Updated January 29th, 2025 at 1 PM",
            "29 January 2025",
            "29th of January, 2025",
            "Wed, 29 Jan 2025 10:00:00 GMT",
            "29.01.2025",
            "29/1/2025",
            "1/29/2025",
            "le mar. 29 janv. 2025",
            "29 de enero de 2025",
            "29. ledna 2025",
            "2025年1月29日",
            "2025년 1월 29일",
            "2025. január 29.",
            "2025. gada 29. janvāris",
            "29 tháng 1 năm 2025",
            "29 มกราคม 2568",
            "٢٩ يناير ٢٠٢٥",
            "29 जनवरी 2025",
        ] {
            assert_eq!(day(text).as_deref(), Some("2025-01-29"), "{text}");
        }
        for text in ["29", "yesterday", "13/29/2025", "1 2 3", "Mai Tai 2025", "2/3/2025"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn the_language_decides_what_several_languages_write() {
        for (language, text, is) in [
            ("cs", "5. listopadu 2024", "2024-11-05"),
            ("cs", "5. listopad 2024", "2024-11-05"),
            ("hr", "5. listopad 2024", "2024-10-05"),
            ("en-US", "2/3/2025", "2025-02-03"),
            ("en-GB", "2/3/2025", "2025-03-02"),
            ("de", "2/3/2025", "2025-03-02"),
            ("es", "mar. 5, mayo 2024", "2024-05-05"),
        ] {
            let style = DateStyle::of(Some(language));
            assert_eq!(day_in(text, style).as_deref(), Some(is), "{language} {text}");
        }
    }

    #[test]
    fn days_and_times_are_written_as_iso_8601() {
        for (text, is) in [
            ("2025-01-29", Some("2025-01-29")),
            ("2025-01-29T10:00:00+01:00", Some("2025-01-29T10:00:00+01:00")),
            ("2025-01-29 10:00", Some("2025-01-29T10:00")),
            ("January 29, 2025", Some("2025-01-29")),
            ("soon", None),
        ] {
            assert_eq!(timestamp(text).as_deref(), is, "{text}");
        }
    }
}
