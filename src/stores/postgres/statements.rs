//! The statements, with the name of the schema in them.
//!
//! Each runs without being prepared, so that a pooler may give every transaction another connection.

/// The texts of all statements of one schema.
#[derive(Debug)]
pub(super) struct Statements {
    /// Loads records by their keys.
    pub(super) load: String,
    /// Reads records with their versions, to look a commit up.
    pub(super) look_up: String,
    /// Lists records from a key on, up to another.
    pub(super) list: String,
    /// The same, the greatest key first.
    pub(super) list_descending: String,
    /// The earliest time from one on at which a record of a queue is due.
    pub(super) due: String,
    /// Locks records in the order of their keys, and writes those whose versions match.
    pub(super) write: String,
    /// The time of the database.
    pub(super) now: String,
    /// The earliest due jobs, without their records, and the time. One row without a key if none is due.
    pub(super) due_jobs: String,
    /// The accounts behind one that have unfinished jobs.
    pub(super) accounts: String,
    /// Due jobs of some accounts, from lane to lane.
    pub(super) lanes: String,
    /// The earliest due records of a queue, and the time, in the same way.
    pub(super) due_records: String,
    /// Replaces claimed records unless another transaction has them.
    pub(super) claim: String,
    /// Locks records in the order of their keys.
    pub(super) lock: String,
    pub(super) put_body: String,
    pub(super) get_body: String,
    pub(super) remove_bodies: String,
}

/// The time of the database in milliseconds, unless the caller gave one as `$1`.
const NOW: &str = "moment AS MATERIALIZED (SELECT coalesce($1::bigint, \
                   floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)";

impl Statements {
    /// Writes the statements of a schema, whose name is quoted.
    pub(super) fn new(schema: &str) -> Self {
        let record = format!("{schema}.record");
        let body = format!("{schema}.body");
        let list = |order: &str| {
            format!(
                "SELECT body FROM {record} WHERE key >= $1 AND key < $2 ORDER BY key {order} LIMIT $3"
            )
        };
        Self {
            load: format!("SELECT key, body FROM {record} WHERE key = ANY($1)"),
            look_up: format!("SELECT key, version, body FROM {record} WHERE key = ANY($1)"),
            list: list("ASC"),
            list_descending: list("DESC"),
            due: format!(
                "SELECT at, substring(body FOR 18) FROM {record} \
                 WHERE queue = $1 AND at >= $2 ORDER BY at LIMIT 1"
            ),
            write: write(&record),
            now: "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint".to_owned(),
            due_jobs: format!(
                "WITH {NOW} SELECT due.*, moment.now FROM moment LEFT JOIN LATERAL (\
                 SELECT key, at, account, priority, site FROM {record} \
                 WHERE queue = 1 AND at <= moment.now AND at >= $2 \
                 AND ($4::smallint[] IS NULL OR slot = ANY($4)) ORDER BY at LIMIT $3) due ON true"
            ),
            accounts: accounts(&record),
            lanes: lanes(&record),
            due_records: format!(
                "WITH {NOW} SELECT due.*, moment.now FROM moment LEFT JOIN LATERAL (\
                 SELECT key, body, at FROM {record} \
                 WHERE queue = $2 AND at <= moment.now AND at >= $3 \
                 AND ($5::smallint[] IS NULL OR slot = ANY($5)) ORDER BY at, key LIMIT $4) due ON true"
            ),
            claim: claim(&record),
            lock: format!(
                "SELECT key, body FROM {record} WHERE key = ANY($1) ORDER BY key FOR UPDATE"
            ),
            put_body: format!(
                "INSERT INTO {body} (batch, name, bytes) \
                 SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING"
            ),
            get_body: format!("SELECT bytes FROM {body} WHERE batch = $1 AND name = $2"),
            remove_bodies: format!("DELETE FROM {body} WHERE batch = $1"),
        }
    }
}

/// Existing records are locked in the order of their keys before anything is written, and new ones are added in the
/// same order. All writers agree on that order, so no two wait for each other.
fn write(record: &str) -> String {
    format!(
        "WITH w AS MATERIALIZED (SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::smallint[], \
           $5::bigint[], $6::smallint[], $7::bytea[], $8::smallint[], $9::bytea[]) \
           AS w (key, expected, body, queue, at, slot, account, priority, site)), \
         held AS MATERIALIZED (SELECT r.key, r.version FROM w JOIN {record} r ON r.key = w.key \
           ORDER BY r.key FOR UPDATE OF r), \
         inserted AS (INSERT INTO {record} (key, version, body, queue, at, slot, account, priority, site) \
           SELECT key, 1, body, queue, at, slot, account, priority, site FROM w \
           WHERE expected IS NULL AND body IS NOT NULL AND (SELECT count(*) FROM held) >= 0 \
           ORDER BY key ON CONFLICT DO NOTHING RETURNING 1), \
         updated AS (UPDATE {record} r SET version = w.expected + 1, body = w.body, queue = w.queue, at = w.at, \
           slot = w.slot, account = w.account, priority = w.priority, site = w.site \
           FROM w JOIN held ON held.key = w.key \
           WHERE r.key = w.key AND r.version = w.expected AND w.body IS NOT NULL RETURNING 1), \
         deleted AS (DELETE FROM {record} r USING w JOIN held ON held.key = w.key \
           WHERE r.key = w.key AND r.version = w.expected AND w.body IS NULL RETURNING 1), \
         absent AS (SELECT 1 FROM w WHERE expected IS NULL AND body IS NULL \
           AND NOT EXISTS (SELECT 1 FROM held WHERE held.key = w.key)) \
         SELECT (SELECT count(*) FROM inserted) + (SELECT count(*) FROM updated) \
           + (SELECT count(*) FROM deleted) + (SELECT count(*) FROM absent), \
           pg_current_xact_id()::text, set_config('synchronous_commit', \
             CASE WHEN $10::boolean THEN 'off' \
             WHEN current_setting('synchronous_commit') = 'off' THEN 'on' \
             ELSE current_setting('synchronous_commit') END, true)"
    )
}

/// A record that another transaction has locked is left to it: a claim never waits.
fn claim(record: &str) -> String {
    format!(
        "WITH w AS MATERIALIZED (SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[]) \
           AS w (key, expected, body, at)), \
         held AS MATERIALIZED (SELECT r.key FROM w JOIN {record} r ON r.key = w.key AND r.version = w.expected \
           ORDER BY r.key FOR UPDATE OF r SKIP LOCKED) \
         UPDATE {record} r SET version = w.expected + 1, body = w.body, at = w.at \
         FROM w JOIN held ON held.key = w.key \
         WHERE r.key = w.key AND r.version = w.expected RETURNING r.key"
    )
}

/// Each step reads the first entry of the index behind the account before: the number of its jobs does not matter.
fn accounts(record: &str) -> String {
    format!(
        "WITH RECURSIVE known AS (\
           SELECT * FROM (SELECT account, 1::bigint AS step FROM {record} WHERE account > $1 \
             ORDER BY account LIMIT 1) first \
           UNION ALL \
           SELECT next.account, known.step + 1 FROM known CROSS JOIN LATERAL (\
             SELECT r.account FROM {record} r WHERE r.account > known.account \
             ORDER BY r.account LIMIT 1) next WHERE known.step < $2) \
         SELECT account FROM known"
    )
}

/// Each step reads the first entry of the index behind the lane before. The rest of a slot that is not wanted is skipped:
/// no site begins with the byte `ff`.
fn lanes(record: &str) -> String {
    format!(
        "SELECT due.key, due.at, a.account, p.priority, due.site FROM unnest($2::bytea[]) a (account) \
         CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) p (priority) CROSS JOIN LATERAL (\
           WITH RECURSIVE lane AS (\
             SELECT * FROM (SELECT slot, site, 1::bigint AS step FROM {record} r \
               WHERE r.account = a.account AND r.priority = p.priority AND r.slot >= $5 AND r.slot < $6 \
               ORDER BY slot, site LIMIT 1) first \
             UNION ALL \
             SELECT next.slot, next.site, lane.step + 1 FROM lane CROSS JOIN LATERAL (\
               SELECT r.slot, r.site FROM {record} r WHERE r.account = a.account AND r.priority = p.priority \
               AND (r.slot, r.site) > (lane.slot, CASE WHEN $4::smallint[] IS NULL OR lane.slot = ANY($4) \
                 THEN lane.site ELSE '\\xff'::bytea END) \
               ORDER BY r.slot, r.site LIMIT 1) next WHERE lane.step < $9 AND next.slot < $6) \
           SELECT job.key, job.at, lane.site FROM lane CROSS JOIN LATERAL (\
             SELECT r.key, r.at FROM {record} r WHERE r.account = a.account AND r.priority = p.priority \
             AND r.slot = lane.slot AND r.site = lane.site AND r.at <= $1 ORDER BY r.at LIMIT $7) job \
           WHERE lane.site <> ALL($3) AND ($4::smallint[] IS NULL OR lane.slot = ANY($4)) LIMIT $8) due"
    )
}
