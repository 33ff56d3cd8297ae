//! Something for sale.

use rungs::core::request::Profile;
use serde_json::{Value, json};

use crate::extract::fields::{assert_fields, json_of, ld, read};

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
fn the_url_is_the_last_source_of_a_product_number() {
    assert_eq!(json_of("<h1>Pot</h1><p>A pot.", Profile::Product)["sku"], "1234567");
    assert_eq!(json_of("<h1>Pot</h1><p>SKU: p-9</p>", Profile::Product)["sku"], "p-9");
}

#[test]
fn struck_and_foreign_prices_are_ignored() {
    let json = json_of(
        "<span class=cart-price>$0.00</span><h1>Pot</h1><s class=price>$30</s><b class=price>$20</b>\
         <div class=related><span class=price>$5</span></div>",
        Profile::Product,
    );

    assert_fields(&json, &json!({ "price": 20, "currency": "USD" }));
}

#[test]
fn the_visible_price_decides_among_several() {
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
fn a_sale_price_replaces_the_struck_one() {
    let data = ld(&json!({ "@type": "Product", "name": "Pot", "offers": { "price": "219.99" } }));
    let shown = "<h1>Pot</h1><span class='original-price price'>EUR219.99</span><b class=price>EUR110.00</b>";

    let json = json_of(&format!("{data}{shown}"), Profile::Product);

    assert_fields(&json, &json!({ "price": 110, "currency": "EUR" }));
}

#[test]
fn a_bare_price_is_found_by_its_currency() {
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
fn a_schema_prefers_the_visible_product_number() {
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
fn a_product_number_is_read_from_embedded_state() {
    let json = json_of(
        r#"<h1>Pot</h1><script>var meta = {"related": [{"name": "Pan", "sku": "p-0"}],
            "variants": [{"id": 1, "name": "Pot", "public_title": null, "sku": "p-77"}]};</script><p>A pot."#,
        Profile::Product,
    );

    assert_eq!(json["sku"], "p-77");
}

#[test]
fn a_product_available_in_one_size_is_in_stock() {
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
fn stock_falls_back_to_controls_and_price() {
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
fn a_brand_excludes_surrounding_words() {
    let named = |brand: &str| {
        let data = json!({ "@type": "Product", "name": "Pot", "offers": { "price": 5 } });
        let page = format!("{}<h1>Pot</h1>{brand}", ld(&data));
        let made = read(&page, |it| {
            it.extraction_profile = Profile::Product;
            it.extraction_schema = Some(json!({ "brand": "string" }));
        });
        made.filtered_content.expect("a schema was asked for")["brand"].clone()
    };
    let shipped = |name: &str| {
        format!("<script>var it = [{{\"name\":{name},\"id\":1,\"brand\":\"Kiln & Co\"}}]</script>")
    };

    for (page, brand) in [
        ("<table><tr><td>Výrobca<td>Kiln</table>".to_owned(), json!("Kiln")),
        ("<p>Brand: Kiln</p>".to_owned(), json!("Kiln")),
        (shipped("\"Pot\""), json!("Kiln & Co")),
        (shipped("\"Pot and lid\""), Value::Null),
    ] {
        assert_eq!(named(&page), brand, "{page}");
    }
    for (said, brand) in [
        (json!("More of this brand: Kiln"), json!("Kiln")),
        (json!("Pot | The shop"), Value::Null),
        (json!(["http://shop.example/kiln"]), Value::Null),
    ] {
        let data = json!({ "@type": "Product", "name": ["http://shop.example/pot", "Pot"], "manufacturer": said });
        let json = json_of(&ld(&data), Profile::Product);
        assert_eq!(json.get("brand").cloned().unwrap_or_default(), brand, "{json}");
    }
}

#[test]
fn a_price_of_another_product_fills_no_field() {
    let page = "<h1>Crisps</h1><p>Currently unavailable.</p><p>Salted crisps from the north.</p>\
        <div class=similar><span class=a-price>$29.99</span></div>";

    let filled = read(page, |it| {
        it.extraction_profile = Profile::Product;
        it.extraction_schema = Some(json!({ "name": "string", "price": "string" }));
    });

    assert_eq!(filled.filtered_content, Some(json!({ "name": "Crisps", "price": null })));
}

#[test]
fn a_schema_without_a_profile_has_the_values_of_the_profile() {
    let schema = json!({
        "name": "string", "price": "string", "currency": "string", "sku": "string", "brand": "string",
        "availability": "string",
    });
    let concert = ld(&json!({
        "@type": "Event", "name": "Winter songs", "startDate": "2027-02-03T20:00",
        "offers": { "price": 12, "priceCurrency": "EUR" },
    }));
    let concert = format!("{concert}<h1>Winter songs</h1><button>Buy now</button>");
    let bare = "<h1>Tin bowl</h1><table><tr><td>Only <span>294</span><span> 元</span></table><p>Maker: Ofen</p>";

    for page in [concert.as_str(), bare] {
        let filled = |profile| {
            let made = read(page, |it| {
                it.extraction_profile = profile;
                it.extraction_schema = Some(schema.clone());
            });
            made.filtered_content.expect("a schema was asked for")
        };
        let plain = filled(Profile::Auto);
        assert_eq!(plain, filled(Profile::Product), "{page}");
        assert_eq!(plain["availability"], "InStock", "{page}");
    }
}

#[test]
fn a_blank_brand_gives_way_to_the_one_on_the_page() {
    let data =
        ld(&json!({ "@type": "Product", "name": "Pot", "brand": " ", "offers": { "price": 5 } }));
    let filled = read(&format!("{data}<h1>Pot</h1><p>Brand: Kiln</p>"), |it| {
        it.extraction_schema = Some(json!({ "brand": "string" }));
    });

    assert_eq!(filled.filtered_content, Some(json!({ "brand": "Kiln" })));
}

#[test]
fn a_brand_is_read_from_the_sign_that_shows_it() {
    let own = "<meta property=og:url content=https://kiln.example/p><title>Round pot | Kiln Europe</title>\
        <h1>Round pot</h1><p class=price>$5</p>";
    let several = format!("{own}<a href=/all-brands>Our makers</a>");
    for (sign, page, brand) in [
        (
            "a link",
            "<nav><a href=/brands/ofen>Ofen</a><a href=/brands/kiln>Kiln</a></nav><h1>Kiln pot 20 cm</h1>",
            "Kiln",
        ),
        ("a picture", "<h1>Round pot</h1><p><a href=/marken/kiln><img alt=Kiln></a></p>", "Kiln"),
        (
            "a group of things",
            "<p><a href=/pots/kiln-brand>Kiln Pots</a></p><h1>Kiln 20 Round</h1>",
            "Kiln",
        ),
        ("another script", "<p><a href=/pots/kiln>Kiln</a></p><h1>Кастрюля Kiln 20</h1>", "Kiln"),
        ("the title", "<title>kILn Round pot</title><h1>Round pot</h1><p>kILn</p>", "kILn"),
        ("a known name", "<h1>Top Nike Hyper</h1>", "Nike"),
        (
            "data of scripts",
            "<h1>Kiln round pot</h1><script>let page = {\"brand\":{\"name\":\"Kiln\"}}</script>",
            "Kiln",
        ),
        (
            "the only brand of scripts, which the page shows",
            "<h2>Kiln</h2><h1>Round pot</h1><script>let page = {\"name\":\"Pan\",\"brand\":\"Kiln\"}</script>",
            "Kiln",
        ),
        ("the maker's own shop", own, "Kiln"),
        ("a shop of several brands", &several, ""),
        ("a thing that goes with another", "<h1>Case for Samsung phones</h1>", ""),
        (
            "a word of an offer",
            "<title>Tickets Round pot</title><h1>Round pot</h1><p>Tickets</p>",
            "",
        ),
        ("a word of the title alone", "<title>Crockery Round pot</title><h1>Round pot</h1>", ""),
    ] {
        let json = json_of(&format!("{page}<p>Some words about it.</p>"), Profile::Product);
        let found = json.get("brand").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(found, brand, "{sign}: {page}");
    }
}

#[test]
fn a_name_excludes_the_offer_around_it() {
    let shared = |title: &str| format!("<meta property=og:title content='{title}'>");
    for (page, name) in [
        ("<title>Buy Round pot</title><h1>Buy Round pot</h1>".to_owned(), "Round pot"),
        (format!("{}<h1>Round pot</h1>", shared("Kiln Round pot - dark red - The shop")), "Round pot - dark red"),
        (format!("{}<h1>Round pot</h1>", shared("Round pot with a wooden lid")), "Round pot with a wooden lid"),
        (format!("{}<h1>Round pot</h1>", shared("Round pot at Kiln")), "Round pot"),
        (format!("{}<h1>Round pot</h1>", shared("Round pot best price and reviews")), "Round pot"),
        ("<title>Round pot | Shop</title><h1>Round pot<span>For soups</span></h1>".to_owned(), "Round pot"),
        ("<title>Round pot, red</title><h1><span>Round pot</span><span>red</span></h1>".to_owned(), "Round pot red"),
        (
            "<meta property=og:type content=article><meta property=article:published_time content=2027-05-03>\
             <title>The harbor wakes</title><h1>The harbor wakes</h1>".to_owned(),
            "",
        ),
    ] {
        let json = json_of(&format!("{page}<p>Some words about it.</p>"), Profile::Product);
        assert_eq!(json.get("name").and_then(Value::as_str).unwrap_or_default(), name, "{page}");
    }
}

#[test]
fn a_bare_price_may_stand_right_above_the_name() {
    let above = "<p><span>Price:</span> USD 60.00</p><h1>Clay mug</h1><p>Some words about it.</p>";
    let banner =
        "<p>Free shipping on all orders over $35</p><h1>Clay mug</h1><p>Some words about it.</p>";

    assert_fields(&json_of(above, Profile::Product), &json!({ "price": 60, "currency": "USD" }));
    assert_eq!(json_of(banner, Profile::Product).get("price"), None);
}
