//! Schemas of an account: ledger, usage, balance.

use serde_json::{Value, json};

use super::{SAMPLE_BATCH, SAMPLE_JOB, SAMPLE_TIME, batch_id, credits_used, id};
use crate::service::wire::openapi::schema::{
    Property, count, described, flag, list, number, or_null, property, record, reference, text,
    timestamp, word,
};

/// Returns the schema of a batch's ledger.
pub(super) fn ledger() -> Value {
    let schema = record(vec![
        property("batch_id", batch_id(), SAMPLE_BATCH, "Id of the batch."),
        property(
            "entries",
            list(reference("LedgerEntry")),
            json!([]),
            "The entries, oldest first: the hold of the batch, and one entry for each job that ended.",
        ),
        property("held", count(), 12_000, "Sum of the holds in credits."),
        property("charged", count(), 600, "Sum of the charges in credits."),
        property("released", count(), 11_400, "Sum of the releases in credits."),
    ]);
    described(
        schema,
        "The ledger of a batch. `held` equals `charged` plus `released` once all jobs have ended.",
    )
}

/// Returns the schema of one entry of a ledger.
pub(super) fn ledger_entry() -> Value {
    let schema = record(vec![
        property("number", count(), 1, "Number of the entry in the batch."),
        property(
            "job_id",
            or_null(id()),
            SAMPLE_JOB,
            "Id of the job that was settled; null for the hold.",
        ),
        property(
            "kind",
            word(["hold", "settle"]),
            "settle",
            "`hold` reserves the estimate; `settle` charges a job and releases its rest.",
        ),
        property("held", count(), 0, "Credits held by the entry."),
        property("charged", count(), 200, "Credits charged by the entry."),
        property("released", count(), 3_800, "Credits released by the entry."),
        property("at", timestamp(), SAMPLE_TIME, "Time of the entry."),
    ]);
    described(schema, "One entry of a ledger.")
}

fn period(names: [&'static str; 2]) -> [Property; 2] {
    let [start, end] = names;
    [
        property(
            start,
            timestamp(),
            "2026-11-01T00:00:00.000Z",
            "Start of the calendar month, in UTC.",
        ),
        property(
            end,
            timestamp(),
            "2026-12-01T00:00:00.000Z",
            "End of the calendar month, in UTC.",
        ),
    ]
}

/// Returns the schema of this month's usage.
pub(super) fn usage() -> Value {
    let [start, end] = period(["billing_period_start", "billing_period_end"]);
    let [start_copy, end_copy] = period(["period_start", "period_end"]);
    let plan = "`prepaid`, or `unlimited` if holds never fail.";
    let schema = record(vec![
        property(
            "credits_available",
            count(),
            4_200_000,
            "Free credits. An unlimited account shows a million dollars.",
        ),
        credits_used("Credits charged this month."),
        property(
            "credits_held",
            count(),
            12_000,
            "Credits held by jobs submitted this month that have not ended.",
        ),
        property(
            "credits_limit",
            count(),
            5_000_000,
            "Credits granted since the account was opened.",
        ),
        property("requests_count", count(), 21, "Number of jobs this month."),
        property("subscription_tier", text(), "unlimited", plan),
        start,
        end,
        property("credits_used_month", count(), 200, "Copy of `credits_used`."),
        property("plan", text(), "unlimited", plan),
        start_copy,
        end_copy,
        property("balance_dollars", number(), 4.2, "`credits_available` in dollars."),
        property("requests_month", count(), 21, "Copy of `requests_count`."),
    ]);
    described(schema, "The usage of the account in this calendar month.")
}

/// Returns the schema of the balance.
pub(super) fn balance() -> Value {
    let schema = record(vec![
        property("balance_microcents", count(), 4_200_000, "Free credits."),
        property("balance_display", text(), "$4.20", "Free credits in dollars, rounded to cents."),
        property("total_deposited_cents", count(), 500, "Credits ever granted, in cents."),
        property("total_spent_cents", count(), 80, "Credits ever charged, in cents."),
    ]);
    described(schema, "The balance of the account. 1,000,000 credits are one dollar.")
}

/// Returns the schema of the usage by period and site.
pub(super) fn billing_usage() -> Value {
    let site = record(vec![
        property("domain", text(), "example.com", "The site."),
        credits_used("Credits charged for its pages."),
        property("requests", count(), 7, "Number of jobs."),
    ]);
    let schema = record(vec![
        property("today_credits", count(), 200, "Credits charged today, in UTC."),
        property("this_week_credits", count(), 1_400, "Credits charged this week."),
        property("this_month_credits", count(), 4_000, "Credits charged this month."),
        property(
            "total_credits",
            count(),
            800_000,
            "Credits charged since the account was opened.",
        ),
        property("today_requests", count(), 1, "Number of jobs today, in UTC."),
        property("this_week_requests", count(), 7, "Number of jobs this week."),
        property(
            "top_domains",
            list(site),
            json!([{ "domain": "example.com", "credits_used": 1_400, "requests": 7 }]),
            "Up to 10 sites, those with the highest spending first.",
        ),
        property(
            "usage_since",
            or_null(timestamp()),
            "2026-11-01T00:00:00.000Z",
            "First day of the records that the numbers are from; null if there are none.",
        ),
    ]);
    described(schema, "The usage of the account by period and site.")
}

/// The credits of an account, which the responses for its operator share.
fn credits() -> Vec<Property> {
    vec![
        property("account", text(), "acme", "Name of the account."),
        property(
            "limited",
            flag(),
            true,
            "`true` if the service lets accounts spend only the credits they were granted (`limited_accounts`).",
        ),
        property("credits_granted", count(), 5_000_000, "Credits that were ever granted."),
        property("credits_available", count(), 4_987_800, "Credits that batches can hold."),
        property("credits_held", count(), 12_000, "Credits held for jobs that have not ended."),
        property("credits_spent", count(), 200, "Credits charged for jobs."),
    ]
}

/// Returns the schema of an account, as its operator sees it.
pub(super) fn account() -> Value {
    let mut fields = credits();
    fields.push(property(
        "grants",
        list(reference("Grant")),
        json!([]),
        "The grants with a key, newest first, up to 1,000.",
    ));
    described(record(fields), "An account. Granted credits are available, held or spent.")
}

/// Returns the schema of the response to a grant.
pub(super) fn granted() -> Value {
    let sample = json!({ "key": "invoice-17", "credits": 5_000_000, "granted_at": SAMPLE_TIME });
    let mut fields = credits();
    fields.push(property("grant", reference("Grant"), sample, "The grant."));
    fields.push(property(
        "repeated",
        flag(),
        false,
        "`true` if the same grant was made before, so that this request added nothing.",
    ));
    described(record(fields), "The grant, and the account after it.")
}

/// Returns the schema of a grant.
pub(super) fn grant() -> Value {
    let schema = record(vec![
        property("key", text(), "invoice-17", "Key of the grant."),
        property("credits", count(), 5_000_000, "Credits that it added."),
        property("granted_at", timestamp(), SAMPLE_TIME, "Time of the grant."),
    ]);
    described(schema, "Credits that were added to an account.")
}
