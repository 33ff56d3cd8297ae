//! The range of keys of a query, as bytes.

use std::ops::Range;

use crate::ports::store::ListQuery;

/// Returns the range of keys that `list` covers.
///
/// The start is never greater than the end, whatever `after` contains: ordered maps panic on such ranges.
pub(super) fn key_range(list: &ListQuery) -> Range<Vec<u8>> {
    let mut start = vec![list.kind as u8];
    let mut end = vec![list.kind as u8 + 1];
    if let Some(after) = &list.after {
        let mut after = after.to_bytes();
        if list.descending {
            end = end.min(after);
        } else {
            // The least key greater than `after`.
            after.push(0);
            start = start.max(after);
        }
    }
    if start > end {
        end.clone_from(&start);
    }
    start..end
}
