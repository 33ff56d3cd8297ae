//! The messages of a WebSocket.

use serde_json::{Value, json};

use crate::core::batch::BatchRecord;
use crate::core::id::{BatchId, JobId};
use crate::core::job::{Job, JobState};
use crate::core::request::ValidationError;
use crate::service::wire::problem::Problem;

/// The query parameter with the API key.
pub(crate) const SOCKET_KEY: &str = "api_key";

/// The subject of a subscription, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SocketTopic {
    Batch(String),
    Job(String),
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketAction {
    Subscribe { topic: SocketTopic, last_event_id: Option<String> },
    Unsubscribe(SocketTopic),
    Ping,
}

/// Reads a message of a client.
pub(crate) fn read_socket_message(message: &Value) -> Result<SocketAction, ValidationError> {
    let text = |name: &'static str| match &message[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(ValidationError::new(name, "must be a string")),
    };
    let action = text("action")?.unwrap_or_default();
    let topic = || match (text("job_id")?, text("batch_id")?) {
        (Some(job), None) => Ok(SocketTopic::Job(job)),
        (None, Some(batch)) => Ok(SocketTopic::Batch(batch)),
        (Some(_), Some(_)) => {
            let reason = "must not be sent together with `batch_id`; send one of them";
            Err(ValidationError::new("job_id", reason))
        }
        (None, None) => {
            Err(ValidationError::new("job_id", "is missing; send either `job_id` or `batch_id`"))
        }
    };
    match action.as_str() {
        "subscribe" => {
            let last_event_id = text("last_event_id")?;
            Ok(SocketAction::Subscribe { topic: topic()?, last_event_id })
        }
        "unsubscribe" => Ok(SocketAction::Unsubscribe(topic()?)),
        "ping" => Ok(SocketAction::Ping),
        _ => Err(ValidationError::new("action", "must be subscribe, unsubscribe or ping")),
    }
}

/// Serializes the first message of a connection.
pub(crate) fn socket_connected() -> String {
    json!({ "type": "connected", "message": "subscribe with {\"action\": \"subscribe\", \"job_id\": ID}" })
        .to_string()
}

/// Serializes the response to a ping.
pub(crate) fn socket_pong() -> String {
    json!({ "type": "pong" }).to_string()
}

/// Serializes an error, after which the connection continues.
pub(crate) fn socket_error(problem: &Problem) -> String {
    json!({ "type": "error", "code": problem.code, "message": problem.message }).to_string()
}

/// Serializes the response to a subscription, with the state at its beginning.
pub(crate) fn socket_subscribed(
    topic: &SocketTopic,
    batch: &BatchRecord,
    job: Option<&Job>,
) -> String {
    let mut body = of_topic("subscribed", topic);
    body["batch_id"] = json!(batch.id.to_string());
    body["status"] = match job {
        Some(job) => json!(status_word(job.state)),
        None => json!(batch.status().as_str()),
    };
    body.to_string()
}

/// Serializes the response to the end of a subscription.
pub(crate) fn socket_unsubscribed(topic: &SocketTopic) -> String {
    of_topic("unsubscribed", topic).to_string()
}

fn of_topic(kind: &str, topic: &SocketTopic) -> Value {
    match topic {
        SocketTopic::Batch(id) => json!({ "type": kind, "batch_id": id }),
        SocketTopic::Job(id) => json!({ "type": kind, "job_id": id }),
    }
}

fn status_word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Processing => "processing",
        JobState::Succeeded => "completed",
        JobState::Failed => "failed",
    }
}

/// Serializes an event from its lines in an event stream. The data is copied as it is.
pub(crate) fn socket_event(
    batch: BatchId,
    job: Option<JobId>,
    id: Option<&str>,
    lines: &str,
) -> String {
    let mut parts = lines.trim_end().splitn(2, '\n');
    let name = parts.next().and_then(|it| it.strip_prefix("event: ")).unwrap_or_default();
    let data = parts.next().and_then(|it| it.strip_prefix("data: ")).unwrap_or("null");
    let status = match name {
        "job.started" | "job.attempted" => Some(JobState::Processing),
        "job.rescheduled" => Some(JobState::Queued),
        "job.succeeded" => Some(JobState::Succeeded),
        "job.failed" => Some(JobState::Failed),
        _ => None,
    };
    let head = json!({
        "type": "event",
        "event": name,
        "id": id,
        "batch_id": batch.to_string(),
        "job_id": job.map(|it| it.to_string()),
        "status": status.map(status_word),
    });
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or(&head);
    [open, ",\"data\":", data, "}"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures::job;
    use crate::service::wire::job_ended_lines;

    #[test]
    fn an_event_has_the_data_of_its_lines() {
        let job = job();
        let lines = job_ended_lines(&job);

        let event = socket_event(job.batch, Some(job.id), Some("01"), &lines);

        let event: Value = serde_json::from_str(&event).expect("JSON");
        assert_eq!((&event["event"], &event["id"]), (&json!("job.succeeded"), &json!("01")));
        assert_eq!(event["data"]["job_id"], job.id.to_string());
        assert_eq!(event["status"], "completed");
    }

    #[test]
    fn a_message_without_a_meaning_is_refused_by_its_field() {
        for (message, field) in [
            (json!({}), "action"),
            (json!([]), "action"),
            (json!({ "action": 1 }), "action"),
            (json!({ "action": "subscribe" }), "job_id"),
            (json!({ "action": "subscribe", "job_id": "a", "batch_id": "b" }), "job_id"),
            (json!({ "action": "unsubscribe", "batch_id": 7 }), "batch_id"),
            (json!({ "action": "subscribe", "job_id": "a", "last_event_id": 1 }), "last_event_id"),
        ] {
            let error = read_socket_message(&message).expect_err("refused");
            assert_eq!(error.field(), field, "{message}");
        }
    }
}
