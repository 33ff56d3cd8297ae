//! The evidence of the records about a commit whose outcome is unknown.
//!
//! The server knows the outcome of a transaction by its number. But a server that crashes forgets the numbers of
//! transactions that were not yet on its disk and gives them to others, so the end of another transaction may be taken for
//! the end of this one. The records themselves say more: each write names the version that it replaces.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::row::Columns;

/// The evidence for or against a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    Written,
    NotWritten,
    /// Every record has been changed since, or was removed.
    None,
}

impl Evidence {
    /// Weighs the rows that the commit named, as they are now: key, version and record.
    pub(super) fn of(columns: &Columns, rows: &[Row]) -> Self {
        let found: HashMap<&[u8], (i64, &[u8])> =
            rows.iter().map(|it| (it.get(0), (it.get(1), it.get(2)))).collect();
        let each = columns.writes();
        let each =
            each.map(|(key, expected, body)| Self::of_one(expected, body, found.get(key).copied()));
        each.fold(Self::None, Self::and)
    }

    /// Weighs one row. `body` is `None` if the write removes the record.
    fn of_one(expected: Option<i64>, body: Option<&[u8]>, found: Option<(i64, &[u8])>) -> Self {
        let before = expected.unwrap_or(0);
        match (body, found) {
            // A record that was to be replaced or removed is as it was before.
            (_, Some((version, _))) if version <= before => Self::NotWritten,
            (Some(body), Some((version, now))) if version == before.saturating_add(1) => {
                if body == now { Self::Written } else { Self::NotWritten }
            }
            (Some(_), None) if expected.is_none() => Self::NotWritten,
            _ => Self::None,
        }
    }

    /// A commit writes everything or nothing, so one record that it did not write decides.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotWritten, _) | (_, Self::NotWritten) => Self::NotWritten,
            (Self::Written, _) | (_, Self::Written) => Self::Written,
            (Self::None, Self::None) => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_shows_whether_it_was_written() {
        use Evidence::{None as Nothing, NotWritten, Written};

        let ours = &b"ours"[..];
        let theirs = &b"theirs"[..];
        for (expected, body, found, evidence) in [
            // A new record.
            (None, Some(ours), Some((1, ours)), Written),
            (None, Some(ours), Some((1, theirs)), NotWritten),
            (None, Some(ours), None, NotWritten),
            (None, Some(ours), Some((2, theirs)), Nothing),
            // A changed record.
            (Some(3), Some(ours), Some((4, ours)), Written),
            (Some(3), Some(ours), Some((4, theirs)), NotWritten),
            (Some(3), Some(ours), Some((3, theirs)), NotWritten),
            (Some(3), Some(ours), Some((5, theirs)), Nothing),
            (Some(3), Some(ours), None, Nothing),
            // A removed record.
            (Some(3), None, Some((3, theirs)), NotWritten),
            (Some(3), None, Some((4, theirs)), Nothing),
            (Some(3), None, None, Nothing),
        ] {
            assert_eq!(Evidence::of_one(expected, body, found), evidence, "{expected:?} {found:?}");
        }
    }

    #[test]
    fn one_record_that_was_not_written_decides() {
        use Evidence::{None as Nothing, NotWritten, Written};

        let all = |them: &[Evidence]| them.iter().copied().fold(Nothing, Evidence::and);

        assert_eq!(all(&[Written, Nothing, NotWritten]), NotWritten);
        assert_eq!(all(&[Nothing, Written, Nothing]), Written);
        assert_eq!(all(&[Nothing, Nothing]), Nothing);
    }
}
