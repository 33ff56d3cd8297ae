//! The `recipe` profile: ingredients, steps, servings and times.
//!
//! Structured data leads ([`item`]); then the labels on the page ([`labeled`]), the data of its scripts,
//! and the sections that the page shows ([`sections`]).

mod item;
mod labeled;
mod sections;
mod servings;

use serde_json::{Value, json};

use crate::core::request::Profile;
use crate::extract::data::facts::Facts;
use crate::extract::data::property::{PropertyContext, read_properties};
use crate::extract::dom::doc::Doc;
use crate::extract::embedded;
use crate::extract::value::provenance::{Fields, Source};

use self::sections::RecipeSection;

/// Fields that are read beside their labels on the page where the data lacks them.
const SHOWN: [&str; 4] = ["cook_time", "prep_time", "total_time", "yields"];
/// Lines of ingredients or steps kept of a recipe.
const MAX_LINES: usize = 300;

pub(super) fn fields(doc: &Doc<'_>, facts: &Facts, context: PropertyContext<'_>) -> Fields {
    let mut fields = Fields::seeking(&SHOWN);
    if let Some((source, item)) = facts.declared.about(Profile::Recipe) {
        read_properties(&mut fields, source, item, &item::PROPERTIES, context);
    }
    labeled::fill(&mut fields, doc);
    add_total_time(&mut fields);
    from_state(&mut fields, doc);
    from_page(&mut fields, doc);
    let heading = facts.heading.as_ref().or(facts.title.as_ref());
    fields.offer("title", Source::Dom, "h1", heading.cloned().map(Value::from));
    fields.offer_text("author", Source::Meta, facts.author.as_deref());
    fields
}

/// Returns `true` if a page shows or ships ingredients and steps.
pub(super) fn shows_sections(doc: &Doc<'_>) -> bool {
    let shows = |section| sections::visible(doc, section).len() > 1;
    shows(RecipeSection::Ingredients) && shows(RecipeSection::Steps)
        || embedded::recipe(doc).is_some()
}

/// Returns `true` if a page shows ingredients and steps under headings that name them.
pub(super) fn is_shown(doc: &Doc<'_>) -> bool {
    let names = |section| sections::has_heading(doc, section);
    names(RecipeSection::Ingredients)
        && names(RecipeSection::Steps)
        && sections::visible(doc, RecipeSection::Ingredients).len() > 1
        && !sections::visible(doc, RecipeSection::Steps).is_empty()
}

/// Adds up the times of a recipe that gives no total.
fn add_total_time(fields: &mut Fields) {
    let times = ["prep_time", "cook_time"].map(|it| fields.0.get(it));
    let Some(source) = times.into_iter().flatten().next().map(|it| it.source) else { return };
    let minutes = times.into_iter().flatten().filter_map(|it| it.value.as_u64());
    let sum: u64 = minutes.sum();
    fields.offer("total_time", source, "prepTime + cookTime", Some(json!(sum)));
}

/// Reads the lines that the page ships for its scripts, if its data has none at all.
fn from_state(fields: &mut Fields, doc: &Doc<'_>) {
    if fields.has("ingredients") || fields.has("instructions") {
        return;
    }
    let Some(recipe) = embedded::recipe(doc) else { return };
    fields.offer("ingredients", Source::Dom, "script", Some(recipe.ingredients.into()));
    fields.offer("instructions", Source::Dom, "script", Some(recipe.steps.into()));
}

/// Reads the lines that the page shows, if its data has none or has run them into one.
fn from_page(fields: &mut Fields, doc: &Doc<'_>) {
    for (field, section) in
        [("ingredients", RecipeSection::Ingredients), ("instructions", RecipeSection::Steps)]
    {
        let known =
            fields.0.get(field).map(|it| (it.source, it.value.as_array().map_or(0, Vec::len)));
        if let Some((source @ (Source::Microdata | Source::Rdfa), count)) = known {
            let marked = sections::marked_up(doc, section);
            if marked.len() > count {
                fields.put(field, source, field, marked.into());
            }
        }
        if !fields.has(field) {
            let lines = sections::visible(doc, section);
            fields.offer(field, Source::Dom, field, Some(lines.into()));
        }
    }
}
