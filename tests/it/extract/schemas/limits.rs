//! Limits of a schema: obeyed where a value is taken, reported where there is none.

use rungs::core::request::{Item, Limits, Profile};
use serde_json::{Value, json};

use super::given::read;

const PAGE: &str = "<script type=application/ld+json>{\"@type\": \"Product\", \"name\": \"Rope chair\", \"sku\": \"n/a\"}</script>\
    <main><h1>Rope chair</h1><p>A chair of rope for the porch, made to order in a small shop by the sea.</p>\
    <dl><dt>Code</dt><dd>4711</dd><dt>Code</dt><dd>RC-300</dd><dt>SKU</dt><dd>RC-7</dd><dt>Released</dt><dd>1 March 2027</dd>\
    <dt>Weight</dt><dd>9 kg</dd><dt>Colors</dt><dd>red, blue, red, green</dd></dl></main>";

/// Fills a schema of these fields, and checks the result with another program.
fn filled(properties: &Value) -> (Value, Vec<String>) {
    let schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let made = read(PAGE, &schema, Profile::Auto);
    let value = made.filtered_content.expect("a result");
    let validator =
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let given: serde_json::Map<String, Value> = value
        .as_object()
        .expect("an object")
        .iter()
        .filter(|it| !it.1.is_null())
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect();
    let errors: Vec<String> =
        validator.iter_errors(&Value::Object(given)).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    (value, made.warnings)
}

#[test]
fn a_value_matches_the_pattern_of_its_field() {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });

    let (value, warnings) = filled(&json!({
        "sku": text("^RC-[0-9]+$"), "code": text("^[A-Z]{2}-[0-9]{3}$"), "weight": text("^[0-9]+ lb$") }));

    assert_eq!(value, json!({ "sku": "RC-7", "code": "RC-300", "weight": null }));
    let refused = "weight: the page says `9 kg`, which does not fit the schema";
    assert!(warnings.iter().any(|it| it == refused), "{warnings:?}");
}

#[test]
fn a_pattern_that_cannot_be_used_is_refused_with_its_field() {
    let schema = json!({ "properties": { "sku": { "type": "string", "pattern": "RC-[0-9" } } });

    let error = Item::get("https://shop.example/").schema(schema).check(&Limits::default());

    let error = error.expect_err("the pattern is not closed");
    assert_eq!(error.field(), "extraction_schema");
    assert!(error.to_string().contains("at `sku`"), "{error}");
}

#[test]
fn examples_decide_between_values_and_name_a_format() {
    let like = |example: &str| json!({ "type": "string", "examples": [example] });

    let (value, _) = filled(&json!({ "code": like("AB-1"), "released": like("2026-12-31") }));

    assert_eq!(value, json!({ "code": "RC-300", "released": "2027-03-01" }));
    let (value, _) =
        filled(&json!({ "code": { "type": "string" }, "released": { "type": "string" } }));
    assert_eq!(value, json!({ "code": "4711", "released": "1 March 2027" }));
}

#[test]
fn what_a_schema_requires_is_reported_and_never_made() {
    let (value, warnings) = filled(&json!({
        "weight_kg": { "type": "number", "minimum": 20 },
        "colors": { "type": "array", "items": { "type": "string" }, "uniqueItems": true, "maxItems": 2 },
        "box": { "type": "object", "properties": { "depth": { "type": "string" } },
            "required": ["depth"], "additionalProperties": { "type": "string" } } }));

    assert_eq!(value, json!({ "weight_kg": null, "colors": ["red", "blue"], "box": null }));
    for warning in [
        "weight_kg: the page says `9 kg`, which does not fit the schema",
        "colors: the first 2 of 3 entries were kept",
        "box: additionalProperties is not filled; name the fields in `properties`",
    ] {
        assert!(warnings.iter().any(|it| it == warning), "no `{warning}` in {warnings:?}");
    }
}
