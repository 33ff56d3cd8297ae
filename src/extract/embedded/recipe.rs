//! Finds a recipe in embedded state: an object with a list of ingredients and a list of steps, whatever
//! its other fields are called.

use serde_json::{Map, Value};

use crate::extract::dom::doc::Doc;
use crate::extract::dom::folding::folded;
use crate::extract::dom::past_price::contains_part;
use crate::extract::dom::tag::Tag;
use crate::extract::embedded::candidates;
use crate::extract::embedded::states::{States, sources};
use crate::extract::source::tree::text_of;

/// Values that are read.
const MAX_VALUES: usize = 100_000;
/// Lines that are read of a list.
const MAX_LINES: usize = 300;
/// Objects that stand for a word inside an ingredient.
const MAX_DEPTH: usize = 1;
/// Bytes of a line.
const MAX_LINE: usize = 5_000;

/// Words in the names of the lists of ingredients and of steps.
const INGREDIENTS: [&str; 1] = ["ingredient"];
const STEPS: [&str; 5] = ["instruction", "step", "direction", "method", "preparation"];
/// Fields that hold a line whole.
const WHOLE: [&str; 7] = ["text", "raw", "original", "display", "line", "body", "description"];
/// Fields that hold its parts.
const AMOUNTS: [&str; 3] = ["amount", "quantity", "qty"];
const NAMES: [&str; 5] = ["name", "ingredient", "title", "label", "product"];
/// Fields of an object that stands for a word.
const WORDS: [&str; 5] = ["abbreviation", "symbol", "name", "title", "singular"];

/// The lines of a recipe in embedded state.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct EmbeddedRecipe {
    pub(crate) ingredients: Vec<String>,
    pub(crate) steps: Vec<String>,
}

/// Returns the recipe with the most lines in the embedded state of a page.
pub(crate) fn recipe(doc: &Doc<'_>) -> Option<EmbeddedRecipe> {
    if !may_ship(doc) {
        return None;
    }
    let mut states = States::of(doc);
    for (_, value) in &mut states.values {
        *value = candidates::opened(std::mem::take(value));
    }
    best(states.values.iter().map(|(_, it)| it).chain(states.flight.values()))
}

/// Returns `true` if a script or an attribute has a name of ingredients, which is cheaper to find out than what it holds.
fn may_ship(doc: &Doc<'_>) -> bool {
    let names = |text: &str| INGREDIENTS.iter().any(|it| contains_part(text, it));
    (0..doc.len()).any(|id| match doc.tag(id) {
        Tag::Script => sources(doc, id).any(names),
        Tag::Other => doc.attr(id, "props").is_some_and(names),
        _ => false,
    })
}

fn best<'a>(values: impl Iterator<Item = &'a Value>) -> Option<EmbeddedRecipe> {
    let mut waiting: Vec<&Value> = values.collect();
    waiting.reverse();
    let mut found: Option<EmbeddedRecipe> = None;
    for _ in 0..MAX_VALUES {
        let Some(value) = waiting.pop() else { break };
        match value {
            Value::Array(all) => {
                add_if_longer(&mut found, groups(all));
                waiting.extend(all.iter().rev().filter(|it| candidates::is_nested(it)));
            }
            Value::Object(object) => {
                add_if_longer(&mut found, of(object));
                waiting.extend(object.values().rev().filter(|it| candidates::is_nested(it)));
            }
            _ => {}
        }
    }
    found
}

fn add_if_longer(found: &mut Option<EmbeddedRecipe>, new: Option<EmbeddedRecipe>) {
    let size = |it: &EmbeddedRecipe| it.ingredients.len() + it.steps.len();
    if new.as_ref().is_some_and(|new| found.as_ref().is_none_or(|it| size(new) > size(it))) {
        *found = new;
    }
}

/// Reads an object as a recipe.
fn of(object: &Map<String, Value>) -> Option<EmbeddedRecipe> {
    let ingredients = list(object, &INGREDIENTS, ingredient);
    let steps = list(object, &STEPS, step);
    (ingredients.len() >= 2 && !steps.is_empty()).then_some(EmbeddedRecipe { ingredients, steps })
}

/// Reads a recipe whose entries are its parts: the dough, the filling.
fn groups(all: &[Value]) -> Option<EmbeddedRecipe> {
    let mut whole = EmbeddedRecipe::default();
    for part in all.iter().take(MAX_LINES).filter_map(Value::as_object) {
        whole.ingredients.extend(list(part, &INGREDIENTS, ingredient));
        whole.steps.extend(list(part, &STEPS, step));
    }
    let fits = whole.ingredients.len() >= 2 && !whole.steps.is_empty();
    whole.ingredients.truncate(MAX_LINES);
    whole.steps.truncate(MAX_LINES);
    fits.then_some(whole)
}

/// Returns the longest list whose name contains one of some words.
fn list(
    object: &Map<String, Value>,
    words: &[&str],
    line: fn(&Value) -> Option<String>,
) -> Vec<String> {
    let named = |name: &str| {
        let name = name.to_ascii_lowercase();
        words.iter().any(|it| name.contains(it))
    };
    let lists = object.iter().filter(|it| named(it.0)).filter_map(|it| it.1.as_array());
    let read = lists.map(|all| all.iter().take(MAX_LINES).filter_map(line).collect::<Vec<_>>());
    read.max_by_key(Vec::len).unwrap_or_default()
}

fn step(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Object(of) => {
            let named = |words: &[&str]| {
                let mut fields = of.iter().filter(|it| is_called(it.0, words));
                fields.find_map(|it| it.1.as_str().filter(|it| it.contains(' ')))
            };
            named(&WHOLE).or_else(|| named(&STEPS))?
        }
        _ => return None,
    };
    plain(text)
}

fn ingredient(value: &Value) -> Option<String> {
    let object = match value {
        Value::String(text) => return plain(text),
        Value::Object(object) => object,
        _ => return None,
    };
    let field = |words: &[&str]| {
        let mut fields = object.iter().filter(|it| is_called(it.0, words));
        fields.find_map(|it| word(it.1, 0))
    };
    let counts = |name: &str| is_called(name, &AMOUNTS) || is_called(name, &["unit"]);
    let name = NAMES.iter().find_map(|it| {
        let mut fields =
            object.iter().filter(|field| is_called(field.0, &[it]) && !counts(field.0));
        fields.find_map(|it| word(it.1, 0))
    });
    let amount = field(&AMOUNTS);
    if amount.is_none()
        && let Some(whole) = field(&WHOLE)
    {
        return plain(&whole);
    }
    let parts = [amount, field(&["unit"]), Some(name?)];
    plain(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// Returns `true` if the name of a field contains a word and the field is not the id of a record.
fn is_called(name: &str, words: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    let refers = name == "id" || name.ends_with("_id") || name.ends_with("inflection");
    !refers && words.iter().any(|it| name.contains(it))
}

/// Reads a value as a word or two: itself, or its name.
fn word(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|it| !it.is_empty()),
        Value::Number(number) => {
            let written = number.to_string();
            let whole = written.strip_suffix(".0").unwrap_or(&written);
            Some(whole.to_owned()).filter(|it| it != "0")
        }
        Value::Object(of) if depth < MAX_DEPTH => WORDS.iter().find_map(|word_of| {
            let mut fields = of.iter().filter(|it| is_called(it.0, &[word_of]));
            fields.find_map(|it| word(it.1, depth + 1))
        }),
        _ => None,
    }
}

/// Strips the markup of a line, HTML or markdown.
fn plain(text: &str) -> Option<String> {
    if text.len() > MAX_LINE {
        return None;
    }
    let text = if text.contains(['<', '&']) { text_of(text) } else { text.to_owned() };
    Some(folded(&text.replace("**", ""))).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> EmbeddedRecipe {
        best(std::iter::once(value)).unwrap_or_default()
    }

    #[test]
    fn a_recipe_is_read_whatever_its_fields_are_called() {
        let whole = json!({ "props": { "recipeIngredients": ["2 cups flour", "1 egg"],
            "method": [{ "text": "<p>Mix &amp; bake.</p>" }] } });
        let parts = json!([{ "ingredients": [
            { "id": 1, "name": "flour", "displayIngredientQuantity": 2, "displayUnit": "cups" },
            { "id": 2, "name": "egg", "displayQuantity": 1.0, "unit": null },
        ], "preparationInstructions": [{ "header": "Step 1", "body": "Mix **& bake**." }] }]);
        let nested = json!({ "groups": [
            { "ingredients": [{ "amount": 2, "unit_id": 7, "unit": { "id": 7, "name_singular": "cups" },
                "ingredient_id": 3, "ingredient": { "id": 3, "name_singular": "flour" } }], "instructions": [] },
            { "ingredients": [{ "amount": "1", "ingredient": { "name": "egg" } }],
                "instructions": [{ "recipe_id": 9, "instruction": "Mix & bake." }] },
        ] });

        for value in [&whole, &parts, &nested] {
            let recipe = read(value);
            assert_eq!(recipe.ingredients, ["2 cups flour", "1 egg"], "{value}");
            assert_eq!(recipe.steps, ["Mix & bake."], "{value}");
        }
    }

    #[test]
    fn a_list_of_one_of_the_two_is_no_recipe() {
        for value in [
            json!({ "ingredients": ["aqua", "glycerin", "parfum"] }),
            json!({ "steps": ["Open the box.", "Take it out."], "ingredients": [] }),
            json!({ "ingredients": 2, "steps": "3" }),
        ] {
            assert_eq!(read(&value), EmbeddedRecipe::default(), "{value}");
        }
    }
}
