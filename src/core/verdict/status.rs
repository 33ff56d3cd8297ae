//! Classifies a response by its status alone.

use std::time::Duration;

use crate::core::failure::ErrorCode;
use crate::core::verdict::{Response, Verdict};

/// The longest wait that a site can ask for.
const LONGEST: Duration = Duration::from_hours(24);

/// Returns the error of a status that decides whatever the page contains: gone, paid or private.
pub(super) fn settled(status: u16) -> Option<ErrorCode> {
    match status {
        401 => Some(ErrorCode::LoginRequired),
        402 => Some(ErrorCode::PaywallDetected),
        404 | 410 => Some(ErrorCode::NotFoundTarget),
        _ => None,
    }
}

/// Returns the verdict on an error status; `None` for 2xx.
pub(super) fn verdict(response: &Response<'_>) -> Option<Verdict> {
    let status = response.status;
    if let Some(code) = settled(status) {
        return Some(Verdict::Permanent(code));
    }
    match status {
        200..=299 => None,
        403 | 999 => Some(Verdict::Blocked { by: None, challenge: false }),
        501 | 505 => Some(Verdict::Permanent(ErrorCode::TargetHttpError)),
        408 | 425 | 429 | 500..=599 => {
            Some(Verdict::Transient { retry_after: retry_after(response) })
        }
        _ => Some(Verdict::Permanent(ErrorCode::TargetHttpError)),
    }
}

/// Returns the wait that the site asks for. A date counts from the response's own `Date`: there is no
/// other clock here, and the site's is the one that the date was made with.
pub(super) fn retry_after(response: &Response<'_>) -> Option<Duration> {
    wait_of(response.header("retry-after")?, || http_date(response.header("date")?.trim()))
}

/// Returns the wait that a value of `Retry-After` asks for, at most a day. A date counts from `now`, in seconds since
/// 1970.
pub(crate) fn wait_of(value: &str, now: impl FnOnce() -> Option<u64>) -> Option<Duration> {
    let value = value.trim();
    let seconds = if !value.is_empty() && value.bytes().all(|it| it.is_ascii_digit()) {
        // Digits that do not fit are a wait beyond any cap.
        value.parse().unwrap_or(u64::MAX)
    } else {
        http_date(value)?.saturating_sub(now()?)
    };
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// Seconds since 1970 of an HTTP date in its one current form, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<_> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = parts[..] else { return None };
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str, range: std::ops::RangeInclusive<u64>| {
        text.parse().ok().filter(|it| range.contains(it))
    };
    let (day, year) = (number(day, 1..=31)?, number(year, 1970..=9999)?);
    let month = MONTHS.iter().zip(1..).find(|(it, _)| **it == month)?.1;
    let hour = number(hour, 0..=23)?;
    // A leap second is written as 60.
    let (minute, second) = (number(minute, 0..=59)?, number(second, 0..=60)?);
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, by years that begin in March so that
/// the leap day is the last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year / 4 - year / 100 + year / 400;
    // 719,469 days lie between 1 March of year 0 and 1 January 1970, counted to day 1.
    year * 365 + leaps + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<Duration> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        retry_after(&Response { status: 503, headers: &headers, body: b"", rendered: false })
    }

    #[test]
    fn dates_count_from_1970() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(http_date("tomorrow, perhaps"), None);
        assert_eq!(http_date("Thu, 29 Foo 2024 00:00:00 GMT"), None);
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_against_the_sites_own_clock_and_a_day_at_most() {
        assert_eq!(wait(&[("Retry-After", "120")]), Some(Duration::from_mins(2)));
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")]), Some(LONGEST));
        let later = ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT");
        let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&[later, now]), Some(Duration::from_mins(1)));
        assert_eq!(wait(&[later]), None);
        assert_eq!(wait(&[("retry-after", "-5")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn a_success_says_nothing_by_itself() {
        for status in [200, 204, 299] {
            let response = Response { status, headers: &[], body: b"", rendered: false };
            assert_eq!(verdict(&response), None, "{status}");
        }
    }
}
