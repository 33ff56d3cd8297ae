//! Lists of things that a page shows in one form, as a schema or a profile asks for them.

use rungs::core::request::Profile;
use serde_json::{Value, json};

use crate::extract::fields::{json_of, read};

/// A shop's page: a menu, goods in rows, goods that others bought, a footer.
fn shop() -> String {
    let card = |name: &str, price: &str| {
        let id = name.to_lowercase();
        format!(
            "<div class=card><a href=/p/{id}><img src=/i/{id}.jpg alt=''></a><h3><a href=/p/{id}>{name}</a></h3>\
             <span class='price'>{price}</span><a href=/p/{id}#reviews>4 reviews</a><button>Buy</button></div>"
        )
    };
    let menu = (0..30)
        .fold(String::new(), |it, at| format!("{it}<li><a href=/c/{at}>Shelf {at}</a></li>"));
    format!(
        "<nav><ul>{menu}</ul></nav><main><h1>Lamps</h1><div class=row>{}{}</div><div class=row>{}{}</div></main>\
         <aside>{}{}{}</aside><footer><ul>{menu}</ul></footer>",
        card("Anglepoise", "$40"),
        card("Bulb", "<del>$12.50</del> $9"),
        card("Candle", "$3.75"),
        card("Lantern", "$28"),
        card("Rug", "$90"),
        card("Chair", "$120"),
        card("Desk", "$240"),
    )
}

fn filled(page: &str, schema: Value) -> Value {
    let made = read(page, |it| it.extraction_schema = Some(schema));
    made.filtered_content.expect("what was asked for")
}

#[test]
fn a_list_is_filled_from_repeated_markup() {
    let things = filled(&shop(), json!([{ "name": "string", "price": "number", "url": "string" }]));

    let url = |it: &str| format!("https://shop.example/p/{it}");
    let wanted = json!([
        { "name": "Anglepoise", "price": 40.0, "url": url("anglepoise") },
        { "name": "Bulb", "price": 9.0, "url": url("bulb") },
        { "name": "Candle", "price": 3.75, "url": url("candle") },
        { "name": "Lantern", "price": 28.0, "url": url("lantern") },
    ]);
    assert_eq!(things, wanted);
}

#[test]
fn a_list_field_is_filled_beside_others() {
    let schema = json!({
        "type": "object",
        "properties": {
            "title": { "type": "string" },
            "products": { "type": "array", "items": { "$ref": "#/$defs/Product" } },
        },
        "$defs": {
            "Product": {
                "type": "object",
                "properties": { "title": { "type": "string" }, "imageUrl": { "type": "string" } },
            },
        },
    });
    let made = read(&shop(), |it| {
        it.extraction_schema = Some(schema);
        it.evidence = true;
    });

    let filled = made.filtered_content.expect("what was asked for");
    assert_eq!(filled["title"], "Lamps");
    assert_eq!(filled["products"].as_array().map(Vec::len), Some(4));
    let bulb = json!({ "title": "Bulb", "imageUrl": "https://shop.example/i/bulb.jpg" });
    assert_eq!(filled["products"][1], bulb);
    assert_eq!(made.evidence.expect("evidence")["products"]["source"], "dom");
}

#[test]
fn a_table_is_a_list_whose_fields_are_its_columns() {
    let page = "<table><thead><tr><th>River</th><th>Length (km)</th><th>Mouth</th></tr></thead>\
        <tr><td><a href=/ems>Ems</a></td><td>362</td><td>North Sea</td></tr>\
        <tr><td>Oder</td><td>840</td><td>Baltic</td></tr></table>";

    let rivers = filled(page, json!({ "rivers": [{ "river": "string", "mouth": "string" }] }));

    let wanted = json!([
        { "river": "Ems", "mouth": "North Sea" }, { "river": "Oder", "mouth": "Baltic" },
    ]);
    assert_eq!(rivers["rivers"], wanted);
}

#[test]
fn an_unrelated_list_is_not_used() {
    let made = read(&shop(), |it| {
        it.extraction_schema = Some(json!({
            "reviews": [{ "name": "string", "body": "string", "stars": "integer" }],
            "pictures": [{ "url": "string" }],
        }));
    });

    assert_eq!(made.filtered_content, Some(json!({ "reviews": null, "pictures": null })));
    let missing = made.warnings.iter().any(|it| it.contains("reviews") && it.contains("pictures"));
    assert!(missing, "{:?}", made.warnings);
}

#[test]
fn a_page_without_a_list_yields_one_entry() {
    let page = "<h1>Anglepoise</h1><p>A lamp that stays where it is put, whatever the desk.";

    let things = filled(page, json!([{ "title": "string | null", "price": "number" }]));

    assert_eq!(things, json!([{ "title": "Anglepoise", "price": null }]));
}

#[test]
fn a_shops_front_page_lists_its_products() {
    let made = json_of(&shop(), Profile::EcommerceHomepage);

    let items = made["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 4);
    let bulb = json!({
        "name": "Bulb", "url": "https://shop.example/p/bulb", "image": "https://shop.example/i/bulb.jpg",
        "price": 9, "currency": "USD",
    });
    assert_eq!(items[1], bulb);
}

#[test]
fn entries_inside_one_link_are_named_by_their_first_words() {
    let entry = |name: &str, day: u32| {
        format!(
            "<li><a href=/{day}><time datetime=2026-03-0{day}>{day} March</time><strong>{name}</strong>\
             <p>What happened on the river that day, in more than thirty letters.</p></a></li>"
        )
    };
    let page = format!("<ul>{}{}{}</ul>", entry("Ice", 1), entry("Thaw", 2), entry("Flood", 3));

    let things = filled(&page, json!([{ "name": "string", "date": "date", "url": "string" }]));

    assert_eq!(things.as_array().map(Vec::len), Some(3));
    let flood = json!({ "name": "Flood", "date": "2026-03-03", "url": "https://shop.example/3" });
    assert_eq!(things[2], flood);
}

#[test]
fn entries_with_identical_links_are_named_by_their_own_text() {
    let entry = |name: &str| {
        format!("<li><b>{name}</b> <span>$5</span> <a href=/{name}>View details of it</a></li>")
    };
    let page = format!("<ul>{}{}{}</ul>", entry("Awl"), entry("Bit"), entry("Clamp"));

    let things = filled(&page, json!([{ "name": "string", "price": "number" }]));

    let wanted = json!([
        { "name": "Awl", "price": 5.0 }, { "name": "Bit", "price": 5.0 }, { "name": "Clamp", "price": 5.0 },
    ]);
    assert_eq!(things, wanted);
}
