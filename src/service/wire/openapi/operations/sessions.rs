//! Stored sessions.

use super::Operation;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        body: Some("SessionRequest"),
        responses: &[("201", "Session")],
        errors: &["409", "501"],
        ..Operation::post("/api/v1/sessions", "createSession", "Store the session of a site")
    },
    Operation {
        parameters: &["domain", "session_status"],
        responses: &[("200", "SessionList")],
        errors: &["422", "501"],
        ..Operation::get("/api/v1/sessions", "listSessions", "List the account's sessions")
    },
    Operation {
        parameters: &["session"],
        responses: &[("200", "Session")],
        errors: &["404", "501"],
        ..Operation::get("/api/v1/sessions/{id}", "getSession", "Get a session")
    },
    Operation {
        method: "patch",
        parameters: &["session"],
        body: Some("SessionUpdate"),
        responses: &[("200", "Session")],
        errors: &["404", "409", "501"],
        ..Operation::get("/api/v1/sessions/{id}", "updateSession", "Change parts of a session")
    },
    Operation {
        method: "delete",
        parameters: &["session"],
        responses: &[("200", "SessionDeleted")],
        errors: &["404", "409", "415", "501"],
        ..Operation::get(
            "/api/v1/sessions/{id}",
            "deleteSession",
            "Delete a session and its secret",
        )
    },
    Operation {
        parameters: &["session"],
        responses: &[("200", "SessionValidation")],
        errors: &["404", "409", "415", "501"],
        ..Operation::post(
            "/api/v1/sessions/{id}/validate",
            "validateSession",
            "Ask the site whether it accepts a session",
        )
    },
    Operation {
        parameters: &["session"],
        body: Some("SessionRefresh"),
        responses: &[("200", "Session")],
        errors: &["404", "409", "501"],
        ..Operation::post(
            "/api/v1/sessions/{id}/refresh",
            "refreshSession",
            "Replace the cookies of a session",
        )
    },
];
