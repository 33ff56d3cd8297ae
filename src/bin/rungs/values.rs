//! Parsers of option values. Each error names the valid values; the program then ends with exit code 2.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use rungs::core::tier::Tier;

/// Parses a tier by its number or name.
///
/// The REST API also reads numbers of tiers that rungs does not have, which older clients send. A person who types
/// one is mistaken.
pub(crate) fn tier(text: &str) -> Result<Tier, String> {
    let found = Tier::ALL.into_iter().find(|it| text == it.number() || text == it.name());
    found.ok_or_else(|| {
        let valid: Vec<String> =
            Tier::ALL.iter().map(|it| format!("{} ({})", it.number(), it.name())).collect();
        format!("use one of {}", valid.join(", "))
    })
}

/// Parses the time for a page, in seconds.
pub(crate) fn timeout(text: &str) -> Result<u64, String> {
    within(text, 1..=300, "a whole number of seconds from 1 to 300")
}

/// Parses a number of columns.
pub(crate) fn width(text: &str) -> Result<usize, String> {
    within(text, 20..=1_000, "a number of columns from 20 to 1,000")
}

/// Parses a number of pages at the same time.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    within(text, 1..=usize::MAX, "a whole number from 1")
}

/// Parses the most tokens of a tool's result.
pub(crate) fn output_tokens(text: &str) -> Result<u32, String> {
    within(text, 1_000..=200_000, "a whole number of tokens from 1,000 to 200,000")
}

/// Parses a number of hours.
pub(crate) fn retention(text: &str) -> Result<u64, String> {
    within(text, 24..=u64::MAX, "a whole number of hours from 24")
}

/// Parses a number of pages per second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    within(text, f64::MIN_POSITIVE..=f64::MAX, "a number above 0, such as 0.5")
}

/// Parses a content hash. An empty one stands for a page that is not known.
pub(crate) fn content_hash(text: &str) -> Result<String, String> {
    let is_whole = text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    if is_whole || text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("use the 64 hexadecimal digits of the `content_hash` of an earlier result".to_owned())
}

fn within<T>(text: &str, range: RangeInclusive<T>, valid: &str) -> Result<T, String>
where
    T: FromStr<Err: Display> + PartialOrd,
{
    text.parse().ok().filter(|it| range.contains(it)).ok_or_else(|| format!("use {valid}"))
}
