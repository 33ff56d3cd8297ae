//! Which keys a listing covers, as bytes.

use std::ops::Range;

use crate::ports::store::ListQuery;

/// The keys that `list` asks for, from the least to behind the greatest.
///
/// The start is never behind the end, whatever `after` names: ordered maps panic at such ranges.
pub(super) fn stretch(list: &ListQuery) -> Range<Vec<u8>> {
    let mut start = vec![list.kind as u8];
    let mut end = vec![list.kind as u8 + 1];
    if let Some(after) = &list.after {
        let mut after = after.to_bytes();
        if list.descending {
            end = end.min(after);
        } else {
            // The least key behind `after`.
            after.push(0);
            start = start.max(after);
        }
    }
    if start > end {
        end.clone_from(&start);
    }
    start..end
}
