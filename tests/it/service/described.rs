//! Validates every response of the service tests against the OpenAPI description.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use rungs::core::request::Limits;
use rungs::service::wire;
use serde_json::{Value, json};

use super::http::Answer;

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| wire::openapi(&Limits::default()))
}

/// Returns the description of a path. `{id}` and `{name}` match any segment.
fn described(path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = if path.starts_with("/v1/") { format!("/api{path}") } else { path.to_owned() };
    let given: Vec<&str> = path.split('/').collect();
    let paths = document()["paths"].as_object().expect("paths");
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let same = |(part, given): (&&str, &&str)| {
            part == given || part.starts_with('{') && !given.is_empty()
        };
        parts.len() == given.len() && parts.iter().zip(&given).all(same)
    };
    // A literal segment takes precedence over a parameter.
    let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
    found.sort_by_key(|(template, _)| template.contains('{'));
    found.first().map(|(_, it)| *it)
}

/// Panics if the response does not match the description.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let about = format!("{method} {path} -> {}", answer.status);
    let operation = described(path).and_then(|it| it.get(method.to_lowercase()));
    let status = answer.status.to_string();
    let (Some(operation), true) = (operation, answer.status != 405) else {
        // An undescribed path does not exist, or not with this method.
        assert!(
            matches!(answer.status, 400 | 401 | 404 | 405 | 429 | 501),
            "{about} is not described"
        );
        if method != "HEAD" {
            valid("Problem", answer, &about);
        }
        return;
    };
    let response = &operation["responses"][&status];
    assert!(response.is_object(), "{about} is not among the answers described");
    if answer.status == 431 || response["content"].is_null() {
        // hyper writes the response with status 431 itself, without a body.
        assert!(answer.body.is_empty(), "{about} has a body that is not described");
        return;
    }
    let kinds = response["content"].as_object().expect("kinds of content");
    let given = answer.header("content-type").unwrap_or_default();
    let (kind, content) = kinds
        .iter()
        .find(|(kind, _)| given.starts_with(kind.as_str()))
        .unwrap_or_else(|| panic!("{about} is {given}, none of {:?}", kinds.keys()));
    if kind != "application/json" {
        return;
    }
    if let Some(name) = content["schema"]["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        valid(name, answer, &about);
    }
}

/// Returns the validator of a schema that may refer to those of the description.
fn validator(schema: &Value) -> jsonschema::Validator {
    let mut schema = schema.clone();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["components"] = document()["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).unwrap_or_else(|why| panic!("{why}: {schema:#}"))
}

/// Returns every property of the schemas inside `schema`, with its path.
fn properties<'a>(schema: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    let named = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in named {
        let path = format!("{path}.{name}");
        found.extend(properties(property, &path));
        found.push((path, property));
    }
    found.extend(properties_of_parts(schema, path));
    found
}

fn properties_of_parts<'a>(schema: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let parts = ["allOf", "anyOf"].iter().filter_map(|it| schema[*it].as_array()).flatten();
    let items = schema.get("items");
    parts.chain(items).flat_map(|part| properties(part, path)).collect()
}

#[test]
fn every_example_and_default_is_valid() {
    let schemas = document()["components"]["schemas"].as_object().expect("schemas");
    let mut checked = 0;
    for (path, property) in schemas.iter().flat_map(|(name, schema)| properties(schema, name)) {
        let validator = validator(property);
        let examples = property["examples"].as_array().into_iter().flatten();
        for value in examples.chain(property.get("default")) {
            let flaws: Vec<_> = validator.iter_errors(value).map(|it| it.to_string()).collect();
            assert!(flaws.is_empty(), "{path}: {value}: {flaws:?}");
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}

fn valid(name: &str, answer: &Answer, about: &str) {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, jsonschema::Validator>>> = OnceLock::new();
    let validators = VALIDATORS.get_or_init(Mutex::default);
    let mut validators = validators.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = validators.entry(name.to_owned()).or_insert_with(|| {
        validator(&json!({
            "$ref": format!("#/components/schemas/{name}"),
            // An undescribed field is an error, like a missing one.
            "unevaluatedProperties": false,
        }))
    });
    let body = answer.json();
    let flaws: Vec<String> = validator
        .iter_errors(&body)
        .map(|it| format!("{}: {it}", it.instance_path()))
        .take(5)
        .collect();
    assert!(flaws.is_empty(), "{about} is no {name}: {flaws:#?}\n{body:#}");
}

#[test]
fn an_undescribed_response_is_detected() {
    let answer = |status, body: Value| Answer {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    };
    let notices = |path: &str, answer: &Answer| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check("GET", path, answer)))
            .is_err()
    };

    assert!(!notices("/health", &answer(200, json!({ "status": "ok", "version": "1" }))));
    assert!(notices("/health", &answer(200, json!({ "status": "fine", "version": "1" }))));
    assert!(notices("/health", &answer(200, json!({ "status": "ok" }))));
    let more = json!({ "status": "ok", "version": "1", "mood": "good" });
    assert!(notices("/health", &answer(200, more)));
    assert!(notices("/health", &answer(418, json!({ "status": "ok", "version": "1" }))));
    assert!(notices("/elsewhere", &answer(200, json!({}))));
    assert!(notices("/api/v1/jobs/x", &answer(404, json!({ "detail": "gone" }))));
}
