//! The store in a PostgreSQL database, which many processes share.
//!
//! # Architecture invariants
//!
//! * Each connection has one purpose: commits, claims, bodies, or reads. A slow read delays no commit.
//! * Only `apply` holds locks of the database while this process decides, for five seconds at most. Claims and commits
//!   hold none.
//! * Statements are not prepared and set nothing for their session, so that a pooler may stand in between.

mod bodies;
mod candidates;
mod claimer;
mod config;
mod error;
mod evidence;
mod floor;
mod inspect;
mod link;
mod listen;
mod locked;
mod reader;
mod row;
mod setup;
mod statements;
mod tls;
mod writer;

use std::fmt;
use std::sync::Arc;

use tokio_postgres::types::Type;

use crate::core::record::{Claim, Key, Queue, Record};
use crate::core::time::Timestamp;
use crate::ports::BoxFuture;
use crate::ports::store::{
    Bodies, Decide, ListQuery, Retries, Store, StoreError, Versioned, Write,
};
use crate::stores::blocking_if_long;
use crate::stores::codec;
use crate::stores::key_range::key_range;

use bodies::BodyTable;
use claimer::Claimer;
use config::Target;
use error::{Failure, from_codec};
use floor::Floors;
pub use inspect::{DatabaseReport, RelationSize};
use link::Session;
use listen::{WakeUps, Wakes};
use locked::Outcome;
use reader::Readers;
use row::{in_order, millis};
use statements::Statements;
use writer::{Changes, Writer};

const STORE: &str = "postgres";
/// The most records that are decoded on an async thread: some 20 microseconds each.
const DECODED_AT_ONCE: usize = 64;

/// Keeps records and bodies in a PostgreSQL database, version 14 or later.
///
/// Many processes may use one database. Clones share the store's connections: five, and one for notifications if the
/// server supports them.
/// A connection that is lost is opened again; calls wait up to 5 s for it.
///
/// A commit is on the server's disk before it is acknowledged, whatever the server's `synchronous_commit`.
/// Renewed leases and the profiles of sites are the exception: the store does not wait until they are on disk.
///
/// The URL has the form `postgres://user:password@host:port/database`. Besides the parameters of libpq's URLs it may
/// have these:
///
/// * `schema`: the schema of the tables. Defaults to `rungs`, and is created if it is missing. Two schemas in one
///   database are two separate stores.
/// * `sslmode`: `prefer` (the default) encrypts if the server can; `require` and `verify-full` also verify its
///   certificate.
/// * `sslrootcert`: a file of PEM certificates to verify the server's against, instead of the public ones.
///
/// A URL without a password takes the environment variable `PGPASSWORD`.
///
/// ```no_run
/// use rungs::stores::Postgres;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rungs::Error> {
/// let store = Postgres::connect("postgres://rungs:secret@db.example/rungs?sslmode=verify-full").await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Postgres {
    target: Arc<Target>,
    statements: Arc<Statements>,
    writer: Arc<Writer>,
    claimer: Arc<Claimer>,
    readers: Readers,
    floors: Arc<Floors>,
    bodies: BodyTable,
    wake_ups: WakeUps,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects to a database, and creates the tables if they are missing. Must be called inside a tokio runtime, which
    /// must last as long as the store.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server cannot be reached or refuses the connection, [`StoreError::Backend`] if the
    /// URL is invalid, the server is older than version 14, the user may not create the schema, or its tables are of a
    /// later release.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let target = Arc::new(Target::parse(url)?);
        let session = Session::spawned(&target).await.map_err(Failure::into_store_error)?;
        setup::prepare(&session, &target).await?;
        Ok(Self::start(target))
    }

    /// As [`Postgres::connect`], but creates nothing. Suits tools that look at a store, for which a mistyped schema is an
    /// error.
    ///
    /// # Errors
    ///
    /// Those of [`Postgres::connect`], and [`StoreError::Missing`] if the schema has no tables of a store.
    pub async fn connect_existing(url: &str) -> Result<Self, StoreError> {
        let target = Arc::new(Target::parse(url)?);
        let session = Session::spawned(&target).await.map_err(Failure::into_store_error)?;
        setup::check(&session, &target).await?;
        Ok(Self::start(target))
    }

    fn start(target: Arc<Target>) -> Self {
        let statements = Arc::new(Statements::new(&target.quoted_schema()));
        let (readers, floors) = (Readers::start(&target), Arc::<Floors>::default());
        Self {
            writer: Arc::new(Writer::start(&target, &statements)),
            claimer: Arc::new(Claimer::start(&target, &statements, &floors)),
            bodies: BodyTable::start(&target, &statements, readers.clone()),
            wake_ups: WakeUps::start(&target, &readers),
            readers,
            floors,
            statements,
            target,
        }
    }

    /// Lets the next scans find what these writes add.
    fn lower_floors(&self, writes: &[Write]) {
        let records = writes.iter().filter_map(|it| it.record.as_ref());
        for (queue, at) in records.filter_map(Record::due) {
            self.floors.lower(queue, millis(at));
        }
    }
}

/// Decodes values, many of them on a blocking thread.
async fn decoded(values: Vec<Vec<u8>>) -> Result<Vec<Versioned>, StoreError> {
    let are_many = values.len() > DECODED_AT_ONCE;
    let all = move || values.iter().map(|it| codec::decode(it).map_err(from_codec)).collect();
    blocking_if_long(are_many, STORE, all).await
}

impl Store for Postgres {
    fn load(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Versioned>>, StoreError>> {
        Box::pin(async move {
            let keys: Vec<_> = keys.iter().map(Key::to_bytes).collect();
            let params = [(&keys as _, Type::BYTEA_ARRAY)];
            let rows = self.readers.query(&self.statements.load, &params).await?;
            let are_many = rows.len() > DECODED_AT_ONCE;
            blocking_if_long(are_many, STORE, move || in_order(&keys, &rows)).await
        })
    }

    fn list(&self, list: ListQuery) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(async move {
            let range = key_range(&list);
            let limit = i64::try_from(list.limit).unwrap_or(i64::MAX);
            let params = [
                (&range.start as _, Type::BYTEA),
                (&range.end as _, Type::BYTEA),
                (&limit as _, Type::INT8),
            ];
            let statements = &self.statements;
            let sql = if list.descending { &statements.list_descending } else { &statements.list };
            let rows = self.readers.query(sql, &params).await?;
            decoded(rows.iter().map(|it| it.get(0)).collect()).await
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Vec<Versioned>, StoreError>> {
        Box::pin(self.claimer.claim(claim))
    }

    fn commit(&self, writes: Vec<Write>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let added = listen::wakes(&writes);
            self.lower_floors(&writes);
            self.writer.commit(writes).await?;
            self.wake_ups.committed(added);
            Ok(())
        })
    }

    fn apply<'a>(
        &'a self,
        keys: Vec<Key>,
        mut decide: Decide<'a>,
        mut retries: Retries<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let keys: Vec<_> = keys.iter().map(Key::to_bytes).collect();
            loop {
                let mut added = Wakes::default();
                let locked = self.writer.lock(keys.clone()).await?;
                let outcome = locked.decide(|found| {
                    let writes = decide(found);
                    added = listen::wakes(&writes);
                    self.lower_floors(&writes);
                    Changes::of(&writes)
                });
                match outcome.await? {
                    None => return Ok(()),
                    Some(Outcome::Written) => {
                        self.wake_ups.committed(added);
                        return Ok(());
                    }
                    Some(Outcome::Again) if retries.wait().await => {}
                    Some(Outcome::Again) => return Err(StoreError::Conflict),
                }
            }
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn changed(&self, queue: Queue) -> BoxFuture<'_, ()> {
        Box::pin(self.wake_ups.changed(queue))
    }

    fn now(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            let rows = self.readers.query(&self.statements.now, &[]).await?;
            let now = rows.first().and_then(|it| u64::try_from(it.get::<_, i64>(0)).ok());
            Ok(now.map(Timestamp::from_millis))
        })
    }

    fn due(
        &self,
        queue: Queue,
        from: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move {
            let (from, queue) = (millis(from).max(self.floors.of(queue)), queue as i16);
            let params = [(&queue as _, Type::INT2), (&from as _, Type::INT8)];
            let rows = self.readers.query(&self.statements.due, &params).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            // The header has the time as it is: times that are too great for the column share its last value.
            let header = codec::header(row.get(1)).map_err(from_codec)?;
            Ok(header.due.map(|(_, at)| at))
        })
    }

    fn bodies(&self) -> Option<Arc<dyn Bodies>> {
        Some(Arc::new(self.bodies.clone()))
    }
}
