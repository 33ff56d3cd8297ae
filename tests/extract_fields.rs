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
fn a_price_that_the_page_shows_is_chosen_among_those_that_data_says() {
    let data =
        |price: u32| json!({ "@type": "product", "name": "Pot", "offers": { "price": price } });
    let meta = "<meta property=product:price:amount content=25>";
    let shown = "<h1>Pot</h1><div>€ <span class=price>25,00</span></div>";

    let renewed = json_of(&format!("{meta}{}{shown}", ld(&data(30))), Profile::Product);
    let only_data = json_of(&format!("{}{shown}", ld(&data(30))), Profile::Product);

    assert_eq!(renewed["price"], 25, "what another place says too is newer");
    assert_eq!(only_data["price"], 30, "what the page shows alone may be another's");
}

#[test]
fn a_sale_price_takes_the_place_of_the_one_that_is_crossed_out() {
    let data = ld(&json!({ "@type": "Product", "name": "Pot", "offers": { "price": "219.99" } }));
    let shown = "<h1>Pot</h1><span class='original-price price'>EUR219.99</span><b class=price>EUR110.00</b>";

    let json = json_of(&format!("{data}{shown}"), Profile::Product);

    assert_fields(&json, &json!({ "price": 110, "currency": "EUR" }));
}

#[test]
fn a_price_is_read_beside_its_currency_where_nothing_calls_it_one() {
    let json = json_of(
        "<h1>Pot</h1><table><tr><td>was <del>$420</del> 元<tr><td>-7 % <span>294</span><span> 元</span></table>",
        Profile::Product,
    );
    assert_fields(&json, &json!({ "price": 294, "currency": "CNY" }));

    let struck_alone = json_of(
        "<h1>Pot</h1><p class=price-old>100.00€</p><p class=price-tax>81.97€</p>",
        Profile::Product,
    );
    assert_eq!(struck_alone["price"], 100);
}

#[test]
fn the_number_that_a_page_shows_is_its_own_name_for_the_product() {
    let data = ld(&json!({ "@type": "Product", "name": "Pot", "sku": "998877-40-S" }));
    for shown in [
        "<p>Product code: 123/45</p>",
        "<p data-test=product-catNumber>123/45</p>",
        "<p class=product-reference><i>Ref.</i><b>123/45</b></p>",
    ] {
        let json = json_of(&format!("<h1>Pot</h1>{data}{shown}"), Profile::Product);
        let filled = read(&format!("<h1>Pot</h1>{data}{shown}"), |it| {
            it.extraction_profile = Profile::Product;
            it.extraction_schema = Some(json!({ "sku": "string" }));
        });
        assert_eq!(json["sku"], "998877-40-S", "the item's own value stays");
        assert_eq!(filled.filtered_content, Some(json!({ "sku": "123/45" })), "{shown}");
    }
    let sentence = "<h1>Pot</h1><p>Brand Outlet</p><p>Brand's 2 year guarantee</p>";
    assert_eq!(json_of(sentence, Profile::Product).get("brand"), None);
}

#[test]
fn a_number_is_read_from_what_the_shop_ships_beside_the_products_name() {
    let json = json_of(
        r#"<h1>Pot</h1><script>var meta = {"related": [{"name": "Pan", "sku": "p-0"}],
            "variants": [{"id": 1, "name": "Pot", "public_title": null, "sku": "p-77"}]};</script><p>A pot."#,
        Profile::Product,
    );

    assert_eq!(json["sku"], "p-77");
}

#[test]
fn what_can_be_had_in_one_size_can_be_had() {
    let size = |sku: &str, stock: &str| {
        json!({ "@type": "Product", "name": "Boot", "sku": sku,
            "offers": { "price": 70, "availability": format!("http://schema.org/{stock}") } })
    };
    let sizes = json!([size("b-35", "OutOfStock"), size("b-36", "InStock")]);

    assert_eq!(json_of(&ld(&sizes), Profile::Product)["availability"], "InStock");
    let gone = json!([size("b-35", "OutOfStock"), size("b-36", "OutOfStock")]);
    assert_eq!(json_of(&ld(&gone), Profile::Product)["availability"], "OutOfStock");
}

#[test]
fn the_stock_is_read_from_words_controls_and_at_last_from_the_price() {
    for (shown, stock) in [
        ("<p>Sold out</p><p class=price>$5</p>", json!("SoldOut")),
        ("<p>Bild nicht verfügbar</p><a class=btn>In den Warenkorb</a>", json!("InStock")),
        ("<button>Comprar entrada</button>", json!("InStock")),
        ("<p class=price>$5</p>", json!("InStock")),
        (
            "<p>A pot. We sell pots that are never sold out or anything of that kind.</p>",
            Value::Null,
        ),
    ] {
        let json = json_of(&format!("<h1>Pot</h1><p>A pot.</p>{shown}"), Profile::Product);
        assert_eq!(json["availability"], stock, "{shown}");
    }
}

#[test]
fn of_several_headings_the_one_that_the_title_says_names_the_page() {
    let made = read(
        "<title>Round red pot | Shop</title><h1>Save 15 % today</h1><main><h1>Round red pot</h1><p>A pot.</main>",
        |_| {},
    );

    assert_eq!(made.title.as_deref(), Some("Round red pot"));
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
