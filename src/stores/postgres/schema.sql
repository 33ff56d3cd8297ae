-- The tables of one installation of rungs, version 1. `{schema}` is the quoted name of its schema.

-- Every record: one statement reads a consistent set.
CREATE TABLE {schema}.record (
    key      bytea    PRIMARY KEY,  -- the kind of the record, then its key
    version  bigint   NOT NULL,
    body     bytea    NOT NULL,     -- the encoded record
    queue    smallint,              -- the queue in which the record is due; null if it is never due
    at       bigint,                -- the time at which it is due, in milliseconds since 1970
    slot     smallint,              -- the slot of a record that is due
    account  bytea,                 -- of a job that has not ended
    priority smallint,              -- of a job that has not ended
    site     bytea                  -- of a job that has not ended
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_limit = 2000);

CREATE INDEX record_at ON {schema}.record (queue, at) WHERE at IS NOT NULL;
CREATE INDEX record_lane ON {schema}.record (account, priority, slot, site, at) WHERE account IS NOT NULL;

-- Result bodies of installations without a store of their own for them. They are compressed already.
CREATE TABLE {schema}.body (
    batch bytea NOT NULL,
    name  bytea NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (batch, name)
);
ALTER TABLE {schema}.body ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE {schema}.version (number integer PRIMARY KEY);
INSERT INTO {schema}.version VALUES (1);
