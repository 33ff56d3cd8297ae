//! Something to cook.

use rungs::core::request::Profile;
use serde_json::{Value, json};

use crate::extract::fields::{assert_fields, json_of, ld, read};

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

const STEPS: &str =
    "<h2>Method</h2><ol><li>Boil the water and the onion for a while.<li>Serve it all.</ol>";

#[track_caller]
fn assert_ingredients(page: &str, ingredients: &[&str]) {
    let page = format!("<h1>Soup</h1><p>A soup for cold days.</p>{page}{STEPS}");
    let made = json_of(&page, Profile::Recipe);

    assert_eq!(made["ingredients"], json!(ingredients), "{page}");
    assert_eq!(
        made["instructions"],
        json!(["Boil the water and the onion for a while.", "Serve it all."])
    );
}

#[test]
fn ingredients_split_at_any_line_markup() {
    let three = ["1 l water", "2 onions", "salt"];
    for page in [
        "<h2>What you’ll need</h2><ul><li>1 l water<li>2 onions<li>salt</ul>",
        "<p><strong>Ingredients</strong></p><p>1 l water</p><p>2 onions</p><p>salt</p>",
        "<h4>Ingredients</h4><h5>• 1 l water, which is boiling already<br>• 2 onions<br>• salt, as much as you like</h5>",
        "<h2>Zutaten</h2><table><tr><td>1 l<td>water<tr><td>2<td>onions<tr><td><td>salt</table>",
        "<h2>Ingredients</h2><div><div>1 l</div><div>water</div></div><div><div>2</div><div>onions</div></div><div><div></div><div>salt</div></div>",
        "<h2>Ingredients</h2><div><p>water</p><p>1.0 l</p></div><div><p>onions</p><p>2</p></div><div><p>salt</p></div>",
        "<nav class=ingredients><a href=/a>Spices and herbs</a> <a href=/b>Vegetables</a></nav>\
         <div class=the-ingredients><ul><li>1 l water<li>2 onions<li>salt</ul></div>",
    ] {
        let expected = three.map(|it| match it {
            "1 l water" if page.contains("boiling") => "1 l water, which is boiling already",
            "salt" if page.contains("boiling") => "salt, as much as you like",
            other => other,
        });
        assert_ingredients(page, &expected);
    }
}

#[test]
fn ingredient_groups_belong_to_the_recipe() {
    let made = json_of(
        "<h1>Soup</h1><h2>Ingredients</h2><ul><li>1 l water</ul><h2>Topping</h2><ul><li>2 onions<li>3 leeks</ul>\
         <h2>Kitchen tools you'll need</h2><ul><li>a pot<li>a spoon</ul>\
         <h2>How to make soup</h2><h3>Step 1: the ingredients</h3><p>Wash and cut all that you have bought.</p>\
         <h3>Step 2</h3><p>Boil it all for as long as you like.</p>\
         <h2>Related</h2><p>Some more soups that you will like to cook one day.</p>",
        Profile::Recipe,
    );

    assert_fields(
        &made,
        &json!({
            "ingredients": ["1 l water", "2 onions", "3 leeks"],
            "instructions": ["Wash and cut all that you have bought.", "Boil it all for as long as you like."],
        }),
    );
}

#[test]
fn a_recipes_property_around_a_list_holds_its_lines() {
    let made = json_of(
        "<div itemscope itemtype=http://schema.org/Recipe><h1 itemprop=name>Soup</h1>\
         <div itemprop=recipeIngredient><p>1 l water</p><p>2 onions</p></div>\
         <div itemprop=recipeInstructions><h3>Step 1</h3><p>Boil it.</p><h3>Step 2</h3><p>Serve it.</p></div></div>",
        Profile::Recipe,
    );
    let filled = read(
        "<p itemscope itemtype=http://schema.org/Recipe><span itemprop=recipeIngredient>1 egg<br>salt</span>",
        |it| {
            it.extraction_profile = Profile::Recipe;
            it.evidence = true;
            it.extraction_schema = Some(json!({ "ingredients": "array" }));
        },
    );

    assert_fields(
        &made,
        &json!({
            "ingredients": ["1 l water", "2 onions"], "instructions": ["Boil it.", "Serve it."],
        }),
    );
    assert_eq!(filled.evidence.expect("evidence")["ingredients"]["source"], "microdata");
}

#[test]
fn a_recipes_label_may_stand_below_its_value() {
    let made = json_of(
        "<h1>Soup</h1><ul><li><b>2</b><p>Servings</p><li><b>5 min</b><p>Cook Time</p></ul><p>A soup.",
        Profile::Recipe,
    );

    assert_fields(&made, &json!({ "yields": "2 servings", "cook_time": 5, "total_time": 5 }));
}

#[test]
fn a_form_label_is_not_an_author() {
    let made = json_of(
        "<h1>Soup</h1><p>A soup for cold days.</p><form><label class=author>Your Name</label></form>",
        Profile::Recipe,
    );

    assert_eq!(made.get("author"), None);
}

#[test]
fn a_recipe_is_read_from_embedded_state() {
    let state = json!({ "props": { "recipe": {
        "ingredients": [{ "name": "onions", "quantity": 2 }, { "name": "water", "quantity": "1", "unit": "l" }],
        "steps": [{ "header": "Step 1", "body": "Boil **the water**." }],
    }}});
    let script =
        format!("<script id=__NEXT_DATA__ type=application/json>{state}</script><h1>Soup</h1>");
    let data =
        ld(&json!({ "@type": "Recipe", "name": "Soup", "recipeIngredient": ["3 onions", "salt"] }));

    let read = json_of(&format!("{script}<p>A soup.</p>"), Profile::Recipe);
    let with_data = json_of(&format!("{data}{script}"), Profile::Recipe);

    assert_fields(
        &read,
        &json!({ "ingredients": ["2 onions", "1 l water"], "instructions": ["Boil the water."] }),
    );
    assert_fields(
        &with_data,
        &json!({ "ingredients": ["3 onions", "salt"], "instructions": null }),
    );
}

#[test]
fn a_time_of_a_step_is_not_that_of_the_recipe() {
    let page = "<h1>Pea soup</h1><h2>Ingredients</h2><ul><li>500 g peas<li>1 onion</ul><p>Prep & Cook Time: 1 hour 20 minutes</p>\
        <h2>Method</h2><ol><li><p>Soak the peas.</p><li><p>Cook: 3-5 minutes until they are hot.</p></ol>";
    let cooked = page.replace("Prep & Cook", "Cook");

    for (page, minutes) in [(page, Value::Null), (&cooked, json!(80))] {
        let filled =
            read(page, |it| it.extraction_schema = Some(json!({ "cook_time": "integer" })));
        assert_eq!(filled.filtered_content, Some(json!({ "cook_time": minutes })), "{page}");
        let filled = read(page, |it| {
            it.extraction_profile = Profile::Recipe;
            it.extraction_schema = Some(json!({ "cook_time": "integer", "ingredients": "array" }));
        });
        assert_eq!(
            filled.filtered_content.expect("a schema was asked for")["cook_time"],
            minutes,
            "{page}"
        );
    }
}
