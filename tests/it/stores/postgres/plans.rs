//! The plans of the statements on many records.

use std::env;

use rungs::core::record::Record;
use rungs::testkit::store::{put, sample};

use crate::support::postgres::{block_on, client, new_url, open};

/// Copies of a job, enough for the planner to prefer an index. `RUNGS_PLAN_RECORDS` sets another number.
const RECORDS: u32 = 20_000;

#[test]
fn no_statement_reads_a_whole_table() {
    let records = env::var("RUNGS_PLAN_RECORDS");
    let records = records.map_or(RECORDS, |it| it.parse().expect("RUNGS_PLAN_RECORDS is a number"));
    let url = new_url();
    let store = open(&url);
    let schema = url.rsplit('=').next().expect("a schema").to_owned();

    let plans = block_on(async {
        put(&store, Record::Job(sample::job(1, sample::at(1))), None).await.expect("committed");
        let client = client(&url).await;
        let fill = format!(
            "INSERT INTO {schema}.record \
             SELECT '\\x04'::bytea || decode(md5(n::text), 'hex'), version, body, queue, \
             CASE n % 4 WHEN 0 THEN n END, slot, \
             CASE n % 4 WHEN 0 THEN convert_to('account ' || n % 50, 'UTF8') END, priority, \
             convert_to(n % 1000 || '.example', 'UTF8') \
             FROM {schema}.record CROSS JOIN generate_series(2, {records}) n; \
             INSERT INTO {schema}.body SELECT decode(md5((n / 10)::text), 'hex'), decode(md5(n::text), 'hex'), 'page' \
             FROM generate_series(1, {records}) n; \
             ANALYZE {schema}.record; ANALYZE {schema}.body"
        );
        client.batch_execute(&fill).await.expect("filled");
        store.plans().await.expect("explained")
    });

    for (name, plan) in plans {
        assert!(!plan.contains("Seq Scan on"), "{name}:\n{plan}");
    }
}
