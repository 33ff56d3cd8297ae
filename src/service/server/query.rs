//! Query parameters.

use std::ops::RangeInclusive;

use url::form_urlencoded;

use crate::core::id::BatchId;
use crate::service::wire::Problem;

/// Returns a parameter's value; `None` if it is absent or empty.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs
        .find(|(it, _)| it == name)
        .map(|(_, value)| value.into_owned())
        .filter(|it| !it.is_empty())
}

/// Returns a parameter that is a text; `None` if it is absent or empty.
pub(super) fn text(query: Option<&str>, name: &str) -> Option<String> {
    parameter(query, name)
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

/// Parses the parameter `cursor`: the last batch of the previous page of a list.
pub(super) fn cursor(query: Option<&str>) -> Result<Option<BatchId>, Problem> {
    let Some(cursor) = parameter(query, "cursor") else { return Ok(None) };
    let id = cursor.parse();
    id.map(Some).map_err(|_| {
        Problem::of_parameter("cursor", "must be the `next_cursor` of the previous page")
    })
}
