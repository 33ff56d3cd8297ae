//! The fields that a schema asks for, and where they were found.

use rungs::core::request::{Format, Profile};
use serde_json::json;

use crate::read;

const SHOP: &str = r#"<meta property=og:title content="Shown pot"><script type=application/ld+json>
    {"@type": "Product", "name": "Data pot", "offers": {"price": "12.50", "priceCurrency": "EUR"}}</script>
    <h1>Shown pot</h1><p>The shown pot holds a litre.</p>"#;

#[test]
fn of_several_headings_the_one_that_the_title_says_names_the_page() {
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
        json!({ "value": 12.5, "snippet": "12.5", "source": "jsonld", "path": "offers.price" })
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
fn structured_data_leads_only_where_it_is_promoted() {
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
fn a_schema_is_filled_whatever_the_formats_and_in_its_shorthand() {
    let made = read(SHOP, |it| {
        it.formats = vec![Format::Text];
        it.extraction_schema = Some(json!([{ "price": "string | null" }]));
    });

    assert_eq!(made.filtered_content, Some(json!({ "price": "12.5" })));
    assert_eq!(made.content.len(), 1);
}
