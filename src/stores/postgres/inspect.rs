//! Facts about the database for its operator.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::ports::store::StoreError;

use super::Postgres;
use super::link::Param;
use super::listen;
use super::row::Columns;

/// The size of a table or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationSize {
    /// The name of the table or index.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
}

/// The state of a database, see [`Postgres::inspect`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseReport {
    /// The version of the server, such as `15.4`.
    pub server: String,
    /// `true` if the connection is to the server itself, or through a pooler that gives each client a connection. Behind a
    /// pooler that gives every transaction another one, notifications do not arrive and polling finds new work.
    pub is_direct: bool,
    /// `true` if the server's connection is encrypted. Behind a pooler, it is the connection from there.
    pub is_encrypted: bool,
    /// The approximate number of records.
    pub records: u64,
    /// The approximate number of old versions of records that vacuum has not removed yet. They slow claims down.
    pub dead_records: u64,
    /// The age of the oldest open transaction that the user may see: without the role `pg_read_all_stats`, those of
    /// other users are hidden. Vacuum removes nothing that is newer.
    pub oldest_transaction: Option<Duration>,
    /// The sizes of the tables and indexes, the greatest first.
    pub sizes: Vec<RelationSize>,
}

impl Postgres {
    /// Reads the state of the database.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server cannot be reached.
    pub async fn inspect(&self) -> Result<DatabaseReport, StoreError> {
        let schema = &self.target.schema;
        let params: [Param<'_>; 1] = [(schema, Type::TEXT)];
        let facts = "SELECT current_setting('server_version'), \
                     coalesce((SELECT n_live_tup FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'record'), 0), \
                     coalesce((SELECT n_dead_tup FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'record'), 0), \
                     (SELECT extract(epoch FROM max(clock_timestamp() - xact_start))::bigint FROM pg_stat_activity \
                      WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'), \
                     coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)";
        let rows = self.readers.query(facts, &params).await?;
        let is_direct = listen::arrives(&self.target).await?;
        let sizes = "SELECT c.relname::text, pg_table_size(c.oid) FROM pg_class c \
                     JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = $1 AND c.relkind IN ('r', 'i') ORDER BY 2 DESC, 1";
        let sizes = self.readers.query(sizes, &params).await?;
        let count = |it: i64| u64::try_from(it).unwrap_or_default();
        let row = rows.first();
        Ok(DatabaseReport {
            server: row.map(|it| it.get(0)).unwrap_or_default(),
            is_direct,
            is_encrypted: row.is_some_and(|it| it.get(4)),
            records: row.map(|it| count(it.get(1))).unwrap_or_default(),
            dead_records: row.map(|it| count(it.get(2))).unwrap_or_default(),
            oldest_transaction: row
                .and_then(|it| it.get::<_, Option<i64>>(3))
                .map(|it| Duration::from_secs(count(it))),
            sizes: sizes
                .iter()
                .map(|it| RelationSize { name: it.get(0), bytes: count(it.get(1)) })
                .collect(),
        })
    }

    /// Returns the plan of every statement by its name, for tests.
    #[doc(hidden)]
    pub async fn plans(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let sql = &self.statements;
        let columns = Columns::of(&[])?;
        let (key, keys, bodies) = (vec![4_u8; 17], vec![vec![4_u8; 17]; 16], vec![vec![0_u8]; 16]);
        let (versions, ats) = (vec![1_i64; 16], vec![1_i64; 16]);
        let (number, queue, now) = (10_i64, 1_i16, Some(i64::MAX));
        let bytes: Param<'_> = (&key, Type::BYTEA);
        let array: Param<'_> = (&keys, Type::BYTEA_ARRAY);
        let long: Param<'_> = (&number, Type::INT8);
        let time: Param<'_> = (&now, Type::INT8);
        let short: Param<'_> = (&queue, Type::INT2);
        let mut write = columns.params().to_vec();
        write.push((&true, Type::BOOL));
        let (slots, from, to) = (Some(vec![1_i16, 7]), 0_i16, 1_024_i16);
        let owned: Param<'_> = (&slots, Type::INT2_ARRAY);
        let lanes = vec![
            time.clone(),
            array.clone(),
            array.clone(),
            owned.clone(),
            (&from, Type::INT2),
            (&to, Type::INT2),
            long.clone(),
            long.clone(),
            long.clone(),
        ];
        let mut plans = Vec::new();
        for (name, sql, params) in [
            ("load", &sql.load, vec![array.clone()]),
            ("look_up", &sql.look_up, vec![array.clone()]),
            ("list", &sql.list, vec![bytes.clone(), bytes.clone(), long.clone()]),
            (
                "list_descending",
                &sql.list_descending,
                vec![bytes.clone(), bytes.clone(), long.clone()],
            ),
            ("due", &sql.due, vec![short.clone(), long.clone()]),
            ("write", &sql.write, write),
            (
                "due_jobs",
                &sql.due_jobs,
                vec![time.clone(), long.clone(), long.clone(), owned.clone()],
            ),
            ("accounts", &sql.accounts, vec![bytes.clone(), long.clone()]),
            ("lanes", &sql.lanes, lanes),
            ("due_records", &sql.due_records, vec![time, short, long.clone(), long, owned]),
            (
                "claim",
                &sql.claim,
                vec![
                    array.clone(),
                    (&versions, Type::INT8_ARRAY),
                    (&bodies, Type::BYTEA_ARRAY),
                    (&ats, Type::INT8_ARRAY),
                ],
            ),
            ("lock", &sql.lock, vec![array.clone()]),
            ("put_body", &sql.put_body, vec![array.clone(), array.clone(), array]),
            ("get_body", &sql.get_body, vec![bytes.clone(), bytes.clone()]),
            ("remove_bodies", &sql.remove_bodies, vec![bytes]),
        ] {
            let rows = self.readers.query(&format!("EXPLAIN {sql}"), &params).await?;
            let plan: Vec<String> = rows.iter().map(|it| it.get(0)).collect();
            plans.push((name, plan.join("\n")));
        }
        Ok(plans)
    }
}
