//! Schemas of limits of spending, and of beta features.

use serde_json::{Value, json};

use crate::core::usage::Period;
use crate::service::wire::openapi::schema::{
    count, described, flag, list, object, or_null, property, record, text, timestamp, word,
};

/// Returns the schema of the limits of an account or an API key.
pub(super) fn limits() -> Value {
    let periods = [Period::Daily, Period::Weekly, Period::Monthly].map(Period::as_str);
    let schema = record(vec![
        property("api_key", or_null(text()), "ci", "Name of the API key; null for the account."),
        property(
            "budget_limit_microcents",
            or_null(count()),
            5_000_000,
            "Most credits in a period, held ones included; null if there is no limit.",
        ),
        property(
            "request_limit",
            or_null(count()),
            1_000,
            "Most jobs in a period; null if there is no limit.",
        ),
        property(
            "reset_period",
            or_null(word(periods)),
            "monthly",
            "The period, which begins at midnight UTC; null without a budget.",
        ),
        property("enabled", flag(), true, "`true` if there is a budget."),
        property(
            "credits_used",
            count(),
            12_000,
            "Credits charged in the period, or in this month without a budget.",
        ),
        property("credits_held", count(), 4_000, "Credits held in the same time."),
        property("requests_count", count(), 21, "Jobs and extractions in the same time."),
        property(
            "resets_at",
            or_null(timestamp()),
            "2026-12-01T00:00:00.000Z",
            "Start of the next period; null without a budget.",
        ),
    ]);
    described(schema, "What an account or an API key may spend, and has spent.")
}

/// Returns the schema of the beta features.
pub(super) fn features() -> Value {
    let schema = record(vec![
        property("features", list(object()), json!([]), "The features, none."),
        property("total", count(), 0, "Number of features."),
    ]);
    described(schema, "The beta features of the service. It has none.")
}

/// Returns the schema of the beta features that are turned on.
pub(super) fn own_features() -> Value {
    let schema = record(vec![property("features", list(text()), json!([]), "The features, none.")]);
    described(schema, "The beta features that are turned on.")
}
