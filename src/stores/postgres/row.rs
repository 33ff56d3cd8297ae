//! Records as rows: columns that a statement takes as arrays.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::core::record::Record;
use crate::core::time::Timestamp;
use crate::ports::store::{StoreError, Version, Versioned, Write};
use crate::stores::codec;

use super::error::from_codec;
use super::link::Param;

/// Returns a time as the database stores it. The years from 292 million on share the last value.
pub(super) fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// Returns a version as the database stores it. No record has the last, so that a greater one conflicts.
pub(super) fn version(version: Version) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Returns the slot of a record as the database stores it.
fn slot(record: &Record) -> i16 {
    i16::try_from(record.slot().number()).unwrap_or_default()
}

/// Decodes rows of a key and a body each, and returns the records in the order of `keys`.
pub(super) fn in_order(
    keys: &[Vec<u8>],
    rows: &[Row],
) -> Result<Vec<Option<Versioned>>, StoreError> {
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let value = codec::decode(row.get(1)).map_err(from_codec)?;
        found.insert(row.get::<_, Vec<u8>>(0), value);
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

/// The columns of changed records, one array each.
#[derive(Default)]
pub(super) struct Columns {
    keys: Vec<Vec<u8>>,
    expected: Vec<Option<i64>>,
    bodies: Vec<Option<Vec<u8>>>,
    queues: Vec<Option<i16>>,
    ats: Vec<Option<i64>>,
    slots: Vec<Option<i16>>,
    accounts: Vec<Option<Vec<u8>>>,
    priorities: Vec<Option<i16>>,
    sites: Vec<Option<Vec<u8>>>,
}

impl Columns {
    /// Encodes the writes of a commit.
    pub(super) fn of(writes: &[Write]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for write in writes {
            columns.push(write.key.to_bytes(), write.expected, write.record.as_ref())?;
        }
        Ok(columns)
    }

    /// Adds a write.
    fn push(
        &mut self,
        key: Vec<u8>,
        expected: Option<Version>,
        record: Option<&Record>,
    ) -> Result<(), StoreError> {
        let next = expected.unwrap_or(0).saturating_add(1);
        let body = record.map(|it| codec::encode(next, it)).transpose().map_err(from_codec)?;
        let due = record.and_then(Record::due);
        let job = match (record, due) {
            (Some(Record::Job(job)), Some(_)) => Some(job),
            _ => None,
        };
        self.keys.push(key);
        self.expected.push(expected.map(version));
        self.bodies.push(body);
        self.queues.push(due.map(|(queue, _)| queue as i16));
        self.ats.push(due.map(|(_, at)| millis(at)));
        self.slots.push(record.filter(|_| due.is_some()).map(slot));
        // The lane of a job that has not ended.
        self.accounts.push(job.map(|it| it.account.as_str().as_bytes().to_vec()));
        self.priorities.push(job.map(|it| it.priority as i16));
        self.sites.push(job.map(|it| it.request.page().site().into_bytes()));
        Ok(())
    }

    /// Returns the number of records.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns the keys.
    pub(super) fn keys(&self) -> &Vec<Vec<u8>> {
        &self.keys
    }

    /// Returns the key of each write, the version that it replaces, and the encoded record (`None` for a removal).
    pub(super) fn writes(&self) -> impl Iterator<Item = (&[u8], Option<i64>, Option<&[u8]>)> {
        let rows = self.keys.iter().zip(&self.expected).zip(&self.bodies);
        rows.map(|((key, expected), body)| (key.as_slice(), *expected, body.as_deref()))
    }

    /// Returns the parameters of the statement that writes them.
    pub(super) fn params(&self) -> [Param<'_>; 9] {
        [
            (&self.keys, Type::BYTEA_ARRAY),
            (&self.expected, Type::INT8_ARRAY),
            (&self.bodies, Type::BYTEA_ARRAY),
            (&self.queues, Type::INT2_ARRAY),
            (&self.ats, Type::INT8_ARRAY),
            (&self.slots, Type::INT2_ARRAY),
            (&self.accounts, Type::BYTEA_ARRAY),
            (&self.priorities, Type::INT2_ARRAY),
            (&self.sites, Type::BYTEA_ARRAY),
        ]
    }
}
