//! The errors of messages that are no messages of the protocol.
//!
//! The protocol's implementation leaves some of them without a response, or responds without the id. JSON-RPC 2.0 wants an
//! error with the id of the request, or with null if there is none to be read.

use serde_json::{Value, json};

/// The code for text that is not JSON, from JSON-RPC 2.0.
const PARSE_ERROR: i32 = -32_700;
/// The code for JSON that is not a message, from JSON-RPC 2.0.
const INVALID_REQUEST: i32 = -32_600;

/// Returns the response to a message that cannot be read; `None` for a notification, which never has a response.
pub(super) fn response(message: &[u8]) -> Option<Value> {
    let value: Value = match serde_json::from_slice(message) {
        Ok(value) => value,
        Err(error) => {
            let reason = format!("invalid JSON ({error}): send one object in one line");
            return Some(error_of(&Value::Null, PARSE_ERROR, &reason));
        }
    };
    let id = value.get("id").filter(|it| it.is_string() || it.is_i64() || it.is_u64());
    if id.is_none() && value["method"].is_string() {
        return None;
    }
    let reason = "not a message of JSON-RPC 2.0: send an object with `jsonrpc`, `id`, `method` and `params`, and no list of \
                  several";
    Some(error_of(id.unwrap_or(&Value::Null), INVALID_REQUEST, reason))
}

/// Returns the response to a message above the limit, whose id nobody read.
pub(super) fn too_long(most_bytes: usize) -> Value {
    let most = most_bytes >> 20;
    let reason = format!("the message exceeds {most} MiB: send a shorter one");
    error_of(&Value::Null, INVALID_REQUEST, &reason)
}

fn error_of(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_cannot_be_read_has_an_error_with_its_id() {
        for (message, id, code) in [
            ("{bad", Value::Null, PARSE_ERROR),
            ("\u{feff}x", Value::Null, PARSE_ERROR),
            ("[]", Value::Null, INVALID_REQUEST),
            ("7", Value::Null, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":9}"#, json!(9), INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":"a","method":5}"#, json!("a"), INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":[1],"method":5}"#, Value::Null, INVALID_REQUEST),
        ] {
            let error = response(message.as_bytes()).expect(message);
            assert_eq!((&error["id"], &error["error"]["code"]), (&id, &json!(code)), "{message}");
            assert!(error.as_object().is_some_and(|it| it.contains_key("id")), "{error}");
        }
    }

    #[test]
    fn a_notification_has_no_response() {
        assert_eq!(response(br#"{"jsonrpc":"2.0","method":"notifications/x","params":3}"#), None);
    }
}
