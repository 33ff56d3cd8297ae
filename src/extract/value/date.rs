//! Days and timestamps as pages write them.

/// Years that a date on a page may have; other numbers of four digits are no years.
const FIRST_YEAR: u32 = 1_990;
const LAST_YEAR: u32 = 2_100;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Returns a text as it is if it begins like an ISO 8601 date, and else the day in it, if any.
pub(crate) fn iso_or_day(text: String) -> String {
    let bytes = text.as_bytes();
    let is_iso = bytes.len() >= 10 && bytes[4] == b'-' && bytes[..4].iter().all(u8::is_ascii_digit);
    if is_iso { text } else { day(&text).unwrap_or(text) }
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

/// Reads the first day in a text and returns it as `2025-01-29`.
///
/// Understands `2025-01-29T10:00Z`, `2025/1/29`, `Jan. 29, 2025` and `29 January 2025`; an order of numbers
/// that could mean day or month first is not guessed.
pub(crate) fn day(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let number = |it: &str, low: u32, high: u32| {
        let digits = it.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let value: u32 = digits.parse().ok()?;
        ((low..=high).contains(&value) && it.len() - digits.len() <= 2).then_some(value)
    };
    let year = |it: &str| (it.len() == 4).then(|| number(it, FIRST_YEAR, LAST_YEAR)).flatten();
    let month = |it: &str| {
        let lower = it.to_lowercase();
        let found = MONTHS.iter().position(|month| lower.len() < 10 && lower.starts_with(month))?;
        u32::try_from(found + 1).ok()
    };
    let written = |year, month, day| Some(format!("{year:04}-{month:02}-{day:02}"));
    for three in words.windows(3) {
        let [first, second, third] = *three else { continue };
        // The day of a timestamp runs into its hour.
        let last = third.split(['T', 't']).next().unwrap_or_default();
        if let (Some(year), Some(month), Some(day)) =
            (year(first), number(second, 1, 12), number(last, 1, 31))
        {
            return written(year, month, day);
        }
        if let (Some(month), Some(day), Some(year)) =
            (month(first), number(second, 1, 31), year(third))
        {
            return written(year, month, day);
        }
        if let (Some(year), Some(month), Some(day)) =
            (year(first), month(second), number(third, 1, 31))
        {
            return written(year, month, day);
        }
        if let (Some(day), Some(month), Some(year)) =
            (number(first, 1, 31), month(second), year(third))
        {
            return written(year, month, day);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for text in [
            "2025-01-29T10:00:00Z",
            "2025/1/29",
            "Jan. 29, 2025",
            "Updated January 29th, 2025 at 1 PM",
            "29 January 2025",
            "Wed, 29 Jan 2025 10:00:00 GMT",
        ] {
            assert_eq!(day(text).as_deref(), Some("2025-01-29"), "{text}");
        }
        for text in ["29", "yesterday", "13/29/2025", "1 2 3", "Mai Tai 2025"] {
            assert_eq!(day(text), None, "{text}");
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
