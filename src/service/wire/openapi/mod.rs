//! The service described for programs: OpenAPI 3.1, made from the words and bounds that are checked.
//!
//! The test run holds it to the truth from both sides: every answer of every test is validated against
//! it, and a program that others wrote makes requests from it.

mod answers;
mod page;
mod requests;
mod schema;

use serde_json::{Map, Value, json};

use crate::core::request::Limits;
pub use page::page_of;
use schema::reference;

/// One thing that can be asked for.
struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    /// Parameters, by the names that `parameters` knows.
    parameters: &'static [&'static str],
    /// The schema of the body, where there is one.
    body: Option<&'static str>,
    /// Each success with the schema of its body.
    answers: &'static [(&'static str, &'static str)],
    /// The statuses of its refusals, beside those that any request may meet.
    refusals: &'static [&'static str],
}

impl Operation {
    const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let (parameters, body): (&[_], _) = (&[], None);
        Self { method: "get", path, id, summary, parameters, body, answers: &[], refusals: &[] }
    }

    const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { method: "post", ..Self::get(path, id, summary) }
    }
}

/// What any request below the gate may meet.
const ALWAYS: [&str; 7] = ["400", "401", "403", "429", "500", "503", "431"];
/// What a body may meet.
const BODY: [&str; 3] = ["408", "413", "422"];

const OPERATIONS: [Operation; 22] = [
    Operation {
        parameters: &["idempotency"],
        body: Some("BatchRequest"),
        answers: &[("202", "BatchAccepted")],
        refusals: &["402", "409"],
        ..Operation::post("/api/v1/batch", "submitBatch", "Submit up to 100 pages together")
    },
    Operation {
        body: Some("BatchRequest"),
        answers: &[("200", "BatchEstimate")],
        ..Operation::post("/api/v1/batch/estimate", "estimateBatch", "What a batch would cost")
    },
    Operation {
        parameters: &["batch", "results"],
        answers: &[("200", "BatchStatus")],
        refusals: &["404", "422"],
        ..Operation::get("/api/v1/batch/{id}", "getBatch", "A batch and what came of its pages")
    },
    Operation {
        method: "delete",
        parameters: &["batch"],
        answers: &[("200", "BatchCancelled")],
        refusals: &["404"],
        ..Operation::get("/api/v1/batch/{id}", "cancelBatch", "End what has not ended")
    },
    Operation {
        parameters: &["batch", "last"],
        answers: &[("200", "events"), ("204", "")],
        refusals: &["404"],
        ..Operation::get("/api/v1/batch/{id}/events", "streamBatch", "A batch as it happens")
    },
    Operation {
        parameters: &["batch"],
        answers: &[("200", "Ledger")],
        refusals: &["404"],
        ..Operation::get("/api/v1/batch/{id}/ledger", "getLedger", "What was held and charged")
    },
    Operation {
        parameters: &["batch", "unaddressed"],
        answers: &[("200", "Deliveries")],
        refusals: &["404", "422"],
        ..Operation::get("/api/v1/batch/{id}/deliveries", "getBatchDeliveries", "Its webhook")
    },
    Operation {
        parameters: &["limit", "cursor"],
        answers: &[("200", "BatchList")],
        refusals: &["422"],
        ..Operation::get("/api/v1/batches", "listBatches", "The account's batches, newest first")
    },
    Operation {
        parameters: &["idempotency"],
        body: Some("ScrapeRequest"),
        answers: &[("200", "Page"), ("202", "JobAccepted")],
        refusals: &["402", "403", "404", "409", "415", "504"],
        ..Operation::post("/api/v1/scrape", "scrape", "One page, now or as a job")
    },
    Operation {
        body: Some("ScrapeRequest"),
        answers: &[("200", "Estimate")],
        ..Operation::post("/api/v1/scrape/estimate", "estimate", "What a page would cost")
    },
    Operation {
        parameters: &["job"],
        answers: &[("200", "Job")],
        refusals: &["404"],
        ..Operation::get("/api/v1/jobs/{id}", "getJob", "A job and what came of it")
    },
    Operation {
        parameters: &["job", "file"],
        answers: &[("200", "file")],
        refusals: &["404"],
        ..Operation::get(
            "/api/v1/jobs/{id}/artifacts/{name}",
            "getArtifact",
            "A screenshot, a print, or a picture that an action took",
        )
    },
    Operation {
        parameters: &["job", "unaddressed"],
        answers: &[("200", "Deliveries")],
        refusals: &["404", "422"],
        ..Operation::get("/api/v1/jobs/{id}/deliveries", "getJobDeliveries", "Its webhook")
    },
    Operation {
        parameters: &["limit", "cursor", "unaddressed"],
        answers: &[("200", "Deliveries")],
        refusals: &["422"],
        ..Operation::get("/api/v1/deliveries", "listDeliveries", "The account's webhooks")
    },
    Operation {
        parameters: &["delivery"],
        answers: &[("202", "Delivery")],
        refusals: &["404"],
        ..Operation::post("/api/v1/deliveries/{id}/redeliver", "redeliver", "Send it once more")
    },
    Operation {
        answers: &[("200", "Usage")],
        ..Operation::get("/api/v1/usage", "getUsage", "What was used this month")
    },
    Operation {
        answers: &[("200", "Balance")],
        ..Operation::get("/api/v1/billing/balance", "getBalance", "What is left")
    },
    Operation {
        answers: &[("200", "BillingUsage")],
        ..Operation::get("/api/v1/billing/usage", "getBillingUsage", "What was used, and where")
    },
    Operation {
        answers: &[("200", "Health")],
        ..Operation::get("/health", "getHealth", "Whether the process answers")
    },
    Operation {
        answers: &[("200", "Health")],
        ..Operation::get("/ready", "getReady", "Whether the store answers and work is taken")
    },
    Operation {
        answers: &[("200", "Description")],
        ..Operation::get("/openapi.json", "getDescription", "This document")
    },
    Operation {
        answers: &[("200", "text")],
        refusals: &["404"],
        ..Operation::get("/metrics", "getMetrics", "What was counted, for Prometheus")
    },
];

/// What an answer's id is good for: a link's name, the id's field, and from which answer to which
/// operation.
const LINKS: [(&str, &str, (&str, &str)); 9] = [
    ("status", "batch_id", ("BatchAccepted", "getBatch")),
    ("events", "batch_id", ("BatchAccepted", "streamBatch")),
    ("webhook", "batch_id", ("BatchAccepted", "getBatchDeliveries")),
    ("ledger", "batch_id", ("BatchAccepted", "getLedger")),
    ("cancel", "batch_id", ("BatchAccepted", "cancelBatch")),
    ("job", "job_id", ("JobAccepted", "getJob")),
    ("webhook", "job_id", ("JobAccepted", "getJobDeliveries")),
    ("job", "job_id", ("Page", "getJob")),
    ("again", "delivery_id", ("Delivery", "redeliver")),
];

/// The description of a service whose batches have these bounds.
pub fn openapi(limits: &Limits) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in &OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described(operation);
    }
    let mut schemas = answers::schemas();
    schemas.extend(requests::schemas(limits));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rungs",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Pages by the cheapest way that works. Every path below /api/v1 is served with \
                and without a slash at its end, and below /v1 as well. 1,000,000 credits are one dollar.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "key": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": requests::parameters(),
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for (status, schema) in operation.answers {
        let mut answer = answer(schema);
        for (name, field, to) in LINKS.into_iter().filter(|(_, _, to)| to.0 == *schema) {
            let id = json!({ "id": format!("$response.body#/{field}") });
            answer["links"][name] = json!({ "operationId": to.1, "parameters": id });
        }
        responses.insert((*status).to_owned(), answer);
    }
    let body: &[&str] = if operation.body.is_some() { &BODY } else { &[] };
    for status in ALWAYS.iter().chain(body).chain(operation.refusals) {
        responses.insert((*status).to_owned(), answer("Problem"));
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
        described["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": reference(body) } } });
    }
    if matches!(operation.path, "/health" | "/ready" | "/openapi.json") {
        described["security"] = json!([]);
    }
    described
}

fn answer(schema: &str) -> Value {
    match schema {
        "" => json!({ "description": "There is nothing more to tell." }),
        "events" => json!({
            "description": "Events, each with JSON as its data; with batch.completed the stream ends. Those \
                that must not be missed have an id.",
            "content": { "text/event-stream": { "schema": reference("Event") } },
        }),
        "file" => json!({
            "description": "The file.",
            "content": {
                "image/png": { "schema": {} },
                "application/pdf": { "schema": {} },
                "application/octet-stream": { "schema": {} },
            },
        }),
        "text" => json!({
            "description": "Prometheus' text format.",
            "content": { "text/plain": { "schema": { "type": "string" } } },
        }),
        "Problem" => json!({
            "description": "Why not.",
            "content": { "application/json": { "schema": reference(schema) } },
        }),
        _ => json!({
            "description": schema,
            "content": { "application/json": { "schema": reference(schema) } },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let whole = openapi(&Limits::default());
        let mut pending = vec![&whole];
        let mut seen = 0;
        while let Some(value) = pending.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(to)) = fields.get("$ref") {
                        let place = to.strip_prefix('#').expect("a place of this document");
                        assert!(whole.pointer(place).is_some(), "{to} is not there");
                        seen += 1;
                    }
                    pending.extend(fields.values());
                }
                Value::Array(values) => pending.extend(values),
                _ => {}
            }
        }
        assert!(seen > 100, "{seen}");
    }
}
