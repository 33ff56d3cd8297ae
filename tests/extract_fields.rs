//! What the built-in extractor makes of a profile and a schema.

#![cfg(feature = "html")]

use rungs::core::request::{Format, Item, Limits, Profile};
use rungs::core::tier::Tier;
use rungs::extract::Html;
use rungs::ports::extract::{Extracted, Extractor, Page};
use serde_json::{Value, json};

const URL: &str = "https://shop.example/pots/red-pot-1234567.html";

fn read(body: &str, change: impl FnOnce(&mut Item)) -> Extracted {
    let mut item = Item::get(URL).formats([Format::Json]);
    change(&mut item);
    let options = item.check(&Limits::default()).expect("an item");
    let (content_type, tier) = (Some("text/html; charset=utf-8"), Tier::Curl);
    let page = Page { body: body.as_bytes(), content_type, url: URL, tier, options: &options };
    Html.extract(page).expect("a page")
}

fn json_of(body: &str, profile: Profile) -> Value {
    read(body, |it| it.extraction_profile = profile).content.remove(&Format::Json).expect("json")
}

fn ld(value: &Value) -> String {
    format!("<script type='application/ld+json'>{value}</script><p>Some words about it.</p>")
}

#[track_caller]
fn assert_fields(json: &Value, fields: &Value) {
    for (name, value) in fields.as_object().expect("an object") {
        assert_eq!(&json[name], value, "{name} in {json}");
    }
}

#[test]
fn a_product_has_flat_fields_wherever_its_data_keeps_them() {
    let from_ld = ld(&json!({
        "@type": "Product", "name": "Red &amp; round pot", "sku": "p-1", "gtin13": "4006381333931",
        "brand": { "@type": "Brand", "name": "Kiln" },
        "aggregateRating": { "ratingValue": "4.5", "reviewCount": "12" },
        "offers": { "@type": "AggregateOffer", "lowPrice": "1,099.00", "priceCurrency": "EUR", "offers": [
            { "availability": "https://schema.org/OutOfStock" }, { "availability": "https://schema.org/InStock" },
        ]},
    }));
    let from_meta = "<meta property=og:title content='Red &amp; round pot'>\
        <meta property=product:price:amount content=1099><meta property=product:price:currency content=EUR>\
        <meta property=product:availability content='in stock'><meta property=product:brand content=Kiln>\
        <meta property=product:retailer_item_id content=p-1><meta itemprop=gtin13 content=4006381333931><p>A pot.";
    let from_page = "<h1>Red &amp; round pot</h1><div class=price-box><del class=old-price>€ 2.000</del>\
        <span class=price>€ 1.099,00</span></div><p>In stock</p><table><tr><td>Brand<td>Kiln\
        <tr><td>SKU:<td>p-1<tr><td>EAN<td>4006381333931</table>";

    for source in [from_ld.as_str(), from_meta, from_page] {
        let json = json_of(source, Profile::Product);
        assert_fields(
            &json,
            &json!({
                "price": 1099, "currency": "EUR", "availability": "InStock", "sku": "p-1", "gtin": "4006381333931",
            }),
        );
    }
    let json = json_of(&from_ld, Profile::Product);
    assert_fields(&json, &json!({ "rating": 4.5, "review_count": 12 }));
    assert_eq!(json["brand"]["name"], "Kiln", "the item's own value stays");
    assert_eq!(json_of(from_page, Profile::Product)["brand"], "Kiln");
}

#[test]
fn a_number_in_the_address_is_a_products_last_resort() {
    assert_eq!(json_of("<h1>Pot</h1><p>A pot.", Profile::Product)["sku"], "1234567");
    assert_eq!(json_of("<h1>Pot</h1><p>SKU: p-9</p>", Profile::Product)["sku"], "p-9");
}

#[test]
fn what_was_crossed_out_or_is_of_another_product_is_no_price() {
    let json = json_of(
        "<span class=cart-price>$0.00</span><h1>Pot</h1><s class=price>$30</s><b class=price>$20</b>\
         <div class=related><span class=price>$5</span></div>",
        Profile::Product,
    );

    assert_fields(&json, &json!({ "price": 20, "currency": "USD" }));
}

#[test]
fn a_recipe_has_lists_of_lines_and_times_in_minutes() {
    let made = json_of(
        &ld(&json!({ "@graph": [
            { "@type": "Recipe", "name": "Soup", "author": [{ "@id": "#ann" }, { "name": "Bo" }],
              "recipeIngredient": ["1 l  water", "&frac12; onion"], "recipeYield": ["4", "4 bowls"],
              "prepTime": "PT15M", "cookTime": "1 hour", "recipeInstructions": [
                { "@type": "HowToSection", "name": "Broth", "itemListElement": [
                    { "@type": "HowToStep", "name": "Boil", "text": "Boil the <b>water</b>." }] },
                "Add the onion.<br>Serve." ] },
            { "@type": "Person", "@id": "#ann", "name": "Ann" },
        ]})),
        Profile::Recipe,
    );

    assert_fields(
        &made,
        &json!({
            "title": "Soup", "ingredients": ["1 l water", "½ onion"], "yields": "4 bowls",
            "instructions": ["Broth", "Boil the water.", "Add the onion.", "Serve."],
            "prep_time": 15, "cook_time": 60, "total_time": 75,
        }),
    );
    let schema = json!({ "author": "string" });
    let filled = read(
        &ld(&json!({ "@type": "Recipe", "author": [{ "name": "Ann" }, { "name": "Bo" }] })),
        |it| {
            it.extraction_profile = Profile::Recipe;
            it.extraction_schema = Some(schema);
        },
    );
    assert_eq!(filled.filtered_content, Some(json!({ "author": "Ann, Bo" })));
}

#[test]
fn a_recipe_without_data_is_read_from_its_headings_and_labels() {
    let made = json_of(
        "<h1>Soup</h1><p>Serves 4 | Hearty</p><p>Prep Time: 10 min</p><p>Cook Time: 1 h 5 min</p>\
         <h2>Zutaten</h2><ul><li>1 l water<li>1 onion</ul><h2>Zubereitung</h2><ol><li>Boil it.<li>Serve it.</ol>",
        Profile::Recipe,
    );

    assert_fields(
        &made,
        &json!({
            "title": "Soup", "ingredients": ["1 l water", "1 onion"], "instructions": ["Boil it.", "Serve it."],
            "prep_time": 10, "cook_time": 65, "total_time": 75,
        }),
    );
    assert!(made["yields"].as_str().is_some_and(|it| it.starts_with('4')), "{}", made["yields"]);
}

const SHOP: &str = r#"<meta property=og:title content="Shown pot"><script type=application/ld+json>
    {"@type": "Product", "name": "Data pot", "offers": {"price": "12.50", "priceCurrency": "EUR"}}</script>
    <h1>Shown pot</h1><p>The shown pot holds a litre.</p>"#;

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
