//! The fields that a schema asks for, and where they were found.

use rungs::core::request::{Format, Profile};
use serde_json::json;

use crate::extract::fields::read;

const SHOP: &str = r#"<meta property=og:title content="Shown pot"><script type=application/ld+json>
    {"@type": "Product", "name": "Data pot", "offers": {"price": "12.50", "priceCurrency": "EUR"}}</script>
    <h1>Shown pot</h1><p>The shown pot holds a litre.</p>"#;

#[test]
fn the_heading_in_the_title_names_the_page() {
    let made = read(
        "<title>Round red pot | Shop</title><h1>Save 15 % today</h1><main><h1>Round red pot</h1><p>A pot.</main>",
        |_| {},
    );

    assert_eq!(made.title.as_deref(), Some("Round red pot"));
}

#[test]
fn evidence_shows_where_each_field_was_found() {
    let made = read(SHOP, |it| {
        it.extraction_schema = Some(
            json!({ "name": "string", "price": "number", "title": "string", "color": "string" }),
        );
        it.extraction_profile = Profile::Product;
        it.evidence = true;
    });

    let evidence = made.evidence.expect("evidence");
    assert_eq!(
        evidence["price"],
        json!({ "value": 12.5, "snippet": "12.5", "source": "jsonld", "path": "offers.price", "confidence": 1.0 })
    );
    assert_eq!(evidence["name"]["source"], "jsonld");
    assert!(evidence.get("color").is_none(), "{evidence}");
    let without = read(SHOP, |it| it.extraction_schema = Some(json!({ "name": "string" })));
    assert_eq!(without.evidence, None);
}

#[test]
fn evidence_quotes_the_passage_of_the_text() {
    let made = read(
        "<p>Before it all, the kiln was cold.</p><meta name=author content='the kiln'>",
        |it| {
            it.extraction_schema = Some(json!({ "author": "string" }));
            it.evidence = true;
        },
    );

    let author = &made.evidence.expect("evidence")["author"];
    assert_eq!(author["source"], "meta");
    assert_eq!(author["snippet"], "Before it all, the kiln was cold.");
}

#[test]
fn structured_data_comes_first_only_when_promoted() {
    let name = |promoted: bool| {
        let made = read(SHOP, |it| {
            it.promote_schema_org = promoted;
            it.extraction_profile = Profile::Product;
            it.extraction_schema = Some(json!({ "name": "string" }));
        });
        made.filtered_content.expect("filled")["name"].clone()
    };
    assert_eq!((name(true), name(false)), (json!("Data pot"), json!("Shown pot")));

    let plain = read(SHOP, |it| it.promote_schema_org = false);
    assert_eq!(plain.content[&Format::Json].get("offers"), None);
    assert_eq!(read(SHOP, |_| {}).content[&Format::Json]["offers"]["price"], "12.50");
}

#[test]
fn json_without_boilerplate_has_only_what_the_page_is_about() {
    let filtered = read(SHOP, |it| it.filter_content = true);
    let json = &filtered.content[&Format::Json];

    assert_eq!(json["name"], "Data pot");
    for rest in ["jsonld", "microdata", "links"] {
        assert_eq!(json.get(rest), None, "{rest}");
        assert!(read(SHOP, |_| {}).content[&Format::Json].get(rest).is_some(), "{rest}");
    }
}

#[test]
fn a_schema_shorthand_is_filled_in_any_format() {
    let made = read(SHOP, |it| {
        it.formats = vec![Format::Text];
        it.extraction_schema = Some(json!([{ "price": "string | null" }]));
    });

    assert_eq!(made.filtered_content, Some(json!([{ "price": "12.5" }])));
    assert_eq!(made.content.len(), 1);
}

fn filled(page: &str, schema: serde_json::Value) -> (serde_json::Value, Vec<String>) {
    let made = read(page, |it| it.extraction_schema = Some(schema));
    (made.filtered_content.expect("a schema was asked for"), made.warnings)
}

#[test]
fn a_schemas_objects_and_lists_are_filled_to_their_leaves() {
    let page = r#"<script type=application/ld+json>{"@type": "Product", "name": "Pot",
        "offers": {"price": "12.50 EUR", "priceCurrency": "EUR"},
        "review": [{"author": {"name": "Ann"}, "reviewRating": {"ratingValue": "4"}}, {"author": "Bo"}]}
        </script><h1>Pot</h1><p>The pot."#;

    let (json_schema, _) = filled(
        page,
        json!({ "type": "object", "properties": {
            "offers": { "type": "object", "properties": { "price": { "type": "number" } } },
            "review": { "type": "array", "items": { "type": "object", "properties": {
                "author": { "type": "string" }, "rating": { "type": ["integer", "null"] } } } },
        }}),
    );
    let (shorthand, _) = filled(
        page,
        json!({
            "offers": { "price": "number" }, "review": [{ "author": "string", "rating": "integer | null" }],
        }),
    );

    let expected = json!({
        "offers": { "price": 12.5 },
        "review": [{ "author": "Ann", "rating": 4 }, { "author": "Bo", "rating": null }],
    });
    assert_eq!(json_schema, expected);
    assert_eq!(shorthand, expected);
}

#[test]
fn an_unnamed_object_is_filled_from_its_parts() {
    let (made, warnings) = filled(
        SHOP,
        json!({ "product": { "name": "string", "price": "number", "color": "string" } }),
    );

    assert_eq!(made, json!({ "product": { "name": "Data pot", "price": 12.5, "color": null } }));
    assert!(
        warnings.iter().any(|it| it == "the page has no value for: product.color"),
        "{warnings:?}"
    );
}

#[test]
fn a_schemas_enums_formats_and_defaults_are_honored() {
    let page = r#"<script type=application/ld+json>{"@type": "Product", "name": "Pot", "condition": "Like-New",
        "material": "clay", "releaseDate": "January 29, 2025", "glazed": "Yes", "fired": "maybe"}</script><p>A pot."#;

    let (made, warnings) = filled(
        page,
        json!({ "type": "object", "required": ["name", "weight"], "properties": {
            "condition": { "type": "string", "enum": ["new", "like new", "used"] },
            "material": { "enum": ["iron", "glass"] },
            "releaseDate": { "type": "string", "format": "date" },
            "glazed": { "type": "boolean" }, "fired": { "type": "boolean" },
            "origin": { "type": "string", "default": "Delft" },
            "name": { "anyOf": [{ "type": "null" }, { "type": "string" }] },
        }}),
    );

    assert_eq!(
        made,
        json!({
            "condition": "like new", "material": null, "releaseDate": "2025-01-29", "glazed": true, "fired": null,
            "origin": "Delft", "name": "Pot",
        })
    );
    assert!(
        warnings.iter().any(|it| it == "required by extraction_schema but not found: weight"),
        "{warnings:?}"
    );
}

#[test]
fn a_field_is_found_by_its_aliases() {
    let page = r#"<script type=application/ld+json>{"@type": "Product", "name": "Pot", "gtin13": "4006381333931",
        "offers": {"price": 5, "availability": "https://schema.org/InStock"}, "brand": {"name": "Kiln"}}</script>
        <h1>Pot</h1><p>A pot."#;

    let (made, _) = filled(
        page,
        json!({
            "productName": "string", "EAN": "string", "in_stock": "boolean", "vendor": "string", "current-price": "number",
        }),
    );

    assert_eq!(
        made,
        json!({
            "productName": "Pot", "EAN": "4006381333931", "in_stock": true, "vendor": "Kiln", "current-price": 5.0,
        })
    );
}

#[test]
fn a_schema_may_have_a_field_called_type() {
    let (made, _) = filled(
        "<meta name=type content=pot><p>A pot.",
        json!({ "type": "string", "extra": "string" }),
    );

    assert_eq!(made["type"], json!("pot"));
}

#[test]
fn a_large_schema_is_filled_in_one_pass() {
    let fields = 0..1_900;
    let data: serde_json::Map<_, _> =
        fields.clone().map(|it| (format!("part{it}"), json!({ "size": it }))).collect();
    let page = crate::extract::fields::ld(&json!({ "@type": "Thing", "parts": data }));
    let schema: serde_json::Map<_, _> =
        fields.map(|it| (format!("Part-{}", it + 1), json!({ "size": "integer" }))).collect();

    let (filled, warnings) = filled(&page, schema.into());

    assert_eq!(filled["Part-1899"], json!({ "size": 1_899 }));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn repeated_schema_fields_are_bounded() {
    let page = crate::extract::fields::ld(
        &json!({ "@type": "Thing", "big": { "text": "word ".repeat(20_000) } }),
    );
    let schema: serde_json::Map<_, _> = (1..800)
        .map(|it| (format!("big{}", "-".repeat(it % 20 + 1) + &"_".repeat(it / 20)), json!("any")))
        .collect();

    let (filled, warnings) = filled(&page, schema.into());

    let bytes = filled.to_string().len();
    assert!(bytes < page.len() * 20 + 1_048_576, "{bytes} bytes of {}", page.len());
    let note = "extraction_schema requests more than the page contains; the rest was dropped";
    assert!(warnings.iter().any(|it| it == note), "{warnings:?}");
    let missing =
        warnings.iter().find(|it| it.starts_with("the page has no value for")).expect("some");
    assert!(missing.ends_with(" more") && missing.len() < 20_000, "{missing}");
}
