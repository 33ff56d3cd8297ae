//! The body of an error: the union of what its readers look for (CONTRACT 4.1).

use serde_json::{Map, Value, json};

use crate::core::credits::Credits;
use crate::core::request::ValidationError;
use crate::core::tier::Tier;

/// What went wrong with a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The code to branch on.
    pub code: &'static str,
    /// What happened and what may help, for a person.
    pub message: String,
    /// Whether the same request may go better another time.
    pub retryable: bool,
    /// Seconds after which it may.
    pub retry_after: Option<u64>,
    /// The field at fault, nested ones with a dot.
    pub field: Option<String>,
    /// The page at fault.
    pub url: Option<String>,
    /// The tier that would be needed.
    pub tier: Option<Tier>,
    /// What is free, and what would have been needed.
    pub balance: Option<(Credits, Credits)>,
    /// Whatever else is known.
    pub details: Value,
}

impl Problem {
    /// A problem that the same request would meet again.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retryable: false,
            retry_after: None,
            field: None,
            url: None,
            tier: None,
            balance: None,
            details: Value::Null,
        }
    }

    /// A problem that may pass, after so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retryable = true;
        self.retry_after = Some(seconds);
        self
    }

    /// What is wrong with one field: of a list's item, if `within` says which.
    pub fn of_field(within: Option<(&str, usize)>, flaw: &ValidationError) -> Self {
        let mut place: Vec<Value> = Vec::new();
        if let Some((list, index)) = within {
            place.extend([json!(list), json!(index)]);
        }
        place.extend(flaw.field.split('.').map(|it| json!(it)));
        let at = within.map(|(list, index)| format!("{list}[{index}].")).unwrap_or_default();
        Self {
            field: Some(format!("{at}{}", flaw.field)),
            details: json!([{ "loc": place, "msg": flaw.reason, "type": "value_error" }]),
            ..Self::new(422, "VALIDATION_ERROR", format!("{at}{}: {}", flaw.field, flaw.reason))
        }
    }
}

/// The body of the answer. `detail` is a string, for a client that prints it.
pub fn problem(problem: &Problem, request_id: &str) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("error", json!(problem.code));
    put("code", json!(problem.code));
    put("message", json!(problem.message));
    put("detail", json!(problem.message));
    put("details", problem.details.clone());
    put("retryable", json!(problem.retryable));
    put("request_id", json!(request_id));
    if let Some(seconds) = problem.retry_after {
        put("retry_after", json!(seconds));
    }
    if let Some(field) = &problem.field {
        put("field", json!(field));
    }
    if let Some(url) = &problem.url {
        put("url", json!(url));
    }
    if let Some(tier) = problem.tier {
        put("tier", json!(tier.number()));
    }
    if let Some((free, needed)) = problem.balance {
        put("balance_dollars", json!(free.dollars()));
        put("required_dollars", json!(needed.dollars()));
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_names_its_place_for_people_and_for_programs() {
        let flaw =
            ValidationError { field: "cost_controls.max_tier", reason: "is no tier".to_owned() };

        let body = problem(&Problem::of_field(Some(("urls", 3)), &flaw), "id");

        assert_eq!(body["field"], "urls[3].cost_controls.max_tier");
        assert_eq!(body["details"][0]["loc"], json!(["urls", 3, "cost_controls", "max_tier"]));
        assert_eq!(body["detail"], "urls[3].cost_controls.max_tier: is no tier");
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let body = problem(&Problem::new(404, "JOB_NOT_FOUND", "there is no such job"), "id");

        let names: Vec<&str> = body.as_object().expect("one").keys().map(String::as_str).collect();
        let always = ["code", "detail", "details", "error", "message", "request_id", "retryable"];
        assert_eq!(names, always);
        assert!(body["detail"].is_string());
    }

    #[test]
    fn money_is_shown_in_dollars() {
        let overdrawn = Problem {
            balance: Some((Credits(250_000), Credits(1_000_000))),
            ..Problem::new(402, "INSUFFICIENT_CREDITS", "grant the difference")
        };

        let body = problem(&overdrawn.after(5), "id");

        assert_eq!(
            (&body["balance_dollars"], &body["required_dollars"]),
            (&json!(0.25), &json!(1.0))
        );
        assert_eq!((&body["retry_after"], &body["retryable"]), (&json!(5), &json!(true)));
    }
}
