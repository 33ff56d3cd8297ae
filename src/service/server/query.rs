//! Query parameters.

use std::ops::RangeInclusive;

use url::form_urlencoded;

use crate::core::id::BatchId;
use crate::service::wire::Problem;

/// Returns a parameter's value; `None` if it is absent or empty.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs
        .find(|(it, _)| it == name)
        .map(|(_, value)| value.into_owned())
        .filter(|it| !it.is_empty())
}

/// Parses a parameter that is `true` or `false`, in any letter case, or `1` or `0`.
pub(super) fn flag(query: Option<&str>, name: &str, default: bool) -> Result<bool, Problem> {
    let Some(mut word) = parameter(query, name) else { return Ok(default) };
    // Python writes `True` and `False`.
    word.make_ascii_lowercase();
    match word.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Problem::of_parameter(name, "must be true or false")),
    }
}

/// Parses a parameter that is a number within `range`.
pub(super) fn number(
    query: Option<&str>,
    name: &str,
    range: RangeInclusive<usize>,
    default: usize,
) -> Result<usize, Problem> {
    let Some(text) = parameter(query, name) else { return Ok(default) };
    text.parse().ok().filter(|it| range.contains(it)).ok_or_else(|| {
        Problem::of_parameter(name, &format!("must be {} to {}", range.start(), range.end()))
    })
}

/// Parses a parameter that is a number within `range` and may not be absent.
pub(super) fn required_number(
    query: Option<&str>,
    name: &str,
    range: RangeInclusive<usize>,
) -> Result<usize, Problem> {
    let absent = *range.end() + 1;
    match number(query, name, range.clone(), absent)? {
        it if it == absent => {
            let (least, most) = range.into_inner();
            Err(Problem::of_parameter(name, &format!("is missing; send {least} to {most}")))
        }
        number => Ok(number),
    }
}

/// Parses a parameter that is a date, or a date and a time in UTC, and returns it without its `Z`. Such texts sort like
/// the times.
pub(super) fn date(query: Option<&str>, name: &str) -> Result<Option<String>, Problem> {
    /// A digit stands for any digit.
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000";
    let Some(text) = parameter(query, name) else { return Ok(None) };
    let plain = text.strip_suffix('Z').unwrap_or(&text);
    let fits = |(given, shape): (u8, &u8)| match shape {
        b'0' => given.is_ascii_digit(),
        shape => given == *shape,
    };
    let is_date = matches!(plain.len(), 10 | 16 | 19 | 23) && plain.bytes().zip(SHAPE).all(fits);
    if is_date {
        return Ok(Some(plain.to_owned()));
    }
    let reason = "must be a date such as 2026-11-29, or a time in UTC such as 2026-11-29T09:30:00Z";
    Err(Problem::of_parameter(name, reason))
}

/// Parses the parameter `cursor`: the last batch of the previous page of a list.
pub(super) fn cursor(query: Option<&str>) -> Result<Option<BatchId>, Problem> {
    let Some(cursor) = parameter(query, "cursor") else { return Ok(None) };
    let id = cursor.parse();
    id.map(Some).map_err(|_| {
        Problem::of_parameter("cursor", "must be the `next_cursor` of the previous page")
    })
}
