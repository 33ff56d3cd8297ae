//! The description of the API in OpenAPI 3.1, built from the words and bounds that the code checks.
//!
//! # Invariants
//!
//! * Every property and parameter has a description and an example, and its default if it has one.
//! * Every response of the service tests is valid against the description.

mod html;
mod operations;
mod requests;
mod responses;
mod schema;

use serde_json::{Map, Value, json};

use crate::core::request::Limits;
pub(crate) use html::openapi_html;
use operations::Operation;
use schema::reference;

/// The content hash of examples.
const SAMPLE_HASH: &str = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";

/// Statuses of errors that every operation may return.
const COMMON_ERRORS: [&str; 7] = ["400", "401", "403", "429", "500", "503", "431"];
/// Statuses of errors that an operation with a request body may return.
const BODY_ERRORS: [&str; 4] = ["408", "413", "415", "422"];

/// Describes how a request body may be sent.
const BODY: &str = "JSON, uncompressed or with `Content-Encoding: gzip`. The size limit applies after decompression. A \
    service without API keys requires the media type `application/json`.";

/// Links: the name, the field with the id, and the schema of the response and the operation that it connects.
const LINKS: [(&str, &str, (&str, &str)); 12] = [
    ("status", "batch_id", ("BatchAccepted", "getBatch")),
    ("events", "batch_id", ("BatchAccepted", "streamBatch")),
    ("webhook", "batch_id", ("BatchAccepted", "getBatchDeliveries")),
    ("ledger", "batch_id", ("BatchAccepted", "getLedger")),
    ("cancel", "batch_id", ("BatchAccepted", "cancelBatch")),
    ("retry", "batch_id", ("BatchAccepted", "retryBatch")),
    ("job", "job_id", ("JobAccepted", "getJob")),
    ("webhook", "job_id", ("JobAccepted", "getJobDeliveries")),
    ("job", "job_id", ("Page", "getJob")),
    ("redeliver", "delivery_id", ("Delivery", "redeliver")),
    ("session", "id", ("Session", "getSession")),
    ("validation", "id", ("Session", "validateSession")),
];

/// Builds the description of a service with these limits.
pub fn openapi(limits: &Limits) -> Value {
    let mut schemas = responses::schemas();
    schemas.extend(requests::schemas(limits));
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations::all() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation, &schemas);
    }
    let description = "Fetches pages with the cheapest tier that works. Every path below /api/v1 is served with and \
        without a trailing slash, and below /v1 as well. Prices are in credits: 1,000,000 credits are one dollar. \
        An unknown field of a request is listed in the `warnings` of the response and has no other effect; null counts as absent.";
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rungs",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "key": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": requests::parameters(),
            "securitySchemes": {
                "key": {
                    "type": "apiKey", "in": "header", "name": "X-API-Key",
                    "description": "The API key. A service that was started without keys needs none.",
                },
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "The API key as a bearer token.",
                },
            },
        },
    })
}

fn describe(operation: &Operation, schemas: &Map<String, Value>) -> Value {
    let mut responses = Map::new();
    for (status, schema) in operation.responses {
        let mut response = response(schema, schemas);
        for (name, field, to) in LINKS.into_iter().filter(|(_, _, to)| to.0 == *schema) {
            let id = json!({ "id": format!("$response.body#/{field}") });
            response["links"][name] = json!({ "operationId": to.1, "parameters": id });
        }
        responses.insert((*status).to_owned(), response);
    }
    let body: &[&str] = if operation.body.is_some() { &BODY_ERRORS } else { &[] };
    for status in COMMON_ERRORS.iter().chain(body).chain(operation.errors) {
        responses.insert((*status).to_owned(), error_response(status));
    }
    let parameters: Vec<Value> = operation
        .parameters
        .iter()
        .map(|it| json!({ "$ref": format!("#/components/parameters/{it}") }))
        .collect();
    let mut described = json!({
        "operationId": operation.id, "summary": operation.summary,
        "parameters": parameters, "responses": responses,
    });
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "description": BODY, "required": !operation.is_body_optional,
            "content": { "application/json": { "schema": reference(body) } },
        });
    }
    if matches!(operation.path, "/health" | "/ready" | "/openapi.json") {
        described["security"] = json!([]);
    }
    described
}

/// Returns the response of a stream of events that ends with `last`.
fn events(last: &str, schema: &str) -> Value {
    json!({
        "description": format!(
            "Events with JSON data. The stream ends with {last}. Events that a client must not miss have an id."
        ),
        "content": { "text/event-stream": { "schema": reference(schema) } },
    })
}

fn response(schema: &str, schemas: &Map<String, Value>) -> Value {
    match schema {
        "" => json!({ "description": "The stream has ended; there are no more events." }),
        "events" => events("batch.completed", "Event"),
        "crawl_events" => events("crawl.completed", "CrawlEvent"),
        "file" => json!({
            "description": "The file.",
            "content": {
                "image/png": { "schema": {} },
                "application/pdf": { "schema": {} },
                "application/octet-stream": { "schema": {} },
            },
        }),
        "text" => json!({
            "description": "The text format of Prometheus.",
            "content": { "text/plain": { "schema": { "type": "string" } } },
        }),
        _ => json!({
            "description": schemas[schema]["description"],
            "content": { "application/json": { "schema": reference(schema) } },
        }),
    }
}

/// Describes an error response by the codes that have its status.
fn error_response(status: &str) -> Value {
    let description = match status {
        "400" => "The request is malformed: `VALIDATION_ERROR`.",
        "401" => "The API key is missing or unknown: `AUTHENTICATION_ERROR`.",
        "402" => {
            "The account cannot pay, or the page requires a payment: `INSUFFICIENT_CREDITS`, `COST_LIMIT_EXCEEDED`, \
             `PAYWALL_DETECTED`."
        }
        "403" => {
            "Another website sent the request (`CROSS_SITE_REQUEST`), the key does not open the path \
             (`INSUFFICIENT_SCOPE`), or the page was refused."
        }
        "404" => "The record does not exist, belongs to another account, or has expired.",
        "408" => "The body did not arrive in time: `REQUEST_TIMEOUT`.",
        "409" => {
            "The key belongs to another body (`IDEMPOTENCY_KEY_REUSED`), the batch cannot be retried \
             (`BATCH_NOT_ENDED`, `NOTHING_TO_RETRY`, `ALREADY_RETRIED`), the session cannot be stored or used \
             (`TOO_MANY_SESSIONS`, `SESSION_NOT_VALIDATED`, `SESSION_SEALED`), or the job was canceled."
        }
        "413" => "The body or the page is too large: `CONTENT_TOO_LARGE`.",
        "415" => {
            "The request's body has an unsupported type or encoding, or the mode cannot read the document: \
             `UNSUPPORTED_CONTENT_TYPE`."
        }
        "422" => {
            "A field is invalid (`VALIDATION_ERROR`), the page failed, or the site could not be read (`SITE_UNREADABLE`)."
        }
        "429" => "The API key is over a limit: `RATE_LIMIT_EXCEEDED`, `SPEND_LIMIT_EXCEEDED`.",
        "431" => "The head of the request is too large. The response has no body.",
        "501" => "The service was started without what the operation needs: `NOT_IMPLEMENTED`.",
        "503" => "The service is shutting down, or cannot reach its store: `SERVICE_UNAVAILABLE`.",
        "504" => "The page was not finished in time: `TIMEOUT`, `TIME_BUDGET_EXPIRED`.",
        _ => "The service failed: `INTERNAL_ERROR`.",
    };
    json!({
        "description": description,
        "content": { "application/json": { "schema": reference("Problem") } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with every object of the document and its JSON pointer.
    fn for_each_object(value: &Value, at: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
        match value {
            Value::Object(fields) => {
                visit(at, fields);
                for (name, field) in fields {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    for_each_object(field, &format!("{at}/{name}"), visit);
                }
            }
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    for_each_object(value, &format!("{at}/{index}"), visit);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_reference_has_a_target() {
        let whole = openapi(&Limits::default());
        let mut seen = 0;
        for_each_object(&whole, "", &mut |_, fields| {
            if let Some(Value::String(to)) = fields.get("$ref") {
                let place = to.strip_prefix('#').expect("a path in this document");
                assert!(whole.pointer(place).is_some(), "{to} is not there");
                seen += 1;
            }
        });
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn every_property_and_parameter_has_a_description_and_an_example() {
        let whole = openapi(&Limits::default());
        let described = |it: &Value| it["description"].as_str().is_some_and(|it| it.ends_with('.'));
        let mut properties = 0;
        for_each_object(&whole["components"]["schemas"], "", &mut |at, fields| {
            let is_schema = !at.contains("/examples/");
            let named = fields.get("properties").filter(|_| is_schema).and_then(Value::as_object);
            for (name, schema) in named.into_iter().flatten() {
                assert!(described(schema), "{at}/{name} has no description");
                assert!(schema["examples"].is_array(), "{at}/{name} has no example");
                properties += 1;
            }
        });
        let parameters = whole["components"]["parameters"].as_object().expect("parameters");
        for (name, parameter) in parameters {
            assert!(described(parameter), "{name} has no description");
            assert!(!parameter["example"].is_null(), "{name} has no example");
        }
        let schemas = whole["components"]["schemas"].as_object().expect("schemas");
        for (name, schema) in schemas {
            assert!(described(schema), "{name} has no description");
        }
        assert!(properties > 250 && parameters.len() == 26, "{properties}");
    }

    #[test]
    fn every_error_code_has_a_description() {
        let whole = openapi(&Limits::default());
        let codes = whole["components"]["schemas"]["ErrorCode"]["oneOf"].as_array().expect("codes");

        assert!(codes.len() >= 40, "{}", codes.len());
        for code in codes {
            assert!(code["const"].is_string() && code["description"].is_string(), "{code}");
        }
    }
}
