//! Lists, nested objects and honest gaps.

use rungs::core::request::Profile;
use serde_json::json;

use super::given::{filled, read};

const REVIEWS: &str = "<main><h1>Rope chair</h1><p>A chair made of rope.</p><h2>Reviews</h2>\
    <div class=review><b class=author>Ann</b> <span class=stars>4</span><p>Sits well, even after a year of rain.</p></div>\
    <div class=review><b class=author>Bo</b> <span class=stars>5</span><p>The best chair on our porch by far.</p></div></main>";

#[test]
fn a_list_of_objects_comes_from_repeated_parts() {
    let schema =
        json!({ "reviews": [{ "author": "string", "rating": "number", "text": "string" }] });

    let made = filled(REVIEWS, &schema);

    assert_eq!(
        made["reviews"],
        json!([
            { "author": "Ann", "rating": 4.0, "text": "Sits well, even after a year of rain." },
            { "author": "Bo", "rating": 5.0, "text": "The best chair on our porch by far." },
        ])
    );
}

#[test]
fn the_rows_of_a_table_are_objects_by_their_headings() {
    let page = "<main><h1>Ferries</h1><table><tr><th>Departure</th><th>Pier</th><th>Price (€)</th></tr>\
        <tr><td>09:15</td><td>North</td><td>4.50</td></tr><tr><td>11:40</td><td>South</td><td>5</td></tr></table></main>";
    let schema = json!([{ "departure": "string", "pier": "string", "price": "number" }]);

    let made = filled(page, &schema);

    assert_eq!(made[1], json!({ "departure": "11:40", "pier": "South", "price": 5.0 }));
    assert_eq!(made.as_array().map(Vec::len), Some(2));
}

#[test]
fn a_nested_object_comes_from_the_part_that_its_name_labels() {
    let page = "<main><h1>Rope chair</h1><table><tr><th>Weight</th><td>4 kg</td></tr></table><h2>Seller</h2>\
        <dl><dt>Name</dt><dd>Porch &amp; Co</dd><dt>City</dt><dd>Wismar</dd></dl><h2>Care</h2><p>Keep it dry.</p></main>";
    let schema = json!({ "weight": "string", "seller": { "name": "string", "city": "string" } });

    let made = filled(page, &schema);

    assert_eq!(
        made,
        json!({ "weight": "4 kg", "seller": { "name": "Porch & Co", "city": "Wismar" } })
    );
}

#[test]
fn a_crossed_out_price_is_the_old_one() {
    let page = "<main><h1>Rope chair</h1><p class=price><s>€120.00</s> €89.00</p><p>Made of rope.</p></main>";
    let schema = json!({ "price": "number", "old_price": "number", "currency": "string" });

    assert_eq!(
        filled(page, &schema),
        json!({ "price": 89.0, "old_price": 120.0, "currency": "EUR" })
    );
}

#[test]
fn a_bold_price_is_not_an_old_one() {
    let page = "<main><h1>Rope chair</h1><p class='price font-semibold'>€89.00</p><p class=price-old>€120.00</p></main>";

    assert_eq!(filled(page, &json!({ "price": "number" })), json!({ "price": 89.0 }));
}

#[test]
fn menus_footers_and_forms_give_no_value() {
    let page = "<nav><dl><dt>Color</dt><dd>red</dd></dl></nav><main><h1>Rope chair</h1><p>Made of rope, for the porch.</p>\
        <form><label>Size: <input></label> <select><option>Material: oak</option></select></form></main>\
        <footer><p>Origin: Wismar</p></footer>";
    let schema =
        json!({ "color": "string", "size": "string", "material": "string", "origin": "string" });

    assert_eq!(
        filled(page, &schema),
        json!({ "color": null, "size": null, "material": null, "origin": null })
    );
}

#[test]
fn a_value_that_does_not_fit_is_named_in_a_warning() {
    let page = "<main><h1>Rope chair</h1><p>Price: on request</p><p>Made of rope.</p></main>";
    let schema = json!({ "type": "object", "properties": { "price": { "type": "number" },
        "sizes": { "type": "array", "minItems": 2, "items": { "type": "string" } } } });

    let made = read(page, &schema, Profile::Auto);

    assert_eq!(made.filtered_content.as_ref().map(|it| it["price"].clone()), Some(json!(null)));
    let has = |text: &str| made.warnings.iter().any(|it| it == text);
    assert!(
        has("price: the page says `on request`, which does not fit the schema"),
        "{:?}",
        made.warnings
    );
}

#[test]
fn a_description_names_a_field_whose_name_says_nothing() {
    let page = "<main><h1>Lathe</h1><p>Motor power: 550 W</p><p>Bed length: 70 cm</p></main>";
    let schema =
        json!({ "p": "string, motor power", "l": { "type": "number", "title": "Bed length" } });

    assert_eq!(filled(page, &schema), json!({ "p": "550 W", "l": 70.0 }));
}

#[test]
fn the_state_of_scripts_fills_what_the_page_does_not_show() {
    let page = "<main><h1>Rope chair</h1><p>Made of rope.</p></main><script type=application/json>\
        {\"menu\": {\"stockLevel\": 1}, \"product\": {\"name\": \"Rope chair\", \"stockLevel\": 17, \"box\": {\"width\": 40}}}</script>";
    let schema = json!({ "stock_level": "integer", "box": { "width": "number" } });

    assert_eq!(filled(page, &schema), json!({ "stock_level": 17, "box": { "width": 40.0 } }));
}
