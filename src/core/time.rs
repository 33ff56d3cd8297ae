//! Times as data: the core never reads a clock.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A time in milliseconds since 1970-01-01 (UTC). `Display` writes ISO 8601.
///
/// ```
/// use std::time::Duration;
///
/// use rungs::core::time::Timestamp;
///
/// let start = Timestamp::from_millis(1_767_225_600_000);
///
/// assert_eq!(start.after(Duration::from_millis(250)).to_string(), "2026-01-01T00:00:00.250Z");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Returns the time `millis` milliseconds after the start of 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the start of 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns this time plus `wait`, saturating at the latest time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }

    /// Returns the duration since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

const DAY: u64 = 86_400_000;

/// A day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(u32);

impl Timestamp {
    /// Returns the day that contains this time.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / DAY).unwrap_or(u32::MAX))
    }
}

impl Day {
    /// Returns the first millisecond of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(u64::from(self.0) * DAY)
    }

    /// Returns the day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the day `days` days before.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Returns the Monday of its week.
    #[must_use]
    pub fn week(self) -> Self {
        // The first of 1970 was a Thursday.
        self.before((self.0 + 3) % 7)
    }

    /// Returns the first day of its month.
    #[must_use]
    pub fn month(self) -> Self {
        let (_, _, of_month) = civil(self.0.into());
        self.before(u32::try_from(of_month).unwrap_or(1) - 1)
    }

    /// Returns its number as bytes, which sort like days.
    pub fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

/// Returns a duration as whole milliseconds, the unit of every record.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Stores a duration as whole milliseconds; for `#[serde(with)]`.
pub(crate) mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(super::millis(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

impl fmt::Display for Timestamp {
    /// Writes ISO 8601 with `Z`, to the millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = civil(days);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, ms) = (rest / 1_000 % 60, rest % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

impl Timestamp {
    /// Parses ISO 8601: a date, or a date with a time. A time without an offset is in UTC.
    ///
    /// ```
    /// use rungs::core::time::Timestamp;
    ///
    /// let at = Timestamp::from_iso_8601("2026-12-31T23:30:00+01:00").expect("a time");
    /// assert_eq!(at.to_string(), "2026-12-31T22:30:00.000Z");
    /// ```
    pub fn from_iso_8601(text: &str) -> Option<Self> {
        let text = text.trim();
        let (date, time) = match text.find(['T', 't', ' ']) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, "00:00:00Z"),
        };
        let mut parts = date.splitn(3, '-');
        let mut next = |length, range| digits(parts.next()?, length, range);
        let (year, month, day) = (next(4, 1970..=9999)?, next(2, 1..=12)?, next(2, 1..=31)?);
        let days = days(year, month, day);
        if civil(days) != (year, month, day) {
            return None;
        }
        let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
            Some(at) => time.split_at(at),
            None => (time, "Z"),
        };
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut parts = clock.splitn(3, ':');
        let (hour, minute) = (digits(parts.next()?, 2, 0..=23)?, digits(parts.next()?, 2, 0..=59)?);
        let second = parts.next().map_or(Some(0), |it| digits(it, 2, 0..=60))?;
        let is_fraction =
            (1..=9).contains(&fraction.len()) && fraction.bytes().all(|it| it.is_ascii_digit());
        let ms: u64 = format!("{fraction:0<3}").get(..3).filter(|_| is_fraction)?.parse().ok()?;
        let at = days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms;
        match offset.split_at_checked(1)? {
            ("Z" | "z", "") => Some(Self(at)),
            (sign @ ("+" | "-"), rest) => {
                let (hours, minutes) = match rest.split_once(':') {
                    Some(parts) => parts,
                    None => rest.split_at_checked(2)?,
                };
                let minutes = if minutes.is_empty() { "00" } else { minutes };
                let offset =
                    digits(hours, 2, 0..=23)? * 3_600_000 + digits(minutes, 2, 0..=59)? * 60_000;
                let shifted = if sign == "+" { at.checked_sub(offset) } else { Some(at + offset) };
                shifted.map(Self)
            }
            _ => None,
        }
    }
}

/// Parses a number of exactly `length` digits within `range`.
fn digits(text: &str, length: usize, range: RangeInclusive<u64>) -> Option<u64> {
    let is_number = text.len() == length && text.bytes().all(|it| it.is_ascii_digit());
    text.parse().ok().filter(|it| is_number && range.contains(it))
}

/// Returns the days from 1970 to a date, the inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + of_era).saturating_sub(719_468)
}

/// Returns year, month and day of a count of days since 1970, by Howard Hinnant's `civil_from_days`.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_iso_8601() {
        let written = |ms| Timestamp::from_millis(ms).to_string();

        assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(written(1_767_225_599_999), "2025-12-31T23:59:59.999Z");
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let last = Timestamp::from_millis(u64::MAX);

        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(Timestamp::default().since(last), Duration::ZERO);
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let leap = |year: u64| {
            year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            assert_eq!(super::days(year, month, day), days);
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn times_are_read_from_iso_8601() {
        let read = |text: &str| Timestamp::from_iso_8601(text).map(|it| it.to_string());

        for (text, time) in [
            ("2026-12-31T23:59:59.5Z", "2026-12-31T23:59:59.500Z"),
            ("2026-12-31T23:59:59.123456+00:00", "2026-12-31T23:59:59.123Z"),
            ("2026-12-31 23:59", "2026-12-31T23:59:00.000Z"),
            ("2026-12-31", "2026-12-31T00:00:00.000Z"),
            ("2026-12-31T23:30:00-0130", "2027-01-01T01:00:00.000Z"),
            ("1970-01-01T01:00:00+01", "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(time), "{text}");
        }
        for text in [
            "",
            "soon",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "1969-12-31",
            "2026-12-31T",
            "2026-12-31T24:00:00Z",
            "2026-12-31T10:00:00X",
            "1970-01-01T00:00:00+01:00",
            "2026-12-31T10:00:00.Z",
            "2026-12-31T10:00:00+1:0",
            "+026-12-31",
            "2026-12-31Té",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_written_to_the_millisecond() {
        let written = Timestamp::from_millis(86_399_000 + 86_400_000 * 365).to_string();

        assert_eq!(written, "1971-01-01T23:59:59.000Z");
        let minute = Timestamp::from_millis(3_600_000 * 5 + 60_000 * 7 + 9_012).to_string();
        assert_eq!(minute, "1970-01-01T05:07:09.012Z");
    }
}
