//! Parses the dates of cookies (RFC 6265bis, 5.6.1): any order, any separators, two-digit years.

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const SECONDS_PER_DAY: i64 = 86_400;

/// Returns the time that `text` means in UTC, whatever zone it names; `None` if it is not a date. Dates before
/// 1970 are returned as its first second.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|it| !it.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let (time, day, month, year) = (time?, day?, month?, full_year(year?));
    if !(1..=31).contains(&day) || year < 1_601 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = days * SECONDS_PER_DAY + time;
    let since_1970 = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since_1970)
}

fn is_delimiter(it: char) -> bool {
    matches!(it, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// Returns the digits that a token starts with, if they are `least` to `most`; no digit may follow.
fn number(token: &str, least: usize, most: usize) -> Option<i64> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    (least..=most).contains(&digits).then(|| token[..digits].parse().ok())?
}

/// Parses `hh:mm:ss` into seconds.
fn time_of_day(token: &str) -> Option<i64> {
    let mut fields = token.splitn(3, ':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    let exact = |text: &str| number(text, 1, 2).filter(|_| text.len() <= 2);
    let (hours, minutes, seconds) = (exact(hours)?, exact(minutes)?, number(seconds, 1, 2)?);
    (hours < 24 && minutes < 60 && seconds < 60).then_some((hours * 60 + minutes) * 60 + seconds)
}

/// Returns the number of a month, 1 to 12, by the first three letters of its name.
fn month_of(token: &str) -> Option<i64> {
    let start = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, name)| *name == start).map(|(number, _)| number)
}

fn full_year(year: i64) -> i64 {
    match year {
        70..=99 => year + 1_900,
        0..=69 => year + 2_000,
        _ => year,
    }
}

/// Counts days in the proleptic Gregorian calendar; a day beyond the month's end counts into the next month.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years from March: the day that leap years add is then the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        let since_1970 = parse(text)?.duration_since(SystemTime::UNIX_EPOCH);
        since_1970.ok().map(|it| it.as_secs())
    }

    #[test]
    fn dates_of_all_kinds_are_parsed() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6-Nov-1994 08:49:37 UTC",
            "1994 November 6 8:49:37",
            "06 nov 94 08:49:37 +0200",
            "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
            "Sun,06/Nov/1994 08:49:37",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Thu, 01-Jan-70 00:00:01 GMT"), Some(1));
        assert_eq!(seconds("Sat, 29 Feb 2020 00:00:00 GMT"), Some(1_582_934_400));
        assert_eq!(seconds("Mon, 01 Jan 1900 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn texts_that_are_not_dates_are_refused() {
        for text in [
            "",
            "0",
            "-1",
            "session",
            "Thu, 01 Jan 1970",
            "32 Jan 1970 00:00:00",
            "01 Jan 1970 24:00:00",
            "01 Jan 1600 00:00:00",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
