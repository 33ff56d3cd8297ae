//! Limits of spending, and features that could be turned on.

use serde_json::{Value, json};

use crate::core::time::Day;
use crate::core::usage::{Budget, UsageTotals};

/// Serializes the budget of a key, or of an account without one, and what it has used of the period.
pub(crate) fn limits(
    key: Option<&str>,
    budget: Option<Budget>,
    used: UsageTotals,
    today: Day,
) -> Value {
    json!({
        "api_key": key,
        "budget_limit_microcents": budget.and_then(|it| it.credits),
        "request_limit": budget.and_then(|it| it.jobs),
        "reset_period": budget.map(|it| it.period.as_str()),
        "enabled": budget.is_some(),
        "credits_used": used.spent,
        "credits_held": used.held,
        "requests_count": used.jobs,
        "resets_at": budget.map(|it| it.period.ends(today).to_string()),
    })
}

/// Serializes the list of beta features, which is empty.
pub(crate) fn beta_features() -> Value {
    json!({ "features": [], "total": 0 })
}

/// Serializes the beta features that the client has turned on: none.
pub(crate) fn own_beta_features() -> Value {
    json!({ "features": [] })
}
